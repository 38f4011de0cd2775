package dial

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// asking is a sink that answers questions, or lets them wait when it is nil.
type asking struct {
	*hearing
	answer func(messages.Notification)
}

func (a asking) Notify(n messages.Notification) error {
	_ = a.hearing.Notify(n)
	if n.Reply != nil && a.answer != nil {
		a.answer(n)
	}
	return nil
}

func curious(t *testing.T) (*stdioDial, *stdioConn) {
	t.Helper()
	d := stdioTo("curious")
	d.Request.Caller = mirroring(false, mcp.V20251125)
	return d, d.legacy(t)
}

func TestQuestion_TakenBackIsTakenBackWhereItWasAsked(t *testing.T) {
	d, c := curious(t)
	sink := asking{hearing: newHearing()}
	ended, _ := started(t, c, toolCall("relent", "{}"), sink)
	wantText(t, outcome(t, ended), "relented")
	heard := sink.all()
	if len(heard) != 2 || heard[0].Method != "sampling/createMessage" || heard[1].Method != noteCancelled ||
		string(heard[1].Params) != `{"requestId":78,"reason":"never mind"}` {
		t.Fatalf("heard %v", heard)
	}
	if unasked := d.heard.all(); len(unasked) != 0 {
		t.Errorf("unsolicited: %v", unasked)
	}
	c.mux.questions.mu.Lock()
	defer c.mux.questions.mu.Unlock()
	if len(c.mux.questions.open) != 0 {
		t.Errorf("it is remembered: %v", c.mux.questions.open)
	}
}

func TestQuestion_ProgressOfItsAnswerKeepsTheServersToken(t *testing.T) {
	_, c := curious(t)
	sink := asking{newHearing(), func(n messages.Notification) {
		if !strings.Contains(string(n.Params), `"progressToken":"tok-7"`) {
			t.Errorf("asked %s", n.Params)
		}
		if err := c.Notify(within(t), messages.Notification{
			Method: "notifications/progress", Params: json.RawMessage(`{"progressToken":"tok-7","progress":1}`),
		}); err != nil {
			t.Error(err)
		}
		n.Reply(messages.Answer{Result: json.RawMessage(`{"model":"m"}`)})
		n.Reply(messages.Answer{Result: json.RawMessage(`{"model":"another"}`)})
	}}
	ended, _ := started(t, c, toolCall("wonder", "{}"), sink)
	wantText(t, outcome(t, ended), "\"tok-7\"\n{\"model\":\"m\"}")
}

func TestQuestion_WithoutARequestBelongsToNone(t *testing.T) {
	d, c := curious(t)
	ended, _ := started(t, c, toolCall("later", "{}"), messages.Discard)
	wantText(t, outcome(t, ended), "later")
	d.heard.await(t, "sampling/createMessage", 1).Reply(messages.Answer{})
	eventually(t, "the server hears that nobody answers", func() bool {
		out := do(t, c, toolCall("answers", "{}"))
		return strings.Contains(string(out.Result), "79=") && strings.Contains(string(out.Result), "-32603")
	})
}
