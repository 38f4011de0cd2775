package front

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

var _ Clients = (*actors.Runtime)(nil)

// TestRuntime_KeepsTheContractOfClients drives the front over real client
// actors: what the registry of the other tests promises, they keep.
func TestRuntime_KeepsTheContractOfClients(t *testing.T) {
	limits := messages.DefaultLimits()
	limits.StreamsPerClient = 2
	runtime := actors.New(actors.Options{Limits: limits})
	service := newPuppet()
	server := httptest.NewServer(NewHTTP(service, runtime, Options{}))
	defer server.Close()
	w := &world{t: t, service: service, client: server.Client(), base: server.URL}

	session := w.initialize(mcp.V20251125)
	get := w.open(http.MethodGet, "", session...)
	w.open(http.MethodGet, "", session...)
	response := w.do(t.Context(), http.MethodGet, "", session...)
	if body := read(t, response); response.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a stream too many: %d %s", response.StatusCode, body)
	}
	if status, _, body := w.post(call(1, "echo"), mcp.HeaderSessionID, "forged"); status != http.StatusNotFound {
		t.Errorf("a forged session: %d %s", status, body)
	}

	cancelled := w.background(call(1, "wait"), session...)
	await(t, "the start", service.started)
	if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusBadRequest || code(t, body) != -32600 {
		t.Errorf("a duplicate: %d %s", status, body)
	}
	w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"bored"}}`, session...)
	if got := await(t, "the end", cancelled); got != (ended{http.StatusOK, typeSSE, ""}) {
		t.Errorf("cancelled: %+v", got)
	}
	wantCancelled(t, await(t, "why it ended", service.ended))
	for range 20 {
		if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusOK {
			t.Fatalf("the id again, right after the answer: %d %s", status, body)
		}
	}

	other := w.initialize(mcp.V20250618)
	dropped := w.background(call(1, "wait"), other...)
	await(t, "the start", service.started)
	response = w.do(t.Context(), http.MethodDelete, "", other...)
	if body := read(t, response); response.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", response.StatusCode, body)
	}
	if got := await(t, "the end", dropped); got.body != "" {
		t.Errorf("of a deleted session: %+v", got)
	}
	if status, _, _ := w.post(call(1, "echo"), other...); status != http.StatusNotFound {
		t.Errorf("a deleted session: %d", status)
	}

	// On stdio: a subscription, and a call that outlives nothing.
	in, input := io.Pipe()
	out, output := io.Pipe()
	p := &pipes{t: t, service: service, in: input, lines: make(chan string, 100), result: make(chan error, 1)}
	go func() {
		p.result <- ServeStdio(context.Background(), in, output, service, runtime, Options{})
		output.Close()
	}()
	go p.scan(out)
	listen, header := modernListen(`"l"`, `{"toolsListChanged":true}`)
	p.send(listen)
	await(t, "the acknowledgment", p.lines)

	// Over HTTP another one; both end in good order when the runtime closes.
	stream := w.open(http.MethodPost, listen, header...)
	await(t, "the acknowledgment", stream.messages)
	runtime.Close()
	for name, lines := range map[string]chan string{"HTTP": stream.messages, "stdio": p.lines} {
		if line := await(t, "the result", lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":"l","result":{"resultType":"complete"`) {
			t.Errorf("%s: %s", name, line)
		}
	}
	p.expect(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"l"}}`)
	stream.expectEnd()
	get.expectEnd()
	if err := p.end(); err != nil {
		t.Errorf("stdio ended with %v", err)
	}
}
