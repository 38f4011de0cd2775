package tsschema

import (
	"encoding/json"
	"testing"
)

// All tools of the five servers.
func BenchmarkCompress_ToolsOfServers(b *testing.B) {
	var schemas []json.RawMessage
	size := 0
	for _, s := range servers {
		for _, tool := range recorded(b, s.name) {
			schemas = append(schemas, tool.InputSchema)
			size += len(tool.InputSchema)
		}
	}
	benchmark(b, size, schemas...)
}

func BenchmarkCompress_Monsters(b *testing.B) {
	for _, name := range []string{"properties", "alternatives", "a ring", "everything twice, again and again", "one long type everywhere", "deep objects"} {
		b.Run(name, func(b *testing.B) {
			s := json.RawMessage(monsters[name](1000))
			benchmark(b, len(s), s)
		})
	}
}

func benchmark(b *testing.B, size int, schemas ...json.RawMessage) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range schemas {
			if _, err := Compress(s, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
