package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// others is a server that others wrote. Its tool wait tells when it has started
// and when it was cancelled.
func others() (s *server.MCPServer, started, cancelled chan struct{}) {
	s = server.NewMCPServer("others", "1.2.3", server.WithToolCapabilities(true), server.WithInstructions("be kind"))
	cancelled = make(chan struct{})
	started = make(chan struct{})
	s.AddTool(sdk.NewTool("greet", sdk.WithString("name", sdk.Required())), func(ctx context.Context, r sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		if r.Params.Meta != nil && r.Params.Meta.ProgressToken != nil {
			err := s.SendNotificationToClient(ctx, "notifications/progress", map[string]any{
				"progressToken": r.Params.Meta.ProgressToken, "progress": 1, "total": 1,
			})
			if err != nil {
				return nil, err
			}
		}
		return sdk.NewToolResultText("hello " + r.GetString("name", "?")), nil
	})
	s.AddTool(sdk.NewTool("wait"), func(ctx context.Context, _ sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		close(started)
		<-ctx.Done()
		close(cancelled)
		return nil, ctx.Err()
	})
	return s, started, cancelled
}

// A server that others wrote, in each era that it knows.
func TestHTTPInterop_TheServerOfMCPGo(t *testing.T) {
	for _, protocol := range []string{"auto", "legacy", "modern"} {
		t.Run(protocol, func(t *testing.T) {
			s, started, cancelled := others()
			handler := server.NewStreamableHTTPServer(s, server.WithStateful(true))
			front := httptest.NewServer(http.HandlerFunc(handler.ServeHTTP))
			t.Cleanup(front.Close)
			d := httpTo(front.URL).era(protocol)
			c := d.dial(t)
			peer := c.Peer()
			if peer.Name != "others" || peer.Version != "1.2.3" || peer.Instructions != "be kind" || peer.Modern != (protocol != "legacy") {
				t.Errorf("peer %+v", peer)
			}

			list := do(t, c, messages.Request{Method: "tools/list"})
			if tools, _ := jsonrpc.Get(list.Result, "tools"); !strings.Contains(string(tools), `"greet"`) {
				t.Fatalf("listed %s, %v", list.Result, list.Failure)
			}
			for i := range 5 {
				wantText(t, do(t, c, toolCall("greet", fmt.Sprintf(`{"name":"n%d"}`, i))), fmt.Sprintf("hello n%d", i))
			}
			req := toolCall("greet", `{"name":"p"}`)
			req.ProgressToken = json.RawMessage(`"mine"`)
			heard := newHearing()
			wantText(t, c.Do(within(t), req, new(link.SentFlag), heard), "hello p")
			for _, n := range heard.all() { // it may lose some, but mixes up none with one caller
				if token, _ := jsonrpc.GetString(n.Params, "progressToken"); n.Method != "notifications/progress" || token != "mine" {
					t.Errorf("heard %s %s", n.Method, n.Params)
				}
			}
			f := failed(t, do(t, c, toolCall("nothing", "{}")), messages.KindUpstream, messages.SentDone, "nothing")
			if f.Code != jsonrpc.CodeInvalidParams {
				t.Errorf("code %d", f.Code)
			}

			ctx, cancel := context.WithCancel(within(t))
			out := make(chan messages.Outcome, 1)
			go func() { out <- c.Do(ctx, toolCall("wait", "{}"), new(link.SentFlag), messages.Discard) }()
			<-started
			cancel()
			failed(t, <-out, messages.KindCancelled, messages.SentUnknown)
			<-cancelled

			eventually(t, "the news of another tool", func() bool {
				// Its standing stream may not be open yet: it keeps nothing for those who come later.
				s.AddTool(sdk.NewTool(fmt.Sprintf("more-%d", len(d.heard.all()))), nil)
				for _, n := range d.heard.all() {
					if n.Method == "notifications/tools/list_changed" {
						return true
					}
				}
				return false
			})
			if err := c.Close(within(t)); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}
