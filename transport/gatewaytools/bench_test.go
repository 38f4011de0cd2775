package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// benchDoor answers at once and counts nothing.
type benchDoor struct {
	dir    *messages.Directory
	result json.RawMessage
}

func (d *benchDoor) Directory() *messages.Directory { return d.dir }
func (d *benchDoor) Allowed(messages.Principal, string, string) *messages.Failure {
	return nil
}
func (d *benchDoor) Catalog(context.Context, string) (messages.Catalog, error) {
	return messages.Catalog{}, nil
}
func (d *benchDoor) Call(context.Context, messages.Call, messages.Sink) messages.Outcome {
	return messages.Outcome{Result: d.result}
}

func manyServers(servers int) *messages.Directory {
	var catalogs []messages.Catalog
	for s := range servers {
		c := messages.Catalog{Server: fmt.Sprintf("server-%04d", s), Peer: messages.Peer{Instructions: "What this server is for, in a sentence or two."}}
		for i := range 10 {
			c.Tools = append(c.Tools, messages.Tool{Name: fmt.Sprintf("tool_%d", i), Description: strings.Repeat("Reads one thing and writes another. ", 4),
				InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"},"head":{"type":"integer","minimum":1}},"required":["path"],"additionalProperties":false}`)})
		}
		catalogs = append(catalogs, c)
	}
	return directory(1, catalogs)
}

func BenchmarkExec(b *testing.B) {
	for name, text := range map[string]string{
		"text 100 B":  strings.Repeat("x", 100),
		"json 100 B":  `{"rows":[` + strings.Repeat(`{"id":1,"name":"x"},`, 4) + `{"id":2}]}`,
		"json 100 KB": `{"rows": [` + strings.Repeat(`{"id": 1, "name": "x"}, `, 4500) + `{"id": 2}]}`,
	} {
		b.Run(name, func(b *testing.B) {
			door := &benchDoor{manyServers(1000), json.RawMessage(`{"content":[{"type":"text","text":` + string(jsonrpc.Quote(text)) + `}]}`)}
			tools := New(door, Options{TypeScript: true, TOON: true, TOONMinSize: 1})
			req := toolsCall(execParams("server-0500", "tool_5", `{"path":"/tmp/file","head":10}`))
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				result, err := tools.Serve(context.Background(), req, messages.Discard)
				if err != nil || strings.Contains(string(result[len(result)-60:]), "isError") {
					b.Fatalf("%s %v", result, err)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	for _, servers := range []int{10, 1000} {
		tools := New(&benchDoor{dir: manyServers(servers)}, Options{})
		req := mcp.Request{Request: messages.Request{Method: "tools/list"}}
		b.Run(fmt.Sprintf("cached/%d servers", servers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tools.Serve(context.Background(), req, messages.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("rendered/%d servers", servers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				list := tools.renderList(tools.view(messages.Anonymous))
				b.SetBytes(int64(len(list)))
			}
		})
	}
}
