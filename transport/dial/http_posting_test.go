package dial

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Requests share their headers: whatever was asked for before, each must say of
// itself what its body says.
func TestModernHeader_SaysWhatTheBodySaysWhoeverAskedBefore(t *testing.T) {
	c := &httpCore{base: http.Header{"Authorization": {"Bearer x"}}, peer: messages.Peer{Protocol: mcp.LatestModern}}
	named := func(method, key, name string) messages.Request {
		return messages.Request{Method: method, Name: name, Params: jsonrpc.Set(nil, jsonrpc.Quote(name), key)}
	}
	requests := []messages.Request{
		{Method: "tools/list"}, {Method: "ping"}, {Method: strings.Repeat("m", maxKeptName+1)},
		named("tools/call", "name", "x"), named("prompts/get", "name", "x"), named("resources/read", "uri", "x"),
		named("tools/call", "name", "Grüße"), named("tools/call", "name", strings.Repeat("n", maxKeptName+1)),
		// The body decides, not what was read of it elsewhere.
		{Method: "tools/call", Name: "x", Params: []byte(`{"name":"y"}`)},
		{Method: "tools/call", Name: "x"},
	}
	for i := range 2 * mostPostings {
		requests = append(requests, named("tools/call", "name", fmt.Sprint("tool", i)), named("resources/read", "uri", fmt.Sprint("file:///", i)))
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for _, req := range slices.Concat(requests, requests) {
				want := c.newModernHeader(req)
				if got := c.modernHeader(req); !maps.EqualFunc(got, want, slices.Equal) {
					t.Errorf("%s %s: %v, want %v", req.Method, req.Params, got, want)
				}
			}
		})
	}
	all.Wait()
	kept := *c.modernPosting.Load()
	if len(kept) > mostPostings {
		t.Errorf("%d are kept, at most %d may be", len(kept), mostPostings)
	}
	for key := range kept {
		if key.method == "resources/read" || len(key.method)+len(key.name) > maxKeptName {
			t.Errorf("%s %.20q is kept", key.method, key.name)
		}
	}
}
