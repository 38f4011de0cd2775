package tsschema

import (
	"slices"
	"strings"
)

// maxFacts is how many facts a note has: those of one schema, and some more.
const maxFacts = 32

// note is what stands in the comment behind a type.
type note struct {
	description string
	facts       []string
}

func (n note) empty() bool { return n.description == "" && len(n.facts) == 0 }

// say adds a fact, unless it is said already or there are enough.
func (n *note) say(fact string) {
	if fact != "" && len(n.facts) < maxFacts && !slices.Contains(n.facts, fact) {
		n.facts = append(n.facts, fact)
	}
}

// inside returns the note of a type that has the note n, in a place that has
// the note outer: the description of the place, and the facts of both.
func (n note) inside(outer note) note {
	merged := note{description: outer.description, facts: slices.Clip(n.facts)}
	if merged.description == "" {
		merged.description = n.description
	}
	for _, f := range outer.facts {
		merged.say(f)
	}
	return merged
}

func (n note) String() string {
	facts := strings.Join(n.facts, ", ")
	if n.description == "" || facts == "" {
		return n.description + facts
	}
	return n.description + "; " + facts
}

// comment returns the note as a comment, which nothing in it can end.
func (n note) comment() string {
	if n.empty() {
		return ""
	}
	return " /* " + strings.ReplaceAll(n.String(), "*/", `*\/`) + " */"
}

// alternatives joins notes of which one holds.
func alternatives(notes []string) string {
	var distinct []string
	known := map[string]bool{}
	for _, n := range notes {
		if !known[n] {
			known[n] = true
			distinct = append(distinct, n)
		}
	}
	return oneLine(strings.Join(distinct, " or "), 3*valueChars)
}

// note reads the annotations and constraints of a schema; the number of items
// not if they are counted by the type.
func (c *converter) note(k *keywords, counted bool) note {
	var n note
	if i := k.get(kwDescription); i != 0 && c.descriptionChars > 0 {
		n.description = oneLine(c.d.str(i), c.descriptionChars)
	}
	text := func(label string, i keyword, limit int) {
		if k.has(i) {
			if s := oneLine(c.d.str(k.get(i)), limit); s != "" {
				n.say(label + s)
			}
		}
	}
	json := func(label string, i keyword) {
		if k.has(i) {
			n.say(label + c.json(k.get(i)))
		}
	}
	text("format ", kwFormat, valueChars)
	text("pattern ", kwPattern, 2*valueChars)
	text("encoding ", kwContentEncoding, valueChars)
	text("media type ", kwContentMediaType, valueChars)
	c.span(&n, k, "length ", kwMinLength, kwMaxLength)
	c.bound(&n, k, "min ", "above ", kwMinimum, kwExclusiveMinimum)
	c.bound(&n, k, "max ", "below ", kwMaximum, kwExclusiveMaximum)
	if k.has(kwMultipleOf) && c.d.kind(k.get(kwMultipleOf)) == kindNumber {
		json("multiple of ", kwMultipleOf)
	}
	if !counted {
		c.span(&n, k, "items ", kwMinItems, kwMaxItems)
	}
	if k.has(kwUniqueItems) && c.d.is(k.get(kwUniqueItems), "true") {
		n.say("unique")
	}
	json("contains ", kwContains)
	c.span(&n, k, "properties ", kwMinProperties, kwMaxProperties)
	c.keys(&n, k)
	for _, i := range []keyword{kwDependentRequired, kwDependentSchemas, kwDependencies} {
		json("requires ", i)
	}
	if i := k.get(kwNot); i != 0 && !c.d.is(i, "false") && !c.acceptsAll(i) {
		json("not ", kwNot)
	}
	if k.has(kwIf) && (k.has(kwThen) || k.has(kwElse)) {
		json("if ", kwIf)
		json("then ", kwThen)
		json("else ", kwElse)
	}
	if k.has(kwDefault) && !(k.has(kwConst) && c.d.is(k.get(kwConst), string(c.d.raw(k.get(kwDefault))))) {
		json("default ", kwDefault)
	}
	if k.has(kwDeprecated) && c.d.is(k.get(kwDeprecated), "true") {
		n.say("deprecated")
	}
	return n
}

// json returns a value in a comment.
func (c *converter) json(i int) string {
	raw := c.d.raw(i)
	// Nobody needs the rest of a value of megabytes; a character has four bytes at most.
	return oneLine(string(raw[:min(len(raw), 4*valueChars+4)]), valueChars)
}

// number returns the text of a number; "" for every other value.
func (c *converter) number(k *keywords, i keyword) string {
	if !k.has(i) || c.d.kind(k.get(i)) != kindNumber {
		return ""
	}
	return c.json(k.get(i))
}

// span says between which numbers a count lies.
func (c *converter) span(n *note, k *keywords, label string, least, most keyword) {
	low, high := c.number(k, least), c.number(k, most)
	if low == "0" {
		low = "" // says nothing
	}
	switch {
	case low == "" && high == "":
	case low == high:
		n.say(label + low)
	default:
		n.say(label + low + ".." + high)
	}
}

// bound says where numbers begin or end. Up to draft-04 the exclusive keyword
// is a boolean that belongs to the other one.
func (c *converter) bound(n *note, k *keywords, inclusive, exclusive string, limit, open keyword) {
	at, beyond := c.number(k, limit), c.number(k, open)
	if at != "" {
		label := inclusive
		if k.has(open) && c.d.is(k.get(open), "true") {
			label = exclusive
		}
		n.say(label + at)
	}
	if beyond != "" {
		n.say(exclusive + beyond)
	}
}

// keys says what the names of properties look like.
func (c *converter) keys(n *note, k *keywords) {
	var patterns []string
	for _, m := range c.d.members(k.get(kwPatternProperties)) {
		if !c.d.is(m.value, "false") {
			patterns = append(patterns, m.name)
		}
	}
	if len(patterns) > 0 {
		n.say("keys " + oneLine(strings.Join(patterns, " or "), 2*valueChars))
	}
	if i := k.get(kwPropertyNames); i != 0 {
		if p := c.d.keywords(i).get(kwPattern); p != 0 && c.d.str(p) != "" {
			n.say("keys " + oneLine(c.d.str(p), 2*valueChars))
		} else {
			n.say("keys " + c.json(i))
		}
	}
}
