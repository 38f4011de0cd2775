package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlParser reads TOML 1.1. Dates and times are refused: no key takes one.
type tomlParser struct{}

func (tomlParser) example() string { return "[mcpServers]" }

func (p tomlParser) parse(data []byte) (node, *syntaxError) {
	if err := checkText(data); err != nil {
		return node{}, err
	}
	text := tomlText(slices.Clip(data)) // the library tells places by capacity
	root := &tomlTable{depth: 1}
	current := root
	var parser unstable.Parser
	parser.Reset(text)
	for parser.NextExpression() {
		var err *syntaxError
		switch e := parser.Expression(); e.Kind {
		case unstable.KeyValue:
			_, err = text.keyValue(current, e)
		default:
			current, err = root.header(parts(e.Key()), e.Kind == unstable.ArrayTable)
		}
		if err != nil {
			return node{}, err
		}
	}
	if err := parser.Error(); err != nil {
		var fault *unstable.ParserError
		if !errors.As(err, &fault) {
			return node{}, &syntaxError{nowhere, "is not TOML"}
		}
		return node{}, &syntaxError{int(parser.Range(fault.Highlight).Offset), explainTOML(fault.Message)}
	}
	if len(root.members) == 0 {
		return node{}, emptyFile(p)
	}
	return root.node(), nil
}

// explainTOML says it in the words of a person where text stands without quotes.
func explainTOML(message string) string {
	for _, bare := range []string{"unexpected character", "expected keyword", "expected \"", "strings must be quoted"} {
		if strings.HasPrefix(message, bare) {
			return "expected a string in quotes, a number, true, false, a list or a table"
		}
	}
	return oneLine(message)
}

// tomlText is the text of a file, out of which the places of arrays are read:
// the library gives those of keys and simple values only.
type tomlText []byte

// after returns where the next value or bracket begins.
func (s tomlText) after(i int) int {
	for ; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\r', '\n', ',', '=':
		case '#':
			for i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// tomlKey is one part of a key.
type tomlKey struct {
	name    string
	at, end int
}

func parts(it unstable.Iterator) []tomlKey {
	var keys []tomlKey
	for it.Next() {
		n := it.Node()
		keys = append(keys, tomlKey{string(n.Data), int(n.Raw.Offset), int(n.Raw.Offset + n.Raw.Length)})
	}
	return keys
}

// keyValue adds key = value to a table and returns where it ends.
func (s tomlText) keyValue(t *tomlTable, e *unstable.Node) (end int, err *syntaxError) {
	keys := parts(e.Key())
	last := keys[len(keys)-1]
	for _, k := range keys[:len(keys)-1] {
		if t, err = t.dotted(k); err != nil {
			return 0, err
		}
	}
	v, end, err := s.value(e.Value(), s.after(last.end), t.depth+1)
	if err == nil {
		t.add(last).value = v
	}
	return end, err
}

// value reads the value that begins at an offset, and returns where it ends.
func (s tomlText) value(n *unstable.Node, at, depth int) (v node, end int, err *syntaxError) {
	v, end = node{at: at}, int(n.Raw.Offset+n.Raw.Length)
	switch n.Kind {
	case unstable.String:
		v.kind, v.text = stringNode, string(n.Data)
	case unstable.Bool:
		v.kind, v.on = boolNode, string(n.Data) == "true"
	case unstable.Integer, unstable.Float:
		v.kind, v.text = numberNode, decimal(strings.TrimPrefix(strings.ReplaceAll(string(n.Data), "_", ""), "+"))
	case unstable.Array:
		v.kind = listNode
		end, err = s.array(&v, n, depth)
	case unstable.InlineTable:
		table := &tomlTable{at: at, depth: depth}
		end, err = s.inlineTable(table, n)
		if err == nil {
			v = table.node()
		}
	default:
		err = &syntaxError{at, "is a date or a time, which no key takes: text needs quotes"}
	}
	return v, end, err
}

func (s tomlText) array(v *node, n *unstable.Node, depth int) (end int, err *syntaxError) {
	if depth > maxDepth {
		return 0, tooDeep(v.at)
	}
	end = v.at + 1
	for it := n.Children(); it.Next(); {
		var item node
		if item, end, err = s.value(it.Node(), s.after(end), depth+1); err != nil {
			return 0, err
		}
		v.items = append(v.items, item)
	}
	return s.after(end) + 1, nil
}

func (s tomlText) inlineTable(t *tomlTable, n *unstable.Node) (end int, err *syntaxError) {
	if t.depth > maxDepth {
		return 0, tooDeep(t.at)
	}
	end = t.at + 1
	for it := n.Children(); it.Next(); {
		if end, err = s.keyValue(t, it.Node()); err != nil {
			return 0, err
		}
	}
	return s.after(end) + 1, nil
}

// decimal writes a whole number of another base as JSON would have it. What
// does not fit 64 bits stays as it is, and fits no key.
func decimal(text string) string {
	if len(text) > 2 && text[0] == '0' && strings.ContainsRune("xob", rune(text[1])) {
		if n, err := strconv.ParseUint(text, 0, 64); err == nil {
			return strconv.FormatUint(n, 10)
		}
	}
	return text
}
