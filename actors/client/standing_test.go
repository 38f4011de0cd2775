package client

import (
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestStanding_IsWhatHoldsInTheEnd(t *testing.T) {
	var s standing
	for _, step := range []struct{ method, name, params, want string }{
		{"logging/setLevel", "", "info", "info"},
		{"resources/subscribe", "a", "sub-a", "info sub-a"},
		{"resources/subscribe", "b", "sub-b", "info sub-a sub-b"},
		{"logging/setLevel", "", "error", "sub-a sub-b error"},
		{"resources/subscribe", "a", "again", "sub-b error again"},
		{"resources/unsubscribe", "b", "", "error again"},
		{"resources/unsubscribe", "nobody", "", "error again"},
		{"resources/subscribe", "c", "c", "error again c"},
		{"resources/subscribe", "d", "d", "again c d"}, // three are remembered
	} {
		s = s.note(messages.Request{Method: step.method, Name: step.name, Params: []byte(step.params)}, 3)
		got := ""
		for i, r := range s {
			if i > 0 {
				got += " "
			}
			got += string(r.Params)
		}
		if got != step.want {
			t.Errorf("after %s %s: %q, want %q", step.method, step.params, got, step.want)
		}
	}
}
