package front

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

func TestSSEInterop_TheClientOfMCPGo(t *testing.T) {
	for name, options := range map[string][]client.ClientOption{
		"legacy":             {client.WithLegacyProtocolOnly()},
		"asks for both eras": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newSSEWorld(t, Options{})
			tr, err := transport.NewSSE(w.base+"/sse", transport.WithHTTPClient(w.client))
			if err != nil {
				t.Fatal(err)
			}
			drive(t, client.NewClient(tr, options...), w.clients)
			eventually(t, "the session is closed", func() bool { n, _, _ := w.clients.state(); return n == 0 })
		})
	}
}

// What the registry of the other tests promises, the client actors keep.
func TestSSERuntime_SessionsAreActorsAndEndWithTheirStreams(t *testing.T) {
	limits := messages.DefaultLimits()
	limits.ClientSessions = 2
	runtime := actors.New(actors.Options{Limits: limits})
	defer runtime.Close()
	service := newPuppet()
	server := httptest.NewServer(NewSSE(service, runtime, "/messages", Options{}))
	defer server.Close()
	w := &world{t: t, service: service, client: server.Client(), base: server.URL}
	// The ids of real sessions cannot be guessed, so this opens them itself.
	connect := func() *sseClient {
		stream := w.openAt(http.MethodGet, w.base+"/sse", "")
		c := &sseClient{w: w, stream: stream, endpoint: await(t, "the endpoint", stream.messages)}
		c.accepted(initializeMessage(mcp.V20241105))
		if got := await(t, "the answer", stream.messages); !strings.Contains(got, `"protocolVersion":"2024-11-05"`) {
			t.Fatalf("initialize: %s", got)
		}
		c.accepted(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		return c
	}
	one, two := connect(), connect()
	if one.endpoint == two.endpoint || len(one.endpoint) < len("/messages?sessionId=")+16 {
		t.Errorf("the endpoints %s and %s", one.endpoint, two.endpoint)
	}
	response := w.doAt(t.Context(), http.MethodGet, w.base+"/sse", "")
	if body := read(t, response); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a session too many: %d %s", response.StatusCode, body)
	}
	one.accepted(call(1, "wait"))
	await(t, "the start", service.started)
	one.refused(call(1, "echo"), http.StatusBadRequest, -32600)
	one.accepted(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"bored"}}`)
	wantCancelled(t, await(t, "why it ended", service.ended))
	eventually(t, "the id is free again", func() bool {
		response := one.post(call(1, "wait"))
		_ = read(t, response)
		return response.StatusCode == http.StatusAccepted
	})
	await(t, "the start", service.started)
	one.stream.close()
	if cause := await(t, "why it ended", service.ended); cause == nil {
		t.Error("a request outlived its session")
	}
	eventually(t, "the session is gone", func() bool {
		response := one.post(call(2, "echo"))
		_ = read(t, response)
		return response.StatusCode == http.StatusNotFound
	})
	two.accepted(call(1, "wait"))
	await(t, "the start", service.started)
	runtime.Close()
	two.stream.expectEnd()
	wantCancelled(t, await(t, "why it ended", service.ended))
}
