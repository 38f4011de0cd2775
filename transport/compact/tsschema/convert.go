package tsschema

import (
	"cmp"
	"strconv"
)

// unit is a schema that is written once: the whole, and whatever something
// refers to.
type unit struct {
	at   int    // its node
	name string // what a declaration would call it

	expr      *expr
	uses      int  // places that it occurs in
	recursive bool // it must have a name, or it could not be written
	visit     visit
	width     int

	printed printed
}

// converter makes types of schemas. Each value of the document is converted at
// most once: what is referred to is a unit wherever it stands.
type converter struct {
	d                *document
	refs             *references
	units            map[int]*unit
	reached          []*unit  // in the order in which they were met; the whole first
	missing          []string // names that something refers to and that are not there
	inner            []*expr  // what alternatives has still to look at
	descriptionChars int
}

func newConverter(d *document, opts Options) *converter {
	refs, targets := newReferences(d)
	c := &converter{d: d, refs: refs, units: map[int]*unit{}, descriptionChars: cmp.Or(opts.DescriptionChars, DefaultDescriptionChars)}
	for at, ref := range targets {
		c.units[at] = &unit{at: at, name: identifier(lastPart(ref))}
	}
	c.units[0] = &unit{name: "Root"}
	if title, ok := d.member(0, "title"); ok && d.str(title) != "" {
		c.units[0].name = identifier(d.str(title))
	}
	return c
}

// convert returns the whole, after everything that can be reached from it.
func (c *converter) convert() *unit {
	c.reach(c.units[0])
	for i := 0; i < len(c.reached); i++ {
		c.reached[i].expr = c.body(c.reached[i].at, 0)
	}
	return c.reached[0]
}

// reach returns an occurrence of the unit.
func (c *converter) reach(u *unit) *expr {
	if u.uses == 0 {
		c.reached = append(c.reached, u)
	}
	u.uses++
	return reference(u)
}

// schema converts the schema at n.
func (c *converter) schema(n, level int) *expr {
	if u, ok := c.units[n]; ok {
		return c.reach(u)
	}
	if level >= maxLevels {
		return word(unknown)
	}
	return c.body(n, level)
}

func (c *converter) body(n, level int) *expr {
	switch c.d.kind(n) {
	case kindObject:
	case kindBool:
		if c.d.is(n, "false") {
			return word("never")
		}
		return word(unknown)
	default:
		return word(unknown)
	}
	k := c.d.keywords(n)
	base := c.base(k, level)
	var parts []*expr
	for _, i := range []keyword{kwRef, kwDynamicRef, kwRecursiveRef} {
		if e := c.ref(k.get(i)); e != nil {
			parts = append(parts, e)
		}
	}
	for _, n := range c.d.elements(k.get(kwAllOf)) {
		parts = append(parts, c.schema(n, level+1))
	}
	for _, i := range []keyword{kwAnyOf, kwOneOf} {
		var alternatives []*expr
		for _, n := range c.d.elements(k.get(i)) {
			alternatives = append(alternatives, c.schema(n, level+1))
		}
		if len(alternatives) > 0 {
			parts = append(parts, union(alternatives))
		}
	}
	if i := k.get(kwNot); i != 0 && c.acceptsAll(i) {
		parts = append(parts, word("never"))
	}
	if base != nil && !repeats(base, parts) {
		parts = append([]*expr{base}, parts...)
	}
	e := word(unknown)
	if len(parts) > 0 {
		e = intersection(parts)
	}
	if i := k.get(kwNullable); i != 0 && c.d.is(i, "true") {
		e = union([]*expr{e, word("null")})
	}
	e.note = e.note.inside(c.note(k, base != nil && c.counts(base, k)))
	return e
}

// counts tells whether a type says how many elements there may be.
func (c *converter) counts(e *expr, k *keywords) bool {
	return e.op == opTuple || e.op == opOpenTuple && !k.has(kwMaxItems) && c.least(k) < len(e.of)
}

// least returns minItems; -1 if that is no count.
func (c *converter) least(k *keywords) int {
	if i := k.get(kwMinItems); i != 0 {
		if least, err := strconv.Atoi(string(c.d.raw(i))); err == nil {
			return max(least, 0)
		}
	}
	return -1
}

// acceptsAll tells whether a schema is written as one that accepts everything.
func (c *converter) acceptsAll(n int) bool { return c.d.is(n, "true") || c.d.is(n, "{}") }

// repeats tells whether a type is a mere keyword that one of the parts implies.
func repeats(base *expr, parts []*expr) bool {
	if base.op == opText && base.text != unknown {
		for _, p := range parts {
			if within(p, base.text) {
				return true
			}
		}
	}
	return false
}

// ref returns what a reference means; nil if n is none.
func (c *converter) ref(n int) *expr {
	if n == 0 || c.d.kind(n) != kindString {
		return nil
	}
	if target, ok := c.refs.resolve(c.d.str(n)); ok {
		return c.reach(c.units[target])
	}
	if name := lastPart(c.d.str(n)); name != "" {
		name = identifier(name)
		c.missing = append(c.missing, name)
		return missing(name)
	}
	return word(unknown)
}

// base returns what a schema says of itself: its values, its type, or the type
// that only its keywords fit; nil if none of this is there.
func (c *converter) base(k *keywords, level int) *expr {
	if i := k.get(kwConst); i != 0 {
		return c.value(i, level)
	}
	if i := k.get(kwEnum); i != 0 && c.d.kind(i) == kindArray {
		values := []*expr{word("never")}
		for _, v := range c.d.elements(i) {
			values = append(values, c.value(v, level+1))
		}
		return union(values)
	}
	if i := k.get(kwType); i != 0 {
		switch c.d.kind(i) {
		case kindString:
			return c.typed(c.d.str(i), k, level)
		case kindArray:
			var types []*expr
			seen := map[string]bool{}
			for _, t := range c.d.elements(i) {
				if name := c.d.str(t); !seen[name] { // each name may cost as much as the schema
					seen[name] = true
					types = append(types, c.typed(name, k, level))
				}
			}
			if len(types) > 0 {
				return union(types)
			}
		}
	}
	switch {
	case k.has(kwProperties), k.has(kwRequired), k.has(kwAdditionalProperties), k.has(kwPatternProperties):
		return c.object(k, level)
	case k.has(kwItems), k.has(kwPrefixItems):
		return c.array(k, level)
	}
	return nil
}

func (c *converter) typed(name string, k *keywords, level int) *expr {
	switch name {
	case "string", "boolean", "null", "number":
		return word(name)
	case "integer":
		return word("number")
	case "object":
		return c.object(k, level)
	case "array":
		return c.array(k, level)
	}
	return word(unknown)
}

// value returns the type of exactly one value.
func (c *converter) value(n, level int) *expr {
	k := c.d.kind(n)
	if level >= maxLevels && (k == kindArray || k == kindObject) {
		return word(unknown)
	}
	switch k {
	case kindString:
		return word(literal(c.d.str(n)))
	case kindArray:
		e := &expr{op: opTuple}
		for _, v := range c.d.elements(n) {
			e.of = append(e.of, c.value(v, level+1))
		}
		e.need = len(e.of)
		return e
	case kindObject:
		e := &expr{op: opObject}
		for _, m := range c.d.members(n) {
			e.add(m.name, true, c.value(m.value, level+1))
		}
		if len(e.of) == 0 {
			return record(word("never"))
		}
		return e
	}
	return word(string(c.d.raw(n)))
}

// array returns the type of a list. Up to draft 2019-09 the elements of a tuple
// stand in items.
func (c *converter) array(k *keywords, level int) *expr {
	first, rest := k.get(kwPrefixItems), k.get(kwItems)
	if len(c.d.elements(rest)) > 0 {
		first, rest = rest, k.get(kwAdditionalItems)
	}
	if rest == 0 || c.d.kind(rest) == kindArray {
		rest = k.get(kwUnevaluatedItems)
	}
	elements := c.d.elements(first)
	if len(elements) == 0 {
		if rest == 0 {
			return array(word(unknown))
		}
		return array(c.schema(rest, level+1))
	}
	e := &expr{op: opTuple, need: len(elements)}
	for _, n := range elements {
		e.of = append(e.of, c.schema(n, level+1))
	}
	if least := c.least(k); least >= 0 {
		e.need = min(e.need, least)
	}
	if rest != 0 && !c.d.is(rest, "false") {
		e.op = opOpenTuple
		e.of = append(e.of, c.schema(rest, level+1))
	}
	return e
}

// object returns the type of an object: its properties in their order, those
// that are required and not described behind them, and all others.
func (c *converter) object(k *keywords, level int) *expr {
	e := &expr{op: opObject}
	required := map[string]bool{}
	names := c.d.elements(k.get(kwRequired))
	for _, n := range names {
		if c.d.kind(n) == kindString {
			required[c.d.str(n)] = true
		}
	}
	for _, m := range c.d.members(k.get(kwProperties)) {
		e.add(m.name, required[m.name], c.schema(m.value, level+1))
		delete(required, m.name)
	}
	for _, n := range names {
		if name := c.d.str(n); required[name] && c.d.kind(n) == kindString {
			e.add(name, true, word(unknown))
			delete(required, name)
		}
	}
	var others []*expr
	for _, m := range c.d.members(k.get(kwPatternProperties)) {
		if !c.d.is(m.value, "false") {
			others = append(others, c.schema(m.value, level+1))
		}
	}
	additional := k.get(kwAdditionalProperties)
	if additional == 0 {
		additional = k.get(kwUnevaluatedProperties)
	}
	switch {
	case additional == 0, c.d.is(additional, "false"):
	case c.acceptsAll(additional):
		// Beside named properties this is what holds for every object.
		if len(e.of) == 0 {
			others = append(others, word(unknown))
		}
	default:
		others = append(others, c.schema(additional, level+1))
	}
	if len(others) == 0 {
		return e
	}
	all := record(union(others))
	if len(e.of) == 0 {
		return all
	}
	return &expr{op: opIntersection, of: []*expr{e, all}}
}

// add adds a member to an object.
func (e *expr) add(name string, required bool, value *expr) {
	if !isIdentifier(name) {
		name = literal(name)
	}
	e.members = append(e.members, member{name, required})
	e.of = append(e.of, value)
}
