package tsschema

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestCompress_NamesATypeThatContainsItselfOnce(t *testing.T) {
	check(t, map[string]example{
		"a list": {
			`{"properties":{"root":{"$ref":"#/$defs/Node"}},"required":["root"],"$defs":{"Node":{"type":"object","properties":{"value":{"type":"string"},"next":{"$ref":"#/$defs/Node"}},"required":["value"]}}}`,
			`{root: Node}; type Node = {value: string; next?: Node}`,
		},
		"the whole":                   {`{"properties":{"children":{"type":"array","items":{"$ref":"#"}}}}`, `Root; type Root = {children?: Root[]}`},
		"the whole, with a title":     {`{"title":"Tree view","properties":{"kids":{"items":{"$ref":"#"}}}}`, `Tree_view; type Tree_view = {kids?: Tree_view[]}`},
		"the whole, recursively":      {`{"properties":{"a":{"$recursiveRef":"#"}}}`, `Root; type Root = {a?: Root}`},
		"the whole, dynamically":      {`{"$dynamicAnchor":"me","properties":{"a":{"$dynamicRef":"#me"}}}`, `Root; type Root = {a?: Root}`},
		"a part by its place":         {`{"properties":{"a":{"properties":{"b":{"$ref":"#/properties/a"}}}}}`, `{a?: a}; type a = {b?: a}`},
		"with a comment of the place": {`{"properties":{"a":{"$ref":"#/$defs/A","description":"here"}},"$defs":{"A":{"description":"there","items":{"$ref":"#/$defs/A"}}}}`, `{a?: A /* here */}; type A = A[] /* there */`},
		"two that contain each other": {
			`{"properties":{"t":{"$ref":"#/$defs/Tree"}},"$defs":{"Tree":{"properties":{"kids":{"$ref":"#/$defs/Forest"}}},"Forest":{"type":"array","items":{"$ref":"#/$defs/Tree"}}}}`,
			`{t?: Tree}; type Tree = {kids?: Tree[]}`,
		},
		"JSON itself": {
			`{"$ref":"#/$defs/J","$defs":{"J":{"anyOf":[{"type":["string","null"]},{"additionalProperties":{"$ref":"#/$defs/J"}},{"items":{"$ref":"#/$defs/J"}}]}}}`,
			`J; type J = string | null | {[key: string]: J} | J[]`,
		},
		"a tuple and its rest":         {`{"prefixItems":[{"type":"string"},{"$ref":"#"}],"minItems":1,"items":{"$ref":"#"}}`, `Root; type Root = [string, Root?, ...Root[]]`},
		"a list that may be missing":   {`{"prefixItems":[{"items":{"$ref":"#"}},{"items":{"required":["a"],"properties":{"a":{"$ref":"#"}}}}],"minItems":0}`, `Root; type Root = [unknown?, {a: Root}[]?]`},
		"a list in which lists repeat": {`{"prefixItems":[{}],"items":{"items":{"$ref":"#"}}}`, `Root; type Root = [unknown, ...unknown[]]`},
		"two of one name": {
			`{"properties":{"a":{"$ref":"#/$defs/N"},"b":{"$ref":"#/definitions/N"}},"$defs":{"N":{"items":{"$ref":"#/$defs/N"}}},"definitions":{"N":{"properties":{"n":{"$ref":"#/definitions/N"}}}}}`,
			`{a?: N; b?: N2}; type N = N[]; type N2 = {n?: N2}`,
		},
		"of the name of something missing": {
			`{"properties":{"a":{"$ref":"#/$defs/N"},"b":{"$ref":"#/definitions/N"}},"$defs":{"N":{"items":{"$ref":"#/$defs/N"}}}}`,
			`{a?: N2; b?: N}; type N2 = N2[]`,
		},
		"of the name that readers use": {`{"$ref":"#/$defs/Input","$defs":{"Input":{"items":{"$ref":"#/$defs/Input"}}}}`, `Input2; type Input2 = Input2[]`},
		"of a word of the language":    {`{"$ref":"#/$defs/string","$defs":{"string":{"items":{"$ref":"#/$defs/string"}}}}`, `string_; type string_ = string_[]`},
		"of no word at all":            {`{"$ref":"#/$defs/節","$defs":{"節":{"items":{"$ref":"#/$defs/節"}}}}`, `Type; type Type = Type[]`},
	})
}

func TestCompress_TypesMadeOfNothingButThemselvesAreUnknown(t *testing.T) {
	check(t, map[string]example{
		"the whole":        {`{"$ref":"#"}`, `unknown`},
		"by way of others": {`{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}`, `unknown`},
		"an alternative":   {`{"anyOf":[{"type":"null"},{"$ref":"#"}]}`, `null | unknown`},
		"a part":           {`{"allOf":[{"required":["a"]},{"$ref":"#","description":"x"}]}`, `{a: unknown} & unknown /* x */`},
	})
}

func TestCompress_FindsWhatAReferenceMeans(t *testing.T) {
	check(t, map[string]example{
		"escapes":                     {`{"$ref":"#/$defs/a~1b~0c%25d","$defs":{"a/b~c%d":{"type":"boolean"}}}`, `boolean`},
		"a percent sign that is none": {`{"$ref":"#/$defs/100%","$defs":{"100%":{"type":"boolean"}}}`, `boolean`},
		"~01 is ~1":                   {`{"$ref":"#/$defs/~01","$defs":{"~1":{"type":"boolean"},"/":{"type":"null"}}}`, `boolean`},
		"the empty name":              {`{"$ref":"#/","":{"type":"boolean"}}`, `boolean`},
		"an element":                  {`{"$ref":"#/allOf/1","allOf":[{"$ref":"#/$defs/x"},{"type":"boolean"}],"$defs":{"x":true}}`, `boolean`},
		"an anchor":                   {`{"$ref":"#node","$defs":{"x":{"$anchor":"node","type":"string"}}}`, `string`},
		"an anchor of draft-07":       {`{"$ref":"#node","definitions":{"x":{"$id":"#node","type":"string"}}}`, `string`},
		"the own address":             {`{"$id":"https://x.org/s.json","$ref":"https://x.org/s.json#/$defs/a","$defs":{"a":{"type":"string"}}}`, `string`},
		"the own address, relative":   {`{"$id":"https://x.org/s.json","$ref":"s.json#/$defs/a","$defs":{"a":{"type":"string"}}}`, `string`},
		"the own address, draft-04":   {`{"id":"https://x.org/s.json#","$ref":"s.json#/definitions/a","definitions":{"a":{"type":"string"}}}`, `string`},
		"the address of a part":       {`{"$id":"https://x.org/s.json","$ref":"/a.json","$defs":{"a":{"$id":"a.json","type":"string"}}}`, `string`},
		"a boolean":                   {`{"properties":{"a":{"$ref":"#/$defs/no"}},"$defs":{"no":false}}`, `{a?: never}`},
		"siblings":                    {`{"$ref":"#/$defs/a","required":["b"],"$defs":{"a":{"required":["a"]}}}`, `{b: unknown} & {a: unknown}`},
		"no string":                   {`{"type":"string","$ref":7}`, `string`},
		"a property of that name":     {`{"properties":{"$ref":{"type":"string"},"$anchor":{},"id":{},"$id":{}}}`, `{$ref?: string; $anchor?: unknown; id?: unknown; $id?: unknown}`},
		"a value that looks like one": {`{"const":{"$ref":"#/$defs/a"},"$defs":{"a":{"type":"string"}}}`, `{$ref: "#/$defs/a"}`},
		"the same key twice":          {`{"$ref":"#/$defs/a","$defs":{"a":{"type":"null"},"a":{"type":"string"}}}`, `string`},
	})
}

func TestCompress_NothingIsFetchedAndWhatIsMissingIsCalledByTheEndOfItsPath(t *testing.T) {
	check(t, map[string]example{
		"elsewhere":               {`{"$ref":"https://x.org/schemas/all.json?v=1#/$defs/My%20Type~1x"}`, `My_Type_x`},
		"a whole document":        {`{"$ref":"https://x.org/schemas/Foo.json?v=1/2"}`, `Foo_json`},
		"a folder":                {`{"$ref":"https://x.org/schemas/"}`, `schemas`},
		"an anchor":               {`{"$ref":"#Foo"}`, `Foo`},
		"no schema":               {`{"$ref":"#/$defs/Foo","$defs":{"Foo":"string"}}`, `Foo`},
		"an element too far":      {`{"$ref":"#/$defs/3","$defs":[{}]}`, `_3`},
		"an element, oddly":       {`{"properties":{"a":{"$ref":"#/$defs/00"},"b":{"$ref":"#/$defs/-1"}},"$defs":[{}]}`, `{a?: _00; b?: _1}`},
		"below a scalar":          {`{"$ref":"#/type/x","type":"object"}`, `x`},
		"no path":                 {`{"properties":{"a":{"$ref":""},"b":{"$ref":"https://x.org"},"c":{"$ref":"#/$defs/"}}}`, `{a?: unknown; b?: x_org; c?: unknown}`},
		"no name":                 {`{"$ref":"#/$defs/*~1"}`, `Type`},
		"a word of the language":  {`{"anyOf":[{"$ref":"#/$defs/any"},{"$ref":"#/$defs/Record"},{"$ref":"#/$defs/class"}]}`, `any_ | Record_ | class_`},
		"twice":                   {`{"items":{"anyOf":[{"$ref":"#/$defs/X"},{"$ref":"other#/X"}]}}`, `X[]`},
		"a very long name":        {`{"$ref":"#/$defs/` + strings.Repeat("x", 1000) + `"}`, strings.Repeat("x", 64)},
		"an address that is none": {`{"$id":"http://[","$ref":"http://[::/Foo"}`, `Foo`},
	})
}

func TestCompress_NamesALongTypeThatOccursAgain(t *testing.T) {
	long := `{"type":"string","description":"` + strings.Repeat("x", 200) + `"}`
	refs := `{"properties":{"a":{"$ref":"#/$defs/Long"},"b":{"$ref":"#/$defs/Long"}},"$defs":{"Long":{"type":"object","properties":{"x":` + long + `}}}}`
	comment := " /* " + strings.Repeat("x", 200) + " */"
	check(t, map[string]example{
		"twice":       {refs, `{a?: Long; b?: Long}; type Long = {x?: string` + comment + `}`},
		"once":        {strings.Replace(refs, `"b":{"$ref":"#/$defs/Long"}`, `"b":{}`, 1), `{a?: {x?: string` + comment + `}; b?: unknown}`},
		"in a record": {`{"properties":{"a":{"additionalProperties":{"$ref":"#/$defs/L"}},"b":{"$ref":"#/$defs/L"}},"$defs":{"L":{"required":["y"],"properties":{"x":` + long + `}}}}`, `{a?: {[key: string]: L}; b?: L}; type L = {x?: string` + comment + `; y: unknown}`},
	})
}

func TestDeclaration_DeclaresAllThatItMentions(t *testing.T) {
	for name, c := range map[string]struct{ as, schema, want string }{
		"nothing more":              {"Input", `{"type":"string"}`, `type Input = string;`},
		"what contains itself":      {"Input", `{"items":{"$ref":"#"}}`, `type Input = Root; type Root = Root[];`},
		"what is missing":           {"Input", `{"properties":{"a":{"$ref":"#/$defs/A"},"b":{"$ref":"b.json"},"c":{"$ref":"#/$defs/A"}}}`, `type Input = {a?: A; b?: b_json; c?: A}; type A = unknown; type b_json = unknown;`},
		"what is missing, by name":  {"A", `{"items":{"anyOf":[{"$ref":"#/$defs/A"},{"$ref":"#/$defs/A2"}]}}`, `type A = (A3 | A2)[]; type A3 = unknown; type A2 = unknown;`},
		"what has its name":         {"Node", `{"$ref":"#/$defs/Node","$defs":{"Node":{"items":{"$ref":"#/$defs/Node"}}}}`, `type Node = Node2; type Node2 = Node2[];`},
		"a name that cannot be one": {"get/user's", `{}`, `type get_user_s = unknown;`},
		"a word of the language":    {"default", `{}`, `type default_ = unknown;`},
		"no name":                   {"", ``, `type Type = unknown;`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Declaration(c.as, json.RawMessage(c.schema), Options{})
			if err != nil || got != c.want {
				t.Errorf("got %s, %v\nwant %s", got, err, c.want)
			}
		})
	}
}

// Room that is kept for declarations is there when they are written.
func TestCompress_WhatFitsIsComplete(t *testing.T) {
	for _, name := range []string{"names that are equal", "all contain all", "one long type everywhere", "alternatives", "parts"} {
		schema := json.RawMessage(monsters[name](100))
		whole, err := Compress(schema, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Compress(schema, Options{MaxBytes: len(whole) * 5 / 4}); got != whole || err != nil {
			t.Errorf("%s: %d bytes became %d (%v): %s", name, len(whole), len(got), err, got)
		}
	}
}

func ExampleCompress() {
	text, _ := Compress(json.RawMessage(`{
		"type": "object",
		"properties": {
			"path": {"type": "string", "description": "File path"},
			"lines": {"type": "integer", "minimum": 1, "default": 10},
			"filter": {"$ref": "#/$defs/Filter"}
		},
		"required": ["path"],
		"$defs": {"Filter": {"type": "object", "properties": {"text": {"type": "string"}, "not": {"$ref": "#/$defs/Filter"}}}}
	}`), Options{})
	fmt.Println(text)
	// Output:
	// {path: string /* File path */; lines?: number /* min 1, default 10 */; filter?: Filter}; type Filter = {text?: string; not?: Filter}
}
