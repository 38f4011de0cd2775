package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mcpx/mcpx/actors/actortest"
)

// One mcpx is the upstream of another, and both are reached over HTTP+SSE.
func TestServe_TheOlderTransportOnBothSides(t *testing.T) {
	alone(t)
	first := startServing(t, "--port", "0", "--log-format", "json", "--api-key", "first-key", "--log-level", "debug")
	base := strings.TrimSuffix(first.url, "/mcp")
	write(t, "second.json", fmt.Sprintf(`{"mcpServers": {"up": {"url": "%s/sse", "headers": {"Authorization": "Bearer first-key"}}}}`, base))
	second := startServing(t, "second.json", "--port", "0", "--log-format", "json", "--log-level", "debug")
	actortest.Eventually(t, "the first is connected to the second", func() bool {
		_, body := second.get("/healthz")
		return strings.Contains(body, `"connected":1`)
	})

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	tr, err := transport.NewSSE(strings.TrimSuffix(second.url, "/mcp")+"/sse", transport.WithHTTPClient(&http.Client{Transport: own}))
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewClient(tr)
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var hello mcp.InitializeRequest
	hello.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	if _, err := c.Initialize(ctx, hello); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) != 3 {
		t.Errorf("tools/list: %+v, %v", tools, err)
	}
	var call mcp.CallToolRequest
	call.Params.Name = "exec"
	call.Params.Arguments = map[string]any{"server_name": "up", "tool_name": "exec", "arguments": map[string]any{
		"server_name": "demo", "tool_name": "add", "arguments": map[string]any{"a": 20, "b": 22},
	}}
	actortest.Eventually(t, "the demo behind both answers", func() bool {
		result, err := c.CallTool(ctx, call)
		return err == nil && !result.IsError && strings.Contains(fmt.Sprint(result.Content), "42")
	})
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}

	// Without a key there is no stream, and no place to post to.
	for method, path := range map[string]string{http.MethodGet: "/sse", http.MethodPost: "/messages?sessionId=x"} {
		req, err := http.NewRequestWithContext(ctx, method, base+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s %s without a key: %d", method, path, resp.StatusCode)
		}
	}
	for _, s := range []*serving{second, first} {
		if code := s.end(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
		if log := s.errs.String(); strings.Contains(log, "sessionId") || strings.Contains(log, "first-key") {
			t.Errorf("secrets are in the log:\n%s", log)
		}
	}
	if log := second.errs.String(); !strings.Contains(log, "SSE-"+base+"/sse") {
		t.Errorf("the connection is not named in\n%s", log)
	}
}
