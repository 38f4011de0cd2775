package tsschema

import (
	"encoding/json"
	"math/rand/v2"
	"strconv"
	"strings"
)

// hostile are texts that end, hide or mean something in JSON, in TypeScript, in
// comments, in pointers, or to a reader.
var hostile = []string{
	"", " ", "*/", "/*", "**//", "//", `"`, `'`, "`${x}`", `\`, `\\"`, `\u0022`, "\n", "\r\n", "\t", "\u2028", "\u2029", "\u0000", "\u007f", "\u0085",
	"\u202e", "\ufeff", "\u200d", "ä", "e\u0301", "名前", "🦀", "a-b", "a b", "a.b", "a/b", "a~b", "a~1b", "50%", "%25", "1a", "0", "-1", "1e3", "NaN", "Infinity", "undefined", "null",
	"; type X = never;", "}", "{", "]", "[", "|", "&", "?", ":", "<T>", "=>", "#", "@ts-nocheck", "/// <reference path='x'/>", "</script>", "<!--",
	"__proto__", "constructor", "prototype", "class", "new", "get", "set", "readonly", "static", "async", "in", "is", "infer", "keyof", "unique", "asserts", "typeof", "import", "this",
	"Input", "Root", "Record", "Array", "Partial", "any", "string", "number", "object", "never", "unknown", "symbol", "Type", "Node", "T", "A", "B", "C", "tags", "$ref", "type", "properties",
}

// generator writes schemas that nobody would, from a seed.
type generator struct {
	*rand.Rand
	defs []string
	left int // schemas that it may still begin
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 1))} }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) text() string {
	s := pick(g, hostile...)
	for g.IntN(3) == 0 {
		s += pick(g, hostile...)
	}
	if g.IntN(400) == 0 {
		s += strings.Repeat(pick(g, hostile...), 400)
	}
	return s
}

func quote(s string) string {
	b, _ := json.Marshal(s) // of a string: cannot fail
	return string(b)
}

func (g *generator) string() string {
	if g.IntN(20) == 0 {
		return pick(g, `"\ud800"`, `"\udc00x"`, `"\/\u0041"`)
	}
	return quote(g.text())
}

func (g *generator) number() string {
	return pick(g, "0", "-0", "1", "2", "3", "-1", "0.5", "1e999", "-1e999", "1E-400", "9007199254740993", "1"+strings.Repeat("0", 400), strconv.Itoa(g.IntN(100)))
}

func (g *generator) value(depth int) string {
	switch n := g.IntN(10); {
	case n < 3:
		return g.string()
	case n < 5:
		return g.number()
	case n < 7 || depth > 4:
		return pick(g, "true", "false", "null")
	case n == 7:
		return g.list(func() string { return g.value(depth + 1) })
	default:
		return g.object(func() string { return g.value(depth + 1) })
	}
}

func (g *generator) list(element func() string) string {
	all := make([]string, g.IntN(4))
	for i := range all {
		all[i] = element()
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (g *generator) object(value func() string) string {
	all := make([]string, g.IntN(4))
	for i := range all {
		all[i] = g.string() + ":" + value()
	}
	return "{" + strings.Join(all, ",") + "}"
}

func (g *generator) ref() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "#", "%23")
	switch n := g.IntN(12); {
	case n < 7 && len(g.defs) > 0:
		return "#/$defs/" + escape.Replace(pick(g, g.defs...)) + pick(g, "", "", "", "", "/properties/A", "/items", "/anyOf/0", "/allOf/1")
	case n == 7:
		return pick(g, "#", "#", "", "#/", "#/properties/A", "#/properties", "#/anyOf/0", "#/items")
	case n == 8:
		return "#" + g.text()
	case n == 9:
		return "https://example.org/" + g.text() + "#/$defs/" + g.text()
	case n == 10:
		return pick(g, "#me", "s.json", "s.json#/$defs/A", "https://example.org/s.json")
	}
	return "#/$defs/" + g.text()
}

// schema returns a schema of a few keywords, mostly such as belong together.
func (g *generator) schema(depth int) string {
	g.left--
	if depth > 8 || g.left < 0 || g.IntN(25) == 0 {
		return pick(g, "true", "false", "{}", `{"type":"string"}`, `{"type":"object"}`, "null", "7", `"x"`, "[]")
	}
	inner := func() string { return g.schema(depth + 1) }
	some := func() string { return g.list(inner) }
	var m []string
	put := func(key, value string) { m = append(m, quote(key)+":"+value) }
	for range 1 + g.IntN(3) {
		switch g.IntN(14) {
		case 0, 1, 2:
			put("type", pick(g, `"object"`, `"object"`, g.string()))
			put("properties", g.object(inner))
			put("required", g.list(g.string))
		case 3:
			put("additionalProperties", inner())
			put("patternProperties", g.object(inner))
		case 4, 5:
			put("type", `"array"`)
			put(pick(g, "items", "items", "prefixItems", "additionalItems", "unevaluatedItems"), pick(g, inner, inner, some)())
			put("minItems", g.number())
		case 6:
			put("prefixItems", some())
			put("items", inner())
			put("minItems", pick(g, "0", "1", "2"))
		case 7, 8:
			put(pick(g, "anyOf", "oneOf", "allOf"), some())
		case 9, 10:
			put(pick(g, "$ref", "$ref", "$ref", "$dynamicRef", "$recursiveRef"), quote(g.ref()))
		case 11:
			put("enum", g.list(func() string { return g.value(0) }))
		case 12:
			put("const", g.value(0))
		case 13:
			put("type", g.list(func() string {
				return pick(g, `"string"`, `"null"`, `"array"`, `"object"`, `"boolean"`, `"integer"`, g.string(), g.value(3))
			}))
		}
	}
	for g.IntN(2) == 0 {
		key := pick(g, "description", "description", "format", "pattern", "default", "minimum", "exclusiveMinimum", "maxLength", "multipleOf", "uniqueItems", "contains",
			"propertyNames", "not", "if", "then", "dependentRequired", "deprecated", "nullable", "minProperties", "title", "$id", "$anchor", "$comment", "unevaluatedProperties")
		switch g.IntN(3) {
		case 0:
			put(key, g.string())
		case 1:
			put(key, g.value(2))
		default:
			put(key, pick(g, inner, g.number, func() string { return "true" })())
		}
	}
	g.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
	return "{" + strings.Join(m, ",") + "}"
}

// root returns a schema with definitions, among them some that refer to each other.
func (g *generator) root() string {
	g.left = 40
	g.defs = make([]string, g.IntN(6))
	for i := range g.defs {
		g.defs[i] = g.text()
	}
	s := strings.TrimSuffix(g.schema(0), "}")
	if !strings.HasPrefix(s, "{") {
		s = "{"
	}
	if s != "{" {
		s += ","
	}
	for i, name := range g.defs {
		g.left = 10
		if i > 0 {
			s += ","
		} else {
			s += `"$defs":{`
		}
		s += quote(name) + ":" + g.schema(2)
	}
	if len(g.defs) > 0 {
		s += "},"
	}
	return s + `"$schema":"https://json-schema.org/draft/2020-12/schema"}`
}

// knot returns a schema of few definitions that refer to each other wherever
// they can: in lists, tuples, records, objects, alternatives and parts.
func (g *generator) knot() string {
	names := []string{"A", "B", "C", "D"}[:1+g.IntN(4)]
	var inside func(depth int) string
	inside = func(depth int) string {
		if depth > 3 || g.IntN(3) == 0 {
			if g.IntN(4) == 0 {
				return pick(g, `{"type":"string"}`, `{"const":1,"description":"x"}`, `{"type":"boolean"}`, `{"required":["r"],"minProperties":1}`)
			}
			return `{"$ref":"` + pick(g, "#", "#/$defs/"+pick(g, names...), "#/$defs/"+pick(g, names...)) + `"` + pick(g, "", "", `,"description":"here"`) + `}`
		}
		one := func() string { return inside(depth + 1) }
		some := func() string { return "[" + one() + "," + one() + "]" }
		switch g.IntN(7) {
		case 0:
			return `{"items":` + one() + `}`
		case 1:
			return `{"prefixItems":` + some() + `,"minItems":` + strconv.Itoa(g.IntN(3)) + `}`
		case 2:
			return `{"prefixItems":` + some() + `,"items":` + one() + `}`
		case 3:
			return `{"additionalProperties":` + one() + `}`
		case 4:
			return `{"properties":{"p":` + one() + `},"patternProperties":{"x":` + one() + `}}`
		case 5:
			return `{"anyOf":` + some() + `,"description":"a"}`
		}
		return `{"allOf":` + some() + `}`
	}
	s := strings.TrimSuffix(inside(0), "}") + `,"$defs":{`
	for i, name := range names {
		if i > 0 {
			s += ","
		}
		s += quote(name) + ":" + inside(0)
	}
	return s + "}}"
}
