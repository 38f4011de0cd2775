package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
)

// answersOf returns the answers among lines, by their ids.
func answersOf(t *testing.T, lines string) map[int]string {
	t.Helper()
	answers := map[int]string{}
	for line := range strings.Lines(lines) {
		var m struct {
			ID     int `json:"id"`
			Method string
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("no message: %q", line)
		}
		if m.Method == "" {
			answers[m.ID] = line
		}
	}
	return answers
}

func TestStdio_AnEndpointIsOneServerAsItIs(t *testing.T) {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for era, lines := range map[string][]string{
		"legacy": {
			rpc(1, "initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`),
			`{"jsonrpc":"2.0","method":"notifications/initialized"}`,
			rpc(2, "tools/list", `{}`),
			rpc(3, "tools/call", `{"name":"add","arguments":{"a":20,"b":22}}`),
		},
		"modern": {
			rpc(1, "server/discover", `{`+meta+`}`),
			rpc(2, "tools/list", `{`+meta+`}`),
			rpc(3, "tools/call", `{"name":"add","arguments":{"a":20,"b":22},`+meta+`}`),
		},
	} {
		t.Run(era, func(t *testing.T) {
			alone(t)
			write(t, "mcpx.json", demoConfig(t, "", "a", "b"))
			got := mcpx(t, strings.Join(lines, "\n")+"\n", "stdio", "mcpx.json", "--endpoint", "b", "--log-format", "json")
			answers := answersOf(t, got.out)
			if got.code != exitOK || !strings.Contains(answers[1], "mcpx-demo") && !strings.Contains(answers[1], `"demo`) ||
				!strings.Contains(answers[2], `"name":"add"`) || strings.Contains(answers[2], `"name":"exec"`) || !strings.Contains(answers[3], "42") {
				t.Errorf("%+v", got)
			}
			if strings.Contains(got.err, `"server":"a"`) {
				t.Errorf("another server was started:\n%s", got.err)
			}
		})
	}
}

func TestStdio_AnUnknownEndpointIsNamedBesideThoseThatExist(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a", "b"))
	got := mcpx(t, "", "stdio", "--endpoint", "c")
	if got.code != exitError || !strings.Contains(got.err, `there is no server "c"; there are: "a", "b"`) || got.out != "" {
		t.Errorf("%+v", got)
	}
}

func TestReload_WithAnEndpointItsServerAloneCounts(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a", "b"))
	l := loadForTest(t, "serve")
	if err := l.narrow("b"); err != nil {
		t.Fatal(err)
	}
	rename(t, "mcpx.json", demoConfig(t, "", "a", "b", "c"))
	if cfg, problems := l.source.load(); cfg == nil || fmt.Sprint(names(cfg.Servers)) != "[b]" {
		t.Errorf("%v, %v", cfg, problems)
	}
}

func TestServe_AServerAsItIsOverTheOlderTransport(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a", "b c"))
	s := startServing(t, "mcpx.json", "--port", "0", "--log-format", "json")
	base := strings.TrimSuffix(s.url, "/mcp")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, path := range []string{"/sse/a", "/sse/b%20c"} {
		own := &http.Transport{}
		tr, err := transport.NewSSE(base+path, transport.WithHTTPClient(&http.Client{Transport: own}))
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
		var call mcp.CallToolRequest
		call.Params.Name, call.Params.Arguments = "add", map[string]any{"a": 20, "b": 22}
		result, err := c.CallTool(ctx, call)
		if err != nil || !strings.Contains(fmt.Sprint(result.Content), "42") {
			t.Errorf("%s: %+v, %v", path, result, err)
		}
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		own.CloseIdleConnections()
	}
	if status, body := s.get("/sse/nobody"); status != http.StatusNotFound || !strings.Contains(body, `\"a\", \"b c\"`) {
		t.Errorf("%d %s", status, body)
	}
}
