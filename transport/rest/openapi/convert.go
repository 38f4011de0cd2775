package openapi

import (
	"encoding/json"
	"slices"

	"strings"
)

// maxExtraBytes is by how much the values in a schema may outgrow it, when
// several references lead into the same value.
const maxExtraBytes = 64 << 10

// Readers of YAML allow 100 levels in all, of which a path takes 8 and a schema
// two. What is deeper than this many schemas in each other moves to the
// components; a value that is deeper than this many levels is left out.
const (
	maxNested      = 30
	maxValueLevels = 24
)

// converter writes one schema as 2020-12.
type converter struct {
	*source
	names  map[*node]string // of what moves to components/schemas
	moved  []*node          // what moves, in the order of the document
	name   func(label string) string
	nested int // schemas around the one that is being written
	left   int // bytes of values that may still be written
}

// schema converts a schema and moves what its references lead to into the
// components, under names that begin with owner.
func (d *document) schema(raw json.RawMessage, owner, part string) *node {
	if len(strings.TrimSpace(string(raw))) == 0 {
		return object()
	}
	root, err := parse(raw)
	if err != nil {
		return noted(object(), "The schema that the server declares cannot be read: "+err.Error())
	}
	c := &converter{source: newSource(root), names: map[*node]string{}, left: len(raw) + maxExtraBytes}
	c.name = func(label string) string { return d.names.name(owner, first(label, part)) }
	for _, target := range c.targets {
		c.move(target, c.labels[target])
	}
	place := c.schema(root)
	for i := 0; i < len(c.moved); i++ {
		d.schemas.set(c.names[c.moved[i]], c.body(c.moved[i]))
	}
	return place
}

// move gives a schema a name among the components.
func (c *converter) move(n *node, label string) {
	c.names[n] = c.name(label)
	c.moved = append(c.moved, n)
}

// noted adds notes to what a schema says of itself.
func noted(n *node, notes ...string) *node {
	if len(notes) == 0 {
		return n
	}
	said := strings.Join(notes, " ")
	if d := n.get("description"); d != nil {
		said = d.text + "\n\n" + said
	}
	return n.set("description", text(said))
}

// schema is what stands in the place of a schema.
func (c *converter) schema(n *node) *node {
	if _, moved := c.names[n]; !moved && c.nested == maxNested && n.kind == kindObject {
		c.move(n, "")
	}
	if name, moved := c.names[n]; moved {
		return ref("#/components/schemas/" + name)
	}
	c.nested++
	defer func() { c.nested-- }()
	return c.body(n)
}

// body is a schema itself. Boolean schemas are written as objects, which more
// readers know; where they are usual, nobody comes here with one.
func (c *converter) body(n *node) *node {
	switch n.kind {
	case kindBool:
		if n.text == "true" {
			return object()
		}
		return object().set("not", object())
	case kindObject:
		return c.object(n)
	}
	return noted(object(), "The schema that the server declares here is "+n.kind.String()+" and is left out.")
}

func (c *converter) object(n *node) *node {
	out, notes := object(), slices.Clone(c.broken[n])
	var parts []*node // that stand beside it: references, and what meets a word of its own
	for _, target := range c.leads[n] {
		parts = append(parts, c.schema(target))
	}
	alone := c.alone(n)
	for i, key := range n.keys {
		if known := c.keyword(key); alone && (known == nil || !known.note) {
			continue
		}
		into := out
		if key == "dependencies" && (n.get("dependentRequired") != nil || n.get("dependentSchemas") != nil) {
			into = object()
			parts = append(parts, into)
		}
		if note := c.member(into, n, key, n.vals[i]); note != "" {
			notes = append(notes, note)
		}
	}
	if settle(out) {
		notes = append(notes, "No value fits what the server declares here.")
	}
	for _, part := range parts {
		disarm(part)
	}
	if len(parts) > 0 {
		out = join(parts, out)
	}
	return noted(out, notes...)
}

// join puts parts beside what else a schema says. A reference stays one if
// nothing else restricts the value; otherwise all become parts of a list, since
// many readers see nothing but a reference.
func join(parts []*node, out *node) *node {
	restricts := len(parts) > 1
	for _, key := range out.keys {
		restricts = restricts || keywords[key] != nil && !keywords[key].note
	}
	if !restricts {
		for i, key := range out.keys {
			parts[0].set(key, out.vals[i])
		}
		return parts[0]
	}
	if all := out.get("allOf"); all != nil {
		parts = append(parts, all.vals...)
	}
	return out.set("allOf", list(parts...))
}

// member writes one keyword, or says why it is left out.
func (c *converter) member(out, n *node, key string, v *node) string {
	switch {
	case key == "items" && v.kind == kindArray:
		return c.put(out, "prefixItems", v)
	case key == "additionalItems":
		if c.tuple(n) {
			return c.put(out, "items", v)
		}
		return ""
	case key == "dependencies":
		return c.dependencies(out, v)
	case (key == "exclusiveMinimum" || key == "exclusiveMaximum") && v.kind == kindBool:
		bound := map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}[key]
		if limit := n.get(bound); v.text == "true" && limit != nil {
			return c.put(out, key, limit)
		}
		return ""
	case key == "minimum" && isTrue(n.get("exclusiveMinimum")), key == "maximum" && isTrue(n.get("exclusiveMaximum")):
		return ""
	case key == "example" && n.get("examples") == nil: // as OpenAPI wrote it before 3.1
		return c.put(out, "examples", list(v))
	case strings.HasPrefix(key, "x-"):
		if !misread(v) && v.within(maxValueLevels) && c.pay(v) {
			out.set(key, v)
		}
		return ""
	case c.keyword(key) == nil:
		return ""
	}
	return c.put(out, key, v)
}

func isTrue(n *node) bool { return n.is(kindBool) && n.text == "true" }

// pay takes the bytes of a value from what may still be written.
func (c *converter) pay(v *node) bool {
	c.left -= len(v.append(nil))
	return c.left >= 0
}

// dependencies became two keywords.
func (c *converter) dependencies(out, v *node) string {
	names, schemas := object(), object()
	for i, k := range v.keys {
		switch d := v.vals[i]; d.kind {
		case kindArray:
			names.set(k, d)
		case kindString: // draft-03, and still written
			names.set(k, list(d))
		default:
			schemas.set(k, d)
		}
	}
	var notes []string
	if len(names.keys) > 0 {
		notes = append(notes, c.put(out, "dependentRequired", names))
	}
	if len(schemas.keys) > 0 {
		notes = append(notes, c.put(out, "dependentSchemas", schemas))
	}
	return strings.TrimSpace(strings.Join(notes, " "))
}
