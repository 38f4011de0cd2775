package jsonrpc

import (
	"encoding/json"
	"strings"
	"testing"
)

func BenchmarkParse(b *testing.B) {
	text := strings.Repeat("some text as it stands in results, ", 30)
	for name, in := range map[string][]byte{
		"call":     []byte(`{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello","n":[1,2,3]},"_meta":{"progressToken":5}}}`),
		"result1K": []byte(`{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"` + text + `"}]}}`),
		"result1M": []byte(`{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"` + strings.Repeat(text, 1000) + `"}]}}`),
		"code100K": []byte(`{"jsonrpc":"2.0","id":17,"result":{"content":[{"type":"text","text":"` + strings.Repeat(`\tif err != nil {\n\t\treturn \"größer\"\n\t}\n`, 2200) + `"}]}}`),
		"list100K": []byte(`{"jsonrpc":"2.0","id":17,"result":{"tools":[` + strings.Repeat(`{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},`, 1200) + `{}]}}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if _, err := Parse(in, depth); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/json.Valid", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				if !json.Valid(in) {
					b.Fatal("invalid")
				}
			}
		})
	}
}

func BenchmarkSet(b *testing.B) {
	params := json.RawMessage(`{"name":"echo","arguments":{"message":"hello","n":[1,2,3]},"_meta":{"progressToken":5}}`)
	b.ReportAllocs()
	for b.Loop() {
		Set(params, json.RawMessage(`77`), "_meta", "progressToken")
	}
}

func BenchmarkAppendResult(b *testing.B) {
	result := json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat("some text as it stands in results, ", 30) + `"}]}`)
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	b.SetBytes(int64(len(result)))
	for b.Loop() {
		buf = AppendResult(buf[:0], IntID(17), result)
	}
}

func BenchmarkLineReader(b *testing.B) {
	line := strings.Repeat("x", 1000) + "\n"
	r := NewLineReader(&endless{[]byte(line), -1}, 1<<20)
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEventReader(b *testing.B) {
	event := "id: 1\ndata: " + strings.Repeat("x", 1000) + "\n\n"
	r := NewEventReader(&endless{[]byte(event), -1}, 1<<20)
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
