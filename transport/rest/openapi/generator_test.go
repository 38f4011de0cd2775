package openapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator writes schemas that are valid in their dialect, and values that have
// a fair chance to fit them: few names, small numbers.
type generator struct {
	*rand.Rand
	draft draft
	defs  []string
	left  int // schemas that it may still begin
}

var dialects = map[draft]string{
	draft4: "http://json-schema.org/draft-04/schema#", draft6: "http://json-schema.org/draft-06/schema#", draft7: "http://json-schema.org/draft-07/schema#",
	draft2019: "https://json-schema.org/draft/2019-09/schema", draft2020: "https://json-schema.org/draft/2020-12/schema",
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) name() string {
	return pick(g, "a", "b", "c", "a", "b", "a b", "ä/~%", "$ref", "__proto__", "hasOwnProperty", "valueOf", "type")
}

func (g *generator) value(depth int) string {
	switch n := g.IntN(9); {
	case n < 2:
		return pick(g, `"a"`, `"b"`, `"abc"`, `""`, `"é"`)
	case n < 4:
		return pick(g, "0", "1", "2", "1.0", "1.5", "-3", "7", "9007199254740993", "9007199254740992")
	case n == 4 || depth > 3:
		return pick(g, "true", "false", "null")
	case n < 7:
		return "[" + each(g.IntN(4), func(int) string { return g.value(depth + 1) }) + "]"
	default:
		return g.object(g.IntN(4), func() string { return g.value(depth + 1) })
	}
}

func (g *generator) object(n int, value func() string) string {
	seen := map[string]bool{}
	var all []string
	for range n {
		if name := g.name(); !seen[name] {
			seen[name] = true
			all = append(all, quoted(name)+":"+value())
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // of a string: cannot fail
	return string(b)
}

func (g *generator) names() string {
	seen := map[string]bool{}
	var all []string
	for range 1 + g.IntN(2) {
		if name := g.name(); !seen[name] {
			seen[name] = true
			all = append(all, quoted(name))
		}
	}
	return "[" + strings.Join(all, ",") + "]"
}

func (g *generator) ref() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", " ", "%20", "\"", "%22")
	if len(g.defs) == 0 || g.IntN(6) == 0 {
		return pick(g, "#", "#/properties/a", "#/properties/b/items", "#/properties/c/anyOf/0", "#/properties/$ref")
	}
	return "#/$defs/" + escape.Replace(pick(g, g.defs...)) + pick(g, "", "", "", "", "/properties/a", "/items")
}

func (g *generator) schema(depth int) string {
	g.left--
	inner := func() string { return g.schema(depth + 1) }
	if depth > 5 || g.left < 0 {
		inner = func() string { return `{"type":"string"}` }
	}
	if g.IntN(15) == 0 && g.draft >= draft6 {
		return pick(g, "true", "false")
	}
	some := func() string { return "[" + each(1+g.IntN(3), func(int) string { return inner() }) + "]" }
	small := func() string { return pick(g, "0", "1", "2", "3") }
	var keys []string
	m := map[string]string{}
	put := func(since draft, key, value string) {
		if _, again := m[key]; !again && g.draft >= since {
			keys = append(keys, key)
			m[key] = value
		}
	}
	for range 1 + g.IntN(3) {
		switch g.IntN(22) {
		case 0, 1, 2, 3:
			if g.IntN(2) == 0 {
				put(draft4, "type", pick(g, `"object"`, `"object"`, `["object","null"]`))
			}
			put(draft4, "properties", g.object(1+g.IntN(3), inner))
			if g.IntN(2) == 0 {
				put(draft4, "required", g.names())
			}
		case 4:
			put(draft4, pick(g, "additionalProperties"), pick(g, inner, func() string { return "false" })())
			put(draft4, "patternProperties", `{"^a":`+inner()+`}`)
		case 5, 6:
			put(draft4, "type", `"array"`)
			switch {
			case g.draft == draft2020:
				put(draft2020, "prefixItems", some())
				put(draft2020, "items", inner())
			case g.IntN(2) == 0:
				put(draft4, "items", some())
				put(draft4, "additionalItems", inner())
			default:
				put(draft4, "items", inner())
				put(draft4, "additionalItems", inner())
			}
		case 7, 8:
			put(draft4, pick(g, "anyOf", "oneOf", "allOf"), some())
		case 9, 10, 11:
			put(draft4, "$ref", quoted(g.ref()))
		case 12:
			put(draft4, "enum", "["+g.value(0)+"]")
		case 13:
			put(draft4, pick(g, "const", "x-const", "const"), g.value(0))
		case 14:
			put(draft4, "type", pick(g, `"string"`, `"integer"`, `"number"`, `["string","null"]`, `"boolean"`, `["array","integer"]`, `"null"`))
		case 15:
			put(draft4, "not", inner())
		case 16:
			put(draft4, "if", inner())
			put(draft4, "then", inner())
			put(draft4, "else", inner())
		case 17:
			if g.draft == draft4 {
				put(draft4, "minimum", small())
				put(draft4, "exclusiveMinimum", pick(g, "true", "false"))
			} else {
				put(draft4, "exclusiveMinimum", small())
			}
			put(draft4, "maximum", pick(g, "5", "1.5"))
		case 18:
			put(draft4, "minLength", pick(g, "1", "2", "1.0"))
			put(draft4, "maxItems", pick(g, "1", "2", "2.0"))
			put(draft4, "uniqueItems", "true")
		case 19:
			put(draft4, "dependencies", `{"a":`+pick(g, g.names, inner)()+`}`)
			put(draft4, "dependentRequired", `{"b":`+g.names()+`}`)
			put(draft4, "dependentSchemas", `{"b":`+inner()+`}`)
		case 20:
			put(draft4, "contains", inner())
			put(draft4, "minContains", small())
			put(draft4, "propertyNames", inner())
		case 21:
			put(draft2019, pick(g, "unevaluatedProperties", "unevaluatedItems"), pick(g, inner, func() string { return "false" })())
			put(draft4, "multipleOf", pick(g, "1", "2", "0.5"))
		}
	}
	if g.IntN(4) == 0 {
		put(draft4, "description", `"Said."`)
		put(draft4, "default", g.value(0))
	}
	if m["$ref"] != "" && g.draft <= draft7 {
		// Beside a reference these count for nothing; the validator looks at them.
		keys = slices.DeleteFunc(keys, func(k string) bool {
			return slices.Contains([]string{"const", "contains", "propertyNames", "if", "then", "else"}, k)
		})
	}
	g.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return "{" + each(len(keys), func(i int) string { return quoted(keys[i]) + ":" + m[keys[i]] }) + "}"
}

// root returns a schema with definitions.
func (g *generator) root() string {
	g.draft = pick(g, draft4, draft6, draft7, draft7, draft2019, draft2020, draft2020, draft2020)
	g.left = 30
	g.defs = nil
	defs := map[string]bool{}
	for range g.IntN(4) {
		if name := g.name(); !defs[name] {
			defs[name] = true
			g.defs = append(g.defs, name)
		}
	}
	s := g.schema(0)
	if s[0] != '{' {
		s = `{"type":"object"}`
	}
	return fmt.Sprintf(`%s,"$schema":%q,"$defs":{%s}}`, strings.TrimSuffix(s, "}"), dialects[g.draft],
		each(len(g.defs), func(i int) string { return quoted(g.defs[i]) + ":" + g.schema(1) }))
}
