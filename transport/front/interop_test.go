package front

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpx/mcpx/messages"
	ours "github.com/mcpx/mcpx/transport/mcp"
)

// drive uses the front as a program that knows nothing of it does.
func drive(t *testing.T, c *client.Client, clients *registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patienceOfTests)
	defer cancel()
	notes := make(chan mcp.JSONRPCNotification, 100)
	c.OnNotification(func(n mcp.JSONRPCNotification) { notes <- n })
	if err := c.Start(ctx); err != nil {
		t.Fatalf("start: %v", err)
	}
	var request mcp.InitializeRequest
	request.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	request.Params.ClientInfo = mcp.Implementation{Name: "interop", Version: "1"}
	hello, err := c.Initialize(ctx, request)
	if err != nil {
		t.Fatalf("initialize: %v", err)
	}
	if hello.ServerInfo.Name != "puppet" {
		t.Errorf("server info %+v", hello.ServerInfo)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != "echo" {
		t.Errorf("tools/list: %+v, %v", tools, err)
	}
	var call mcp.CallToolRequest
	call.Params.Name = "progress"
	call.Params.Meta = &mcp.Meta{ProgressToken: "tok"}
	result, err := c.CallTool(ctx, call)
	if err != nil || len(result.Content) != 1 || result.Content[0].(mcp.TextContent).Text != "done" {
		t.Errorf("tools/call: %+v, %v", result, err)
	}
	for i := range 3 {
		n := await(t, "a progress notification", notes)
		fields := n.Params.AdditionalFields
		if n.Method != "notifications/progress" || fields["progressToken"] != "tok" || fields["progress"] != float64(i) {
			t.Errorf("notification %d: %+v", i, n)
		}
	}
	call.Params.Name = "nope"
	if _, err := c.CallTool(ctx, call); err == nil || !strings.Contains(err.Error(), "unknown tool nope") {
		t.Errorf("an unknown tool: %v", err)
	}
	listened := make(chan error, 1)
	modern := hello.ProtocolVersion == ours.V20260728
	listening, stop := context.WithCancel(ctx)
	defer stop()
	if modern {
		go func() { listened <- c.Listen(listening, mcp.SubscriptionFilter{ToolsListChanged: true}) }()
		if n := await(t, "the acknowledgment", notes); n.Method != noteAcknowledged {
			t.Errorf("got %+v", n)
		}
	}
	clients.awaitStreams(t, 1)
	clients.announce(messages.TopicTools, toolsChanged)
	if n := await(t, "list_changed", notes); n.Method != toolsChanged {
		t.Errorf("got %+v", n)
	}
	if modern {
		stop()
		if err := await(t, "the end of the subscription", listened); err == nil {
			t.Error("a cancelled subscription got a result")
		}
		clients.awaitStreams(t, 0)
	} else {
		if err := c.Ping(ctx); err != nil {
			t.Errorf("ping: %v", err)
		}
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestInterop_MCPGoOverStreamableHTTP(t *testing.T) {
	t.Run("legacy", func(t *testing.T) {
		w := newWorld(t, Options{})
		listening := transport.WithContinuousListening()
		tr, err := transport.NewStreamableHTTP(w.url(), transport.WithHTTPBasicClient(w.client), listening)
		if err != nil {
			t.Fatal(err)
		}
		drive(t, client.NewClient(tr), w.clients)
		eventually(t, "the session is closed", func() bool { n, _, _ := w.clients.state(); return n == 0 })
	})
	t.Run("modern", func(t *testing.T) {
		w := newWorld(t, Options{})
		tr, err := transport.NewStreamableHTTP(w.url(), transport.WithHTTPBasicClient(w.client))
		if err != nil {
			t.Fatal(err)
		}
		drive(t, client.NewClient(tr), w.clients)
		if w.clients.opened != 1 {
			t.Errorf("%d sessions were opened for a modern client, want the one of its subscription", w.clients.opened)
		}
	})
}

func TestInterop_MCPGoOverStdio(t *testing.T) {
	for name, options := range map[string][]client.ClientOption{
		"legacy": {client.WithLegacyProtocolOnly()},
		"modern": nil,
	} {
		t.Run(name, func(t *testing.T) {
			service, clients := newPuppet(), newRegistry()
			in, input := io.Pipe()
			out, output := io.Pipe()
			stderr, noStderr := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- ServeStdio(t.Context(), in, output, service, clients, Options{})
				output.Close()
				noStderr.Close()
			}()
			drive(t, client.NewClient(transport.NewIO(out, input, stderr), options...), clients)
			if err := await(t, "the end", done); err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
