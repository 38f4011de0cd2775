package toon

import (
	"encoding/json"
	"testing"
	"time"
)

// row is a row of uniformRows.
type row struct {
	ID     int     `json:"id"`
	Name   string  `json:"name"`
	Email  string  `json:"email"`
	Active bool    `json:"active"`
	Score  float64 `json:"score"`
	City   string  `json:"city"`
	Note   *string `json:"note"`
}

// BenchmarkEncode_UniformList1MB takes turns with json.Marshal of the same
// value, decoded as any and as structs, so that a busy machine slows all of
// them. The times of each are the metrics; ns/op is all of them together.
func BenchmarkEncode_UniformList1MB(b *testing.B) {
	raw := uniformRows(1 << 20)
	var value any
	var rows []row
	for _, into := range []any{&value, &rows} {
		if err := json.Unmarshal(raw, into); err != nil {
			b.Fatal(err)
		}
	}
	var encode, marshal, structs time.Duration
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		start := time.Now()
		if _, err := Encode(raw, EncodeOptions{}); err != nil {
			b.Fatal(err)
		}
		encoded := time.Now()
		if _, err := json.Marshal(value); err != nil {
			b.Fatal(err)
		}
		marshalled := time.Now()
		if _, err := json.Marshal(rows); err != nil {
			b.Fatal(err)
		}
		encode, marshal, structs = encode+encoded.Sub(start), marshal+marshalled.Sub(encoded), structs+time.Since(marshalled)
	}
	b.ReportMetric(float64(encode.Microseconds())/float64(b.N), "µs/encode")
	b.ReportMetric(float64(marshal.Microseconds())/float64(b.N), "µs/marshal")
	b.ReportMetric(float64(encode)/float64(marshal), "encode/marshal")
	b.ReportMetric(float64(encode)/float64(structs), "encode/structs")
}

func BenchmarkEncode(b *testing.B) {
	for name, raw := range map[string]json.RawMessage{
		"uniform1K": uniformRows(1 << 10), "uniform100K": uniformRows(100 << 10), "uniform1M": uniformRows(1 << 20), "uniform10M": uniformRows(10 << 20),
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
