package toon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"unicode/utf16"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// document is a JSON value prepared for writing. Only its objects and lists
// have nodes; scalars are read where they stand in the text.
type document struct {
	text    []byte // compact, each string in its one canonical form
	nodes   []node // in the order in which they open
	compact int    // bytes of the value as compact JSON
}

// node is an object or a list. Indexes have 32 bits, which halves them.
type node struct {
	// shape is the same for two objects that can be rows of one table: they
	// have the same keys in any order, with a scalar or an object of the same
	// shape behind each. Zero for what cannot be a row, which is every list,
	// every empty object and every object that holds one of those.
	shape uint64
	rows  uint64 // the shape that all values in it have, or zero
	start uint32
	end   uint32 // after the closing bracket
	size  uint32 // members or elements
	next  uint32 // the node after this one and all inside it
}

// seed makes shapes unpredictable, so that nobody can build two that collide.
var seed = maphash.MakeSeed()

// scalar is the shape of whatever is neither object nor list, where it stands in an object.
const scalar = 1

// parse reads one JSON value, nested at most depth deep. A text that is compact
// and canonical already, as most are, is not copied.
func parse(raw json.RawMessage, depth int) (*document, error) {
	if len(raw) > math.MaxUint32/6 { // an escape may grow from two bytes to six
		return nil, ErrTooLarge
	}
	d := &document{text: raw, compact: len(raw)}
	if isCanonical(raw) && d.index(depth) {
		return d, nil
	}
	text, err := jsonrpc.AppendCompact(make([]byte, 0, len(raw)), raw, depth)
	if err != nil {
		return nil, fmt.Errorf("the value is no JSON that can be written as TOON: %w", err)
	}
	d.compact = len(text)
	if d.text, err = canonical(text); err != nil {
		return nil, err
	}
	d.index(depth) // finds nothing wrong: AppendCompact has looked
	return d, nil
}

// canonical gives each string of a compact JSON text the one form that TOON
// has for it in quotes (§7.1). Afterwards two strings are equal if their texts
// are, and a quoted string can be copied as it stands.
func canonical(text []byte) ([]byte, error) {
	i := bytes.IndexByte(text, '\\')
	if i < 0 {
		return text, nil
	}
	out := make([]byte, 0, len(text)+len(text)/8)
	var buf [8]byte
	for ; i >= 0; i = bytes.IndexByte(text, '\\') {
		out = append(out, text[:i]...)
		n, quoted := 2, buf[:0]
		switch c := text[i+1]; c {
		case 'b':
			quoted = jsonrpc.AppendQuote(quoted, "\b")
		case 'f':
			quoted = jsonrpc.AppendQuote(quoted, "\f")
		case 'u':
			n = 6
			r := jsonrpc.Hex4(text[i+2:])
			if utf16.IsSurrogate(r) {
				return nil, ErrSurrogate
			}
			quoted = jsonrpc.AppendQuote(quoted, string(r))
		default:
			quoted = append(quoted, '"', '\\', c, '"')
		}
		out = append(out, quoted[1:len(quoted)-1]...)
		text = text[i+n:]
	}
	return append(out, text...), nil
}

// isCanonical tells whether each string of a JSON text has its one form
// already; what is no JSON may count as such.
func isCanonical(text []byte) bool {
	for i := bytes.IndexByte(text, '\\'); i >= 0; i = bytes.IndexByte(text, '\\') {
		if len(text) < i+2 {
			return true
		}
		switch text[i+1] {
		case '"', '\\', 'n', 'r', 't':
		default:
			return false
		}
		text = text[i+2:]
	}
	return true
}

// open is a node that has not closed yet.
type open struct {
	node  uint32
	size  uint32
	end   byte   // the closing bracket
	unfit bool   // to be a row
	rows  uint64 // see node
	key   uint64 // hash of the key of the member that is being read
	sum   uint64 // over the members so far, in any order
}

// seen is a key that has been read, with its colon, at text[start:end].
type seen struct {
	start, end uint32
	hash       uint64
}

// index makes the nodes of a compact text, in one pass over it with a stack of
// its own. It returns false for anything else than compact JSON nested at most
// depth deep.
func (d *document) index(depth int) bool {
	text := d.text
	if d.nodes = d.nodes[:0]; cap(d.nodes) == 0 {
		d.nodes = make([]node, 0, 1+bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")))
	}
	var (
		top   open // the innermost
		stack []open
		keys  [64]seen // by place: rows have the same keys in the same places
	)
	for i := 0; ; i++ {
		if top.end == '}' {
			k := &keys[(16*len(stack)+int(top.size))%len(keys)]
			if i = d.key(i, k); i == 0 {
				return false
			}
			top.key = k.hash
		}
		if i == len(text) {
			return false
		}
		if c := text[i]; c == '{' || c == '[' {
			if len(stack) == depth {
				return false
			}
			stack = append(stack, top)
			top = open{node: uint32(len(d.nodes)), end: c + 2} // '}' and ']' follow their opening by two
			d.nodes = append(d.nodes, node{start: uint32(i)})
			if i+1 == len(text) || text[i+1] != top.end {
				continue
			}
			i++
		} else {
			var err error
			if i, err = jsonrpc.ScanScalar(text, i); err != nil {
				return false
			}
			top.add(scalar)
		}
		for len(stack) > 0 && i < len(text) && text[i] == top.end {
			i++
			shape := d.shut(&top, i)
			top, stack = stack[len(stack)-1], stack[:len(stack)-1]
			top.add(shape)
		}
		if len(stack) == 0 {
			return i == len(text)
		}
		if i == len(text) || text[i] != ',' {
			return false
		}
	}
}

// key returns the index after the key at text[i] and its colon, or zero if
// there is none. It fills k, or finds there what it looks for.
func (d *document) key(i int, k *seen) int {
	text := d.text
	if k.end > 0 && bytes.HasPrefix(text[i:], text[k.start:k.end]) {
		return i + int(k.end-k.start)
	}
	end, err := jsonrpc.ScanScalar(text, i)
	if err != nil || text[i] != '"' || end == len(text) || text[end] != ':' {
		return 0
	}
	*k = seen{uint32(i), uint32(end + 1), maphash.Bytes(seed, text[i:end])}
	return end + 1
}

// shut completes the node that ends at text[end] and returns its shape.
func (d *document) shut(o *open, end int) uint64 {
	n := &d.nodes[o.node]
	n.end, n.next, n.size, n.rows = uint32(end), uint32(len(d.nodes)), o.size, o.rows
	if o.end == '}' && o.size > 0 && !o.unfit {
		n.shape = mix(o.sum, uint64(o.size)) | 2 // neither zero nor scalar
	}
	return n.shape
}

// add counts a value of this shape in the node.
func (o *open) add(shape uint64) {
	o.sum += mix(o.key, shape)
	o.unfit = o.unfit || shape == 0
	if shape == scalar {
		shape = 0
	}
	if o.size == 0 {
		o.rows = shape
	} else if o.rows != shape {
		o.rows = 0
	}
	o.size++
}

func mix(a, b uint64) uint64 {
	a = (a ^ b*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return a ^ a>>32
}

// stringEnd returns the index after the string that starts at text[i].
func stringEnd(text []byte, i int) int {
	for i++; ; {
		i += bytes.IndexByte(text[i:], '"') + 1
		slashes := 0
		for text[i-2-slashes] == '\\' {
			slashes++ // ends at the opening quote at the latest
		}
		if slashes%2 == 0 {
			return i
		}
	}
}

// wordEnd returns the index after the number or word that starts at text[i].
func wordEnd(text []byte, i int) int {
	for i < len(text) && text[i] != ',' && text[i] != '}' && text[i] != ']' {
		i++
	}
	return i
}

// item is a member of an object or an element of a list.
type item struct {
	key  []byte // in quotes; nil in a list
	text []byte // of a scalar
	node int    // of an object or a list, or noNode
}

const noNode = -1

// cursor walks over the items of one node.
type cursor struct {
	at    int // in the text
	child int // the next node
	left  int // items
}

func (d *document) walk(id int) cursor {
	n := &d.nodes[id]
	return cursor{at: int(n.start) + 1, child: id + 1, left: int(n.size)}
}

// take returns the item at the cursor, which has one left, and moves on.
func (d *document) take(c *cursor, object bool) item {
	it := item{node: noNode}
	if object {
		end := stringEnd(d.text, c.at)
		it.key = d.text[c.at:end]
		c.at = end + 1 // the colon
	}
	end := 0
	switch d.text[c.at] {
	case '{', '[':
		it.node = c.child
		end, c.child = int(d.nodes[it.node].end), int(d.nodes[it.node].next)
	case '"':
		end = stringEnd(d.text, c.at)
	default:
		end = wordEnd(d.text, c.at)
	}
	it.text = d.text[c.at:end]
	c.at = end + 1 // the comma, or the bracket after the last one
	c.left--
	return it
}

func (d *document) isObject(id int) bool { return d.text[d.nodes[id].start] == '{' }

// scalars tells whether no object or list stands directly in the node.
func (d *document) scalars(id int) bool { return int(d.nodes[id].next) == id+1 }
