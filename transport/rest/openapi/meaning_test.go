package openapi

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/schema"
)

// described returns the schema of a tool as its document has it, with all that
// its references need: a document is a schema too, of words that mean nothing.
func described(t testing.TB, original json.RawMessage) (*schema.Schema, json.RawMessage) {
	t.Helper()
	document := Document(&messages.Catalog{Tools: []messages.Tool{{Name: "t", InputSchema: original, OutputSchema: original}}}, Options{})
	const at = "#/paths/~1t/post/responses/200/content/application~1json/schema"
	s, err := schema.Compile(jsonrpc.Set(document, raw("%q", at), "$ref"))
	if err != nil {
		t.Fatalf("the schema of the document %v\n%s\n%s", err, original, document)
	}
	return s, document
}

// same compares what a schema and its document say of values; it returns how
// many fit, -1 if the schema cannot be compared.
func same(t testing.TB, s json.RawMessage, values ...json.RawMessage) (fit int) {
	t.Helper()
	original, err := schema.Compile(s)
	if err != nil {
		if strings.Contains(err.Error(), "which it does not contain") || strings.Contains(err.Error(), "is array, want") {
			return -1 // a reference to nothing, or to a list
		}
		t.Fatalf("%v in %s", err, s)
	}
	again, document := described(t, s)
	if strings.Contains(string(document), "leads back to itself") {
		return -1 // what that accepts, nobody can say
	}
	for _, v := range values {
		want, got := original.Validate(v), again.Validate(v)
		if (want == nil) != (got == nil) {
			t.Fatalf("%s\nthe schema says %v, its document %v\n%s\n%s", v, want, got, s, document)
		}
		if want == nil {
			fit++
		}
	}
	return fit
}

// generated compares a schema and some values from a seed.
func generated(t testing.TB, g *generator) (compared, fit int) {
	t.Helper()
	s := json.RawMessage(g.root())
	values := make([]json.RawMessage, 12)
	for i := range values {
		values[i] = json.RawMessage(g.value(0))
	}
	if fit = same(t, s, values...); fit < 0 {
		return 0, 0
	}
	return len(values), fit
}

// What a schema accepts, that of its document accepts, and nothing else: in
// every dialect, with every keyword.
func TestDocument_SchemasAcceptWhatTheyAccepted(t *testing.T) {
	t.Parallel()
	g := &generator{Rand: rand.New(rand.NewPCG(1, 2))}
	compared, fit := 0, 0
	for range 400 {
		c, f := generated(t, g)
		compared, fit = compared+c, fit+f
	}
	if compared < 1000 || fit < compared/5 || fit > compared*4/5 {
		t.Errorf("%d of %d values fit: too few, or too one-sided, to prove much", fit, compared)
	}
	t.Logf("%d of %d values fit", fit, compared)
}

func TestDocument_ReferencesMeanWhatTheyMeant(t *testing.T) {
	for name, c := range map[string]struct {
		schema  string
		fit, no []string
	}{
		"addresses": {`{"$id":"https://example.org/s/root.json","properties":{"a":{"$ref":"item.json"},"b":{"$ref":"/s/item.json#/properties/x"},"c":{"$ref":"https://example.org/s/root.json#/$defs/plain"},"d":{"$ref":"item.json#inner"}},
			"$defs":{"item":{"$id":"item.json","properties":{"x":{"$ref":"#/$defs/here"},"y":{"$anchor":"inner","type":"boolean"}},"$defs":{"here":{"type":"number"}}},"plain":{"type":"string"},"here":{"type":"null"}}}`,
			[]string{`{"a":{"x":1,"y":true},"b":2,"c":"s","d":false}`}, []string{`{"a":{"x":null}}`, `{"a":{"y":1}}`, `{"b":"s"}`, `{"c":1}`, `{"d":1}`}},
		"the outermost of a name": {`{"$id":"https://example.org/tree","$dynamicAnchor":"node","properties":{"more":{"type":"string"},"list":{"$ref":"plain"}},"unevaluatedProperties":false,
			"$defs":{"plain":{"$id":"plain","$dynamicAnchor":"node","type":"object","properties":{"next":{"$dynamicRef":"#node"}}}}}`,
			[]string{`{"list":{"next":{"more":"s"}}}`, `{"list":{}}`}, []string{`{"list":{"next":{"next":{}}}}`, `{"list":{"next":{"more":1}}}`}},
		"a dynamic reference to a plain anchor": {`{"$ref":"list","$defs":{"foo":{"$anchor":"items","type":"string"},"list":{"$id":"list","items":{"$dynamicRef":"#items"},"$defs":{"items":{"$anchor":"items","type":"number"}}}}}`,
			[]string{`[1]`}, []string{`["s"]`}},
		"recursive, from within": {`{"$schema":"https://json-schema.org/draft/2019-09/schema","$id":"https://example.org/strict","$recursiveAnchor":true,"$ref":"tree","unevaluatedProperties":false,
			"$defs":{"tree":{"$id":"tree","$recursiveAnchor":true,"type":"object","properties":{"data":true,"children":{"type":"array","items":{"$recursiveRef":"#"}}}}}}`,
			[]string{`{"children":[{"data":1}]}`}, []string{`{"children":[{"daat":1}]}`}},
		"recursive, and no further than its own": {`{"$schema":"https://json-schema.org/draft/2019-09/schema","$id":"https://example.org/strict","$ref":"tree","properties":{"x":{"type":"string"}},
			"$defs":{"tree":{"$id":"tree","type":"object","properties":{"children":{"type":"array","items":{"$recursiveRef":"#"}}}}}}`,
			[]string{`{"children":[{"x":1}]}`}, []string{`{"x":1}`, `{"children":[1]}`}},
		"anchors of draft-07": {`{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"a":{"$ref":"#foo"}},"definitions":{"A":{"$id":"#foo","type":"integer"}}}`,
			[]string{`{"a":1}`}, []string{`{"a":"s"}`}},
		"several at once": {`{"properties":{"a":{"$ref":"#/$defs/A","$dynamicRef":"#B"}},"$defs":{"A":{"minimum":1},"B":{"$anchor":"B","maximum":2}}}`,
			[]string{`{"a":1}`, `{"a":2}`}, []string{`{"a":0}`, `{"a":3}`}},
		"words that an older draft does not know": {`{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"const":1,"if":{},"then":{"type":"null"},"contains":{"type":"null"}}}}`,
			[]string{`{"a":2}`, `{"a":[1]}`}, nil},
		"words of before and of today": {`{"dependencies":{"a":["b"]},"dependentRequired":{"c":["d"]},"dependentSchemas":{"e":{"required":["f"]}}}`,
			[]string{`{"a":1,"b":1}`, `{"c":1,"d":1}`, `{"e":1,"f":1}`}, []string{`{"a":1}`, `{"c":1}`, `{"e":1}`}},
		"words of before and of today, of a method": {`{"dependencies":{"valueOf":["b"]},"dependentRequired":{"valueOf":["d"]},"dependentSchemas":{"valueOf":{"required":["f"]}}}`,
			[]string{`{"valueOf":1,"b":1,"d":1,"f":1}`, `{}`}, []string{`{"valueOf":1,"d":1,"f":1}`, `{"valueOf":1,"b":1,"f":1}`, `{"valueOf":1,"b":1,"d":1}`}},
		"a property that is called as a method": {`{"properties":{"hasOwnProperty":{"type":"boolean"}},"patternProperties":{"^hasOwnProperty$":{"const":true}},"additionalProperties":false}`,
			[]string{`{"hasOwnProperty":true}`, `{}`}, []string{`{"hasOwnProperty":false}`, `{"hasOwnProperty":1}`, `{"has":true}`}},
		"values of other types": {`{"properties":{"a":{"type":"string","enum":["x",1,null,"x"]},"b":{"type":"integer","enum":["x"]},"c":{"type":["null","integer"],"const":1.5,"not":{"type":"null"}},"d":{"type":"array","properties":{"x":false}},"e":{"type":"object","items":false}}}`,
			[]string{`{"a":"x"}`, `{"d":[]}`, `{"e":{"x":1}}`}, []string{`{"a":1}`, `{"a":null}`, `{"b":"x"}`, `{"b":1}`, `{"c":1.5}`, `{"c":1}`, `{"c":null}`, `{"d":{}}`, `{"e":[1]}`}},
	} {
		t.Run(name, func(t *testing.T) {
			var values []json.RawMessage
			for _, v := range append(c.fit, c.no...) {
				values = append(values, json.RawMessage(v))
			}
			if fit := same(t, json.RawMessage(c.schema), values...); fit != len(c.fit) {
				t.Errorf("%d of %d values fit", fit, len(values))
			}
		})
	}
}
