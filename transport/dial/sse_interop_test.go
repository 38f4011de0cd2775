package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"

	sdk "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// A server that others wrote.
func TestSSEInterop_TheServerOfMCPGo(t *testing.T) {
	s, started, cancelled := others()
	front := httptest.NewServer(server.NewSSEServer(s))
	t.Cleanup(front.Close)
	for name, d := range map[string]*httpDial{"declared": sseAt(front.URL + "/sse"), "found out": httpTo(front.URL + "/sse")} {
		c := d.sse(t)
		if peer := c.Peer(); peer.Name != "others" || peer.Version != "1.2.3" || peer.Instructions != "be kind" || peer.Modern {
			t.Errorf("%s: peer %+v", name, peer)
		}
		for i := range 5 {
			wantText(t, do(t, c, toolCall("greet", fmt.Sprintf(`{"name":"n%d"}`, i))), fmt.Sprintf("hello n%d", i))
		}
	}
	d := sseAt(front.URL + "/sse")
	c := d.sse(t)
	req := toolCall("greet", `{"name":"p"}`)
	req.ProgressToken = json.RawMessage(`"mine"`)
	heard := newHearing()
	wantText(t, c.Do(within(t), req, new(link.SentFlag), heard), "hello p")
	for _, n := range heard.all() { // it sends some after the answer
		if token, _ := jsonrpc.GetString(n.Params, "progressToken"); n.Method != "notifications/progress" || token != "mine" {
			t.Errorf("heard %s %s", n.Method, n.Params)
		}
	}
	f := failed(t, do(t, c, toolCall("nothing", "{}")), messages.KindUpstream, messages.SentDone, "nothing")
	if f.Code != jsonrpc.CodeInvalidParams {
		t.Errorf("code %d", f.Code)
	}
	s.AddTool(sdk.NewTool("another"), nil)
	d.heard.await(t, "notifications/tools/list_changed", 1)

	ctx, cancel := context.WithCancel(within(t))
	waiting := make(chan messages.Outcome, 1)
	go func() { waiting <- c.Do(ctx, toolCall("wait", "{}"), new(link.SentFlag), messages.Discard) }()
	<-started
	cancel()
	failed(t, outcome(t, waiting), messages.KindCancelled, messages.SentUnknown)
	<-cancelled
}
