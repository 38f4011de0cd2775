package front

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// background sends a request beside the test and delivers how it ended.
type ended struct {
	status int
	media  string
	body   string
}

func (w *world) background(body string, header ...string) <-chan ended {
	done := make(chan ended, 1)
	go func() {
		status, media, answer := w.post(body, header...)
		done <- ended{status, media, answer}
	}()
	return done
}

func wantCancelled(t *testing.T, cause error) {
	t.Helper()
	var f *messages.Failure
	if !errors.As(cause, &f) || f.Kind != messages.KindCancelled {
		t.Errorf("the call ended with %v, want a cancellation", cause)
	}
}

func TestCancel_ReachesTheOneRequestItNamesAndGetsNoAnswer(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	one, two := w.background(call(1, "wait"), session...), w.background(call(2, "wait"), session...)
	await(t, "a start", w.service.started)
	await(t, "a start", w.service.started)
	if status, _, body := w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,"reason":"bored"}}`, session...); status != http.StatusAccepted || body != "" {
		t.Errorf("the cancellation: %d %s", status, body)
	}
	// The stream of the cancelled request ends without an answer.
	if got := await(t, "the end of request 1", one); got != (ended{http.StatusOK, typeSSE, ""}) {
		t.Errorf("request 1: %+v", got)
	}
	wantCancelled(t, await(t, "why request 1 ended", w.service.ended))

	close(w.service.release)
	if got := await(t, "the answer to request 2", two); got.body != `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"released"}]}}` {
		t.Errorf("request 2: %+v", got)
	}
}

func TestCancel_WithoutAStreamEndsIn202(t *testing.T) {
	w := newWorld(t, Options{})
	session := append(w.initialize(mcp.V20250326), "Accept", "application/json")
	done := w.background(call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, session...)
	if got := await(t, "the end", done); got != (ended{http.StatusAccepted, "", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestCancel_ByAnotherPrincipalIsRefused(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125, "X-Principal", "ann")
	done := w.background(call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	foreign := append([]string{}, session...)
	foreign[1] = "bob"
	if status, _, _ := w.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`, foreign...); status != http.StatusNotFound {
		t.Errorf("status %d", status)
	}
	close(w.service.release)
	if got := await(t, "the answer", done); got.status != http.StatusOK || got.media != typeJSON {
		t.Errorf("%+v", got)
	}
}

func TestDelete_CancelsWhatIsInFlight(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	done := w.background(call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	response := w.do(t.Context(), http.MethodDelete, "", session...)
	if body := read(t, response); response.StatusCode != http.StatusNoContent || body != "" {
		t.Errorf("DELETE: %d %s", response.StatusCode, body)
	}
	if got := await(t, "the end", done); got.body != "" {
		t.Errorf("%+v", got)
	}
}

func TestDuplicateIDs_InFlightAreRefusedAndLaterFree(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	done := w.background(call(1, "wait"), session...)
	await(t, "the start", w.service.started)
	if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusBadRequest || code(t, body) != -32600 {
		t.Errorf("the duplicate: %d %s", status, body)
	}
	// The id "1" is another one than 1.
	if status, _, body := w.post(`{"jsonrpc":"2.0","id":"1","method":"ping"}`, session...); status != http.StatusOK {
		t.Errorf("the text id: %d %s", status, body)
	}
	close(w.service.release)
	await(t, "the answer", done)
	for range 20 {
		if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusOK {
			t.Fatalf("used again right after the answer: %d %s", status, body)
		}
	}
}

func TestDisconnect_OfALegacyClientIsNoCancel(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	await(t, "initialize", w.seen)
	ctx, disconnect := context.WithCancel(t.Context())
	w.abandon(ctx, call(1, "wait"), session...)
	connection := await(t, "the request", w.seen)
	await(t, "the start", w.service.started)
	disconnect()
	await(t, "the server to notice", connection.Done())
	select {
	case cause := <-w.service.ended:
		t.Fatalf("the call ended with %v", cause)
	default:
	}
	if _, _, requests := w.clients.state(); requests != 1 {
		t.Errorf("%d requests in flight, want 1", requests)
	}
	close(w.service.release)
	if cause := await(t, "the end of the call", w.service.ended); cause != nil {
		t.Errorf("the call ended with %v, want a release", cause)
	}
}

func TestDisconnect_OfAModernClientIsTheCancel(t *testing.T) {
	w := newWorld(t, Options{})
	ctx, disconnect := context.WithCancel(t.Context())
	body, header := modernCall(1, "wait", "")
	w.abandon(ctx, body, header...)
	await(t, "the start", w.service.started)
	disconnect()
	if cause := await(t, "the end of the call", w.service.ended); cause == nil {
		t.Error("the call was released, not cancelled")
	}
}

// abandon sends a request whose response nobody will read.
func (w *world) abandon(ctx context.Context, body string, header ...string) {
	done := make(chan struct{})
	w.t.Cleanup(func() { await(w.t, "the abandoned request", done) })
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url(), strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	request.Header.Set("Content-Type", typeJSON)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	go func() {
		defer close(done)
		if response, err := w.client.Do(request); err == nil {
			response.Body.Close()
			w.t.Error("the abandoned request got a response")
		}
	}()
}

func TestConcurrency_AHundredRequestsEachGetTheirOwnProgressAndAnswer(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	const n = 100
	done := make([]<-chan ended, n)
	for i := range n {
		if i%2 == 0 {
			done[i] = w.background(call(i, "progress"), session...)
			continue
		}
		body, header := modernCall(i, "progress", fmt.Sprintf(`,"progressToken":"p%d"`, i))
		done[i] = w.background(body, header...)
	}
	for i := range n {
		got := await(t, "an answer", done[i])
		want := ""
		for step := range 3 {
			want += fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":\"p%d\",\"progress\":%d}}\n\n", i, step)
		}
		extra := ""
		if i%2 == 1 {
			extra = `"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"}},`
		}
		want += fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{%s\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}}\n\n", i, extra)
		if got != (ended{http.StatusOK, typeSSE, want}) {
			t.Fatalf("request %d\n got %+v\nwant %s", i, got, want)
		}
	}
}
