package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/tailscale/hujson"
)

// Bounds on a configuration file. Real ones stay far below.
const (
	maxFileBytes = 2 << 20 // a tree takes up to 100 times the memory of its text
	maxDepth     = 64
)

func tooDeep(at int) *syntaxError {
	return &syntaxError{at, fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
}

// jsonParser reads JSON with comments and trailing commas.
type jsonParser struct{}

func (jsonParser) example() string { return `{"mcpServers": {}}` }

func (jsonParser) parse(data []byte) (node, *syntaxError) {
	if err := checkText(data); err != nil {
		return node{}, err
	}
	// A comment in the last line needs no line break behind it.
	text := append(bytes.Clone(data), '\n')
	open, err := scan(text)
	if err != nil {
		return node{}, err
	}
	value, perr := hujson.Parse(text)
	if perr != nil {
		return node{}, explain(text, open, perr)
	}
	return fromHuJSON(value), nil
}

// scan bounds the nesting before the recursive parser runs: up to the first
// mistake in the text both see the same brackets, and there the parser ends.
// It returns the offset of the innermost bracket or quote that is never closed, or nowhere.
func scan(data []byte) (open int, err *syntaxError) {
	var stack []int
	content := false
	for i := 0; i < len(data); i++ {
		switch ch := data[i]; ch {
		case ' ', '\t', '\r', '\n':
			continue
		case '/':
			if end, ok := skipComment(data, i); ok {
				i = end
				continue
			}
		case '"':
			quote := i
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if i >= len(data) {
				return quote, nil
			}
		case '{', '[':
			if stack = append(stack, i); len(stack) > maxDepth {
				return nowhere, tooDeep(i)
			}
		case '}', ']':
			if len(stack) > 0 {
				stack = stack[:len(stack)-1]
			}
		}
		content = true
	}
	if !content {
		return nowhere, emptyFile(jsonParser{})
	}
	if len(stack) == 0 {
		return nowhere, nil
	}
	return stack[len(stack)-1], nil
}

var comments = [...]struct{ open, end string }{{"//", "\n"}, {"/*", "*/"}}

// skipComment returns the offset of the last byte of the comment that begins at i.
func skipComment(data []byte, i int) (end int, ok bool) {
	for _, c := range comments {
		if inside, ok := bytes.CutPrefix(data[i:], []byte(c.open)); ok {
			n := bytes.Index(inside, []byte(c.end))
			if n < 0 {
				return len(data), true
			}
			return i + len(c.open) + n + len(c.end) - 1, true
		}
	}
	return 0, false
}

// explain says what the parser found, without the text it quotes.
func explain(data []byte, open int, err error) *syntaxError {
	// The library tells the place in its text only. Its columns count bytes.
	var line, column int
	if _, serr := fmt.Sscanf(err.Error(), "hujson: line %d, column %d:", &line, &column); serr != nil {
		return &syntaxError{nowhere, "is not JSON"}
	}
	s := newSource("", data)
	at := s.lines[min(line, len(s.lines))-1] + column - 1
	inner := errors.Unwrap(err)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && strings.Contains(inner.Error(), "comment"):
		return &syntaxError{at, "this comment is never closed"}
	case errors.Is(err, io.ErrUnexpectedEOF) && strings.Contains(inner.Error(), "string"):
		return &syntaxError{open, "this string is never closed"}
	case errors.Is(err, io.ErrUnexpectedEOF) && open != nowhere:
		return &syntaxError{open, fmt.Sprintf("this '%c' is never closed", data[open])}
	case strings.HasPrefix(inner.Error(), "invalid literal"):
		return explainLiteral(data, at)
	default:
		return &syntaxError{at, inner.Error()}
	}
}

// explainLiteral finds the mistake inside of a string, number or word.
func explainLiteral(data []byte, at int) *syntaxError {
	if at >= len(data) || data[at] != '"' {
		return &syntaxError{at, `expected a string in double quotes, a number, true, false, null, an object or a list`}
	}
	for i := at + 1; i < len(data) && data[i] != '"'; i++ {
		switch {
		case data[i] == '\n' || data[i] == '\r':
			return &syntaxError{at, "this string does not end in its line"}
		case data[i] < ' ':
			return &syntaxError{i, fmt.Sprintf(`a control character in a string is written as \u%04x`, data[i])}
		case data[i] == '\\' && i+1 < len(data):
			if !bytes.ContainsRune([]byte(`"\/bfnrtu`), rune(data[i+1])) {
				return &syntaxError{i, `this escape does not exist: a backslash is written as \\`}
			}
			i++
		}
	}
	return &syntaxError{at, `this string holds a bad \u escape`}
}

func fromHuJSON(v hujson.Value) node {
	n := node{at: v.StartOffset}
	switch value := v.Value.(type) {
	case *hujson.Object:
		n.kind = objectNode
		for _, m := range value.Members {
			name, _ := m.Name.Value.(hujson.Literal)
			n.members = append(n.members, member{name.String(), m.Name.StartOffset, fromHuJSON(m.Value)})
		}
	case *hujson.Array:
		n.kind = listNode
		for _, item := range value.Elements {
			n.items = append(n.items, fromHuJSON(item))
		}
	case hujson.Literal:
		switch value.Kind() {
		case '"':
			n.kind, n.text = stringNode, value.String()
		case '0':
			n.kind, n.text = numberNode, string(value)
		case 't', 'f':
			n.kind, n.on = boolNode, value.Bool()
		}
	}
	return n
}
