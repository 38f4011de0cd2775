package client

import (
	"fmt"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestQueue_CoalescesWhatSaysNothingNewAndDropsTheOldest(t *testing.T) {
	var q queue
	list := messages.Notification{Method: "notifications/tools/list_changed"}
	for range 3 {
		if n := q.add(list, 3); n != 0 {
			t.Fatalf("dropped %d", n)
		}
	}
	dropped := 0
	for i := range 4 {
		dropped += q.add(messages.Notification{Method: "notifications/message", Params: fmt.Appendf(nil, "%d", i)}, 3)
	}
	got := ""
	for _, n := range q.take() {
		got += string(n.Params)
	}
	if got != "123" || dropped != 2 || !q.empty() {
		t.Errorf("kept %q, dropped %d, empty %v", got, dropped, q.empty())
	}
}

func TestQueue_OfAListTheLatestNewsAreTold(t *testing.T) {
	var q queue
	tools, prompts := "notifications/tools/list_changed", "notifications/prompts/list_changed"
	for _, n := range []messages.Notification{
		{Method: tools}, {Method: prompts, Params: []byte(`{"a":1}`)}, {Method: tools, Params: []byte(`{"b":1}`)}, {Method: prompts, Params: []byte(`{"a":2}`)}, {Method: tools},
	} {
		if dropped := q.tell(n, 2); dropped != 0 {
			t.Errorf("dropped %d", dropped)
		}
	}
	got := q.take()
	if len(got) != 2 || got[0].Method != tools || string(got[0].Params) != `{"b":1}` || string(got[1].Params) != `{"a":2}` {
		t.Errorf("%v", got)
	}
}
