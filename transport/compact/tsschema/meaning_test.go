package tsschema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The text must not only be TypeScript, but the right one: the compiler lets
// pass what the schema accepts and stops what it does not.
func TestDeclaration_TheCompilerAcceptsWhatTheSchemaAccepts(t *testing.T) {
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
	var lines []string
	for i, c := range cases {
		d, err := Declaration("Input", json.RawMessage(c.schema), Options{})
		if err != nil {
			t.Fatalf("the schema %s %v", c.schema, err)
		}
		var b strings.Builder
		for k, v := range c.good {
			fmt.Fprintf(&b, " const good%d: Input = %s;", k, v)
		}
		lines = append(lines, fmt.Sprintf("namespace g%d { %s%s }", i, d, b.String()))
		for k, v := range c.bad { // each alone on its line, where exactly one error must be
			lines = append(lines, fmt.Sprintf("namespace b%d_%d { %s", i, k, d), "// @ts-expect-error", fmt.Sprintf("const bad: Input = %s; }", v))
		}
	}
	found, _ := compile(t, lines)
	for _, c := range found {
		t.Errorf("%s\n%s", c.text, strings.Join(lines[max(c.line-2, 0):min(c.line+1, len(lines))], "\n"))
	}
}
