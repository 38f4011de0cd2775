package tsschema

import (
	"cmp"
	"slices"
	"strconv"
)

// printer writes types into a text of bounded length. Whoever calls write has
// made sure that there is room for "unknown", which is what stands for
// everything that is too long.
type printer struct {
	buf     []byte
	limit   int
	closers int // bytes that will close what is open
	debt    int // bytes that the shortest declarations of the names in use will take

	level, height int   // of types within types: here, and the most since it was reset
	names         names // what was written since it was reset
	pending       int   // units that are being rendered

	declared []*unit
	missing  []string          // names that stand for nothing, in their order
	written  map[string]string // these, by what they should be
	own      string            // the name that the whole will have, if it is known
	taken    map[string]int    // names in use, and the next number for such a name
}

// printed is a unit as it is repeated wherever it occurs without a name.
type printed struct {
	done, named bool
	text        string
	form        form
	note        note
	height      int
	names       names
}

// names says where names of the text's own occur. TypeScript refuses a type
// that it has to look up while it is declaring it. Inside an object it looks
// nothing up, in a list mostly not.
type names struct {
	any    bool
	open   bool // outside of objects
	inList bool // outside of objects, but in a list
}

func (n names) and(m names) names {
	return names{n.any || m.any, n.open || m.open, n.inList || m.inList}
}

// form is how tightly a written type binds, and what it ends with.
type form struct {
	loose
	noted   bool // it has a comment of its own behind it
	comment bool // it ends with a comment
}

type loose uint8

const (
	atom loose = iota // whatever stands before or behind it
	meet              // A & B
	join              // A | B
)

// newPrinter returns a printer that gives none of the taken names to a type.
func newPrinter(opts Options, own string, taken ...string) *printer {
	p := &printer{
		limit: max(cmp.Or(opts.MaxBytes, DefaultMaxBytes), leastBytes), own: own,
		written: map[string]string{}, taken: map[string]int{},
	}
	for _, name := range taken {
		p.take(name)
	}
	return p
}

// take notes that a name is in use.
func (p *printer) take(name string) { p.taken[name] = 2 }

// room tells whether n more bytes may be written.
func (p *printer) room(n int) bool { return len(p.buf)+p.closers+p.debt+n <= p.limit }

func (p *printer) put(s string) { p.buf = append(p.buf, s...) }

// program writes the whole and the declarations of what it names.
func (p *printer) program(root *unit) string {
	if root.recursive {
		p.write(reference(root))
	} else {
		p.write(root.expr)
	}
	for i := 0; i < len(p.declared); i++ {
		u := p.declared[i]
		p.debt -= declaration(u.name)
		p.put("; type " + u.name + " = ")
		p.write(u.expr)
	}
	return string(p.buf)
}

// declaration is the length of the shortest declaration of a name.
func declaration(name string) int { return len("; type  = "+unknown) + len(name) }

// write writes a type with its comment.
func (p *printer) write(e *expr) form {
	start := len(p.buf)
	f, n := p.body(e)
	comment := n.comment()
	if comment == "" || !p.room(len(comment)+2) {
		return f
	}
	if f.comment { // whose comment it is must be seen
		f = p.wrap(start)
	}
	p.put(comment)
	f.noted, f.comment = true, true
	return f
}

// wrap puts what was written since start into parentheses; there must be room.
func (p *printer) wrap(start int) form {
	p.buf = append(slices.Insert(p.buf, start, '('), ')')
	return form{}
}

// body writes a type without its comment, which it returns.
func (p *printer) body(e *expr) (form, note) {
	if e.op == opUnit {
		return p.unit(e)
	}
	p.level++
	p.height = max(p.height, p.level)
	defer func() { p.level-- }()
	return p.bare(e), e.note
}

func (p *printer) bare(e *expr) form {
	switch e.op {
	case opText:
		return p.atom(e.text)
	case opMissing:
		return p.nothing(e.text)
	case opObject:
		return p.object(e)
	case opRecord:
		return p.record(e.of[0])
	case opArray:
		return p.array(e.of[0])
	case opTuple, opOpenTuple:
		return p.tuple(e)
	case opUnion:
		return p.operands(e.of, " | ", join)
	case opIntersection:
		return p.operands(e.of, " & ", meet)
	}
	return p.atom(unknown)
}

// atom writes a word if there is room for it.
func (p *printer) atom(text string) form {
	if !p.room(len(text)) {
		text = unknown
	}
	p.put(text)
	return form{}
}

// nothing writes the name of what does not exist.
func (p *printer) nothing(wanted string) form {
	name, known := p.written[wanted]
	if !known {
		name = wanted
		if name == p.own {
			name = p.unused(name)
			p.take(name)
		}
		need := declaration(name) + len(";")
		if !p.room(len(name) + need) {
			return p.atom(unknown)
		}
		if p.own != "" {
			p.debt += need
		}
		p.written[wanted] = name
		p.missing = append(p.missing, name)
	}
	return p.atom(name)
}

const moreBytes = len(" /* 1048576 more */")

func (p *printer) object(e *expr) form {
	if len(e.of) == 0 {
		return p.atom("{}")
	}
	closing := moreBytes + len("}")
	if !p.room(len("{") + closing) {
		return p.atom(unknown)
	}
	outside := p.enter()
	p.closers += closing
	p.put("{")
	for i, m := range e.members {
		head := m.name + "?: "
		if m.required {
			head = m.name + ": "
		}
		if i > 0 {
			head = "; " + head
		}
		if !p.room(len(head) + len(unknown)) {
			p.put(" /* " + strconv.Itoa(len(e.of)-i) + " more */")
			break
		}
		p.put(head)
		p.write(e.of[i])
	}
	p.closers -= closing
	p.put("}")
	p.leave(outside, false)
	return form{}
}

// enter begins to watch for names; leave ends it, for an object or a list, and
// returns what was seen.
func (p *printer) enter() (outside names) {
	outside, p.names = p.names, names{}
	return outside
}

func (p *printer) leave(outside names, list bool) names {
	inside := p.names
	p.names = names{any: inside.any}
	if list {
		p.names = names{inside.any, inside.open, inside.open}
	}
	p.names = p.names.and(outside)
	return inside
}

// record writes the type of an object by that of its values. TypeScript does
// not allow a type inside the Record that it is: where names occur the longer
// form stands.
func (p *printer) record(value *expr) form {
	const short, long = "Record<string, ", "{[key: string]: "
	need := len(long) + len("}")
	if !p.room(need + len(unknown)) {
		return p.atom(unknown)
	}
	outside := p.enter()
	p.closers += 2 // what long is longer, and the end
	start := len(p.buf)
	p.put(short)
	p.write(value)
	p.closers -= 2
	if p.leave(outside, false).any {
		p.buf = slices.Replace(p.buf, start, start+len(short), []byte(long)...)
		p.put("}")
	} else {
		p.put(">")
	}
	return form{}
}

// tight writes a type that something follows immediately, for which suffix
// bytes are kept.
func (p *printer) tight(e *expr, suffix int) {
	extra := len("()") + suffix
	p.closers += extra
	start := len(p.buf)
	f := p.write(e)
	p.closers -= extra
	if f.loose != atom || f.comment {
		p.wrap(start)
	}
}

func (p *printer) array(element *expr) form {
	if !p.room(len("()[]") + len(unknown)) {
		return p.atom(unknown)
	}
	outside := p.enter()
	p.tight(element, len("[]"))
	p.put("[]")
	p.leave(outside, true)
	return form{}
}

func (p *printer) tuple(e *expr) form {
	const more = ", ...unknown[]"
	closing := len(more) + len("]")
	if len(e.of) == 0 {
		return p.atom("[]")
	}
	if !p.room(len("[") + closing) {
		return p.atom(unknown)
	}
	outside := p.enter()
	p.closers += closing
	p.put("[")
	for i, part := range e.of {
		if !p.room(len(", ...()[]") + len(unknown)) {
			if i > 0 {
				p.put(", ")
			}
			p.put("...unknown[]")
			break
		}
		if i > 0 {
			p.put(", ")
		}
		switch {
		case e.op == opOpenTuple && i == len(e.of)-1:
			p.put("...")
			p.eager(part, "[]")
		case i >= e.need:
			p.eager(part, "?")
		default:
			p.write(part)
		}
	}
	p.closers -= closing
	p.put("]")
	p.leave(outside, true)
	return form{}
}

// eager writes an element of a tuple that may be missing or be repeated.
// Lists in such a place are the ones into which TypeScript looks at once: those
// that mention names become unknown.
func (p *printer) eager(e *expr, suffix string) {
	start, outside := len(p.buf), p.enter()
	p.tight(e, len(suffix))
	if p.names.inList {
		p.buf, p.names = p.buf[:start], names{}
		p.put(unknown)
	}
	p.names = p.names.and(outside)
	p.put(suffix)
}

// operands writes a union or an intersection, each distinct part once; in an
// intersection not those that turned out to be unknown.
func (p *printer) operands(parts []*expr, between string, as loose) form {
	more := between + unknown
	if !p.room(len(more) + len(between) + len("()") + len(unknown)) {
		return p.atom(unknown)
	}
	p.closers += len(more)
	seen := make(map[string]bool, len(parts))
	var f form
	for _, part := range parts {
		if !p.room(len(between) + len("()") + len(unknown)) {
			if len(seen) > 0 {
				p.put(more)
				f = form{loose: as}
			}
			break
		}
		before := len(p.buf)
		if len(seen) > 0 {
			p.put(between)
		}
		start := len(p.buf)
		p.closers += len("()")
		one := p.write(part)
		p.closers -= len("()")
		if one.loose > as || one.loose == join && one.noted {
			one = p.wrap(start)
		}
		text := string(p.buf[start:])
		if seen[text] || as == meet && text == unknown {
			p.buf = p.buf[:before]
			continue
		}
		seen[text] = true
		if f = one; len(seen) > 1 {
			f = form{loose: as, comment: one.comment}
		}
	}
	p.closers -= len(more)
	if len(seen) == 0 {
		return p.atom(unknown)
	}
	return f
}
