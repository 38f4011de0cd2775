package openapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
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
		t.Fatalf("kin-openapi: %.1000v in %.6000s", err, document)
	}
	return doc
}

// lenient are options for schemas of strangers: a default that its own schema
// refuses is allowed, and patterns are those of JavaScript and not of Go.
var lenient = []openapi3.ValidationOption{
	openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaPatternValidation(),
}

func raw(format string, args ...any) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(format, args...))
}

// each joins n texts with commas.
func each(n int, format func(i int) string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = format(i)
	}
	return strings.Join(all, ",")
}

func nest(n int, before, inner, after string) string {
	return strings.Repeat(before, n) + inner + strings.Repeat(after, n)
}

// hostile returns catalogs that nobody would want to describe, by name: those of
// testdata, and some that are too large to be written down.
func hostile(t testing.TB) map[string]*messages.Catalog {
	t.Helper()
	all := map[string]*messages.Catalog{}
	files, err := filepath.Glob(filepath.Join("testdata", "hostile", "*.json"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files of hostile schemas (%v)", len(files), err)
	}
	for _, file := range files {
		said, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var tools []messages.Tool
		if err := json.Unmarshal(said, &tools); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = &messages.Catalog{Server: name, Tools: tools}
	}
	all["large"] = &messages.Catalog{Server: "large", Peer: messages.Peer{Name: "large", Version: "1", Instructions: strings.Repeat("Read this. ", 5000)}, Tools: []messages.Tool{
		{Name: "properties", InputSchema: raw(`{"type":"object","properties":{%s},"required":["p0","p499"]}`, each(500, func(i int) string {
			return fmt.Sprintf(`"p%d":{"type":"string","description":"number %d","default":"%d"}`, i, i, i)
		}))},
		{Name: "definitions", InputSchema: raw(`{"type":"object","properties":{%s},"$defs":{%s}}`,
			each(300, func(i int) string { return fmt.Sprintf(`"p%d":{"$ref":"#/$defs/d%d"}`, i, i) }),
			each(300, func(i int) string {
				return fmt.Sprintf(`"d%d":{"type":"object","properties":{"next":{"$ref":"#/$defs/d%d"},"any":{"$ref":"#"}}}`, i, (i*7+1)%300)
			}))},
		{Name: "values", InputSchema: raw(`{"type":"object","properties":{"v":{"enum":[%s]}}}`, each(1000, func(i int) string { return fmt.Sprintf(`"v%d"`, i) }))},
		{Name: "alternatives", InputSchema: raw(`{"type":"object","properties":{"v":{"oneOf":[%s]}}}`, each(200, func(i int) string {
			return fmt.Sprintf(`{"type":"object","properties":{"kind":{"const":"k%d"},"x":{"type":"integer","maximum":%d}},"required":["kind"]}`, i, i)
		}))},
		{Name: "deep", InputSchema: raw(`{"type":"object","properties":{"a":%s}}`, nest(60, `{"type":"object","properties":{"a":`, `{"type":"string"}`, `}}`))},
		{Name: "deep_lists", InputSchema: raw(`{"type":"object","properties":{"a":%s}}`, nest(100, `{"type":"array","items":`, `{"type":"string"}`, `}`))},
		{Name: "too_deep", InputSchema: raw(`{"type":"object","properties":{"a":%s}}`, nest(5000, `{"items":`, `{}`, `}`))},
		{Name: "too_long", InputSchema: raw(`{"type":"object","description":"%s"}`, strings.Repeat("x", 2<<20))},
		{Name: "chain", InputSchema: raw(`{"type":"object","properties":{"x":{"$ref":"#/$defs/a0"}},"$defs":{%s,"a2000":{"type":"string"}}}`,
			each(2000, func(i int) string { return fmt.Sprintf(`"a%d":{"$ref":"#/$defs/a%d"}`, i, i+1) }))},
		{Name: "ring", InputSchema: raw(`{"type":"object","properties":{"x":{"$ref":"#/$defs/a0"}},"$defs":{%s}}`,
			each(2000, func(i int) string { return fmt.Sprintf(`"a%d":{"$ref":"#/$defs/a%d"}`, i, (i+1)%2000) }))},
		{Name: "layers", InputSchema: raw(`{"type":"object","properties":{"r":{"anyOf":[%s]},"a":%s}}`,
			each(50, func(i int) string { return `{"$ref":"#` + strings.Repeat("/properties/a", i+1) + `"}` }), nest(50, `{"type":"object","properties":{"a":`, `{"type":"string"}`, `}}`))},
		{Name: "layers_of_values", InputSchema: raw(`{"type":"object","properties":{"r":{"anyOf":[%s]}},"default":%s}`,
			each(100, func(i int) string { return `{"$ref":"#` + strings.Repeat("/default", i+1) + `"}` }), nest(100, `{"default":`, `{"title":"`+strings.Repeat("x", 20_000)+`"}`, `}`))},
		{Name: "text", Description: strings.Repeat("*/ <script> ` | \u2028 ", 3000), InputSchema: raw(`{"type":"object","properties":{"%s":{"type":"string"}}}`, strings.Repeat("k", 5000))},
	}}
	return all
}

// random returns a catalog of generated schemas, without what openapi-typescript
// does not manage in names.
func random(count int) *messages.Catalog {
	g := &generator{Rand: rand.New(rand.NewPCG(5, 6))}
	tame := strings.NewReplacer("%25", "+", "%20", " ", "%", "+", "valueOf", "value", "hasOwnProperty", "has")
	c := &messages.Catalog{Server: "random"}
	for i := range count {
		c.Tools = append(c.Tools, messages.Tool{Name: fmt.Sprintf("t%d", i), InputSchema: raw("%s", tame.Replace(g.root())), OutputSchema: raw("%s", tame.Replace(g.root()))})
	}
	return c
}

func TestDocument_OfHostileCatalogsIsAcceptedAndSmall(t *testing.T) {
	for name, c := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			size := 0
			for _, tool := range c.Tools {
				size += len(tool.InputSchema) + len(tool.OutputSchema) + len(tool.Name) + len(tool.Description)
			}
			document := Document(c, Options{Base: "/" + name, Auth: true})
			accepted(t, document, lenient...)
			if most := 4*size + 4000*len(c.Tools) + 200_000; len(document) > most {
				t.Errorf("%d bytes of tools became %d of a document", size, len(document))
			}
		})
	}
}
