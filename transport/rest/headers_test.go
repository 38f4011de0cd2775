package rest

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func TestTimeout_OfTheHeaderIsBoundedByTheServers(t *testing.T) {
	f := clock()
	spec := f.specs["time"]
	spec.Policy.RequestTimeoutMax = 2 * time.Minute
	f.specs["time"] = spec
	s := serve(t, f, Options{})
	for text, want := range map[string]time.Duration{
		"": 0, "30": 30 * time.Second, "0.5": 500 * time.Millisecond, "1e1": 10 * time.Second, "600": 2 * time.Minute, "1e300": 2 * time.Minute, "1e-9": time.Millisecond,
	} {
		s.post("/time/now", "{}", "X-Request-Timeout", text)
		calls := f.called()
		if got := calls[len(calls)-1].Timeout; got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	before := len(f.called())
	for _, text := range []string{"0", "-1", "soon", "30s", "NaN", "Inf", "1,5"} {
		s.want(text, s.post("/time/now", "{}", "X-Request-Timeout", text), 422,
			`{"detail":[{"loc":["header","X-Request-Timeout"],"msg":"must be a number of seconds above 0, such as 30 or 0.5"}]}`)
	}
	if len(f.called()) != before {
		t.Error("something was sent")
	}
}

func TestTimeout_OfAServerWithoutAPolicyHasTheDefaultBound(t *testing.T) {
	f := clock()
	f.specs["time"] = messages.ServerSpec{Name: "time"}
	s := serve(t, f, Options{})
	s.post("/time/now", "{}", "X-Request-Timeout", "3600")
	if got := f.called()[0].Timeout; got != 10*time.Minute {
		t.Errorf("%v", got)
	}
}

func TestIdempotencyKey_MakesACallThatIsMadeOnce(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{})
	if got := s.post("/time/now", "{}", "Idempotency-Key", "k1"); got.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("the first: %v", got.Header)
	}
	f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
		return messages.Outcome{Result: []byte(`{"structuredContent":1}`), Cached: true}
	}
	again := s.post("/time/now", "{}", "Idempotency-Key", "k1")
	s.want("again", again, 200, "1")
	if again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("again: %v", again.Header)
	}
	if got := s.post("/time/now", "{}"); got.Header.Get("Idempotent-Replayed") != "" {
		t.Errorf("a result that was kept for another reason: %v", got.Header)
	}
	f.failing(messages.Failure{Kind: messages.KindInvalidArgs, Message: "used for another"})
	s.want("another body", s.post("/time/now", `{"a":1}`, "Idempotency-Key", "k1"), 422,
		`{"detail":[{"loc":["header","Idempotency-Key"],"msg":"used for another"}]}`)
	s.want("too long", s.post("/time/now", `{}`, "Idempotency-Key", strings.Repeat("k", 256)), 422,
		`{"detail":[{"loc":["header","Idempotency-Key"],"msg":"must have at most 255 characters"}]}`)
	if len(f.keys) != 3 || f.keys[0] != "k1" {
		t.Errorf("keys %q", f.keys)
	}
}

func TestForwarding_TakesTheHeadersThatTheServerWants(t *testing.T) {
	f := clock()
	spec := f.specs["time"]
	spec.Forwarding = messages.HeaderForwarding{Enabled: true, Allow: []string{"X-*", "Authorization"}, Deny: []string{"X-Secret"}}
	f.specs["time"] = spec
	send := func(s *service, authorization string) map[string]string {
		s.post("/time/now", "{}", "X-User", "u", "X-Secret", "no", "Other", "o", "Authorization", authorization)
		calls := f.called()
		return calls[len(calls)-1].Caller.Headers
	}
	if got := send(serve(t, f, Options{}), "Bearer upstreams"); !maps.Equal(got, map[string]string{"X-User": "u", "Authorization": "Bearer upstreams"}) {
		t.Errorf("without keys: %v", got)
	}
	// What authenticates the caller here goes nowhere.
	if got := send(serve(t, f, Options{Authenticate: keyed}), "Bearer right"); !maps.Equal(got, map[string]string{"X-User": "u"}) {
		t.Errorf("with keys: %v", got)
	}
	f.specs["time"] = messages.ServerSpec{Name: "time"}
	if got := send(serve(t, f, Options{}), "Bearer x"); got != nil {
		t.Errorf("switched off: %v", got)
	}
}
