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
