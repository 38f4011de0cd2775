package tsschema

import "strconv"

// unit writes an occurrence of a unit: the type itself if it has no name and
// is short or occurs nowhere else, and otherwise its name.
func (p *printer) unit(e *expr) (form, note) {
	u := e.unit
	if !u.recursive && !u.printed.named && p.pending < maxPending {
		p.render(u)
		r := &u.printed
		once := u.uses == 1 || len(r.text) <= shortBytes
		if once && p.level+r.height < maxHeight && p.room(len(r.text)) {
			p.put(r.text)
			p.height = max(p.height, p.level+r.height)
			p.names = p.names.and(r.names)
			return r.form, r.note.inside(e.note)
		}
	}
	if !u.printed.named {
		name := p.unused(u.name)
		if !p.room(len(name) + declaration(name)) {
			return p.atom(unknown), e.note
		}
		u.name, u.printed.named = name, true
		p.take(name)
		p.debt += declaration(name)
		p.declared = append(p.declared, u)
	}
	p.names.any, p.names.open = true, true
	return p.atom(u.name), e.note
}

// render writes a unit for itself, to see how long it is, and takes it back.
func (p *printer) render(u *unit) {
	if u.printed.done {
		return
	}
	start, level, height, outside := len(p.buf), p.level, p.height, p.enter()
	p.level, p.height = 0, 0
	p.pending++
	f, n := p.body(u.expr)
	p.pending--
	// One level more than it has: what stands in for what.
	u.printed = printed{done: true, text: string(p.buf[start:]), form: f, note: n, height: p.height + 1, names: p.names}
	p.buf, p.level, p.height, p.names = p.buf[:start], level, height, outside
}

// unused returns a name that is not in use.
func (p *printer) unused(name string) string {
	if p.taken[name] == 0 {
		return name
	}
	for {
		numbered := name + strconv.Itoa(p.taken[name])
		p.taken[name]++
		if p.taken[numbered] == 0 {
			return numbered
		}
	}
}
