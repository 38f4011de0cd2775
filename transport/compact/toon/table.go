package toon

import (
	"bytes"
	"errors"
)

// errShape means that two objects of one shape have different keys: of two
// hashes of 64 bits under a secret seed, one in 2^64 are equal by chance.
var errShape = errors.New("two different objects look the same by their hash; encode again")

// group is a list of columns, of a table or of the objects in one column.
type group struct {
	columns []column
	at      map[string]int // index of a column by its key, if there are many
}

type column struct {
	key   []byte // in quotes
	group *group // of the objects in it, or nil
}

// table writes the header and the rows of a list of objects (§9.3), or of an
// object of objects (§9.5).
func (e *encoder) table(id int, key []byte, depth int) error {
	keyed := e.isObject(id)
	if keyed {
		if err := e.unique(id); err != nil {
			return err
		}
	}
	g, err := e.groupOf(id + 1) // the first row: no scalar stands before it
	if err != nil {
		return err
	}
	e.header(id, key)
	e.names(g)
	e.out = append(e.out, ':')
	for c := e.walk(id); c.left > 0; {
		if err := e.line(depth + 1); err != nil {
			return err
		}
		row := e.take(&c, keyed)
		if keyed {
			e.key(row.key)
			e.out = append(e.out, ": "...)
		}
		if err := e.cells(row.node, g, len(e.out)); err != nil {
			return err
		}
	}
	return nil
}

// groupOf returns the columns of a row.
func (e *encoder) groupOf(id int) (*group, error) {
	if err := e.unique(id); err != nil {
		return nil, err
	}
	g := &group{columns: make([]column, 0, e.nodes[id].size)}
	for c := e.walk(id); c.left > 0; {
		m := e.take(&c, true)
		col := column{key: m.key}
		if m.node != noNode {
			var err error
			if col.group, err = e.groupOf(m.node); err != nil {
				return nil, err
			}
		}
		g.columns = append(g.columns, col)
	}
	return g, nil
}

func (e *encoder) names(g *group) {
	between := byte('{')
	for i := range g.columns {
		e.out = append(e.out, between)
		between = e.delimiter
		e.key(g.columns[i].key)
		if g.columns[i].group != nil {
			e.names(g.columns[i].group)
		}
	}
	e.out = append(e.out, '}')
}

// cells writes the scalars of an object in the order of the columns. They
// belong to the row whose cells begin at out[row].
func (e *encoder) cells(id int, g *group, row int) error {
	if int(e.nodes[id].size) != len(g.columns) {
		return errShape
	}
	mark, at, child := len(e.out), int(e.nodes[id].start)+1, id+1
	for i := range g.columns {
		col := &g.columns[i]
		if !bytes.HasPrefix(e.text[at:], col.key) {
			e.out = e.out[:mark]
			return e.shuffled(id, g, row)
		}
		at += len(col.key) + 1 // the colon
		switch c := e.text[at]; {
		case (c == '{' || c == '[') != (col.group != nil):
			return errShape
		case col.group != nil:
			if err := e.cells(child, col.group, row); err != nil {
				return err
			}
			at, child = int(e.nodes[child].end), int(e.nodes[child].next)
		default:
			at += e.cell(e.text[at:], row)
		}
		at++ // the comma
	}
	return nil
}

// cell appends the scalar that text begins with, and returns its length there.
func (e *encoder) cell(text []byte, row int) int {
	if len(e.out) > row {
		e.out = append(e.out, e.delimiter)
	}
	return e.scalar(text)
}

// shuffled is cells for an object whose members stand in another order than
// the columns.
func (e *encoder) shuffled(id int, g *group, row int) error {
	base := len(e.slots)
	defer func() { e.slots = e.slots[:base] }()
	for range g.columns {
		e.slots = append(e.slots, item{})
	}
	for c := e.walk(id); c.left > 0; {
		m := e.take(&c, true)
		i := g.column(m.key)
		if i < 0 || e.slots[base+i].key != nil {
			return errShape
		}
		e.slots[base+i] = m
	}
	for i := range g.columns {
		m, inner := e.slots[base+i], g.columns[i].group
		switch {
		case (m.node == noNode) != (inner == nil):
			return errShape
		case inner == nil:
			e.cell(m.text, row)
		default:
			if err := e.cells(m.node, inner, row); err != nil {
				return err
			}
		}
	}
	return nil
}

// column returns the index of the column with the key, or -1.
func (g *group) column(key []byte) int {
	if len(g.columns) <= few {
		for i := range g.columns {
			if bytes.Equal(g.columns[i].key, key) {
				return i
			}
		}
		return -1
	}
	if g.at == nil {
		g.at = make(map[string]int, len(g.columns))
		for i := range g.columns {
			g.at[string(g.columns[i].key)] = i
		}
	}
	if i, known := g.at[string(key)]; known {
		return i
	}
	return -1
}
