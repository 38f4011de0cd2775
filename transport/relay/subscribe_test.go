package relay

import (
	"slices"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

func TestSubscribe_OnASessionOfOnesOwnItIsARequestLikeAnyOther(t *testing.T) {
	for _, c := range []struct {
		name      string
		exclusive bool
		caller    mcp.Caller
		params    string
		counted   bool
	}{
		{"a session that all share", true, mcp.Caller{Client: "c", Protocol: mcp.V20251125}, `{"uri":"a:b"}`, true},
		{"one of its own", false, mcp.Caller{Client: "c", Protocol: mcp.V20251125}, `{"uri":"a:b"}`, false},
		{"no session to tell", true, mcp.Caller{Protocol: mcp.V20251125}, `{"uri":"a:b"}`, false},
		{"no resource", true, mcp.Caller{Client: "c", Protocol: mcp.V20251125}, `{"uri":7}`, false},
	} {
		server := &asking{result: `{"it":"said so"}`, exclusive: c.exclusive}
		s := New(server, "fs", NewSealer(nil, time.Minute))
		for _, method := range []string{"resources/subscribe", "resources/unsubscribe"} {
			result, err := serve(t, s, c.caller, method, c.params)
			if want := map[bool]string{true: "{}", false: server.result}[c.counted]; err != nil || string(result) != want {
				t.Errorf("%s: %s: %s, %v", c.name, method, result, err)
			}
		}
		want := []string{"+[a:b] {c 0}fs", "-[a:b] {c 0}fs"}
		if c.counted != slices.Equal(server.said, want) || c.counted == (len(server.got) > 0) {
			t.Errorf("%s: subscriptions %q, requests %v", c.name, server.said, server.got)
		}
	}
}

func TestSubscribe_TheRefusalIsTheServersOwn(t *testing.T) {
	server := &asking{exclusive: true, refuses: &messages.Failure{Kind: messages.KindUpstream, Code: -32002, Message: "no such resource"}}
	s := New(server, "fs", NewSealer(nil, time.Minute))
	if _, err := serve(t, s, mcp.Caller{Client: "c", Protocol: mcp.V20251125}, "resources/subscribe", `{"uri":"a:b"}`); err != server.refuses {
		t.Error(err)
	}
	if granted, err := s.Subscribe(t.Context(), caller("alice"), messages.Subscriber{Client: "c", Stream: 7}, []string{"a"}); granted != nil || err == nil {
		t.Error(granted, err)
	}
	server.refuses = nil
	if granted, err := s.Subscribe(t.Context(), caller("alice"), messages.Subscriber{Client: "c", Stream: 7}, []string{"a"}); err != nil || !slices.Equal(granted, []string{"a"}) {
		t.Error(granted, err)
	}
}
