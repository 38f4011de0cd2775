package front

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

const (
	toolsChanged   = "notifications/tools/list_changed"
	promptsChanged = "notifications/prompts/list_changed"
)

func TestGET_DeliversWhatBelongsToNoRequest(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	stream := w.open(http.MethodGet, "", session...)
	w.clients.awaitStreams(t, 1)
	// The service promises no changes of prompts: the stream did not ask for them.
	w.clients.announce(messages.TopicPrompts, promptsChanged)
	w.clients.announce(messages.TopicTools, toolsChanged)
	stream.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `"}`)

	w.clients.closeAll(false)
	stream.expectEnd()
}

func TestGET_StreamsBeyondTheLimitAre429AndADisconnectFreesOne(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20250618)
	first := w.open(http.MethodGet, "", session...)
	for range w.clients.maxStreams - 1 {
		w.open(http.MethodGet, "", session...)
	}
	response := w.do(t.Context(), http.MethodGet, "", session...)
	if body := read(t, response); response.StatusCode != http.StatusTooManyRequests || code(t, body) != mcp.CodeOverloaded ||
		response.Header.Get("Retry-After") == "" {
		t.Errorf("one too many: %d %s", response.StatusCode, body)
	}
	first.close()
	w.clients.awaitStreams(t, w.clients.maxStreams-1)
	w.open(http.MethodGet, "", session...)
}

func TestGET_QuietStreamsGetKeepAlives(t *testing.T) {
	w := newWorld(t, Options{Limits: messages.Limits{SSEKeepalive: time.Millisecond}})
	stream := w.open(http.MethodGet, "", w.initialize(mcp.V20250326)...)
	for range 3 {
		await(t, "a keep-alive", stream.comments)
	}
	w.clients.announce(messages.TopicTools, toolsChanged)
	stream.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `"}`)
}

func TestPOST_AStreamThatGoesQuietGetsKeepAlives(t *testing.T) {
	w := newWorld(t, Options{Limits: messages.Limits{SSEKeepalive: time.Millisecond}})
	session := w.initialize(mcp.V20250326)
	batch := w.open(http.MethodPost, "["+call(1, "progress")+","+call(2, "wait")+"]", session...)
	await(t, "a keep-alive", batch.comments)
	close(w.service.release)
	if cause := await(t, "why it ended", w.service.ended); cause != nil {
		t.Errorf("the call ended with %v", cause)
	}
}

func TestListen_AcknowledgesFirstTagsAndEndsWithAResult(t *testing.T) {
	for _, id := range []string{`7`, `"sub-\u00e9"`} {
		t.Run(id, func(t *testing.T) {
			w := newWorld(t, Options{})
			body, header := modernListen(id, `{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":false,"resourceSubscriptions":["a://b"]}`)
			stream := w.open(http.MethodPost, body, header...)
			tag := `"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `}`
			stream.expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true},` + tag + `}}`)
			w.clients.announce(messages.TopicResources, "notifications/resources/list_changed")
			w.clients.announce(messages.TopicTools, toolsChanged)
			stream.expect(`{"jsonrpc":"2.0","method":"` + toolsChanged + `","params":{` + tag + `}}`)

			w.clients.closeAll(false)
			stream.expect(`{"jsonrpc":"2.0","id":` + id + `,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"puppet","version":"1"},"io.modelcontextprotocol/subscriptionId":` + id + `}}}`)
			stream.expectEnd()
		})
	}
}

func TestListen_ADisconnectEndsItsClient(t *testing.T) {
	w := newWorld(t, Options{})
	body, header := modernListen("1", `{}`)
	stream := w.open(http.MethodPost, body, header...)
	await(t, "the acknowledgment", stream.messages)
	stream.close()
	eventually(t, "the client is closed", func() bool {
		sessions, streams, _ := w.clients.state()
		return sessions+streams == 0
	})
}

func TestListen_AnActorThatDiesEndsTheStreamWithoutAResult(t *testing.T) {
	w := newWorld(t, Options{})
	body, header := modernListen("1", `{"toolsListChanged":true}`)
	stream := w.open(http.MethodPost, body, header...)
	await(t, "the acknowledgment", stream.messages)
	w.clients.closeAll(true)
	stream.expectEnd()
}

func TestListen_LimitsAreToldWithRetryAfter(t *testing.T) {
	w := newWorld(t, Options{})
	body, header := modernListen("1", `{}`)
	w.clients.maxStreams = 0
	if status, _, answer := w.post(body, header...); status != http.StatusTooManyRequests || code(t, answer) != mcp.CodeOverloaded {
		t.Errorf("no stream left: %d %s", status, answer)
	}
	w.clients.maxSessions = 0
	if status, _, answer := w.post(body, header...); status != http.StatusServiceUnavailable || code(t, answer) != mcp.CodeOverloaded {
		t.Errorf("no session left: %d %s", status, answer)
	}
}

func TestFailuresOfTheRuntimeAreToldByStatus(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20251125)
	for _, c := range []struct {
		kind         messages.Kind
		status, code int
	}{
		{messages.KindUnavailable, http.StatusNotFound, mcp.CodeUnavailable}, // it ended after it was found
		{messages.KindOverloaded, http.StatusTooManyRequests, mcp.CodeOverloaded},
		{messages.KindInternal, http.StatusInternalServerError, -32603},
	} {
		w.clients.failing = messages.Failf(c.kind, "", "a reason")
		for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
			body, want := "", c.code
			if method == http.MethodPost {
				body = call(1, "echo")
				if c.kind == messages.KindUnavailable {
					want = -32600 // to begin a request is to find its session
				}
			}
			response := w.do(t.Context(), method, body, session...)
			if got := read(t, response); response.StatusCode != c.status || code(t, got) != want {
				t.Errorf("%s %s: %d %s", c.kind, method, response.StatusCode, got)
			}
		}
	}
	w.clients.failing = nil
}

func TestSessions_BelongToTheirPrincipalAndEndpoint(t *testing.T) {
	w := newWorld(t, Options{Endpoint: "here"})
	session := w.initialize(mcp.V20251125, "X-Principal", "ann")
	if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusOK {
		t.Errorf("her own: %d %s", status, body)
	}
	session[1] = "bob"
	if status, _, body := w.post(call(1, "echo"), session...); status != http.StatusNotFound {
		t.Errorf("a foreign one: %d %s", status, body)
	}
	elsewhere, err := w.clients.OpenClient(t.Context(), messages.ClientSpec{Endpoint: "there", Protocol: mcp.V20251125})
	if err != nil {
		t.Fatal(err)
	}
	if status, _, body := w.post(call(1, "echo"), mcp.HeaderSessionID, string(elsewhere)); status != http.StatusNotFound {
		t.Errorf("another endpoint's: %d %s", status, body)
	}
}

func TestSessions_TheServiceKnowsWhoAsks(t *testing.T) {
	w := newWorld(t, Options{})
	session := w.initialize(mcp.V20250618, "X-Principal", "ann")
	w.post(call(1, "echo"), session...)
	req := await(t, "the request", w.service.served)
	want := `{ann} session-1 2025-06-18 {"roots":{}} "p1" tools/call echo`
	if got := fmt.Sprintf("%+v %s %s %s %s %s %s", struct{ Name string }(req.Caller.Principal), req.Caller.Client, req.Caller.Protocol,
		req.Caller.Capabilities, req.Request.ProgressToken, req.Request.Method, req.Request.Name); got != "{Name:ann}"+want[len("{ann}"):] {
		t.Errorf("got %s, want %s", got, want)
	}
	body, header := modernCall(2, "echo", `,"io.modelcontextprotocol/logLevel":"info"`)
	w.post(body, append(header, "X-Principal", "bob")...)
	req = await(t, "the request", w.service.served)
	if req.Caller.Principal.Name != "bob" || req.Caller.Client != "" || req.Caller.Protocol != mcp.V20260728 ||
		string(req.Caller.Capabilities) != "{}" || req.Request.LogLevel != "info" {
		t.Errorf("modern: %+v", req)
	}
}
