package openapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// converted returns what becomes of a schema, and the components of it.
func converted(t testing.TB, schema string) (where, components string) {
	t.Helper()
	d := newDocument("")
	n := d.schema(json.RawMessage(schema), "t", "output")
	for i, name := range d.schemas.keys {
		components += name + " " + string(d.schemas.vals[i].append(nil)) + "\n"
	}
	return string(n.append(nil)), strings.TrimSpace(components)
}

func TestSchema_IsWrittenAs2020_12AndOtherwiseAsItWas(t *testing.T) {
	for name, c := range map[string]struct{ from, to, components string }{
		"untouched: order, digits, words": {
			`{ "z": 1, "type":"object", "properties":{"b":{"minimum":9007199254740993,"maximum":1e2,"multipleOf":0.10},"a":{"enum":["\u00e9",1.0,{"y":1,"x":2}]}}, "required":["b","a"], "x-mine":{"k":[1]} }`,
			`{"type":"object","properties":{"b":{"minimum":9007199254740993,"maximum":1e2,"multipleOf":0.10},"a":{"enum":["é",1.0,{"y":1,"x":2}]}},"required":["b","a"],"x-mine":{"k":[1]}}`, ""},
		"definitions": {
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","properties":{"n":{"$ref":"#/$defs/N"}},"$defs":{"N":{"properties":{"next":{"$ref":"#/$defs/N"}}},"unused":{}}}`,
			`{"properties":{"n":{"$ref":"#/components/schemas/t.N"}}}`,
			`t.N {"properties":{"next":{"$ref":"#/components/schemas/t.N"}}}`},
		"the whole as a part": {
			`{"properties":{"more":{"items":{"$ref":"#"}}}}`, `{"$ref":"#/components/schemas/t.output"}`,
			`t.output {"properties":{"more":{"items":{"$ref":"#/components/schemas/t.output"}}}}`},
		"names": {
			`{"items":{"anyOf":[{"$ref":"#/$defs/a b"},{"$ref":"#/$defs/a_b"},{"$ref":"#/$defs/A_B"},{"$ref":"#/$defs/ä~1"},{"$ref":"#/properties/x/items"}]},"$defs":{"a b":{},"a_b":{},"A_B":{},"ä/":{}},"properties":{"x":{"items":{}}}}`,
			`{"items":{"anyOf":[{"$ref":"#/components/schemas/t.a_b"},{"$ref":"#/components/schemas/t.a_b_2"},{"$ref":"#/components/schemas/t.A_B_3"},{"$ref":"#/components/schemas/t.__"},{"$ref":"#/components/schemas/t.x"}]},"properties":{"x":{"items":{"$ref":"#/components/schemas/t.x"}}}}`,
			"t.a_b {}\nt.a_b_2 {}\nt.A_B_3 {}\nt.__ {}\nt.x {}"},
		"references to references": {
			`{"properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"#/$defs/B"}},"$defs":{"A":{"$ref":"#/$defs/B"},"B":{"$ref":"#/$defs/C"},"C":{"type":"null"}}}`,
			`{"properties":{"a":{"$ref":"#/components/schemas/t.C"},"b":{"$ref":"#/components/schemas/t.C"}}}`, `t.C {"type":"null"}`},
		"what is said beside a reference": {
			`{"properties":{"a":{"$ref":"#/$defs/A","description":"d","default":1}},"$defs":{"A":{}}}`,
			`{"properties":{"a":{"$ref":"#/components/schemas/t.A","description":"d","default":1}}}`, `t.A {}`},
		"what is asked beside a reference": {
			`{"properties":{"a":{"$ref":"#/$defs/A","minimum":1},"b":{"allOf":[{"maximum":2}],"$ref":"#/$defs/A"}},"$defs":{"A":{}}}`,
			`{"properties":{"a":{"minimum":1,"allOf":[{"$ref":"#/components/schemas/t.A"}]},"b":{"allOf":[{"$ref":"#/components/schemas/t.A"},{"maximum":2}]}}}`, `t.A {}`},
		"what counts for nothing beside a reference of draft-07": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#/definitions/A","minimum":1,"title":"T"}},"definitions":{"A":{}}}`,
			`{"properties":{"a":{"$ref":"#/components/schemas/t.A","title":"T"}}}`, `t.A {}`},
		"tuples": {
			`{"items":[{"type":"string"},{}],"additionalItems":false}`, `{"prefixItems":[{"type":"string"},{}],"items":false}`, ""},
		"bounds of draft-04": {
			`{"minimum":1,"exclusiveMinimum":true,"maximum":5,"exclusiveMaximum":false}`, `{"exclusiveMinimum":1,"maximum":5}`, ""},
		"dependencies": {
			`{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":["b"],"c":{"required":["d"]}}}`,
			`{"dependentRequired":{"a":["b"]},"dependentSchemas":{"c":{"required":["d"]}}}`, ""},
		"booleans": {`{"items":true,"properties":{"a":false,"b":true},"additionalProperties":false,"not":false}`, `{"items":true,"properties":{"a":{"not":{}},"b":{}},"additionalProperties":false,"not":{"not":{}}}`, ""},
		"examples": {`{"example":{"a":1}}`, `{"examples":[{"a":1}]}`, ""},
		"true":     {`true`, `{}`, ""},
		"equal keys": {
			`{"type":"string","title":"a","type":"number"}`, `{"type":"number","title":"a"}`, ""},
		"nothing at all":             {` `, `{}`, ""},
		"counts":                     {`{"minLength":2.0,"maxLength":1e3}`, `{"minLength":2,"maxLength":1000}`, ""},
		"a value twice":              {`{"enum":["a","a","b"],"required":["a","a"],"type":["string","string"]}`, `{"enum":["a","b"],"required":["a"],"type":["string"]}`, ""},
		"no value of its type":       {`{"type":"string","const":1}`, `{"type":"string","not":{},"description":"No value fits what the server declares here."}`, ""},
		"controls that YAML refuses": {"{\"description\":\"\u007f\u0085\u2028\ufeff\ufffe\"}", `{"description":"\u007f\u0085\u2028\ufeff\ufffe"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if where, components := converted(t, c.from); where != c.to || components != c.components {
				t.Errorf("%s\nbecame %s\nwant   %s\nwith %s\nwant %s", c.from, where, c.to, components, c.components)
			}
		})
	}
}

// What no reader could follow is left out, and said so where it stood.
func TestSchema_SaysWhatIsLeftOut(t *testing.T) {
	for from, note := range map[string]string{
		`{"$ref":"#/$defs/missing"}`:                "The reference #/$defs/missing leads to nothing in this schema and is left out.",
		`{"$ref":"https://example.org/s.json"}`:     "The reference https://example.org/s.json leads to nothing in this schema and is left out.",
		`{"$ref":"#"}`:                              "The reference # leads back to itself and is left out.",
		`{"$ref":"#/required/0","required":["a"]}`:  "The reference #/required/0 leads to nothing in this schema and is left out.",
		`{"type":"objekt","description":"Said."}`:   "Said.\n\nThe server's \"type\" is no type (objekt) and is left out.",
		`{"type":["string",5]}`:                     `The server's "type" holds what is no type and is left out.`,
		`{"type":[]}`:                               `The server's "type" is no type and is left out.`,
		`{"properties":[]}`:                         `The server's "properties" is not an object and is left out.`,
		`{"allOf":[]}`:                              `The server's "allOf" is no list of schemas and is left out.`,
		`{"required":"a"}`:                          `The server's "required" is no list of names and is left out.`,
		`{"required":[1]}`:                          `The server's "required" holds what is no name and is left out.`,
		`{"minLength":-1}`:                          `The server's "minLength" is no count and is left out.`,
		`{"multipleOf":0}`:                          `The server's "multipleOf" is not above zero and is left out.`,
		`{"minimum":"1"}`:                           `The server's "minimum" is no number that can be compared and is left out.`,
		`{"maximum":1e999}`:                         `The server's "maximum" is no number that can be compared and is left out.`,
		`{"enum":{}}`:                               `The server's "enum" is no list of values and is left out.`,
		`{"const":[1e999]}`:                         `The server's "const" holds a number that is too large and is left out.`,
		`{"const":` + nest(30, "[", "1", "]") + `}`: `The server's "const" is too large or too deep and is left out.`,
		`{"pattern":1}`:                             `The server's "pattern" is a number and is left out.`,
		`{"uniqueItems":null}`:                      `The server's "uniqueItems" is null and is left out.`,
		`{"dependentRequired":{"a":"b","c":["d"]}}`: `The server's "dependentRequired" is no list of names and is left out.`,
		`{"dependentRequired":[]}`:                  `The server's "dependentRequired" is not an object and is left out.`,
		`[]`:                                        "The schema that the server declares here is an array and is left out.",
		`"object"`:                                  "The schema that the server declares here is a string and is left out.",
		`{"type":`:                                  "The schema that the server declares cannot be read: at byte 8: unexpected end of JSON",
		`{"a":` + nest(200, "[", "", "]") + `}`:     "The schema that the server declares cannot be read: at byte 132: nested too deep (at most 128 levels)",
		`{"$ref":"#` + strings.Repeat("x", 200) + `","minimum":1}`: "The reference #" + strings.Repeat("x", 96) + "... leads to nothing in this schema and is left out.",
	} {
		where, _ := converted(t, from)
		if got, _ := jsonrpc.GetString(json.RawMessage(where), "description"); got != note {
			t.Errorf("%s\nsays %q\nwant %q", from, got, note)
		}
	}
}

// A schema that no validator compiles makes a tool that cannot be called.
func TestDocument_SaysThatAToolCannotBeCalled(t *testing.T) {
	doc := accepted(t, Document(&messages.Catalog{Tools: []messages.Tool{
		{Name: "good", Description: "Works.", InputSchema: raw(`{"type":"object"}`)},
		{Name: "bad", Description: "Does not.", InputSchema: raw(`{"properties":{"a":{"$ref":"https://example.org/"}}}`)},
	}}, Options{}))
	if d := doc.Paths.Value("/good").Post.Description; d != "Works." {
		t.Errorf("good: %q", d)
	}
	if d := doc.Paths.Value("/bad").Post.Description; !strings.HasPrefix(d, "Does not.\n\nThis tool cannot be called: the schema that the server declares for its arguments refers to https://example.org/") {
		t.Errorf("bad: %q", d)
	}
}

// Whoever reads YAML allows a hundred levels.
func TestDocument_IsNeverDeep(t *testing.T) {
	deepest := func(document []byte) (most int) {
		level, quoted := 0, false
		for i := 0; i < len(document); i++ {
			switch c := document[i]; {
			case quoted && c == '\\':
				i++
			case c == '"':
				quoted = !quoted
			case quoted:
			case c == '{', c == '[':
				level++
				most = max(most, level)
			case c == '}', c == ']':
				level--
			}
		}
		return most
	}
	for name, s := range map[string]string{
		"objects":      nest(60, `{"properties":{"a":`, `{}`, `}}`),
		"lists":        nest(120, `{"items":`, `{}`, `}`),
		"alternatives": nest(60, `{"anyOf":[`, `{}`, `]}`),
		"values":       nest(50, `{"properties":{"a":`, `{"const":`+nest(20, "[", "1", "]")+`}`, `}}`),
	} {
		s = `{"properties":{"x":` + s + `}}`
		document := Document(&messages.Catalog{Tools: []messages.Tool{{Name: "t", InputSchema: raw("%s", s)}}}, Options{})
		if got := deepest(document); got > 99 || got < 30 {
			t.Errorf("%s: %d levels", name, got)
		}
		accepted(t, document, lenient...)
	}
}
