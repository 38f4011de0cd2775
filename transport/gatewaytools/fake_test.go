package gatewaytools

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// fakeDoor is a runtime without actors: a directory, a policy, and answers.
type fakeDoor struct {
	mu       sync.Mutex
	dir      *messages.Directory
	calls    []messages.Call
	catalogs int // Catalog was asked so many times

	catalog   func(ctx context.Context, server string) (messages.Catalog, error)
	answer    func(call messages.Call, sink messages.Sink) messages.Outcome
	forbidden func(p messages.Principal, server, tool string) bool
}

func (d *fakeDoor) Directory() *messages.Directory {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dir
}

func (d *fakeDoor) set(dir *messages.Directory) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dir = dir
}

func (d *fakeDoor) Allowed(p messages.Principal, server, tool string) *messages.Failure {
	if d.forbidden != nil && d.forbidden(p, server, tool) {
		return messages.Failf(messages.KindForbidden, server, "Tool '%s' of server '%s' is disabled", tool, server)
	}
	return nil
}

func (d *fakeDoor) Catalog(ctx context.Context, server string) (messages.Catalog, error) {
	d.mu.Lock()
	d.catalogs++
	d.mu.Unlock()
	return d.catalog(ctx, server)
}

func (d *fakeDoor) Call(_ context.Context, call messages.Call, sink messages.Sink) messages.Outcome {
	d.mu.Lock()
	d.calls = append(d.calls, call)
	d.mu.Unlock()
	return d.answer(call, sink)
}

// directory makes a directory of the catalogs and of servers that have none yet.
func directory(version uint64, catalogs []messages.Catalog, pending ...string) *messages.Directory {
	d := &messages.Directory{Version: version, Catalogs: catalogs, Servers: pending}
	for _, c := range catalogs {
		d.Servers = append(d.Servers, c.Server)
	}
	slices.Sort(d.Servers)
	slices.SortFunc(d.Catalogs, func(a, b messages.Catalog) int { return cmp.Compare(a.Server, b.Server) })
	return d
}

func toolsCall(params string) mcp.Request {
	return mcp.Request{Request: messages.Request{Method: "tools/call", Params: json.RawMessage(params)}}
}

func execParams(server, tool, args string) string {
	return `{"name":"exec","arguments":{"server_name":` + string(jsonrpc.Quote(server)) + `,"tool_name":` + string(jsonrpc.Quote(tool)) + `,"arguments":` + args + `}}`
}

// textOf returns the text of a result with one text.
func textOf(result json.RawMessage) string {
	content, _ := jsonrpc.Get(result, "content")
	for item := range jsonrpc.Elements(content) {
		text, _ := jsonrpc.GetString(item, "text")
		return text
	}
	return ""
}
