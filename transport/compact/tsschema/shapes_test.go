package tsschema

import "testing"

func TestCompress_Lists(t *testing.T) {
	check(t, map[string]example{
		"tuple of draft-07":                    {`{"type":"array","items":[{"type":"number"},{"type":"string"}]}`, `[number, string]`},
		"tuple of 2020-12":                     {`{"type":"array","prefixItems":[{"type":"number"},{"type":"string"}],"items":false}`, `[number, string]`},
		"further elements":                     {`{"prefixItems":[{"type":"number"}],"items":{"type":["string","null"]}}`, `[number, ...(string | null)[]]`},
		"further elements of draft-07":         {`{"items":[{"type":"number"}],"additionalItems":{"type":"string"}}`, `[number, ...string[]]`},
		"further elements, any":                {`{"items":[{"type":"number"}],"additionalItems":true,"minItems":2}`, `[number, ...unknown[]] /* items 2.. */`},
		"some elements may be missing":         {`{"prefixItems":[{"type":"number"},{"type":["string","null"]},{"description":"x"}],"minItems":1}`, `[number, (string | null)?, (unknown /* x */)?]`},
		"all elements may be missing":          {`{"prefixItems":[{"type":"number"}],"minItems":-3}`, `[number?]`},
		"an odd number of elements":            {`{"prefixItems":[{"type":"number"}],"minItems":0.5}`, `[number]`},
		"what nothing else evaluates":          {`{"type":"array","unevaluatedItems":{"type":"string"}}`, `string[]`},
		"a tuple of nothing":                   {`{"type":"array","items":[]}`, `unknown[]`},
		"lists of lists":                       {`{"items":{"items":{"enum":["a","b"]}}}`, `("a" | "b")[][]`},
		"list of an intersection":              {`{"items":{"allOf":[{"required":["a"]},{"required":["b"]}]}}`, `({a: unknown} & {b: unknown})[]`},
		"list of one value":                    {`{"items":{"enum":["a"]}}`, `"a"[]`},
		"items that are no schema":             {`{"type":"array","items":"string"}`, `unknown[]`},
		"prefixItems that are no list":         {`{"type":"array","prefixItems":{},"items":{"type":"string"}}`, `string[]`},
		"elements of which there can be none":  {`{"type":"array","items":false}`, `never[]`},
		"elements with a comment, as optional": {`{"prefixItems":[{"type":"array","items":{"type":"string"},"minItems":1}],"minItems":0}`, `[(string[] /* items 1.. */)?]`},
	})
}

func TestCompress_Objects(t *testing.T) {
	check(t, map[string]example{
		"required and not described":          {`{"type":"object","properties":{"a":{}},"required":["b","a","b",7]}`, `{a: unknown; b: unknown}`},
		"closed":                              {`{"type":"object","properties":{"a":{}},"additionalProperties":false}`, `{a?: unknown}`},
		"open, as every object is":            {`{"type":"object","properties":{"a":{}},"additionalProperties":true}`, `{a?: unknown}`},
		"open for numbers":                    {`{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"number"}}`, `{a?: string} & Record<string, number>`},
		"empty properties":                    {`{"type":"object","properties":{}}`, `{}`},
		"nothing but closed":                  {`{"additionalProperties":false}`, `{}`},
		"what nothing else evaluates":         {`{"type":"object","unevaluatedProperties":{"type":"string"}}`, `Record<string, string>`},
		"names by patterns":                   {`{"patternProperties":{"^x-":{"type":"string"},"^y":{"type":"number"},"z":false}}`, `Record<string, string | number> /* keys ^x- or ^y */`},
		"names by patterns beside others":     {`{"properties":{"a":{"type":"string"}},"patternProperties":{"^x-":{"type":"string"}}}`, `{a?: string} & Record<string, string> /* keys ^x- */`},
		"properties that cannot be":           {`{"properties":{"a":false,"b":true,"c":{"not":{}}}}`, `{a?: never; b?: unknown; c?: never}`},
		"properties that are no schemas":      {`{"properties":{"a":null,"b":[],"c":"string","d":3}}`, `{a?: unknown; b?: unknown; c?: unknown; d?: unknown}`},
		"properties that are no object":       {`{"type":"object","properties":["a"],"required":"a"}`, `{}`},
		"values that are lists of types":      {`{"additionalProperties":{"type":["string","null"]}}`, `Record<string, string | null>`},
		"the same key twice: the last counts": {`{"properties":{"a":{"type":"string"},"b":{},"\u0061":{"type":"number"}}}`, `{a?: number; b?: unknown}`},
		"the same keyword twice":              {`{"type":"string","type":"number"}`, `number`},
	})
}

func TestCompress_Combinations(t *testing.T) {
	check(t, map[string]example{
		"allOf":                             {`{"allOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"b":{"type":"number"}},"required":["b"]}]}`, `{a?: string} & {b: number}`},
		"allOf beside properties":           {`{"type":"object","properties":{"a":{}},"allOf":[{"required":["a"]}]}`, `{a?: unknown} & {a: unknown}`},
		"allOf beside a mere type":          {`{"type":"object","allOf":[{"required":["a"]}]}`, `{a: unknown}`},
		"allOf that says the same":          {`{"allOf":[{"type":"string"},{"type":"string"}]}`, `string`},
		"allOf of allOf":                    {`{"allOf":[{"allOf":[{"required":["a"]},{"required":["b"]}]},{"required":["c"]}]}`, `{a: unknown} & {b: unknown} & {c: unknown}`},
		"allOf of objects without anything": {`{"allOf":[{"type":"object"},{"type":"object","minProperties":1}]}`, `{} /* properties 1.. */`},
		"allOf with what can never be":      {`{"allOf":[{"type":"string"},false]}`, `never`},
		"allOf of alternatives":             {`{"allOf":[{"anyOf":[{"required":["a"]},{"required":["b"]}]},{"required":["c"]}]}`, `({a: unknown} | {b: unknown}) & {c: unknown}`},
		"alternatives of allOf":             {`{"anyOf":[{"allOf":[{"required":["a"]},{"required":["b"]}]},{"type":"null"}]}`, `{a: unknown} & {b: unknown} | null`},
		"one of two must be there":          {`{"type":"object","properties":{"a":{},"b":{}},"anyOf":[{"required":["a"]},{"required":["b"]}]}`, `{a?: unknown; b?: unknown} & ({a: unknown} | {b: unknown})`},
		"anyOf and oneOf":                   {`{"anyOf":[{"required":["a"]},{"required":["b"]}],"oneOf":[{"required":["c"]},{"required":["d"]}]}`, `({a: unknown} | {b: unknown}) & ({c: unknown} | {d: unknown})`},
		"alternatives of alternatives":      {`{"anyOf":[{"oneOf":[{"type":"string"},{"type":"null"}]},{"type":"null"},{"type":"number"}]}`, `string | null | number`},
		"described alternatives inside":     {`{"anyOf":[{"oneOf":[{"type":"string"},{"type":"null"}],"description":"x"},{"type":"number"}]}`, `(string | null /* x */) | number`},
		"an alternative that cannot be":     {`{"anyOf":[false,{"type":"number"}]}`, `number`},
		"no alternative that can be":        {`{"anyOf":[false,false]}`, `never`},
		"no alternative at all":             {`{"type":"string","anyOf":[],"oneOf":7}`, `string`},
		"a type that its alternatives have": {`{"type":"string","anyOf":[{"enum":["a","b"]},{"type":"string","pattern":"^x"}]}`, `"a" | "b" | string /* pattern ^x */`},
		"numbers and their values":          {`{"type":"number","oneOf":[{"const":-1},{"const":2}]}`, `-1 | 2`},
		"booleans and their values":         {`{"type":"boolean","oneOf":[{"const":true},{"type":"boolean"}]}`, `true | boolean`},
		"a type that they do not have":      {`{"type":"string","anyOf":[{"enum":["a",1]},{"type":"number"}]}`, `string & ("a" | 1 | number)`},
		"nullable":                          {`{"type":"string","nullable":true,"description":"x"}`, `string | null /* x */`},
		"not nullable":                      {`{"type":"string","nullable":false}`, `string`},
		"true":                              {`true`, `unknown`},
		"false":                             {`false`, `never`},
		"no types":                          {`{"type":[]}`, `unknown`},
		"a type that is none":               {`{"type":7}`, `unknown`},
		"types one of which is none":        {`{"type":["string",{"type":"number"}]}`, `string | unknown`},
	})
}

func TestCompress_ValuesOfEveryType(t *testing.T) {
	check(t, map[string]example{
		"scalars":               {`{"enum":["a",1,-2.50,1e3,true,false,null]}`, `"a" | 1 | -2.50 | 1e3 | true | false | null`},
		"lists and objects":     {`{"enum":[[],[1,"a",[null]],{},{"k":1,"a b":{"c":[]}}]}`, `[] | [1, "a", [null]] | Record<string, never> | {k: 1; "a b": {c: []}}`},
		"numbers beyond limits": {`{"enum":[1e999,-1e999,-0,9007199254740993,123456789012345678901234567890]}`, `1e999 | -1e999 | -0 | 9007199254740993 | 123456789012345678901234567890`},
		"none":                  {`{"enum":[]}`, `never`},
		"no list":               {`{"type":"string","enum":"a"}`, `string`},
		"const beats enum":      {`{"const":null,"enum":["a"],"type":"string"}`, `null`},
		"const false":           {`{"const":false}`, `false`},
		"in a union":            {`{"anyOf":[{"const":"a"},{"enum":["a","b"]},{"type":"null"}]}`, `"a" | "b" | null`},
	})
}

func TestCompress_NamesThatAreNoIdentifiersAreQuoted(t *testing.T) {
	check(t, map[string]example{
		"words":         {`{"properties":{"a":{},"_":{},"$b1":{},"class":{},"new":{},"constructor":{},"__proto__":{}}}`, `{a?: unknown; _?: unknown; $b1?: unknown; class?: unknown; new?: unknown; constructor?: unknown; __proto__?: unknown}`},
		"other":         {`{"properties":{"":{},"a-b":{},"1":{},"a b":{},"ä":{},"a:b":{}}}`, `{""?: unknown; "a-b"?: unknown; "1"?: unknown; "a b"?: unknown; "ä"?: unknown; "a:b"?: unknown}`},
		"quotes":        {`{"properties":{"a\"b":{},"c\\":{},"d'` + "`" + `":{}}}`, `{"a\"b"?: unknown; "c\\"?: unknown; "d'` + "`" + `"?: unknown}`},
		"line ends":     {`{"properties":{"a\nb":{},"\r":{},"\u2028":{},"\u2029":{},"\u0085":{}}}`, `{"a\nb"?: unknown; "\r"?: unknown; "\u2028"?: unknown; "\u2029"?: unknown; "\u0085"?: unknown}`},
		"hidden":        {`{"properties":{"a\u202eb":{},"\u0000":{},"\u007f":{},"\ufeff":{}}}`, `{"a\u202eb"?: unknown; "\u0000"?: unknown; "\u007f"?: unknown; "\ufeff"?: unknown}`},
		"no characters": {`{"properties":{"\ud800":{}},"required":["\udfff"]}`, "{\"\ufffd\": unknown}"},
		"comment":       {`{"properties":{"*/":{}}}`, `{"*/"?: unknown}`},
	})
}
