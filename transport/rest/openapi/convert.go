package openapi

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// maxExtraBytes is by how much the values in a schema may outgrow it, when
// several references lead into the same value.
const maxExtraBytes = 64 << 10

// converter writes one schema as 2020-12.
type converter struct {
	*source
	names map[*node]string // of what moves to components/schemas
	left  int              // bytes of values that may still be written
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
	c := &converter{newSource(root), map[*node]string{}, len(raw) + maxExtraBytes}
	for _, target := range c.targets {
		c.names[target] = d.names.name(owner, first(c.labels[target], part))
	}
	for _, target := range c.targets {
		d.schemas.set(c.names[target], c.body(target))
	}
	return c.schema(root)
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
	if name, moved := c.names[n]; moved {
		return ref("#/components/schemas/" + name)
	}
	return c.body(n)
}

// body is a schema itself. Boolean schemas are written as objects, which more
// readers know.
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
	out, notes := object(), []string(nil)
	if reason, ok := c.broken[n]; ok {
		notes = append(notes, reason)
	}
	key, to := c.reference(n)
	if c.broken[n] != "" {
		key = ""
	}
	var target *node
	if key != "" {
		target = c.schema(c.resolve(n, key, to))
	}
	restricts := false // beside a reference
	alone := c.alone(n)
	for i, k := range n.keys {
		known := keywords[k]
		if known != nil && (known.note || !alone) {
			restricts = restricts || !known.note
		}
		if alone && (known == nil || !known.note) {
			continue
		}
		if note := c.member(out, n, k, n.vals[i]); note != "" {
			notes = append(notes, note)
		}
	}
	if target != nil {
		out = join(target, out, restricts)
	}
	return noted(out, notes...)
}

// join puts a reference beside what else a schema says. Where that restricts
// the value, the reference becomes a part: many readers see nothing but it.
func join(target, out *node, restricts bool) *node {
	if !restricts {
		for i, k := range out.keys {
			target.set(k, out.vals[i])
		}
		return target
	}
	if all := out.get("allOf"); all != nil {
		all.vals = append([]*node{target}, all.vals...)
		return out
	}
	return out.set("allOf", list(target))
}

// member writes one keyword, or says why it is left out.
func (c *converter) member(out, n *node, key string, v *node) string {
	switch {
	case key == "items" && v.kind == kindArray:
		return c.put(out, "prefixItems", v)
	case key == "additionalItems":
		if c.tuple(n) {
			out.set("items", c.schema(v))
		}
		return ""
	case key == "items" && c.tuple(n):
		return ""
	case key == "dependencies" && c.draft <= draft7:
		return c.dependencies(out, v)
	case (key == "exclusiveMinimum" || key == "exclusiveMaximum") && v.kind == kindBool:
		bound := map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}[key]
		if limit := n.get(bound); v.text == "true" && limit != nil {
			return c.put(out, key, limit)
		}
		return ""
	case key == "minimum" && isTrue(n.get("exclusiveMinimum")), key == "maximum" && isTrue(n.get("exclusiveMaximum")):
		return ""
	case strings.HasPrefix(key, "x-"):
		if !holdsReference(v) && c.pay(v) {
			out.set(key, v)
		}
		return ""
	case keywords[key] == nil:
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

func holdsReference(n *node) bool {
	if n.kind == kindObject && n.get("$ref") != nil {
		return true
	}
	for _, v := range n.vals {
		if holdsReference(v) {
			return true
		}
	}
	return false
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

// put writes a keyword that 2020-12 knows.
func (c *converter) put(out *node, key string, v *node) string {
	good, problem := c.value(key, v)
	if good != nil {
		out.set(key, good)
	}
	return problem
}

func wrong(key, what string) (*node, string) {
	return nil, fmt.Sprintf("The server's %q %s and is left out.", key, what)
}

func (c *converter) value(key string, v *node) (*node, string) {
	switch keywords[key].shape {
	case oneSchema:
		return c.schema(v), ""
	case someSchemas:
		if v.kind != kindArray || len(v.vals) == 0 {
			return wrong(key, "is no list of schemas")
		}
		all := list()
		for _, s := range v.vals {
			all.vals = append(all.vals, c.schema(s))
		}
		return all, ""
	case namedSchemas:
		if v.kind != kindObject {
			return wrong(key, "is not an object")
		}
		all := object()
		for i, k := range v.keys {
			all.set(k, c.schema(v.vals[i]))
		}
		return all, ""
	case anything, values, choices:
		return c.data(key, v)
	case words:
		return only(key, v, kindString)
	case yesOrNo:
		return only(key, v, kindBool)
	case typeNames:
		return typesOf(key, v)
	case nameSet:
		return namesOf(key, v)
	case nameSets:
		if v.kind != kindObject {
			return wrong(key, "is not an object")
		}
		all, problem := object(), ""
		for i, k := range v.keys {
			names, p := namesOf(key, v.vals[i])
			all.set(k, names)
			problem = first(problem, p)
		}
		return all, problem
	case count:
		return countOf(key, v)
	}
	return c.numberOf(key, v)
}

func only(key string, v *node, k kind) (*node, string) {
	if v.kind != k {
		return wrong(key, "is "+v.kind.String())
	}
	return v, ""
}

func (c *converter) data(key string, v *node) (*node, string) {
	if shape := keywords[key].shape; shape != anything && v.kind != kindArray || shape == choices && len(v.vals) == 0 {
		return wrong(key, "is no list of values")
	}
	if !finite(v) {
		return wrong(key, "holds a number that is too large")
	}
	if !c.pay(v) {
		return wrong(key, "is too large")
	}
	return v, ""
}

// finite tells whether all numbers in a value fit into one of 64 bits, as most
// readers have them.
func finite(n *node) bool {
	if n.kind == kindNumber {
		_, err := strconv.ParseFloat(n.text, 64)
		return err == nil
	}
	for _, v := range n.vals {
		if !finite(v) {
			return false
		}
	}
	return true
}

func typesOf(key string, v *node) (*node, string) {
	if v.kind == kindString && types[v.text] {
		return v, ""
	}
	if v.kind == kindString {
		return wrong(key, "is no type ("+shorten(v.text)+")")
	}
	if v.kind != kindArray || len(v.vals) == 0 {
		return wrong(key, "is no type")
	}
	all, seen := list(), map[string]bool{}
	for _, t := range v.vals {
		if t.kind != kindString || !types[t.text] {
			return wrong(key, "holds what is no type")
		}
		if !seen[t.text] {
			seen[t.text] = true
			all.vals = append(all.vals, t)
		}
	}
	return all, ""
}

func namesOf(key string, v *node) (*node, string) {
	if v.kind != kindArray {
		return wrong(key, "is no list of names")
	}
	all, seen := list(), map[string]bool{}
	for _, name := range v.vals {
		if name.kind != kindString {
			return wrong(key, "holds what is no name")
		}
		if !seen[name.text] {
			seen[name.text] = true
			all.vals = append(all.vals, name)
		}
	}
	return all, ""
}

// countOf also reads 3.0 and 1e3, which count as integers and which many
// readers do not expect.
func countOf(key string, v *node) (*node, string) {
	f, err := strconv.ParseFloat(v.text, 64)
	if v.kind != kindNumber || err != nil || f < 0 || f != float64(int64(f)) || f > 1<<53 {
		return wrong(key, "is no count")
	}
	return number(strconv.FormatInt(int64(f), 10)), ""
}

func (c *converter) numberOf(key string, v *node) (*node, string) {
	if v.kind != kindNumber || !finite(v) {
		return wrong(key, "is no number that can be compared")
	}
	if f, _ := strconv.ParseFloat(v.text, 64); keywords[key].shape == positive && f <= 0 {
		return wrong(key, "is not above zero")
	}
	return v, ""
}
