package bench

import (
	"encoding/json"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

const params = `{"name":"null","arguments":{}}`

var modernCall = []byte(testkit.Modern(1, "tools/call", params))

// The envelope of a modern call, from its bytes to those that go upstream, and back.
func BenchmarkEnvelope(b *testing.B) {
	m, problem := jsonrpc.Parse(modernCall, 256)
	if problem != nil {
		b.Fatal(problem)
	}
	header := testkit.ModernHeaders("tools/call", "null")
	params := mcp.ReadParams(m.Method, m.Params)
	info := json.RawMessage(`{"name":"mcpx","version":"0"}`)
	stripped := mcp.StripMeta(m.Params)
	result := json.RawMessage(`{"content":[{"type":"text","text":"Nothing was done, and this is what came of it."}]}`)
	buf := make([]byte, 0, 4096)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"parse", func() { m, _ = jsonrpc.Parse(modernCall, 256) }},
		{"read params", func() { params = mcp.ReadParams(m.Method, m.Params) }},
		{"check headers", func() { problem = mcp.CheckHeaders(header, m, params) }},
		{"name", func() { mcp.NameOf("tools/call", m.Params) }},
		{"strip meta", func() { mcp.StripMeta(m.Params) }},
		{"with meta", func() { mcp.WithMeta(stripped, mcp.LatestModern, info, nil, "") }},
		{"append request", func() { buf = jsonrpc.AppendRequest(buf[:0], jsonrpc.IntID(7), "tools/call", m.Params) }},
		{"set headers", func() {
			mcp.SetHeaders(header, mcp.LatestModern, messages.Request{Method: "tools/call", Params: m.Params})
		}},
		{"complete result", func() { mcp.CompleteResult("tools/call", result, info) }},
		{"append result", func() { buf = jsonrpc.AppendResult(buf[:0], m.ID, result) }},
	} {
		b.Run(step.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step.do()
			}
		})
	}
	if problem != nil {
		b.Fatal(problem)
	}
}
