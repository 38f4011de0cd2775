package config

import (
	"reflect"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestSingleServer_NamesAreSafeAndTellTheProgram(t *testing.T) {
	for line, want := range map[string]string{
		"npx -y @modelcontextprotocol/server-filesystem@1.2.3 /tmp": "server-filesystem",
		"uvx mcp-server-fetch":                    "mcp-server-fetch",
		"uv run server.py":                        "server",
		"python3 -m mcp_server_git":               "mcp_server_git",
		"node ./dist/index.js":                    "index",
		"/usr/local/bin/my.server --port 3":       "my",
		`C:\Tools\thing.exe`:                      "thing",
		"npx":                                     "npx",
		"npx -y":                                  "npx",
		"https://mcp.example.com/v1?token=canary": "mcp-example-com",
		"http://127.0.0.1:9000/sse":               "127-0-0-1-9000",
		"./…/äöü":                                 "server",
		"":                                        "server",
	} {
		if got := nameOf(strings.Fields(line)); got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	if got := nameOf([]string{strings.Repeat("x", 500)}); len(got) != 64 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestSingleServer_WordsBecomeAServer(t *testing.T) {
	policy := messages.DefaultPolicy()
	policy.MaxQueue = 7
	for _, c := range []struct {
		line CommandLine
		want messages.ServerSpec
	}{
		{CommandLine{Words: []string{"prog", "-x", "${HOME}"}, Env: map[string]string{"A": "$${B}"}, Cwd: "/"},
			messages.ServerSpec{Name: "prog", Transport: "stdio", Command: "prog", Args: []string{"-x", "${HOME}"}, Env: map[string]string{"A": "$${B}"}, Cwd: "/"}},
		{CommandLine{Words: []string{"https://h/mcp"}, Headers: map[string]string{"X": "y"}, Name: "mine"},
			messages.ServerSpec{Name: "mine", Transport: "streamable-http", URL: "https://h/mcp", Headers: map[string]string{"X": "y"}}},
		{CommandLine{Words: []string{"http://h/sse"}}, messages.ServerSpec{Name: "h", Transport: "sse", URL: "http://h/sse"}},
		{CommandLine{Words: []string{"http://h/sse"}, Type: "streamable_http"},
			messages.ServerSpec{Name: "h", Transport: "streamable-http", URL: "http://h/sse", Declared: true}},
		{CommandLine{Words: []string{"a"}, Type: "stdio"}, messages.ServerSpec{Name: "a", Transport: "stdio", Command: "a"}},
	} {
		c.want.Protocol, c.want.Policy = "auto", policy
		got, problems := SingleServer(c.line, policy)
		if len(problems) > 0 || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v:\n got %+v\nwant %+v\n%s", c.line.Words, got, c.want, problems)
		}
	}
}

func TestSingleServer_IsCheckedLikeOneOfTheFile(t *testing.T) {
	for _, c := range []struct {
		line CommandLine
		want string
	}{
		{CommandLine{}, `Server 'server': stdio type requires 'command' field`},
		{CommandLine{Words: []string{"x"}, Type: "t"}, `Server 'x': unknown type 't', must be 'stdio' or 'http'`},
		{CommandLine{Words: []string{"x"}, Type: "sse"}, `Server 'x': url: must begin with http:// or https://`},
		{CommandLine{Type: "http"}, `Server 'server': http type requires 'url' field`},
		{CommandLine{Words: []string{"http://h", "x"}}, `Server 'h': expected nothing behind the URL`},
		{CommandLine{Words: []string{"htp://h/mcp"}}, `Server 'mcp': htp:// is no address of a server: a URL begins with http:// or https://`},
		{CommandLine{Words: []string{"x"}, Name: "a\tb"}, `Server 'a\tb': the name of a server must not hold control characters`},
		{CommandLine{Words: []string{"x"}, Name: strings.Repeat("é", 65)}, `Server '` + strings.Repeat("é", 39) + `…': the name of a server has at most 128 bytes, this one 130`},
		{CommandLine{Words: []string{"x"}, Headers: map[string]string{"A": "canary"}}, `warning: Server 'x': headers: is not used by a server of type stdio`},
		{CommandLine{Words: []string{"http://h"}, Env: map[string]string{"A": "canary"}}, `warning: Server 'h': env: is not used by a server of type http`},
		{CommandLine{Words: []string{"x\x00"}, Name: "n"}, `Server 'n': command: holds a NUL character, which no program and no server accepts`},
	} {
		spec, problems := SingleServer(c.line, messages.DefaultPolicy())
		if problems.String() != c.want+"\n" {
			t.Errorf("%+v: got %s", c.line, problems)
		}
		if problems.HasErrors() != (spec.Name == "") {
			t.Errorf("%+v: errors and yet %+v", c.line, spec)
		}
	}
}

func TestLoad_ACommandLineGetsThePolicyOfFlagsAndEnvironment(t *testing.T) {
	cfg, problems := Load(LoadOptions{
		Environ:     []string{"MCPX_MAX_QUEUE=5", "MCPX_DISABLED_TOOLS=x.write"},
		Flags:       map[string]any{"request_timeout": "5s"},
		CommandLine: &CommandLine{Words: []string{"x"}},
	})
	if cfg == nil || len(problems) > 0 || len(cfg.Servers) != 1 {
		t.Fatal(problems)
	}
	s := cfg.Servers[0]
	if s.Policy.MaxQueue != 5 || s.Policy.RequestTimeout.Seconds() != 5 || len(s.DisabledTools) != 1 || s.DisabledTools[0] != "write" {
		t.Errorf("%+v", s)
	}
}

func TestLoad_AWrongCommandLineIsFatal(t *testing.T) {
	file := []byte(`{"mcpServers": {"x": {"command": "x"}}}`)
	for _, line := range []CommandLine{{}, {Words: []string{"x"}}} {
		if cfg, problems := Load(LoadOptions{Path: "f", Data: file, Environ: []string{}, CommandLine: &line}); cfg != nil || !problems.HasErrors() {
			t.Errorf("%+v: %s", line, problems)
		}
	}
}
