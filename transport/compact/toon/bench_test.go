package toon

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/cost"
)

// BenchmarkEncode_UniformList1MB takes turns with json.Marshal of the same
// list, so that a busy machine is no matter: what they cost is counted in
// processor time. ns/op is all of them together.
func BenchmarkEncode_UniformList1MB(b *testing.B) {
	p := newPairs(b)
	var encode, any, structs time.Duration
	for b.Loop() {
		encode += cost.Of(b, 1, p.encode)
		any += cost.Of(b, 1, p.marshalAny)
		structs += cost.Of(b, 1, p.marshalStructs)
	}
	for unit, d := range map[string]time.Duration{"µs/encode": encode, "µs/marshal-any": any, "µs/marshal-structs": structs} {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), unit)
	}
	b.ReportMetric(float64(encode)/float64(any), "encode/any")
	b.ReportMetric(float64(encode)/float64(structs), "encode/structs")
}

func BenchmarkEncode(b *testing.B) {
	for name, raw := range map[string]json.RawMessage{
		"uniform1K": uniformRows(1 << 10), "uniform100K": uniformRows(100 << 10), "uniform1M": uniformRows(1 << 20), "uniform10M": uniformRows(10 << 20), "indented1M": indented(uniformRows(1 << 20)),
		"nested": json.RawMessage(`{"tools":[{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"string"}}}},{"name":"u","inputSchema":{}}]}`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := Encode(raw, EncodeOptions{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSmaller(b *testing.B) {
	raw := uniformRows(100 << 10)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, ok := Smaller(raw, 1); !ok {
			b.Fatal("not smaller")
		}
	}
}

func BenchmarkDecode_UniformList1MB(b *testing.B) {
	text, err := Encode(uniformRows(1<<20), EncodeOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := Decode(text, DecodeOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func indented(raw []byte) json.RawMessage {
	var b bytes.Buffer
	_ = json.Indent(&b, raw, "", "  ") // of JSON: cannot fail
	return b.Bytes()
}
