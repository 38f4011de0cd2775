package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
)

// schemaOf writes an input schema: H stands for "x-mcp-header".
func schemaOf(s string) json.RawMessage {
	return json.RawMessage(strings.ReplaceAll(s, "H:", `"x-mcp-header":`))
}

func TestParamHeaders_FindsTheAnnotations(t *testing.T) {
	for in, want := range map[string]string{
		``: `[]`, `{}`: `[]`, `true`: `[]`, `{"description":"back\\slash"}`: `[]`,
		`{"type":"object","properties":{"region":{"type":"string",H:"Region"},"query":{"type":"string"}}}`:               `[{Region [region] string}]`,
		`{"properties":{"b":{H:"B","type":"integer"},"a":{"type":"boolean",H:"A"}}}`:                                     `[{B [b] integer} {A [a] boolean}]`,
		`{"properties":{"o":{"type":"object","properties":{"p":{"properties":{"q":{"type":"string",H:"Q-1"}}}}}}}`:       `[{Q-1 [o p q] string}]`,
		`{"properties":{"a":{"type":["string","null"],H:"A"}}}`:                                                          `[{A [a] string}]`,
		`{"properties":{"a":{"type":"string","\u0078-mcp-header":"A"}}}`:                                                 `[{A [a] string}]`,
		`{"properties":{"x-mcp-header":{"type":"string"}}}`:                                                              `[]`,
		`{"properties":{"x-mcp-header":{"type":"string",H:"X"}}}`:                                                        `[{X [x-mcp-header] string}]`,
		`{"properties":{"properties":{"type":"string",H:"P"},"items":{"type":"string",H:"I"}}}`:                          `[{P [properties] string} {I [items] string}]`,
		`{"properties":{"a":{"default":{H:"no"},"const":{H:1},"enum":[{H:""}],"examples":[{H:"no"}],"x-vendor":{H:0}}}}`: `[]`,
		`{"properties":{"a":{"type":"string",H:"!#$%&'*+-.^_` + "`" + `|~09azAZ"}}}`:                                     `[{!#$%&'*+-.^_` + "`" + `|~09azAZ [a] string}]`,
		`{"properties":["a",true],"items":[{},{"type":"string"}],"dependencies":{"a":["b"]},"$defs":{"d":{}}}`:           `[]`,
	} {
		got, err := ParamHeaders(schemaOf(in))
		if fmt.Sprint(got) != want || err != nil {
			t.Errorf("%s: %v, %v", in, got, err)
		}
		if bindings := mcpgo.ExtractParamHeaderBindings(&mcpgo.Tool{RawInputSchema: schemaOf(in)}); err == nil && len(bindings) != len(got) && !strings.Contains(in, "[") {
			t.Errorf("%s: mcp-go finds %v", in, bindings)
		}
	}
}

func TestParamHeaders_SaysWhyAToolIsInvalid(t *testing.T) {
	for in, says := range map[string]string{
		`{"properties":{"a":{"type":"string",H:""}}}`:                                                         "must be a non-empty string",
		`{"properties":{"a":{"type":"string",H:7}}}`:                                                          "must be a non-empty string",
		`{"properties":{"a":{"type":"string",H:null}}}`:                                                       "must be a non-empty string",
		`{"properties":{"a":{"type":"string",H:"My Region"}}}`:                                                `"My Region" of property "a" is no header name: see its character 3`,
		`{"properties":{"a":{"type":"string",H:"A:B"}}}`:                                                      "is no header name",
		`{"properties":{"a":{"type":"string",H:"A\r\nX"}}}`:                                                   "is no header name",
		`{"properties":{"a":{"type":"string",H:"Régión"}}}`:                                                   "is no header name",
		`{"properties":{"a":{"type":"string",H:"a\u0000"}}}`:                                                  "is no header name",
		`{"properties":{"a":{"type":"number",H:"A"}}}`:                                                        "only properties of type string, integer or boolean",
		`{"properties":{"a":{"type":"object",H:"A"}}}`:                                                        "only properties of type",
		`{"properties":{"a":{"type":"array",H:"A"}}}`:                                                         "only properties of type",
		`{"properties":{"a":{"type":"null",H:"A"}}}`:                                                          "only properties of type",
		`{"properties":{"a":{"type":["string","integer"],H:"A"}}}`:                                            "only properties of type",
		`{"properties":{"a":{"type":["number","null"],H:"A"}}}`:                                               "only properties of type",
		`{"properties":{"a":{"type":7,H:"A"}}}`:                                                               "only properties of type",
		`{"properties":{"a":{H:"A"}}}`:                                                                        "only properties of type",
		`{"properties":{"a":{"type":"string",H:"Same"},"o":{"properties":{"b":{"type":"string",H:"sAME"}}}}}`: `"sAME" of property "o.b" is also used by property "a"`,
		`{"type":"string",H:"Root"}`:                                                                          `not at ""`,
		`{"properties":{"a":{"items":{"type":"string",H:"A"}}}}`:                                              `not at "a"`,
		`{"properties":{"a":{"items":{"properties":{"b":{"type":"string",H:"A"}}}}}}`:                         `not at "a.b"`,
		`{"properties":{"a":{"prefixItems":[{"type":"string",H:"A"}]}}}`:                                      "not at",
		`{"oneOf":[{},{"properties":{"a":{"type":"string",H:"A"}}}]}`:                                         "not at",
		`{"anyOf":[{"properties":{"a":{"type":"string",H:"A"}}}]}`:                                            "not at",
		`{"allOf":[{"properties":{"a":{"type":"string",H:"A"}}}]}`:                                            "not at",
		`{"not":{"properties":{"a":{"type":"string",H:"A"}}}}`:                                                "not at",
		`{"if":{"properties":{"a":{"type":"string",H:"A"}}}}`:                                                 "not at",
		`{"then":{"properties":{"a":{"type":"string",H:"A"}}}}`:                                               "not at",
		`{"else":{"properties":{"a":{"type":"string",H:"A"}}}}`:                                               "not at",
		`{"$defs":{"d":{"type":"string",H:"A"}},"properties":{"a":{"$ref":"#/$defs/d"}}}`:                     "not at",
		`{"definitions":{"d":{"type":"string",H:"A"}}}`:                                                       "not at",
		`{"additionalProperties":{"type":"string",H:"A"}}`:                                                    "not at",
		`{"patternProperties":{"^a":{"type":"string",H:"A"}}}`:                                                "not at",
		`{"dependentSchemas":{"a":{"properties":{"b":{"type":"string",H:"A"}}}}}`:                             "not at",
		`{"contains":{"type":"string",H:"A"}}`:                                                                "not at",
		`{"properties":{"a":{"type":"string",H:"A"`:                                                           "EOF",
		`{"properties":{"a":{"type":"string",H:x`:                                                             "invalid character",
		`{"properties":` + strings.Repeat("[", 20_000) + `"\\"`:                                               "nested too deep",
	} {
		got, err := ParamHeaders(schemaOf(in))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.200s: %v, %v, want %q", in, got, err, says)
		}
	}
}

func TestParamHeaderValue_RendersWhatAServerCompares(t *testing.T) {
	for _, tc := range []struct {
		args, path, want string
		ok               bool
	}{
		{`{"a":"us-west1"}`, "a", "us-west1", true},
		{`{"a":"Hello, 世界"}`, "a", "=?base64?SGVsbG8sIOS4lueVjA==?=", true},
		{`{"a":"\u00e9"}`, "a", EncodeHeader("é"), true},
		{`{"a":""}`, "a", "", true},
		{`{"o":{"p":{"q":"deep"}}}`, "o.p.q", "deep", true},
		{`{"a":42}`, "a", "42", true}, {`{"a":42.0}`, "a", "42", true}, {`{"a":4.2e1}`, "a", "42", true}, {`{"a":-7}`, "a", "-7", true}, {`{"a":-0}`, "a", "0", true},
		{`{"a":9007199254740991}`, "a", "9007199254740991", true}, {`{"a":-9007199254740991}`, "a", "-9007199254740991", true},
		{`{"a":9007199254740992}`, "a", "", false}, {`{"a":-9007199254740992}`, "a", "", false}, {`{"a":1e300}`, "a", "", false}, {`{"a":1e999999999}`, "a", "", false},
		{`{"a":1.5}`, "a", "", false},
		{`{"a":true}`, "a", "true", true}, {`{"a":false}`, "a", "false", true},
		{`{"a":null}`, "a", "", false}, {`{}`, "a", "", false}, {``, "a", "", false}, {`{"a":{}}`, "a", "", false}, {`{"a":[1]}`, "a", "", false},
		{`{"o":null}`, "o.p", "", false}, {`{"o":"x"}`, "o.p", "", false},
	} {
		p := ParamHeader{Name: "X", Path: strings.Split(tc.path, ".")}
		if got, ok := p.Value(raw(tc.args)); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %q, %v", tc.args, got, ok)
		}
		if p.Header() != "Mcp-Param-X" {
			t.Errorf("header %q", p.Header())
		}
	}
}

// A schema nested as deep as limits allow must not cost more than one pass.
func BenchmarkParamHeaders_Deep(b *testing.B) {
	deep := strings.Repeat(`{"properties":{"p":`, 120) + `{"type":"string","description":"` + strings.Repeat("x", 100_000) + `",H:"A"}` + strings.Repeat(`}}`, 120)
	schema := schemaOf(deep)
	b.ReportAllocs()
	b.SetBytes(int64(len(schema)))
	for b.Loop() {
		if got, err := ParamHeaders(schema); err != nil || len(got) != 1 {
			b.Fatal(got, err)
		}
	}
}
