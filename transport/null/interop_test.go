package null

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial"
)

// within caps what must not hang; it outlives the context of the test.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// drive uses a server as mcp-go's client does.
func drive(t *testing.T, c *client.Client, s *Server) {
	t.Helper()
	ctx := within(t)
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	hello := mcp.InitializeRequest{}
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	hello.Params.ClientInfo = mcp.Implementation{Name: "test", Version: "0"}
	if got, err := c.Initialize(ctx, hello); err != nil || got.ServerInfo.Name != "mcpx-null" {
		t.Fatalf("initialize: %+v, %v", got, err)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != ToolName {
		t.Fatalf("tools: %+v, %v", tools, err)
	}
	if got, err := c.ListResources(ctx, mcp.ListResourcesRequest{}); err != nil || len(got.Resources) != 0 {
		t.Errorf("resources: %+v, %v", got, err)
	}
	if got, err := c.ListPrompts(ctx, mcp.ListPromptsRequest{}); err != nil || len(got.Prompts) != 0 {
		t.Errorf("prompts: %+v, %v", got, err)
	}
	for range 3 {
		call := mcp.CallToolRequest{}
		call.Params.Name, call.Params.Arguments = ToolName, map[string]any{"any": []int{1}}
		got, err := c.CallTool(ctx, call)
		if err != nil || got.IsError || len(got.Content) != 1 {
			t.Fatalf("call: %+v, %v", got, err)
		}
		if text := got.Content[0].(mcp.TextContent).Text; text != s.Text() || len(text) != 100 {
			t.Errorf("text %q, want %q", text, s.Text())
		}
	}
}

func TestInterop_MCPGoOverEveryTransport(t *testing.T) {
	for era, options := range map[string][]client.ClientOption{
		"legacy": {client.WithLegacyProtocolOnly()},
		"modern": nil,
	} {
		t.Run("http/"+era, func(t *testing.T) {
			s := newServer(t, Options{Bytes: 100})
			tr, err := transport.NewStreamableHTTP(s.listen(t, s.HTTP()) + "/mcp")
			if err != nil {
				t.Fatal(err)
			}
			drive(t, client.NewClient(tr, options...), s)
		})
		t.Run("stdio/"+era, func(t *testing.T) {
			s := newServer(t, Options{Bytes: 100})
			in, input := io.Pipe()
			out, output := io.Pipe()
			stderr, noStderr := io.Pipe()
			done := make(chan error, 1)
			go func() {
				done <- s.ServeStdio(t.Context(), in, output)
				output.Close()
				noStderr.Close()
			}()
			drive(t, client.NewClient(transport.NewIO(out, input, stderr), options...), s)
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
	t.Run("sse", func(t *testing.T) {
		s := newServer(t, Options{Bytes: 100})
		tr, err := transport.NewSSE(s.listen(t, s.SSE()) + "/sse")
		if err != nil {
			t.Fatal(err)
		}
		drive(t, client.NewClient(tr, client.WithLegacyProtocolOnly()), s)
	})
}

func TestInterop_TheDialerOfMcpxOverEveryTransport(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		transport messages.Transport
		protocol  string
	}{
		{messages.TransportHTTP, "modern"}, {messages.TransportHTTP, "legacy"}, {messages.TransportHTTP, "2025-03-26"},
		{messages.TransportStdio, "modern"}, {messages.TransportStdio, "legacy"},
		{messages.TransportSSE, "legacy"},
	} {
		t.Run(string(c.transport)+"/"+c.protocol, func(t *testing.T) {
			s := newServer(t, Options{Bytes: 100})
			spec := messages.ServerSpec{Name: "null", Transport: c.transport, Protocol: c.protocol, Policy: messages.DefaultPolicy()}
			spec.Policy.ConnectionTimeout, spec.Policy.KillAfter = 2*time.Minute, 2*time.Minute
			switch c.transport {
			case messages.TransportStdio:
				spec.Command, spec.Env = self, map[string]string{envServer: "1", "GOCOVERDIR": t.TempDir()}
			case messages.TransportHTTP:
				spec.URL = s.listen(t, s.HTTP()) + "/mcp"
			case messages.TransportSSE:
				spec.URL = s.listen(t, s.SSE()) + "/sse"
			}
			conn, err := dial.New(json.RawMessage(`{"name":"test","version":"0"}`)).Dial(within(t), link.DialRequest{
				Spec: spec, Limits: messages.DefaultLimits(), Unsolicited: func(messages.Notification) {},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := conn.Close(within(t)); err != nil {
					t.Errorf("close: %v", err)
				}
			}()
			if peer := conn.Peer(); peer.Name != "mcpx-null" || peer.Modern != (c.protocol == "modern") {
				t.Errorf("peer %+v", peer)
			}
			out := conn.Do(within(t), messages.Request{Method: "tools/call", Name: ToolName,
				Params: json.RawMessage(`{"name":"null","arguments":{}}`)}, new(link.SentFlag), messages.Discard)
			if out.Failure != nil || !strings.Contains(string(out.Result), s.Text()) {
				t.Errorf("%s %+v", out.Result, out.Failure)
			}
		})
	}
}
