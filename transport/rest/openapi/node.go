package openapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/schema"
)

type kind uint8

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

func (k kind) String() string { return kindNames[k] }

// node is a JSON value as it was written: members keep their order, numbers
// their digits. Of equal keys the last counts and the first gives the place, as
// in the programs that read documents; with both, some do not read them at all.
type node struct {
	kind kind
	text string   // of a string what it stands for; of other scalars the JSON
	keys []string // of an object
	vals []*node  // of an object and of an array
	at   map[string]int
}

// indexed is how many members an object has before it gets an index.
const indexed = 8

func (n *node) find(key string) int {
	if len(n.keys) <= indexed {
		for i, k := range n.keys {
			if k == key {
				return i
			}
		}
		return -1
	}
	if n.at == nil {
		n.at = make(map[string]int, len(n.keys))
		for i, k := range n.keys {
			n.at[k] = i
		}
	}
	if i, ok := n.at[key]; ok {
		return i
	}
	return -1
}

// get returns a member of an object; nil for what is not there.
func (n *node) get(key string) *node {
	if i := n.find(key); i >= 0 && n.kind == kindObject {
		return n.vals[i]
	}
	return nil
}

// is tells whether there is a node of that kind.
func (n *node) is(k kind) bool { return n != nil && n.kind == k }

// set adds a member, or replaces that of the same key. A nil value is no member.
func (n *node) set(key string, v *node) *node {
	if v == nil {
		return n
	}
	if i := n.find(key); i >= 0 {
		n.vals[i] = v
		return n
	}
	n.keys, n.vals = append(n.keys, key), append(n.vals, v)
	if n.at != nil {
		n.at[key] = len(n.keys) - 1
	}
	return n
}

// drop removes a member.
func (n *node) drop(key string) {
	if i := n.find(key); i >= 0 {
		n.keys, n.vals, n.at = slices.Delete(n.keys, i, i+1), slices.Delete(n.vals, i, i+1), nil
	}
}

func object() *node          { return &node{kind: kindObject} }
func list(of ...*node) *node { return &node{kind: kindArray, vals: of} }
func text(s string) *node    { return &node{kind: kindString, text: s} }
func boolean(b bool) *node {
	return &node{kind: kindBool, text: map[bool]string{true: "true", false: "false"}[b]}
}
func number(digits string) *node { return &node{kind: kindNumber, text: digits} }

// nonEmpty is a text, or nothing.
func nonEmpty(s string) *node {
	if s == "" {
		return nil
	}
	return text(s)
}

// parse reads one JSON value, nested at most as deep as the validator reads it.
func parse(raw json.RawMessage) (*node, error) {
	compact, err := jsonrpc.AppendCompact(make([]byte, 0, len(raw)), raw, schema.MaxDepth)
	if err != nil {
		return nil, err
	}
	p := parser{compact, 0}
	return p.value(), nil
}

// parser reads compact text that is known to be valid and not too deep.
type parser struct {
	b []byte
	i int
}

func (p *parser) value() *node {
	switch c := p.b[p.i]; c {
	case '{', '[':
		n := &node{kind: kindArray}
		if c == '{' {
			n.kind = kindObject
		}
		for p.i++; p.b[p.i] != c+2; { // '}' and ']' follow their opening by two
			if p.b[p.i] == ',' {
				p.i++
			}
			if c == '[' {
				n.vals = append(n.vals, p.value())
				continue
			}
			key := p.string()
			p.i++ // the colon
			n.set(key, p.value())
		}
		p.i++
		return n
	case '"':
		return text(p.string())
	}
	start := p.i
	for p.i < len(p.b) && !bytes.ContainsRune([]byte(",]}"), rune(p.b[p.i])) {
		p.i++
	}
	word := string(p.b[start:p.i])
	switch word[0] {
	case 't', 'f':
		return boolean(word == "true")
	case 'n':
		return &node{text: word}
	}
	return number(word)
}

func (p *parser) string() string {
	start := p.i
	escaped := false
	for p.i++; p.b[p.i] != '"'; p.i++ {
		if p.b[p.i] == '\\' {
			escaped = true
			p.i++
		}
	}
	p.i++
	if !escaped {
		return string(p.b[start+1 : p.i-1])
	}
	var s string
	_ = json.Unmarshal(p.b[start:p.i], &s) // valid, so it cannot fail
	return s
}

// append writes the node as compact JSON.
func (n *node) append(dst []byte) []byte {
	switch n.kind {
	case kindString:
		return appendString(dst, n.text)
	case kindArray:
		dst = append(dst, '[')
		for i, v := range n.vals {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.append(dst)
		}
		return append(dst, ']')
	case kindObject:
		dst = append(dst, '{')
		for i, v := range n.vals {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, n.keys[i]), ':')
			dst = v.append(dst)
		}
		return append(dst, '}')
	}
	return append(dst, n.text...)
}

// appendString writes a string of JSON that is one of YAML as well: much of what
// reads documents of OpenAPI reads them as YAML, which refuses control
// characters that JSON allows. Nor does it hold what ends a line in JavaScript.
func appendString(dst []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] != 0x7f && s[i] < utf8.RuneSelf
	}
	from := len(dst)
	dst = jsonrpc.AppendQuote(dst, s)
	if plain {
		return dst
	}
	const hex = "0123456789abcdef"
	quoted := string(dst[from:])
	dst = dst[:from]
	for _, r := range quoted {
		if r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
			continue
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}
