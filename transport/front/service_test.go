package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// patienceOfTests caps every wait for an event; no test depends on its length.
const patienceOfTests = time.Minute

// puppet is a service whose tools do what their names say.
type puppet struct {
	started  chan string   // the name of each "wait" call that began
	release  chan struct{} // lets "wait" calls finish
	ended    chan error    // why each "wait" and "flood" call ended; nil when released
	served   chan mcp.Request
	describe mcp.Description
}

func newPuppet() *puppet {
	return &puppet{
		started: make(chan string, 4096), release: make(chan struct{}), ended: make(chan error, 4096),
		served: make(chan mcp.Request, 4096),
		describe: mcp.Description{
			Info:         json.RawMessage(`{"name":"puppet","version":"1"}`),
			Capabilities: json.RawMessage(`{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{"listChanged":true}}`),
			Instructions: "pull strings",
		},
	}
}

func (p *puppet) Describe(context.Context, mcp.Caller) mcp.Description { return p.describe }

func (p *puppet) Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error) {
	select {
	case p.served <- req:
	default:
	}
	switch req.Request.Method {
	case "tools/list":
		return json.RawMessage(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`), nil
	case "tools/call":
	default:
		return nil, methodNotFound(req.Request.Method)
	}
	switch name := req.Request.Name; name {
	case "echo":
		return callResult(string(req.Request.Params)), nil
	case "pretty":
		return json.RawMessage("{\n  \"content\": [],\r\n  \"big\": 9007199254740993\n}"), nil
	case "progress":
		for i := range 3 {
			if err := sink.Notify(progress(req, i)); err != nil {
				return nil, err
			}
		}
		return callResult("done"), nil
	case "log":
		for _, level := range []string{"debug", "warning", "error"} {
			if err := sink.Notify(messages.Notification{Method: noteMessage,
				Params: json.RawMessage(`{"level":"` + level + `","data":"x"}`)}); err != nil {
				return nil, err
			}
		}
		return callResult("done"), nil
	case "wait":
		p.started <- string(req.Request.Params)
		select {
		case <-p.release:
			p.ended <- nil
			return callResult("released"), nil
		case <-ctx.Done():
			p.ended <- context.Cause(ctx)
			// As a service does that heeds its end late.
			_ = sink.Notify(progress(req, 99))
			return nil, messages.Failf(messages.KindCancelled, "", "cancelled")
		}
	case "flood":
		big := json.RawMessage(fmt.Sprintf(`{"progressToken":1,"progress":1,"message":%q}`, make([]byte, 32<<10)))
		p.started <- "flood"
		for {
			if err := sink.Notify(messages.Notification{Method: "notifications/progress", Params: big}); err != nil {
				p.ended <- err
				return callResult("gave up"), nil
			}
		}
	case "big":
		return callResult(strings.Repeat("x", 8<<20)), nil
	case "panic":
		panic("the puppet's string broke")
	case "unavailable":
		f := messages.Failf(messages.KindUnavailable, "fs", "fs is not connected: exit status 1")
		f.RetryAfter = 1500 * time.Millisecond
		return nil, f
	case "capability":
		return nil, &jsonrpc.Error{Code: mcp.CodeMissingCapability, Message: "sampling is needed", Data: json.RawMessage(`{"requiredCapabilities":{"sampling":{}}}`)}
	case "bug":
		return nil, errors.New("a plain error")
	default:
		return nil, messages.Failf(messages.KindUnknownTool, "", "unknown tool %s", name)
	}
}

func callResult(text string) json.RawMessage {
	return json.RawMessage(`{"content":[{"type":"text","text":` + string(jsonrpc.Quote(text)) + `}]}`)
}

func progress(req mcp.Request, i int) messages.Notification {
	token := req.Request.ProgressToken
	if token == nil {
		token = json.RawMessage("null")
	}
	return messages.Notification{Method: "notifications/progress",
		Params: json.RawMessage(fmt.Sprintf(`{"progressToken":%s,"progress":%d}`, token, i))}
}

// await waits for one value, with a generous cap.
func await[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patienceOfTests):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// eventually polls a condition, with a generous cap.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	timeout := time.After(patienceOfTests)
	for !condition() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
