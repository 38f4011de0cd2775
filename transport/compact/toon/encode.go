package toon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Encode writes one JSON value as TOON: table, keyed table, inline list or
// list, as the shape of each value demands (§9, §10). It refuses what is no
// JSON, what is nested deeper or comes out longer than the options allow, and
// with ErrDuplicateKey and ErrSurrogate what TOON cannot carry.
func Encode(raw json.RawMessage, o EncodeOptions) ([]byte, error) {
	depth, err := orDefault(o.MaxDepth, DefaultDepth, "MaxDepth")
	if err != nil {
		return nil, err
	}
	d, err := parse(raw, depth)
	if err != nil {
		return nil, err
	}
	return d.encode(o)
}

func (d *document) encode(o EncodeOptions) ([]byte, error) {
	e := encoder{document: d, delimiter: byte(Comma), special: special[Comma]}
	if o.Delimiter != 0 {
		e.delimiter, e.special = byte(o.Delimiter), special[o.Delimiter]
	}
	if e.special == nil {
		return nil, fmt.Errorf("TOON option Delimiter is %q: it can be a comma, a tab or a pipe", rune(o.Delimiter))
	}
	var err error
	if e.indent, err = orDefault(o.IndentSize, defaultIndent, "IndentSize"); err != nil {
		return nil, err
	}
	if e.limit, err = orDefault(o.MaxBytes, DefaultBytes, "MaxBytes"); err != nil {
		return nil, err
	}
	e.out = make([]byte, 0, min(len(d.text), e.limit)+64)
	if err := e.root(); err != nil {
		return nil, err
	}
	if len(e.out) > e.limit {
		return nil, ErrTooLarge
	}
	return e.out, nil
}

type encoder struct {
	*document
	out       []byte
	delimiter byte
	special   *[256]bool
	indent    int      // spaces per level
	limit     int      // bytes of out
	keys      [][]byte // room for unique
	slots     []item   // room for shuffled, used as a stack
}

func (e *encoder) root() error {
	if len(e.nodes) == 0 {
		// A decoder would take the mark at the start of a text for a byte order mark.
		if bytes.HasPrefix(e.text, []byte("\"\ufeff")) {
			e.out = append(e.out, e.text...)
		} else {
			e.scalar(e.text)
		}
		return nil
	}
	switch n := e.nodes[0]; {
	case !e.isObject(0):
		return e.list(0, nil, 0, n.rows != 0)
	case n.rows != 0 && n.size > 1:
		return e.table(0, nil, 0)
	}
	return e.object(0, 0, false)
}

// line begins a line at the depth. Here, and nowhere else, the length is
// checked: what a line holds is bounded by the value.
func (e *encoder) line(depth int) error {
	if len(e.out) > e.limit {
		return ErrTooLarge
	}
	if len(e.out) > 0 {
		e.out = append(e.out, '\n')
	}
	for left := depth * e.indent; left > 0; left -= len(spaces) {
		e.out = append(e.out, spaces[:min(left, len(spaces))]...)
	}
	return nil
}

const spaces = "                                                                "

// scalar appends the string, number, boolean or null that text begins with
// (§7.2), and returns its length in text.
func (e *encoder) scalar(text []byte) int {
	switch c := text[0]; {
	case c == '"':
		return e.string(text)
	case c == '-' || '0' <= c && c <= '9':
		return e.number(text)
	}
	n := wordEnd(text, 0)
	e.out = append(e.out, text[:n]...)
	return n
}

func (e *encoder) string(text []byte) int {
	i := 1
	for !e.special[text[i]] { // the closing quote is special too
		i++
	}
	if text[i] == '"' && !looksDifferent(text[1:i]) {
		e.out = append(e.out, text[1:i]...)
		return i + 1
	}
	n := stringEnd(text, i-1)
	e.out = append(e.out, text[:n]...)
	return n
}

// number copies those that are canonical, as most are.
func (e *encoder) number(text []byte) int {
	n, point, exponent := 1, false, false
	for ; n < len(text) && text[n] != ',' && text[n] != '}' && text[n] != ']'; n++ {
		switch text[n] {
		case '.':
			point = true
		case 'e', 'E':
			exponent = true
		}
	}
	switch text = text[:n]; {
	case exponent, point && text[n-1] == '0', string(text) == "-0":
		e.out = appendNumber(e.out, text)
	default:
		e.out = append(e.out, text...)
	}
	return n
}

// key appends a key, given in quotes (§7.3).
func (e *encoder) key(quoted []byte) {
	if content := quoted[1 : len(quoted)-1]; isPlainKey(content) {
		quoted = content
	}
	e.out = append(e.out, quoted...)
}

// object writes the members of an object (§8). If begun, the line of the first
// one is there already: it follows a hyphen (§10).
func (e *encoder) object(id, depth int, begun bool) error {
	if err := e.unique(id); err != nil {
		return err
	}
	for c := e.walk(id); c.left > 0; {
		if !begun {
			if err := e.line(depth); err != nil {
				return err
			}
		}
		begun = false
		if err := e.member(e.take(&c, true), depth); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) member(m item, depth int) error {
	if m.node == noNode {
		e.key(m.key)
		e.out = append(e.out, ": "...)
		e.scalar(m.text)
		return nil
	}
	n := &e.nodes[m.node]
	switch {
	case !e.isObject(m.node):
		return e.list(m.node, m.key, depth, n.rows != 0)
	case n.rows != 0 && n.size > 1:
		return e.table(m.node, m.key, depth)
	}
	e.key(m.key)
	e.out = append(e.out, ':')
	return e.object(m.node, depth+1, false)
}

// unique checks that no key of an object stands there twice.
func (e *encoder) unique(id int) error {
	e.keys = e.keys[:0]
	for c := e.walk(id); c.left > 0; {
		e.keys = append(e.keys, e.take(&c, true).key)
	}
	return unique(e.keys)
}

// few is up to how many keys comparing all is cheaper than a map.
const few = 16

func unique(keys [][]byte) error {
	if len(keys) <= few {
		for i, k := range keys {
			for _, other := range keys[:i] {
				if bytes.Equal(k, other) {
					return fmt.Errorf("%w: %s", ErrDuplicateKey, k)
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(keys))
	for _, k := range keys {
		if _, twice := seen[string(k)]; twice {
			return fmt.Errorf("%w: %s", ErrDuplicateKey, k)
		}
		seen[string(k)] = struct{}{}
	}
	return nil
}

// list writes a list behind its key, or behind nothing at the root and after a
// hyphen (§9). After a hyphen there is no place for the names of a table.
func (e *encoder) list(id int, key []byte, depth int, table bool) error {
	switch n := &e.nodes[id]; {
	case table:
		return e.table(id, key, depth)
	case n.size == 0 && key != nil:
		e.key(key)
		e.out = append(e.out, ": []"...)
		return nil
	case n.size == 0 && id == 0:
		e.out = append(e.out, "[]"...)
		return nil
	}
	e.header(id, key)
	e.out = append(e.out, ':')
	if !e.scalars(id) {
		return e.items(id, depth+1)
	}
	between := byte(' ')
	for c := e.walk(id); c.left > 0; {
		e.out = append(e.out, between)
		between = e.delimiter
		e.scalar(e.take(&c, false).text)
	}
	return nil
}

// header appends key and length, without the colon at the end (§6).
func (e *encoder) header(id int, key []byte) {
	if key != nil {
		e.key(key)
	}
	e.out = strconv.AppendUint(append(e.out, '['), uint64(e.nodes[id].size), 10)
	if e.isObject(id) {
		e.out = append(e.out, ':')
	}
	if e.delimiter != byte(Comma) {
		e.out = append(e.out, e.delimiter)
	}
	e.out = append(e.out, ']')
}

// items writes each element on a line after a hyphen (§9.2, §9.4, §10).
func (e *encoder) items(id, depth int) error {
	for c := e.walk(id); c.left > 0; {
		if err := e.line(depth); err != nil {
			return err
		}
		it := e.take(&c, false)
		e.out = append(e.out, '-')
		if it.node != noNode && e.isObject(it.node) && e.nodes[it.node].size == 0 {
			continue
		}
		e.out = append(e.out, ' ')
		var err error
		switch {
		case it.node == noNode:
			e.scalar(it.text)
		case e.isObject(it.node):
			err = e.object(it.node, depth+1, true)
		default:
			err = e.list(it.node, nil, depth, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
