package tsschema

import (
	"encoding/json"
	"fmt"
	"testing"
)

// The text must not only be TypeScript, but the right one: the compiler lets
// pass what the schema accepts and stops what it does not.
func (p *program) values(t *testing.T) {
	t.Helper()
	cases := []struct {
		schema    string
		good, bad []string
	}{
		{`{"type":"object","properties":{"path":{"type":"string"},"n":{"type":"integer"}},"required":["path"]}`, []string{`{path: "a"}`, `{path: "a", n: 1}`}, []string{`{}`, `{path: 1}`, `{path: "a", n: "1"}`, `{path: "a", n: undefined}`}},
		{`{"enum":["auto",0,true,null,{"k":[1]}]}`, []string{`"auto"`, `0`, `true`, `null`, `{k: [1]}`}, []string{`"other"`, `1`, `false`, `{k: [2]}`}},
		{`{"type":["array","null"],"items":{"type":"string"}}`, []string{`null`, `[]`, `["a"]`}, []string{`[1]`, `"a"`}},
		{`{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"number"}]}}`, []string{`[1, "a"]`}, []string{`[true]`, `1`}},
		{`{"additionalProperties":{"type":"string"}}`, []string{`{}`, `{a: "b"}`}, []string{`{a: 1}`}},
		{`{"properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}`, []string{`{a: "b", c: "d"}`}, []string{`{a: 1}`, `{b: 1}`}},
		{`{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"number"}},"required":["b"]}]}`, []string{`{a: "x", b: 1}`}, []string{`{a: "x"}`, `{b: 1}`}},
		{`{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, []string{`{a: "x"}`, `{b: "x"}`, `{a: "x", b: "y"}`}, []string{`{}`, `{a: 1}`}},
		{`{"prefixItems":[{"type":"number"},{"type":"string"}],"minItems":1,"items":{"type":"boolean"}}`, []string{`[1]`, `[1, "a"]`, `[1, "a", true, false]`}, []string{`[]`, `["a"]`, `[1, "a", "b"]`}},
		{`{"properties":{"root":{"$ref":"#/$defs/N"}},"$defs":{"N":{"properties":{"v":{"type":"number"},"next":{"$ref":"#/$defs/N"}},"required":["v"]}}}`, []string{`{root: {v: 1, next: {v: 2}}}`}, []string{`{root: {v: 1, next: {}}}`, `{root: {v: 1, next: {v: "2"}}}`}},
		{`{"$ref":"#/$defs/J","$defs":{"J":{"anyOf":[{"type":["string","null"]},{"additionalProperties":{"$ref":"#/$defs/J"}},{"items":{"$ref":"#/$defs/J"}}]}}}`, []string{`{a: [null, {b: "c"}]}`}, []string{`{a: [1]}`}},
		{`{"prefixItems":[{"type":"string"},{"$ref":"#"}],"minItems":1,"items":{"$ref":"#"}}`, []string{`["a"]`, `["a", ["b"], ["c", ["d"]]]`}, []string{`[]`, `["a", "b"]`, `["a", ["b"], [1]]`}},
		{`{"properties":{"a-b":{"const":"*/"},"":{"type":"boolean"}},"required":["a-b"]}`, []string{`{"a-b": "*/"}`, `{"a-b": "*/", "": true}`}, []string{`{}`, `{"a-b": "*\\/"}`}},
		{`{"properties":{"no":false,"any":true}}`, []string{`{any: 1}`, `{}`}, []string{`{no: 1}`}},
		{`{"const":9007199254740993}`, []string{`9007199254740993`}, []string{`1`}},
		{`false`, nil, []string{`1`, `null`}},
	}
	for i, c := range cases {
		d, err := Declaration("Input", json.RawMessage(c.schema), Options{})
		if err != nil {
			t.Fatalf("the schema %s %v", c.schema, err)
		}
		for k, v := range c.good {
			p.add(fmt.Sprintf("namespace g%d_%d { %s const good: Input = %s; }", i, k, d, v), fmt.Sprintf("%s is a value of %s, which became %s", v, c.schema, d))
		}
		for k, v := range c.bad { // each alone on its line, where exactly one error must be
			about := fmt.Sprintf("%s is no value of %s, which became %s", v, c.schema, d)
			p.add(fmt.Sprintf("namespace b%d_%d { %s", i, k, d), about)
			p.add("// @ts-expect-error", about)
			p.add(fmt.Sprintf("const bad: Input = %s; }", v), about)
		}
	}
}
