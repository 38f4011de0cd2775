package toon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

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

// parse reads one JSON value, nested at most depth deep.
func parse(raw json.RawMessage, depth int) (*document, error) {
	text, err := jsonrpc.AppendCompact(make([]byte, 0, len(raw)), raw, depth)
	if err != nil {
		return nil, fmt.Errorf("the value is no JSON that can be written as TOON: %w", err)
	}
	if len(text) > math.MaxUint32/6 { // an escape may grow from two bytes to six
		return nil, ErrTooLarge
	}
	d := &document{compact: len(text)}
	if d.text, err = canonical(text); err != nil {
		return nil, err
	}
	d.index()
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
	for ; i >= 0; i = bytes.IndexByte(text, '\\') {
		out = append(out, text[:i]...)
		n := 2
		switch c := text[i+1]; c {
		case 'b':
			out = append(out, `\u0008`...)
		case 'f':
			out = append(out, `\u000c`...)
		case 'u':
			n = 6
			code, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16) // valid: AppendCompact has looked
			if utf16.IsSurrogate(rune(code)) {
				return nil, ErrSurrogate
			}
			out = appendRune(out, rune(code))
		default:
			out = append(out, '\\', c)
		}
		text = text[i+n:]
	}
	return append(out, text...), nil
}

// appendRune appends a character of a quoted string (§7.1).
func appendRune(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if r < 0x20 {
		return fmt.Appendf(dst, `\u%04x`, r)
	}
	return utf8.AppendRune(dst, r)
}

// open is a node that has not closed yet.
type open struct {
	node  uint32
	key   uint64 // hash of the key of the member that is being read
	sum   uint64 // over the members so far, in any order
	unfit bool   // to be a row
}

// index makes the nodes, in one pass over the text. It keeps its own stack.
func (d *document) index() {
	text := d.text
	d.nodes = make([]node, 0, 1+bytes.Count(text, []byte("{"))+bytes.Count(text, []byte("[")))
	var stack []open
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '{', '[':
			stack = append(stack, open{node: uint32(len(d.nodes))})
			d.nodes = append(d.nodes, node{start: uint32(i)})
			i++
		case '}', ']':
			i++
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			n := &d.nodes[top.node]
			n.end, n.next = uint32(i), uint32(len(d.nodes))
			if c == '}' && n.size > 0 && !top.unfit {
				n.shape = mix(top.sum, uint64(n.size)) | 2 // neither zero nor scalar
			}
			d.ended(stack, n.shape)
		case ',':
			i++
		case '"':
			end := stringEnd(text, i)
			if end < len(text) && text[end] == ':' {
				stack[len(stack)-1].key = maphash.Bytes(seed, text[i:end])
				end++
			} else {
				d.ended(stack, scalar)
			}
			i = end
		default:
			i = wordEnd(text, i)
			d.ended(stack, scalar)
		}
	}
}

// ended counts a value of this shape that has ended in the innermost open node.
func (d *document) ended(stack []open, shape uint64) {
	if len(stack) == 0 {
		return
	}
	in := &stack[len(stack)-1]
	n := &d.nodes[in.node]
	in.sum += mix(in.key, shape)
	in.unfit = in.unfit || shape == 0
	if shape == scalar {
		shape = 0
	}
	if n.size == 0 {
		n.rows = shape
	} else if n.rows != shape {
		n.rows = 0
	}
	n.size++
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
