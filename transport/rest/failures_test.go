package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func TestFailure_EachKindHasItsStatusAndBody(t *testing.T) {
	const none = ""
	for what, c := range map[string]struct {
		failure    messages.Failure
		status     int
		body       string
		retryAfter string
	}{
		"unknown server":   {messages.Failure{Kind: messages.KindUnknownUpstream, Message: "m"}, 404, `{"detail":{"message":"m"}}`, none},
		"unknown tool":     {messages.Failure{Kind: messages.KindUnknownTool, Message: "m", Available: []string{"a"}}, 404, `{"detail":{"message":"m","available":["a"]}}`, none},
		"unknown resource": {messages.Failure{Kind: messages.KindUnknownResource, Message: "m"}, 404, `{"detail":{"message":"m"}}`, none},
		"unknown method":   {messages.Failure{Kind: messages.KindUnknownMethod, Message: "m"}, 404, `{"detail":{"message":"m"}}`, none},
		"forbidden":        {messages.Failure{Kind: messages.KindForbidden, Message: "m"}, 403, `{"detail":{"message":"m"}}`, none},
		"overloaded": {messages.Failure{Kind: messages.KindOverloaded, Message: "m", RetryAfter: 1200 * time.Millisecond},
			429, `{"detail":{"message":"m"}}`, "2"},
		"overloaded, for an unknown time": {messages.Failure{Kind: messages.KindOverloaded, Message: "m"}, 429, `{"detail":{"message":"m"}}`, "1"},
		"not connected": {messages.Failure{Kind: messages.KindUnavailable, Server: "time", Message: "m", RetryAfter: 2 * time.Second},
			503, `{"detail":{"message":"MCP server connection problem: m","error":"Connection refused"}}`, "2"},
		"a connection that broke": {messages.Failure{Kind: messages.KindUnavailable, Server: "time", Sent: messages.SentUnknown, Message: "broken pipe"},
			503, `{"detail":{"message":"MCP server connection problem: broken pipe","error":"broken pipe"}}`, none},
		"a connection that did not come": {messages.Failure{Kind: messages.KindUnavailable, Server: "time", Message: "m", After: 30*time.Second + 2*time.Millisecond},
			504, `{"detail":{"message":"MCP server connection problem: m","error":"Connection timeout after 30 seconds"}}`, none},
		"no answer in time": {messages.Failure{Kind: messages.KindTimeout, Sent: messages.SentUnknown, Message: "m", After: 501 * time.Millisecond},
			504, `{"detail":{"message":"m","error":"Request timeout after 0.5 seconds"}}`, none},
		"no answer in a second or so": {messages.Failure{Kind: messages.KindTimeout, Message: "m", After: 1503 * time.Millisecond},
			504, `{"detail":{"message":"m","error":"Request timeout after 1.5 seconds"}}`, none},
		"no answer in an unknown time": {messages.Failure{Kind: messages.KindTimeout, Message: "m"}, 504, `{"detail":{"message":"m","error":"Request timeout"}}`, none},
		"cancelled":                    {messages.Failure{Kind: messages.KindCancelled, Message: "m"}, 499, `{"detail":{"message":"m"}}`, none},
		"a bug":                        {messages.Failure{Kind: messages.KindInternal, Message: "m"}, 500, `{"detail":{"message":"m"}}`, none},
		"parse error":                  {messages.Failure{Kind: messages.KindUpstream, Code: -32700, Message: "m"}, 400, `{"detail":{"message":"m"}}`, none},
		"invalid request": {messages.Failure{Kind: messages.KindUpstream, Code: -32600, Message: "m", Data: json.RawMessage(`{"b":9007199254740993,"a":1}`)},
			400, `{"detail":{"message":"m","data":{"b":9007199254740993,"a":1}}}`, none},
		"method not found":   {messages.Failure{Kind: messages.KindUpstream, Code: -32601, Message: "m"}, 404, `{"detail":{"message":"m"}}`, none},
		"invalid params":     {messages.Failure{Kind: messages.KindUpstream, Code: -32602, Message: "m", Data: json.RawMessage(`null`)}, 422, `{"detail":{"message":"m","data":null}}`, none},
		"internal error":     {messages.Failure{Kind: messages.KindUpstream, Code: -32603, Message: "m"}, 500, `{"detail":{"message":"m"}}`, none},
		"resource not found": {messages.Failure{Kind: messages.KindUpstream, Code: -32002, Message: "m"}, 404, `{"detail":{"message":"m"}}`, none},
		"a code of its own":  {messages.Failure{Kind: messages.KindUpstream, Code: 17, Message: "m"}, 500, `{"detail":{"message":"m"}}`, none},
	} {
		f := clock().failing(c.failure)
		f.statuses["time"] = messages.Status{Server: "time", Reason: "Connection refused"}
		s := serve(t, f, Options{})
		got := s.post("/time/now", "{}")
		s.want(what, got, c.status, c.body)
		if got.Header.Get("Retry-After") != c.retryAfter || got.Header.Get("Mcpx-Failure") != c.failure.Kind.String() || got.Header.Get("Mcpx-Sent") != c.failure.Sent.String() {
			t.Errorf("%s: headers %v", what, got.Header)
		}
	}
}

func TestFailure_TheLastErrorIsWhatIsKnownOfTheServer(t *testing.T) {
	for want, status := range map[string]messages.Status{
		"why it is away":    {Reason: "why it is away", Health: messages.Health{LastError: "older", ConsecutiveFailures: 1}},
		"what checks found": {Health: messages.Health{LastError: "what checks found", ConsecutiveFailures: 1}},
		"m":                 {Health: messages.Health{LastError: "long over"}},
	} {
		f := clock().failing(messages.Failure{Kind: messages.KindUnavailable, Server: "time", Message: "m"})
		f.statuses["time"] = status
		s := serve(t, f, Options{})
		s.want(want, s.post("/time/now", "{}"), 503, `{"detail":{"message":"MCP server connection problem: m","error":"`+want+`"}}`)
	}
}

func TestCatalog_ThatIsNotKnownYetIsWaitedFor(t *testing.T) {
	f := servers(map[string][]messages.Tool{"new": nil})
	s := serve(t, f, Options{})
	for what, c := range map[string]struct {
		catalog messages.Catalog
		err     error
		status  int
		body    string
	}{
		"it comes": {messages.Catalog{Server: "new", Tools: []messages.Tool{tool("t", "")}}, nil, 200, `{"name":"t","arguments":{}}`},
		"it is refused": {messages.Catalog{}, messages.Failf(messages.KindUnavailable, "new", "refused"), 503,
			`{"detail":{"message":"MCP server connection problem: refused","error":"refused"}}`},
		"it was removed meanwhile": {messages.Catalog{}, messages.Failf(messages.KindUnknownUpstream, "new", "gone"), 404,
			`{"detail":{"message":"there is no server \"new\"; did you mean \"new\"?","available":["new"]}}`},
		"something else": {messages.Catalog{}, errors.New("odd"), 500, `{"detail":{"message":"server \"new\": odd"}}`},
	} {
		f.catalog = func(context.Context, string) (messages.Catalog, error) { return c.catalog, c.err }
		s.want(what, s.post("/new/t", "{}"), c.status, c.body)
	}
}

func TestCatalog_IsWaitedForNoLongerThanAConnection(t *testing.T) {
	f := servers(map[string][]messages.Tool{"new": nil})
	spec := f.specs["new"]
	spec.Policy.ConnectionTimeout = 20 * time.Millisecond
	f.specs["new"] = spec
	s := serve(t, f, Options{})
	for _, got := range []response{s.post("/new/t", "{}"), s.get("/new/openapi.json"), s.get("/new/resources")} {
		s.want(got.Request.URL.Path, got, 504,
			`{"detail":{"message":"MCP server connection problem: server \"new\" is not connected yet","error":"Connection timeout after 0.02 seconds"}}`)
	}
}

func TestCatalog_IsWaitedForNoLongerThanTheCallerWants(t *testing.T) {
	for what, timeout := range map[string]time.Duration{"less than the policy's": time.Hour, "where the policy says nothing": 0} {
		f := servers(map[string][]messages.Tool{"new": nil})
		spec := f.specs["new"]
		spec.Policy.ConnectionTimeout = timeout
		f.specs["new"] = spec
		s := serve(t, f, Options{})
		s.want(what, s.post("/new/t", "{}", "X-Request-Timeout", "0.02"), 504,
			`{"detail":{"message":"MCP server connection problem: server \"new\" is not connected yet","error":"Connection timeout after 0.02 seconds"}}`)
	}
}

func TestCatalog_ACallerThatLeavesWaitsNoLonger(t *testing.T) {
	f := servers(map[string][]messages.Tool{"new": nil})
	began, left := make(chan struct{}), make(chan struct{})
	f.catalog = func(ctx context.Context, _ string) (messages.Catalog, error) {
		close(began)
		<-ctx.Done()
		close(left)
		return messages.Catalog{}, ctx.Err()
	}
	s := serve(t, f, Options{})
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-began; leave() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/new/t", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := http.DefaultClient.Do(r); err == nil {
		got.Body.Close()
		t.Errorf("an answer: %d", got.StatusCode)
	}
	await(t, "the end of the wait", left)
}

// await waits for what must happen.
func await(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patienceCap):
		t.Fatalf("not in time: %s", what)
	}
}

func TestPanic_CostsOneRequest(t *testing.T) {
	f := clock()
	f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome { panic("bug") }
	s := serve(t, f, Options{})
	s.wantMessage("a panic", s.post("/time/now", "{}"), 500, "bug in mcpx")
	f.answer = nil
	s.want("the next", s.post("/time/now", "{}"), 200, `{"name":"now","arguments":{}}`)
}
