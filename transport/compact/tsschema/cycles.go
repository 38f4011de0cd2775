package tsschema

// visit is how far a walk over the units has come with one of them.
type visit uint8

const (
	unvisited visit = iota
	underway
	visited
)

// analyse prepares the units for printing.
func (c *converter) analyse() {
	c.walk((*expr).direct, func(e *expr) {
		// A type that is itself, or itself or something else, without anything
		// in between, is none, and TypeScript refuses it.
		*e = expr{op: opText, text: unknown, note: e.note}
	})
	c.walk((*expr).all, func(e *expr) { e.unit.recursive = true })
	for _, u := range c.reached {
		c.measure(u)
	}
	for len(c.inner) > 0 {
		e := c.inner[len(c.inner)-1]
		c.inner = c.inner[:len(c.inner)-1]
		c.alternatives(e)
	}
}

// walk goes through all units depth first, along the occurrences that follow
// yields, and calls back for each that leads to a unit which is underway. Every
// cycle has at least one such occurrence.
func (c *converter) walk(follow func(*expr, func(*expr)), back func(*expr)) {
	for _, u := range c.reached {
		u.visit = unvisited
	}
	// Chains of units are as long as the schema; a stack of our own is not needed
	// for some ten thousand of them.
	var enter func(u *unit)
	enter = func(u *unit) {
		u.visit = underway
		follow(u.expr, func(e *expr) {
			switch e.unit.visit {
			case underway:
				back(e)
			case unvisited:
				enter(e.unit)
			}
		})
		u.visit = visited
	}
	for _, u := range c.reached {
		if u.visit == unvisited {
			enter(u)
		}
	}
}

// direct calls visit for the occurrences of units of which the type is made
// without an object or a list in between.
func (e *expr) direct(visit func(*expr)) {
	switch e.op {
	case opUnit:
		visit(e)
	case opUnion, opIntersection:
		for _, p := range e.of {
			p.direct(visit)
		}
	}
}

// all calls visit for every occurrence of a unit in the type.
func (e *expr) all(visit func(*expr)) {
	if e.op == opUnit {
		visit(e)
	}
	for _, p := range e.of {
		p.all(visit)
	}
}

// measure finds out of how many alternatives the unit consists.
func (c *converter) measure(u *unit) int {
	if u.width == 0 {
		u.width = c.alternatives(u.expr)
	}
	return u.width
}

// alternatives returns of how many alternatives a type consists. TypeScript
// multiplies an intersection of unions out and gives up at 100,000: the part
// that would bring it beyond maxWidth becomes unknown, and the comment says so. What is inside objects
// and lists is left for later: it may contain what is being measured.
func (c *converter) alternatives(e *expr) int {
	switch e.op {
	case opUnit:
		return c.measure(e.unit)
	case opUnion:
		sum := 0
		for _, p := range e.of {
			sum += c.alternatives(p)
		}
		return min(sum, MaxSchemaBytes)
	case opIntersection:
		product := 1
		for _, p := range e.of {
			n := c.alternatives(p)
			if product > 1 && n > 1 && product*n > maxWidth {
				*p = expr{op: opText, text: unknown, note: p.note}
				e.note.say("and more")
				continue
			}
			product *= n
		}
		return product
	}
	c.inner = append(c.inner, e.of...)
	if e.isWord("boolean") {
		return 2
	}
	return 1
}
