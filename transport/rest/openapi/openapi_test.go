package openapi

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

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
