package openapi

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/mcpx/mcpx/messages"
)

// accepted fails the test if kin-openapi refuses a document.
func accepted(t testing.TB, document json.RawMessage, options ...openapi3.ValidationOption) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err == nil {
		err = doc.Validate(t.Context(), options...)
	}
	if err != nil {
		t.Fatalf("kin-openapi: %v in %.4000s", err, document)
	}
	return doc
}

func TestDocument_OfAnEmptyCatalogIsOne(t *testing.T) {
	accepted(t, Document(&messages.Catalog{}, Options{}))
	accepted(t, Index(nil, Options{}))
}

func TestDocument_IsTheSameEachTime(t *testing.T) {
	c := &messages.Catalog{Server: "fs", Tools: []messages.Tool{{Name: "a-b", InputSchema: json.RawMessage(
		`{"type":"object","properties":{"n":{"$ref":"#/definitions/Node"}},"definitions":{"Node":{"type":"object","properties":{"next":{"$ref":"#/definitions/Node"}}}}}`)}}}
	first := Document(c, Options{Auth: true, Base: "/fs"})
	accepted(t, first)
	for range 20 {
		if again := Document(c, Options{Auth: true, Base: "/fs"}); !bytes.Equal(first, again) {
			t.Fatalf("%s\nthen %s", first, again)
		}
	}
}
