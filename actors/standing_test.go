package actors_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// A client session that lives on while its upstream sessions do not.
func TestStanding_ANewUpstreamSessionIsToldWhatTheOldOneKnew(t *testing.T) {
	var mu sync.Mutex
	told := map[int][]string{} // by connection
	server := &actortest.Server{Do: func(_ context.Context, c *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		mu.Lock()
		defer mu.Unlock()
		told[c.Number] = append(told[c.Number], req.Method+string(req.Params))
		return messages.Outcome{Result: json.RawMessage("{}")}
	}}
	r, _ := start(t, actortest.Dialer{"one": server}, nil)
	apply(t, r, actortest.Spec("one"))
	id, err := r.OpenClient(t.Context(), messages.ClientSpec{Principal: alice, Endpoint: "one"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, name, params string) {
		t.Helper()
		request := messages.Request{Method: method, Name: name, Params: json.RawMessage(params)}
		out := r.Call(t.Context(), messages.Call{
			Server: "one", Principal: alice, Client: id,
			Caller: messages.Caller{Mirror: true, Client: id}, Request: request,
		}, messages.Discard)
		if out.Failure != nil {
			t.Fatal(out.Failure)
		}
		if name != "" || method == "logging/setLevel" {
			r.Remember(id, alice, request)
			r.Remember(id, bob, messages.Request{Method: "resources/subscribe", Name: "foreign"})
		}
	}
	ask("logging/setLevel", "", `{"level":"error"}`)
	ask("resources/subscribe", "a", `{"uri":"a"}`)
	ask("resources/subscribe", "b", `{"uri":"b"}`)
	ask("resources/unsubscribe", "a", `{"uri":"a"}`)

	old := server.Last()
	old.Break()
	<-old.Lost()
	ask("prompts/get", "", `{}`)
	mu.Lock()
	got := told[server.Last().Number]
	mu.Unlock()
	if want := []string{`logging/setLevel{"level":"error"}`, `resources/subscribe{"uri":"b"}`, `prompts/get{}`}; !slices.Equal(got, want) {
		t.Errorf("it was told %q, want %q", got, want)
	}

	// The end of the client session is the end of the upstream one.
	last := server.Last()
	if err := r.CloseClient(t.Context(), id, alice); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "the upstream session has ended", func() bool { return !last.IsOpen() })
}
