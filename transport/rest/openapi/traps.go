package openapi

import "slices"

// traps are methods that every object in JavaScript has. A program that looks
// up a key in an object of its own finds them there and calls them: generators
// of clients end with a TypeError.
var traps = map[string]bool{
	"hasOwnProperty": true, "isPrototypeOf": true, "propertyIsEnumerable": true, "toLocaleString": true, "valueOf": true,
	"__defineGetter__": true, "__defineSetter__": true, "__lookupGetter__": true, "__lookupSetter__": true,
}

// misread tells whether programs may look for more in a value than there is.
// They read extensions, and what stands below "__proto__", as if any of it could
// be a part of a document.
func misread(n *node) bool {
	for _, key := range n.keys {
		if key == "$ref" || traps[key] {
			return true
		}
	}
	return slices.ContainsFunc(n.vals, misread)
}

// disarm says what a schema says of traps without having them as keys: of
// properties as patterns, of patterns as others that match the same, of
// dependencies as conditions.
func disarm(out *node) {
	for _, m := range out.take("properties") {
		matching(out, "^"+m.key+"$", m.value)
	}
	for _, m := range out.take("patternProperties") {
		matching(out, "(?:"+m.key+")", m.value)
	}
	for _, m := range out.take("dependentRequired") {
		conditional(out, m.key, object().set("required", m.value))
	}
	for _, m := range out.take("dependentSchemas") {
		conditional(out, m.key, m.value)
	}
}

// matching adds a schema for properties that match a pattern.
func matching(out *node, pattern string, schema *node) {
	patterns := out.ensure("patternProperties", object())
	if other := patterns.get(pattern); other != nil {
		schema = object().set("allOf", list(other, schema))
	}
	patterns.set(pattern, schema)
}

// conditional adds a schema for objects that have a property.
func conditional(out *node, name string, schema *node) {
	all := out.ensure("allOf", list())
	all.vals = append(all.vals, object().set("if", object().set("required", list(text(name)))).set("then", schema))
}

type member struct {
	key   string
	value *node
}

// take removes the traps from an object in a schema.
func (n *node) take(key string) (taken []member) {
	from := n.get(key)
	if from == nil {
		return nil
	}
	for i := 0; i < len(from.keys); i++ {
		name, v := from.keys[i], from.vals[i]
		if traps[name] || name == "__proto__" && misread(v) {
			taken = append(taken, member{name, v})
			from.drop(name)
			i--
		}
	}
	return taken
}

// ensure returns a member that is added if it is missing.
func (n *node) ensure(key string, missing *node) *node {
	if n.get(key) == nil {
		n.set(key, missing)
	}
	return n.get(key)
}
