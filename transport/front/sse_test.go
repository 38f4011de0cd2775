package front

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// newSSEWorld serves a puppet over HTTP+SSE, as the program does.
func newSSEWorld(t *testing.T, opts Options) *world {
	t.Helper()
	return newWorldOf(t, func(s Service, c Clients) http.Handler {
		front, mux := NewSSE(s, c, "/messages", opts), http.NewServeMux()
		mux.Handle("GET /sse", front)
		mux.Handle("POST /messages", front)
		return mux
	})
}

// sseClient is a client of HTTP+SSE.
type sseClient struct {
	w        *world
	header   []string
	stream   *events
	endpoint string
}

// connect opens a stream.
func (w *world) connect(header ...string) *sseClient {
	w.t.Helper()
	stream := w.openAt(http.MethodGet, w.base+"/sse", "", header...)
	endpoint := await(w.t, "the endpoint", stream.messages)
	if !strings.HasPrefix(endpoint, "/messages?sessionId=session-") {
		w.t.Fatalf("the endpoint is %q", endpoint)
	}
	return &sseClient{w: w, header: header, stream: stream, endpoint: endpoint}
}

// initialized is connect and the handshake of a version.
func (w *world) initialized(version string, header ...string) *sseClient {
	w.t.Helper()
	c := w.connect(header...)
	c.accepted(initializeMessage(version))
	c.stream.expect(`{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"` + version + `","capabilities":` +
		string(w.service.describe.Capabilities) + `,"serverInfo":{"name":"puppet","version":"1"},"instructions":"pull strings"}}`)
	c.accepted(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func (c *sseClient) post(body string, header ...string) *http.Response {
	c.w.t.Helper()
	header = append([]string{"Accept", "-"}, append(header, c.header...)...)
	return c.w.doAt(c.w.t.Context(), http.MethodPost, c.w.base+c.endpoint, body, header...)
}

func (c *sseClient) accepted(body string) {
	c.w.t.Helper()
	response := c.post(body)
	if got := read(c.w.t, response); response.StatusCode != http.StatusAccepted || got != "" {
		c.w.t.Fatalf("%s: %d %s", body, response.StatusCode, got)
	}
}

func (c *sseClient) refused(body string, status, rpc int, header ...string) string {
	c.w.t.Helper()
	response := c.post(body, header...)
	got := read(c.w.t, response)
	if response.StatusCode != status || code(c.w.t, got) != rpc {
		c.w.t.Errorf("%.200s: %d %s, want %d and %d", body, response.StatusCode, got, status, rpc)
	}
	return got
}

func TestSSE_TheBytesOnTheWireAreThoseOfTheSpecification(t *testing.T) {
	w := newSSEWorld(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := w.doAt(ctx, http.MethodGet, w.base+"/sse", "", "Accept", "text/event-stream")
	defer response.Body.Close()
	expect := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != want {
			t.Errorf("got %q (%v), want %q", got, err, want)
		}
	}
	expect("event: endpoint\ndata: /messages?sessionId=session-1\n\n")
	c := &sseClient{w: w, endpoint: "/messages?sessionId=session-1"}
	c.accepted(`{"jsonrpc":"2.0","id":"é","method":"ping"}`)
	expect("event: message\ndata: " + `{"jsonrpc":"2.0","id":"é","result":{}}` + "\n\n")
	c.accepted(initializeMessage(mcp.V20241105))
	expect("event: message\ndata: " + `{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2024-11-05"`)
}

func TestSSE_ServesEveryLegacyVersionAndNotesWhoAsks(t *testing.T) {
	for _, version := range []string{mcp.V20241105, mcp.V20250326, mcp.V20250618, mcp.V20251125} {
		w := newSSEWorld(t, Options{})
		c := w.initialized(version, "X-Principal", "ann")
		c.accepted(call(1, "progress"))
		for i := range 3 {
			c.stream.expect(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p1","progress":%d}}`, i))
		}
		c.stream.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}`)
		caller := await(t, "the request", w.service.served).Caller
		if caller.Protocol != version || caller.Principal.Name != "ann" || string(caller.Capabilities) != `{"roots":{}}` || caller.Client != "session-1" {
			t.Errorf("%s: the caller is %+v", version, caller)
		}
		c.accepted(call(2, "pretty"))
		c.stream.expect(`{"jsonrpc":"2.0","id":2,"result":{   "content": [],    "big": 9007199254740993 }}`)
		c.accepted(call(3, "panic"))
		if got := await(t, "the answer", c.stream.messages); code(t, got) != -32603 || !strings.Contains(got, `"id":3`) {
			t.Errorf("a panic: %s", got)
		}
	}
}

func TestSSE_ManyRequestsShareTheStream(t *testing.T) {
	w := newSSEWorld(t, Options{})
	c := w.initialized(mcp.V20241105)
	const n = 50
	for i := 1; i <= n; i++ {
		c.accepted(call(i, "wait"))
	}
	c.accepted(`{"jsonrpc":"2.0","id":"p","method":"ping"}`) // waits for none of them
	c.stream.expect(`{"jsonrpc":"2.0","id":"p","result":{}}`)
	close(w.service.release)
	seen := map[string]bool{}
	for range n {
		answer := await(t, "an answer", c.stream.messages)
		if !strings.HasSuffix(answer, `"result":{"content":[{"type":"text","text":"released"}]}}`) || seen[answer] {
			t.Errorf("answer %s", answer)
		}
		seen[answer] = true
	}
}

func TestSSE_ACancellationReachesTheOneRequestItNames(t *testing.T) {
	w := newSSEWorld(t, Options{})
	c := w.initialized(mcp.V20241105)
	c.accepted(call(1, "wait"))
	c.accepted(call(2, "wait"))
	await(t, "a start", w.service.started)
	await(t, "a start", w.service.started)
	c.accepted(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"bored"}}`)
	wantCancelled(t, await(t, "why request 1 ended", w.service.ended))
	close(w.service.release)
	c.stream.expect(`{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"released"}]}}`)
	c.accepted(`{"jsonrpc":"2.0","id":9,"result":{}}`) // answers nothing that was asked
	c.accepted(`{"jsonrpc":"2.0","method":"notifications/cancelled"}`)
}

func TestSSE_ADisconnectEndsTheSessionAndItsRequests(t *testing.T) {
	w := newSSEWorld(t, Options{})
	gone, other := w.initialized(mcp.V20241105), w.initialized(mcp.V20250326)
	gone.accepted(call(1, "wait"))
	other.accepted(call(1, "wait"))
	await(t, "a start", w.service.started)
	await(t, "a start", w.service.started)
	gone.stream.close()
	if cause := await(t, "the end of one", w.service.ended); cause == nil {
		t.Error("a request outlived its session")
	}
	eventually(t, "one session is left", func() bool {
		sessions, streams, requests := w.clients.state()
		return sessions == 1 && streams == 1 && requests == 1
	})
	gone.refused(call(2, "echo"), http.StatusNotFound, mcp.CodeUnavailable)
	close(w.service.release)
	other.stream.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"released"}]}}`)
}

func TestSSE_ListsThatChangeAreToldToThoseWhoAreReady(t *testing.T) {
	w := newSSEWorld(t, Options{Limits: messages.Limits{SSEKeepalive: time.Millisecond}})
	early, ready := w.connect(), w.initialized(mcp.V20241105)
	w.clients.awaitStreams(t, 2)
	w.clients.announce(messages.TopicPrompts, promptsChanged) // not promised
	w.clients.announce(messages.TopicTools, toolsChanged)
	ready.stream.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `"}`)
	await(t, "a keep-alive", early.stream.comments)
	early.accepted(`{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	early.stream.expect(`{"jsonrpc":"2.0","id":1,"result":{}}`)

	ready.accepted(call(1, "wait"))
	await(t, "the start", w.service.started)
	w.clients.closeAll(false) // the runtime closes
	ready.stream.expectEnd()
	early.stream.expectEnd()
	wantCancelled(t, await(t, "why it ended", w.service.ended))
}

func TestSSE_SessionsBelongToTheirPrincipalsAndToTheirStreams(t *testing.T) {
	w := newSSEWorld(t, Options{})
	ann := w.initialized(mcp.V20241105, "X-Principal", "ann")
	for name, c := range map[string]*sseClient{
		"a stranger":            {w: w, endpoint: ann.endpoint, header: []string{"X-Principal", "bob"}},
		"an id that nobody has": {w: w, endpoint: "/messages?sessionId=forged", header: ann.header},
		"one of another kind":   {w: w, endpoint: "/messages?sessionId=" + openElsewhere(t, w, "ann"), header: ann.header},
		"an id and a space":     {w: w, endpoint: "/messages?sessionId=session-1%20", header: ann.header},
	} {
		body := c.refused(call(1, "echo"), http.StatusNotFound, mcp.CodeUnavailable)
		if !strings.Contains(body, "open a new event stream") || strings.Contains(body, "session-1") {
			t.Errorf("%s: %s", name, body)
		}
	}
	none := &sseClient{w: w, endpoint: "/messages", header: ann.header}
	none.refused(call(1, "echo"), http.StatusBadRequest, -32600)
	if _, _, requests := w.clients.state(); requests != 0 {
		t.Error("a request was begun")
	}
	ann.accepted(call(1, "echo"))
	await(t, "the answer", ann.stream.messages)
}

// openElsewhere opens a session that has no stream of ours.
func openElsewhere(t *testing.T, w *world, principal string) string {
	t.Helper()
	p := messages.Principal{Name: principal}
	id, err := w.clients.OpenClient(t.Context(), messages.ClientSpec{Principal: p, Protocol: mcp.V20251125})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.clients.CloseClient(context.Background(), id, p) })
	return string(id)
}

func TestSSE_WhatCannotBeServedIsRefusedAtThePost(t *testing.T) {
	w := newSSEWorld(t, Options{Limits: messages.Limits{RequestBytes: 1000, Depth: 32}})
	c := w.connect()
	c.refused(call(1, "echo"), http.StatusBadRequest, -32600) // initialize comes first
	c.accepted(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`)
	if got := await(t, "an answer", c.stream.messages); code(t, got) != -32602 {
		t.Errorf("initialize without a version: %s", got)
	}
	// A client of both eras must learn that this is the older one.
	c.accepted(`{"jsonrpc":"2.0","id":2,"method":"server/discover","params":{"_meta":{` + modernMeta + `}}}`)
	if got := await(t, "an answer", c.stream.messages); code(t, got) != -32601 {
		t.Errorf("server/discover: %s", got)
	}
	c = w.initialized(mcp.V20251125)
	c.refused(initializeMessage(mcp.V20251125), http.StatusBadRequest, -32600)
	c.refused(`{"jsonrpc":"2.0","id":1`, http.StatusBadRequest, -32700)
	c.refused(`{"jsonrpc":"2.0","id":1,"method":7}`, http.StatusBadRequest, -32600)
	c.refused(`{"jsonrpc":"2.0","id":1,"method":"x","params":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`, http.StatusBadRequest, -32700)
	c.refused(call(1, "echo")+strings.Repeat(" ", 1000), http.StatusRequestEntityTooLarge, -32600)
	c.refused(call(1, "echo"), http.StatusUnsupportedMediaType, -32600, "Content-Type", "text/plain")
	c.refused(call(1, "echo"), http.StatusUnsupportedMediaType, -32600, "Content-Encoding", "gzip")
	c.refused(call(1, "echo"), http.StatusBadRequest, mcp.CodeUnsupportedVersion, mcp.HeaderProtocolVersion, "1999-01-01")
	c.refused(call(1, "echo"), http.StatusBadRequest, mcp.CodeUnsupportedVersion, mcp.HeaderProtocolVersion, mcp.V20260728)
	c.refused("["+call(1, "echo")+"]", http.StatusBadRequest, -32600)
	c.accepted(call(1, "wait"))
	c.refused(call(1, "echo"), http.StatusBadRequest, -32600) // the id is taken
	close(w.service.release)
	c.stream.expect(`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"released"}]}}`)
	c.accepted(`{"jsonrpc":"2.0","id":1,"method":"no/such"}`)
	if got := await(t, "an answer", c.stream.messages); code(t, got) != -32601 {
		t.Errorf("an unknown method: %s", got)
	}
}

func TestSSE_BatchesAreServedWhereTheirRevisionIsSpoken(t *testing.T) {
	w := newSSEWorld(t, Options{})
	c := w.initialized(mcp.V20250326)
	c.accepted(`[{"jsonrpc":"2.0","method":"notifications/x"}]`)
	c.accepted(`[` + call(1, "progress") + `,{"jsonrpc":"2.0","id":2},` + initializeMessage(mcp.V20250326) + `]`)
	got := map[string]int{}
	for range 6 { // three steps, the answer, two errors
		message := await(t, "a message", c.stream.messages)
		switch {
		case strings.Contains(message, "notifications/progress"):
			got["progress"]++
		case strings.Contains(message, `"id":1,"result"`):
			got["answer"]++
		case code(t, message) == -32600:
			got["error"]++
		}
	}
	if got["progress"] != 3 || got["answer"] != 1 || got["error"] != 2 {
		t.Errorf("got %v", got)
	}
	c.refused(`[`+call(3, "echo")+`]`, http.StatusBadRequest, mcp.CodeUnsupportedVersion, mcp.HeaderProtocolVersion, mcp.V20260728)
	c.refused(`[]`, http.StatusBadRequest, -32600)
}

func TestSSE_LimitsAreKeptAndSaid(t *testing.T) {
	w := newSSEWorld(t, Options{})
	w.clients.maxSessions = 1
	c := w.initialized(mcp.V20241105)
	response := w.doAt(t.Context(), http.MethodGet, w.base+"/sse", "")
	if body := read(t, response); response.StatusCode != http.StatusServiceUnavailable || code(t, body) != mcp.CodeOverloaded || response.Header.Get("Retry-After") == "" {
		t.Errorf("a session too many: %d %s", response.StatusCode, body)
	}
	for i := range sseParallel {
		c.accepted(call(i+1, "wait"))
	}
	refused := c.post(call(sseParallel+1, "wait"))
	if body := read(t, refused); refused.StatusCode != http.StatusTooManyRequests || code(t, body) != mcp.CodeOverloaded || refused.Header.Get("Retry-After") == "" {
		t.Errorf("a request too many: %d %s", refused.StatusCode, body)
	}
	close(w.service.release)
	for range sseParallel {
		await(t, "an answer", c.stream.messages)
	}
	eventually(t, "there is room again", func() bool {
		response := c.post(call(1, "echo"))
		_ = read(t, response)
		return response.StatusCode == http.StatusAccepted
	})

	w.clients.mu.Lock()
	w.clients.failing = messages.Failf(messages.KindInternal, "", "a bug")
	w.clients.maxSessions = 2
	w.clients.mu.Unlock()
	c.refused(call(1, "echo"), http.StatusInternalServerError, -32603)
	response = w.doAt(t.Context(), http.MethodGet, w.base+"/sse", "")
	if body := read(t, response); response.StatusCode != http.StatusInternalServerError || code(t, body) != -32603 {
		t.Errorf("no stream to be had: %d %s", response.StatusCode, body)
	}
	w.clients.mu.Lock()
	w.clients.failing = nil
	for id, s := range w.clients.sessions { // its close failed too
		if string(id) != strings.TrimPrefix(c.endpoint, "/messages?sessionId=") {
			w.clients.end(s, false)
		}
	}
	w.clients.mu.Unlock()
}

func TestSSE_TakesWhatBelongsToItsPathsOnly(t *testing.T) {
	front := NewSSE(newPuppet(), newRegistry(), "/messages", Options{})
	w := newWorldOf(t, func(Service, Clients) http.Handler { return front })
	for _, test := range []struct {
		method, accept string
		status         int
	}{
		{http.MethodGet, "application/json", http.StatusNotAcceptable},
		{http.MethodDelete, "*/*", http.StatusMethodNotAllowed},
		{http.MethodPut, "*/*", http.StatusMethodNotAllowed},
	} {
		response := w.doAt(t.Context(), test.method, w.base+"/sse", "", "Accept", test.accept)
		if body := read(t, response); response.StatusCode != test.status || code(t, body) != -32600 {
			t.Errorf("%s: %d %s", test.method, response.StatusCode, body)
		}
	}
	head := w.doAt(t.Context(), http.MethodHead, w.base+"/sse", "")
	if read(t, head); head.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", head.StatusCode)
	}
}

func TestSSENeverReads_AStreamCountsAsClosedAndNobodyElseNotices(t *testing.T) {
	w := newSSEWorld(t, Options{WriteTimeout: shortWrite})
	conn, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // so that the server's writes block soon
	if _, err := io.WriteString(conn, "GET /sse HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	w.clients.awaitStreams(t, 1)
	deaf := &sseClient{w: w, endpoint: "/messages?sessionId=session-1"}
	deaf.accepted(initializeMessage(mcp.V20241105))
	deaf.accepted(call(1, "flood"))
	deaf.accepted(call(2, "wait"))
	await(t, "a start", w.service.started)
	await(t, "a start", w.service.started)
	other := w.initialized(mcp.V20241105)
	other.accepted(call(1, "echo"))
	await(t, "an answer to another", other.stream.messages)
	for range 2 {
		if cause := await(t, "the end of a call", w.service.ended); cause == nil {
			t.Error("it ended in good order")
		}
	}
	eventually(t, "the session is gone", func() bool { n, _, _ := w.clients.state(); return n == 1 })
	deaf.refused(call(3, "echo"), http.StatusNotFound, mcp.CodeUnavailable)
}

func TestSSE_ASessionWhoseActorDiedEndsItsStream(t *testing.T) {
	w := newSSEWorld(t, Options{})
	c := w.initialized(mcp.V20241105)
	w.clients.closeAll(true)
	c.stream.expectEnd()
	c.refused(call(1, "echo"), http.StatusNotFound, mcp.CodeUnavailable)
}

func TestSSE_SaysNothingOfSessionsInItsLog(t *testing.T) {
	var log bytes.Buffer
	w := newSSEWorld(t, Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	c := w.initialized(mcp.V20241105)
	c.accepted(call(1, "panic"))
	await(t, "the answer", c.stream.messages)
	c.stream.close()
	eventually(t, "the end of the session", func() bool { n, _, _ := w.clients.state(); return n == 0 })
	if text := log.String(); !strings.Contains(text, "panicked") || strings.Contains(text, "session-1") {
		t.Errorf("the log: %s", text)
	}
}

func TestSSESession_NothingFollowsItsEnd(t *testing.T) {
	s := &sseSession{}
	release, done := make(chan struct{}), make(chan struct{})
	if !s.work(func() { <-release }) {
		t.Fatal("no work")
	}
	go func() {
		s.end()
		close(done)
	}()
	eventually(t, "no further work is taken", func() bool { return !s.work(func() {}) })
	select {
	case <-done:
		t.Error("the end did not wait")
	default:
	}
	close(release)
	<-done
}
