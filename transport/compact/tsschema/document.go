package tsschema

import (
	"bytes"
	"encoding/json"
	"iter"
)

// document is a JSON value with an index of all values in it, so that none is
// searched for twice. A value is known by its number, in the order in which
// they begin; the whole is 0, which therefore is no value inside another.
type document struct {
	text  []byte // compact and valid
	nodes []node
	keys  map[int]map[string]int // of the large objects that were asked
}

// node is where a value stands.
type node struct {
	key        uint32 // where the key of a member begins; 0 for what is no member
	start, end uint32
	next       uint32 // the first value after it and all in it
}

type kind string

const (
	kindObject kind = "an object"
	kindArray  kind = "an array"
	kindString kind = "a string"
	kindBool   kind = "a boolean"
	kindNull   kind = "null"
	kindNumber kind = "a number"
)

// index reads a valid compact text. It keeps its own stack, so the depth of the
// text costs no stack of ours.
func index(text []byte) *document {
	d := &document{text: text, nodes: make([]node, 0, len(text)/8+1)}
	var open []int
	key, value := uint32(0), true // value: one is expected, and no key
	for i := 0; i < len(text); {
		switch text[i] {
		case '{', '[':
			value = text[i] == '['
			open = append(open, len(d.nodes))
			d.nodes = append(d.nodes, node{key: key, start: uint32(i)})
			key = 0
			i++
		case '}', ']':
			i++
			last := open[len(open)-1]
			open = open[:len(open)-1]
			d.nodes[last].end, d.nodes[last].next = uint32(i), uint32(len(d.nodes))
		case ',':
			value = text[d.nodes[open[len(open)-1]].start] == '['
			i++
		case ':':
			value = true
			i++
		default:
			end := scalarEnd(text, i)
			if !value {
				key = uint32(i)
			} else {
				d.nodes = append(d.nodes, node{key: key, start: uint32(i), end: uint32(end), next: uint32(len(d.nodes) + 1)})
				key = 0
			}
			i = end
		}
	}
	return d
}

// scalarEnd returns the index after the string, number or word at text[i].
func scalarEnd(text []byte, i int) int {
	if text[i] != '"' {
		if n := bytes.IndexAny(text[i:], ",]}"); n >= 0 {
			return i + n
		}
		return len(text)
	}
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

func (d *document) kind(n int) kind {
	switch d.text[d.nodes[n].start] {
	case '{':
		return kindObject
	case '[':
		return kindArray
	case '"':
		return kindString
	case 't', 'f':
		return kindBool
	case 'n':
		return kindNull
	}
	return kindNumber
}

// raw returns the compact JSON of a value.
func (d *document) raw(n int) []byte { return d.text[d.nodes[n].start:d.nodes[n].end] }

// is tells whether a value is a given JSON text.
func (d *document) is(n int, text string) bool { return string(d.raw(n)) == text }

// str returns what a string stands for; "" for every other value.
func (d *document) str(n int) string {
	if d.kind(n) != kindString {
		return ""
	}
	return unquote(d.raw(n))
}

// children iterates over the values directly in an object or array.
func (d *document) children(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for c, end := n+1, int(d.nodes[n].next); c < end; c = int(d.nodes[c].next) {
			if !yield(c) {
				return
			}
		}
	}
}

// elements returns the values in an array; none for every other value.
func (d *document) elements(n int) []int {
	if n == 0 || d.kind(n) != kindArray {
		return nil
	}
	var all []int
	for c := range d.children(n) {
		all = append(all, c)
	}
	return all
}

// rawKey returns the key of a member with its quotes.
func (d *document) rawKey(n int) []byte {
	start := int(d.nodes[n].key)
	return d.text[start:scalarEnd(d.text, start)]
}

// named is a member of an object.
type named struct {
	name  string
	value int
}

// members returns the members of an object; none for every other value. Of
// equal keys the last counts, and the first gives the place, as in JavaScript.
func (d *document) members(n int) []named {
	if n == 0 || d.kind(n) != kindObject {
		return nil
	}
	var all []named
	at := map[string]int{}
	for c := range d.children(n) {
		name := unquote(d.rawKey(c))
		if i, again := at[name]; again {
			all[i].value = c
			continue
		}
		at[name] = len(all)
		all = append(all, named{name, c})
	}
	return all
}

// member returns the member of an object.
func (d *document) member(n int, name string) (int, bool) {
	if d.kind(n) != kindObject {
		return 0, false
	}
	known, ok := d.keys[n]
	if !ok {
		known = map[string]int{}
		for c := range d.children(n) {
			known[unquote(d.rawKey(c))] = c
		}
		if d.keys == nil {
			d.keys = map[int]map[string]int{}
		}
		d.keys[n] = known
	}
	v, ok := known[name]
	return v, ok
}

// unquote returns what a valid JSON string stands for; half a surrogate pair
// becomes U+FFFD.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // valid, so it cannot fail
	return s
}
