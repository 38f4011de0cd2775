package openapi

import (
	"encoding/json"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestTakesBody_IfTheSchemaAsksForAnything(t *testing.T) {
	for schema, want := range map[string]bool{
		``: false, `{}`: false, `true`: false, `null`: false, `[]`: false, `{"type":`: false,
		`{"type":"object"}`:                               false,
		`{"type":"object","properties":{}}`:               false,
		`{"type":"object","additionalProperties":false}`:  false,
		`{"type":"object","properties":{},"required":[]}`: false,
		`{"$schema":"x","title":"t","$defs":{"A":{"type":"string"}},"x-mine":1,"unknown":{"a":1}}`: false,
		`{"type":"object","properties":{"a":{}}}`:                                                  true,
		`{"type":"object","additionalProperties":true}`:                                            true,
		`{"type":"object","additionalProperties":{}}`:                                              true,
		`{"type":"object","additionalProperties":{"type":"string"},"properties":{}}`:               true,
		`{"patternProperties":{"^a":{}}}`:                                                          true,
		`{"patternProperties":{}}`:                                                                 false,
		`{"required":["a"]}`:                                                                       true,
		`{"dependencies":{"a":["b"]}}`:                                                             true,
		`{"$ref":"#/$defs/A","$defs":{"A":{}}}`:                                                    true,
		`{"anyOf":[{"required":["a"]}]}`:                                                           true,
		`{"minProperties":1}`:                                                                      true,
		`{"unevaluatedProperties":false}`:                                                          false,
		`{"unevaluatedProperties":{"type":"string"}}`:                                              true,
	} {
		if got := TakesBody(&messages.Tool{InputSchema: json.RawMessage(schema)}); got != want {
			t.Errorf("%s: %v", schema, got)
		}
	}
}

// Whoever may leave out all arguments may leave out the body.
func TestDocument_ABodyIsRequiredIfNoneIsRefused(t *testing.T) {
	for schema, want := range map[string]bool{
		`{"type":"object","properties":{"a":{}}}`:                                 false,
		`{"type":"object","properties":{"a":{}},"required":["a"]}`:                true,
		`{"type":"object","additionalProperties":true}`:                           false,
		`{"anyOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{}}}`: true,
		`{"minProperties":1}`: true,
		`{"$ref":"#/$defs/A","$defs":{"A":{"required":["a"]}}}`: true,
		`{"$ref":"https://example.org"}`:                        false,
	} {
		doc := accepted(t, Document(&messages.Catalog{Tools: []messages.Tool{{Name: "t", InputSchema: json.RawMessage(schema)}}}, Options{}), lenient...)
		if body := doc.Paths.Value("/t").Post.RequestBody; body == nil || body.Value.Required != want {
			t.Errorf("%s: %+v", schema, body)
		}
	}
}
