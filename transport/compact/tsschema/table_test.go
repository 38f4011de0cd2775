package tsschema

import (
	"encoding/json"
	"testing"
)

// example is a schema and the text of its type.
type example struct{ schema, want string }

// check compresses all schemas, and lets nothing change about them.
func check(t *testing.T, examples map[string]example) {
	t.Helper()
	for name, e := range examples {
		t.Run(name, func(t *testing.T) {
			got, err := Compress(json.RawMessage(e.schema), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got != e.want {
				t.Errorf("schema %s\n got %s\nwant %s", e.schema, got, e.want)
			}
		})
	}
}

// These forms are what people's prompts were written for.
func TestCompress_KeepsTheFormsThatPromptsRelyOn(t *testing.T) {
	check(t, map[string]example{
		"properties, described, required and optional": {
			`{"type":"object","properties":{"path":{"type":"string","description":"File path"},"encoding":{"type":"string"}},"required":["path"]}`,
			`{path: string /* File path */; encoding?: string}`,
		},
		"array of a union":  {`{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"number"}]}}`, `(string | number)[]`},
		"enum":              {`{"enum":["auto",0,true,null]}`, `"auto" | 0 | true | null`},
		"list of types":     {`{"type":["array","null"],"items":{"type":"string"}}`, `string[] | null`},
		"record of strings": {`{"type":"object","additionalProperties":{"type":"string"}}`, `Record<string, string>`},
		"record":            {`{"type":"object","additionalProperties":true}`, `Record<string, unknown>`},
		"object":            {`{"type":"object"}`, `{}`},
		"$ref into $defs": {
			`{"type":"object","properties":{"u":{"$ref":"#/$defs/User"}},"required":["u"],"$defs":{"User":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}}`,
			`{u: {id: number}}`,
		},
		"$ref into definitions": {
			`{"properties":{"a":{"$ref":"#/definitions/A"},"b":{"type":"array","items":{"$ref":"#/definitions/A"}}},"definitions":{"A":{"enum":["x","y"]}}}`,
			`{a?: "x" | "y"; b?: ("x" | "y")[]}`,
		},
		"$ref that leads nowhere": {`{"$ref":"#/$defs/Missing"}`, `Missing`},
		"const":                   {`{"const":"fixed"}`, `"fixed"`},
		"integer":                 {`{"type":"integer"}`, `number`},
		"empty":                   {`{}`, `unknown`},
		"unknown type":            {`{"type":"whatever"}`, `unknown`},
		"action and nested data": {
			`{"type":"object","properties":{"action":{"type":"string","enum":["create","update"]},"data":{"type":"object","properties":{"id":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}}},"required":["id"]}},"required":["action","data"]}`,
			`{action: "create" | "update"; data: {id: string; tags?: string[]}}`,
		},
		"equal alternatives":             {`{"anyOf":[{"type":"string"},{"type":"string"},{"type":"integer"},{"type":"number"}]}`, `string | number`},
		"equal types":                    {`{"type":["integer","number"]}`, `number`},
		"equal values":                   {`{"enum":["a","a","b"]}`, `"a" | "b"`},
		"quotes and backslashes":         {`{"enum":["say \"hi\"","C:\\dir"]}`, `"say \"hi\"" | "C:\\dir"`},
		"type inferred from properties":  {`{"properties":{"a":{"type":"boolean"}}}`, `{a?: boolean}`},
		"type inferred from items":       {`{"items":{"type":"null"}}`, `null[]`},
		"array of anything":              {`{"type":"array"}`, `unknown[]`},
		"order of keys, required or not": {`{"properties":{"z":{},"a":{},"m":{}},"required":["m"]}`, `{z?: unknown; a?: unknown; m: unknown}`},
	})
}
