package tsschema

import "slices"

const unknown = "unknown"

// expr is a type as it will be written, before it is known what is named.
type expr struct {
	op      op
	text    string   // opText: a keyword, a literal; opMissing: the name
	of      []*expr  // what it is made of; for opObject the types of the members
	members []member // opObject
	need    int      // opTuple, opOpenTuple: how many elements are required
	unit    *unit    // opUnit
	note    note
}

type member struct {
	name     string // as it must be written
	required bool
}

type op uint8

const (
	opText    op = iota
	opUnit       // a schema that something refers to
	opMissing    // a name that stands for nothing
	opObject
	opRecord    // of: the type of all values
	opArray     // of: the type of the elements
	opTuple     // of: the elements
	opOpenTuple // of: the elements, the last one being the type of all further ones
	opUnion
	opIntersection
)

func word(text string) *expr         { return &expr{op: opText, text: text} }
func array(element *expr) *expr      { return &expr{op: opArray, of: []*expr{element}} }
func record(value *expr) *expr       { return &expr{op: opRecord, of: []*expr{value}} }
func missing(name string) *expr      { return &expr{op: opMissing, text: name} }
func reference(to *unit) *expr       { return &expr{op: opUnit, unit: to} }
func (e *expr) isWord(w string) bool { return e.op == opText && e.text == w }

// isBareObject tells whether a type says only that a value is an object.
func (e *expr) isBareObject() bool { return e.op == opObject && len(e.of) == 0 }

// union returns the type of what fits one of several types, of which there is
// at least one.
func union(parts []*expr) *expr {
	var flat []*expr
	for _, p := range parts {
		switch {
		case p.isWord("never"):
		case p.op == opUnion && p.note.empty():
			flat = append(flat, p.of...)
		default:
			flat = append(flat, p)
		}
	}
	switch len(flat) {
	case 0:
		return word("never")
	case 1:
		return flat[0]
	}
	// Alternatives that constrain without naming a type are one unknown that
	// says so; one that says nothing at all leaves nothing to say.
	if !slices.ContainsFunc(flat, func(e *expr) bool { return !e.isWord(unknown) }) {
		e := word(unknown)
		var said []string
		for _, p := range flat {
			if p.note.empty() {
				return e
			}
			said = append(said, p.note.String())
		}
		e.note.say(alternatives(said))
		return e
	}
	return &expr{op: opUnion, of: flat}
}

// intersection returns the type of what fits all of several types, of which
// there is at least one. What says nothing beside the others is dropped; its
// note stays.
func intersection(parts []*expr) *expr {
	var flat []*expr
	var dropped []note
	for _, p := range parts {
		switch {
		case p.isWord("never"):
			return word("never")
		case p.op == opIntersection && p.note.empty():
			flat = append(flat, p.of...)
		case p.isWord(unknown):
			dropped = append(dropped, p.note)
		default:
			flat = append(flat, p)
		}
	}
	if len(flat) > 1 {
		flat = slices.DeleteFunc(flat, func(e *expr) bool {
			drop := e.isBareObject()
			if drop {
				dropped = append(dropped, e.note)
			}
			return drop
		})
		if len(flat) == 0 {
			flat = []*expr{{op: opObject}}
		}
	}
	e := word(unknown)
	switch {
	case len(flat) == 1:
		e = flat[0]
	case len(flat) > 1:
		e = &expr{op: opIntersection, of: flat}
	}
	for _, n := range dropped {
		if e.note.description != "" {
			n.description = ""
		}
		e.note = e.note.inside(n)
	}
	return e
}

// within tells whether everything that fits e fits the keyword w too.
func within(e *expr, w string) bool {
	switch e.op {
	case opUnion:
		return !slices.ContainsFunc(e.of, func(p *expr) bool { return !within(p, w) })
	case opText:
		switch {
		case e.text == w:
			return true
		case w == "string":
			return e.text[0] == '"'
		case w == "number":
			return e.text[0] == '-' || '0' <= e.text[0] && e.text[0] <= '9'
		case w == "boolean":
			return e.text == "true" || e.text == "false"
		}
	}
	return false
}
