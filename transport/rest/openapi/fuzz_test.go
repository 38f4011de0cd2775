package openapi

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func FuzzDocument(f *testing.F) {
	for _, c := range hostile(f) {
		if c.Server == "large" {
			continue
		}
		for _, tool := range c.Tools {
			f.Add(tool.Name, tool.Description, []byte(tool.InputSchema), []byte(tool.OutputSchema))
		}
	}
	for _, c := range servers(f) {
		for _, tool := range c.Tools {
			f.Add(tool.Name, tool.Description, []byte(tool.InputSchema), []byte(tool.OutputSchema))
		}
	}
	f.Fuzz(func(t *testing.T, name, description string, input, output []byte) {
		if len(input)+len(output) > 64<<10 {
			return // what is large, takes long
		}
		c := &messages.Catalog{Server: "fuzz", Tools: []messages.Tool{
			{Name: name, Description: description, InputSchema: input, OutputSchema: output},
			{Name: name + "-", InputSchema: output, OutputSchema: input},
		}}
		document := Document(c, Options{Auth: true})
		if !json.Valid(document) {
			t.Fatalf("this is not JSON: %s", document)
		}
		if !bytes.Equal(Document(c, Options{Auth: true}), document) {
			t.Fatal("it is another one the second time")
		}
		if most := 20*(len(name)+len(description)+len(input)+len(output)) + 200_000; len(document) > most {
			t.Fatalf("%d and %d bytes of schemas became %d of a document", len(input), len(output), len(document))
		}
		if strings.ContainsFunc(string(document), func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff }) {
			t.Fatalf("this is not YAML: %q", document)
		}
		accepted(t, document, lenient...)
	})
}

// FuzzMeaning begins where mutations of a text hardly come: with schemas.
func FuzzMeaning(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) { generated(t, &generator{Rand: rand.New(rand.NewPCG(seed, 3))}) })
}
