package tsschema

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestCompress_KeepsWhatATypeCannotSayInAComment(t *testing.T) {
	check(t, map[string]example{
		"description and bounds of a number": {
			`{"type":"integer","minimum":1,"maximum":65535,"default":8080,"description":"Port to use"}`,
			`number /* Port to use; min 1, max 65535, default 8080 */`,
		},
		"exclusive bounds":               {`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1.50}`, `number /* above 0, below 1.50 */`},
		"exclusive bounds of draft-04":   {`{"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":9,"exclusiveMaximum":false}`, `number /* above 0, max 9 */`},
		"numbers beyond float64":         {`{"type":"integer","maximum":9007199254740993,"multipleOf":1e-400}`, `number /* max 9007199254740993, multiple of 1e-400 */`},
		"strings":                        {`{"type":"string","minLength":1,"maxLength":64,"format":"email","pattern":"^a+@b$"}`, `string /* format email, pattern ^a+@b$, length 1..64 */`},
		"one length":                     {`{"type":"string","minLength":4,"maxLength":4}`, `string /* length 4 */`},
		"at most":                        {`{"type":"string","minLength":0,"maxLength":4}`, `string /* length ..4 */`},
		"a lower bound that says naught": {`{"type":"string","minLength":0}`, `string`},
		"encoded content":                {`{"type":"string","contentEncoding":"base64","contentMediaType":"image/png"}`, `string /* encoding base64, media type image/png */`},
		"lists":                          {`{"type":"array","items":{"type":"string"},"minItems":1,"uniqueItems":true}`, `string[] /* items 1.., unique */`},
		"contains":                       {`{"type":"array","items":{"type":"number"},"contains":{"const":1}}`, `number[] /* contains {"const":1} */`},
		"number of properties":           {`{"type":"object","additionalProperties":{},"maxProperties":3}`, `Record<string, unknown> /* properties ..3 */`},
		"names of properties": {
			`{"type":"object","propertyNames":{"pattern":"^[a-z]+$"},"additionalProperties":{"type":"number"}}`,
			`Record<string, number> /* keys ^[a-z]+$ */`,
		},
		"names of properties, listed": {`{"additionalProperties":true,"propertyNames":{"enum":["a"]}}`, `Record<string, unknown> /* keys {"enum":["a"]} */`},
		"default of every type": {
			`{"properties":{"a":{"default":null},"b":{"type":"array","default":[ 1, {"k" : "v"} ]},"c":{"type":"string","default":"é\n"}}}`,
			`{a?: unknown /* default null */; b?: unknown[] /* default [1,{"k":"v"}] */; c?: string /* default "é\n" */}`,
		},
		"default that is the only value": {`{"const":"x","default":"x"}`, `"x"`},
		"deprecated":                     {`{"type":"string","deprecated":true}`, `string /* deprecated */`},
		"not":                            {`{"type":"string","not":{"enum":["a"]}}`, `string /* not {"enum":["a"]} */`},
		"if, then, else": {
			`{"properties":{"a":{}},"if":{"required":["a"]},"then":{"required":["b"]},"else":false}`,
			`{a?: unknown} /* if {"required":["a"]}, then {"required":["b"]}, else false */`,
		},
		"if without consequences": {`{"type":"string","if":{"minLength":3}}`, `string`},
		"dependencies":            {`{"type":"object","dependentRequired":{"a":["b"]}}`, `{} /* requires {"a":["b"]} */`},
		"of a part, and of the whole, which comes last": {
			`{"oneOf":[{"const":"a","description":"first"},{"const":"b","description":"second"}],"description":"which"}`,
			`("a" /* first */ | "b" /* second */) /* which */`,
		},
		"of the elements":      {`{"type":"array","items":{"type":"string","description":"a tag"}}`, `(string /* a tag */)[]`},
		"keywords gone astray": {`{"type":"string","minLength":"3","pattern":7,"format":"","default":"","multipleOf":true,"description":["no"]}`, `string /* default "" */`},
		"alternatives that only constrain": {
			`{"type":"string","anyOf":[{"format":"date"},{"format":"time"},{"format":"date"}]}`,
			`string /* format date or format time */`,
		},
		"alternatives one of which constrains nothing": {`{"type":"string","anyOf":[{"format":"date"},{}]}`, `string`},
		"constraints of all parts":                     {`{"allOf":[{"type":"string"},{"minLength":3},{"pattern":"x"}]}`, `string /* length 3.., pattern x */`},
	})
}

func TestCompress_PrefersTheDescriptionOfThePlaceAndKeepsTheConstraintsOfTheType(t *testing.T) {
	check(t, map[string]example{
		"both described": {
			`{"properties":{"to":{"$ref":"#/$defs/Mail","description":"Receiver","default":"x@y"}},"$defs":{"Mail":{"type":"string","format":"email","description":"An address"}}}`,
			`{to?: string /* Receiver; format email, default "x@y" */}`,
		},
		"wrapped, as older generators do": {
			`{"properties":{"to":{"allOf":[{"$ref":"#/$defs/Mail"}],"default":"x@y"}},"$defs":{"Mail":{"type":"string","format":"email","description":"An address"}}}`,
			`{to?: string /* An address; format email, default "x@y" */}`,
		},
	})
}

func TestCompress_CutsDescriptionsInWholeCharacters(t *testing.T) {
	for name, c := range map[string]struct {
		description string
		limit       int
		want        string
	}{
		"as long as allowed":      {strings.Repeat("ä", 300), 0, strings.Repeat("ä", 300)},
		"one more":                {strings.Repeat("ä", 301), 0, strings.Repeat("ä", 297) + "..."},
		"beyond the first plane":  {strings.Repeat("🦀", 400), 10, "🦀🦀🦀🦀🦀🦀🦀..."},
		"lines and tabs":          {"  a\r\n\tb\u2028c\u00a0 d\n", 0, "a b c d"},
		"what hides or reorders":  {"a\u202eb\u0000c\ufeffd\u009fe", 0, "a b c d e"},
		"shorter than three dots": {"abcdef", 2, ".."},
		"white space at the cut":  {"abc     def", 6, "abc..."},
	} {
		t.Run(name, func(t *testing.T) {
			schema, err := json.Marshal(map[string]any{"type": "string", "description": c.description})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Compress(schema, Options{DescriptionChars: c.limit})
			if want := "string /* " + c.want + " */"; err != nil || got != want {
				t.Errorf("got %s, %v\nwant %s", got, err, want)
			}
		})
	}
}

func TestCompress_LeavesDescriptionsOutOnRequest(t *testing.T) {
	got, err := Compress(json.RawMessage(`{"properties":{"a":{"description":"x","type":"string","format":"uri"}},"description":"y"}`), Options{DescriptionChars: -1})
	if want := `{a?: string /* format uri */}`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestCompress_CommentsCannotBeEndedFromInside(t *testing.T) {
	check(t, map[string]example{
		"description":         {`{"type":"string","description":"*/ | any /*"}`, `string /* *\/ | any /* */`},
		"pattern":             {`{"type":"string","pattern":"^a*/b$"}`, `string /* pattern ^a*\/b$ */`},
		"default":             {`{"type":"string","default":"*/"}`, `string /* default "*\/" */`},
		"in several pieces":   {`{"type":"string","description":"**//"}`, `string /* **\// */`},
		"joined by the cut":   {`{"type":"string","description":"*\n/ x"}`, `string /* * / x */`},
		"joined by invisible": {`{"type":"string","description":"*\u200e/ x"}`, `string /* * / x */`},
		"star at the end":     {`{"type":"string","description":"a*"}`, `string /* a* */`},
	})
}
