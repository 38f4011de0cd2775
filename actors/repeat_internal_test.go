package actors

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/gateway"
	"github.com/mcpx/mcpx/messages"
)

func TestArguments_AreEqualWhereTheResultMustBe(t *testing.T) {
	same := func(a, b string) {
		t.Helper()
		x, okX := arguments(json.RawMessage(a))
		y, okY := arguments(json.RawMessage(b))
		if !okX || !okY || string(x) != string(y) {
			t.Errorf("%s and %s are told apart: %s, %s", a, b, x, y)
		}
	}
	differ := func(a, b string) {
		t.Helper()
		x, okX := arguments(json.RawMessage(a))
		y, okY := arguments(json.RawMessage(b))
		if !okX || !okY || string(x) == string(y) {
			t.Errorf("%s and %s are not told apart: %s", a, b, x)
		}
	}
	same(`{"name":"t","arguments":{"a":1,"b":[2,{"c":null,"d":"é"}]}}`, `{ "arguments": {"b":[2,{"d":"\u00e9","c":null}], "a":1}, "name":"t" }`)
	same(`{"name":"t","arguments":{"a":1},"_meta":{"progressToken":7}}`, `{"name":"t","arguments":{"a":1},"_meta":{"progressToken":8,"traceparent":"00-1-2-01"}}`)
	same(`{"name":"t"}`, `{"name":"t","_meta":{}}`)
	differ(`{"arguments":{"a":9007199254740993}}`, `{"arguments":{"a":9007199254740992}}`)
	differ(`{"arguments":{"a":1}}`, `{"arguments":{"a":"1"}}`)
	differ(`{"arguments":{"a":1}}`, `{"arguments":{"b":1}}`)
	differ(`{"arguments":{"a":[1,2]}}`, `{"arguments":{"a":[2,1]}}`)
	if got, ok := arguments(nil); !ok || got != nil {
		t.Errorf("no params: %s, %v", got, ok)
	}
	for _, params := range []string{
		`[]`, `{`, `"text"`,
		`{"name":"t","arguments":{},"task":{"ttl":1000}}`,
		`{"name":"t","arguments":{},"requestState":"x","inputResponses":{}}`,
		`{"name":"t","arguments":{},"_meta":{"example.com/tenant":"blue"}}`,
		`{"name":"t","arguments":{},"_meta":1}`,
	} {
		if got, ok := arguments(json.RawMessage(params)); ok {
			t.Errorf("%s has canonical arguments: %s", params, got)
		}
	}
}

// entryOf returns the entry of a connected server with these tools: "reads" is
// read-only, "sets" idempotent, "never" read-only, and "adds" says nothing.
func entryOf(t *testing.T, spec messages.ServerSpec) *gateway.Entry {
	t.Helper()
	server := &actortest.Server{List: func(string, string) messages.Outcome {
		return messages.Outcome{Result: json.RawMessage(`{"tools":[
			{"name":"reads","annotations":{"readOnlyHint":true}},{"name":"sets","annotations":{"idempotentHint":true}},
			{"name":"never","annotations":{"readOnlyHint":true}},{"name":"adds"}]}`)}
	}}
	r := New(Options{Dialer: actortest.Dialer{spec.Name: server}, Limits: messages.DefaultLimits()})
	t.Cleanup(func() { r.Close() })
	if _, err := r.Apply(t.Context(), []messages.ServerSpec{spec}); err != nil {
		t.Fatal(err)
	}
	if err := r.Connect(t.Context(), spec.Name); err != nil {
		t.Fatal(err)
	}
	entry, _ := r.table.Lookup(spec.Name)
	return entry
}

func TestRepeatable_OnlyWhatReadsOrSaysThatItMayBe(t *testing.T) {
	entry := entryOf(t, actortest.Spec("a"))
	for _, tc := range []struct {
		request messages.Request
		want    bool
	}{
		{messages.Request{Method: "tools/call", Name: "reads"}, true},
		{messages.Request{Method: "tools/call", Name: "sets"}, true},
		{messages.Request{Method: "tools/call", Name: "adds"}, false},
		{messages.Request{Method: "tools/call", Name: "unheard of"}, false},
		{messages.Request{Method: "tools/list"}, true},
		{messages.Request{Method: "resources/read", Name: "file:///a"}, true},
		{messages.Request{Method: "prompts/get", Name: "p"}, true},
		{messages.Request{Method: "completion/complete"}, true},
		{messages.Request{Method: "ping"}, true},
		{messages.Request{Method: "resources/subscribe", Name: "file:///a"}, false},
		{messages.Request{Method: "logging/setLevel"}, false},
		{messages.Request{Method: "tasks/cancel"}, false},
		{messages.Request{Method: "tools/list", Kind: messages.RequestNotify}, false},
		{messages.Request{Kind: messages.RequestOpen}, false},
	} {
		if got := repeatable(entry, &messages.Call{Request: tc.request}); got != tc.want {
			t.Errorf("%+v: %v", tc.request, got)
		}
	}
}

func TestCacheKey_IsForThoseWhoWouldGetTheSameAnswer(t *testing.T) {
	spec := actortest.Spec("a")
	spec.Transport, spec.Policy.CacheTTL = messages.TransportHTTP, time.Minute
	spec.CacheTools = map[string]time.Duration{"sets": time.Hour, "never": 0, "adds": time.Hour}
	kept := entryOf(t, spec)
	reads := func(change func(*messages.Call)) messages.Call {
		c := messages.Call{Server: "a", Principal: messages.Principal{Name: "alice"}, Request: messages.Request{
			Method: "tools/call", Name: "reads", Params: json.RawMessage(`{"name":"reads","arguments":{"a":1}}`),
		}}
		change(&c)
		return c
	}
	plain := reads(func(*messages.Call) {})
	for name, tc := range map[string]struct {
		c    messages.Call
		ttl  time.Duration // 0: not kept
		same bool          // as plain
	}{
		"the same":             {plain, time.Minute, true},
		"another session":      {reads(func(c *messages.Call) { c.Client = "2" }), time.Minute, true},
		"another principal":    {reads(func(c *messages.Call) { c.Principal.Name = "bob" }), time.Minute, false},
		"nobody":               {reads(func(c *messages.Call) { c.Principal = messages.Anonymous }), time.Minute, false},
		"other headers":        {reads(func(c *messages.Call) { c.Caller.Headers = map[string]string{"X-Tenant": "blue"} }), time.Minute, false},
		"other arguments":      {reads(func(c *messages.Call) { c.Request.Params = json.RawMessage(`{"arguments":{"a":2}}`) }), time.Minute, false},
		"another tool":         {reads(func(c *messages.Call) { c.Request.Name = "sets" }), time.Hour, false},
		"a tool without hints": {reads(func(c *messages.Call) { c.Request.Name = "adds" }), 0, false},
		"a tool with ttl 0":    {reads(func(c *messages.Call) { c.Request.Name = "never" }), 0, false},
		"an unknown tool":      {reads(func(c *messages.Call) { c.Request.Name = "new" }), 0, false},
		"another method":       {reads(func(c *messages.Call) { c.Request.Method = "resources/read" }), 0, false},
		"more than arguments":  {reads(func(c *messages.Call) { c.Request.Params = json.RawMessage(`{"arguments":{"a":1},"task":{}}`) }), 0, false},
		"a notification":       {reads(func(c *messages.Call) { c.Request.Kind = messages.RequestNotify }), 0, false},
	} {
		got := cacheKey(kept, &tc.c)
		if got.TTL != tc.ttl || (got.Key == "") != (tc.ttl == 0) || (got.Key == cacheKey(kept, &plain).Key) != tc.same {
			t.Errorf("%s: %q for %v", name, got.Key, got.TTL)
		}
	}
	spec.Policy.CacheTTL, spec.CacheTools = 0, nil
	if got := cacheKey(entryOf(t, spec), &plain); got.Key != "" {
		t.Errorf("kept although it is off: %q", got.Key)
	}
	// Where each client has a session of its own, with what it remembers, each
	// has results of its own.
	spec.Policy.CacheTTL, spec.Policy.Isolation = time.Minute, messages.IsolationClient
	own := entryOf(t, spec)
	one, two := reads(func(c *messages.Call) { c.Client = "1" }), reads(func(c *messages.Call) { c.Client = "2" })
	if a, b := cacheKey(own, &one), cacheKey(own, &two); a.Key == b.Key || a.Key == "" {
		t.Errorf("two client sessions: %q and %q", a.Key, b.Key)
	}
}
