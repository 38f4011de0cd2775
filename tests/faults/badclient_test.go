package faults_test

import (
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// badLimits are small, so that what exceeds them is.
var badLimits = map[string]any{"request_bytes": 50_000, "depth": 20, "header_bytes": 4096}

const key = "the-right-key"

// secrets must not stand in the log.
var secrets = regexp.MustCompile(`the-(right|wrong)-key`)

// Everything that can be wrong with an HTTP request: each gets the answer that
// the specification or common sense demands, and the next good one is served.
func TestBadInput_OverHTTPEachGetsItsErrorAndNothingElseIsDisturbed(t *testing.T) {
	t.Parallel()
	mark := testkit.NewMark()
	p := serve(t, testkit.Config(map[string]any{"good": testkit.PuppetServer(mark, "plain")}, map[string]any{"limits": badLimits, "api_keys": map[string]string{"tester": key}}))
	authorized := "Authorization: Bearer " + key
	good := func(t *testing.T) {
		t.Helper()
		status, body := p.post(modernExec("good", "echo", `{"text":"still here"}`), testkit.ModernHeaders("tools/call", "exec", authorized))
		if status != http.StatusOK || !strings.Contains(body, "still here") {
			t.Errorf("the good request was disturbed: %d %s\n%s", status, body, p.Errs)
		}
	}
	modern := func(more ...string) http.Header {
		return testkit.ModernHeaders("tools/call", "exec", append(more, authorized)...)
	}
	// A legacy session, which the legacy cases use.
	legacy := func(more ...string) http.Header {
		h := testkit.ModernHeaders("", "", append([]string{authorized, "MCP-Protocol-Version: 2025-11-25"}, more...)...)
		h.Del("Mcp-Method")
		return h
	}
	status, body, opened := p.ask("POST", p.url, initialize, legacy())
	session := opened.Get("Mcp-Session-Id")
	if status != http.StatusOK || session == "" {
		t.Fatalf("initialize: %d %s", status, body)
	}
	inSession := func(more ...string) http.Header { return legacy(append(more, "Mcp-Session-Id: "+session)...) }
	list := func(more string) string {
		return `{"jsonrpc":"2.0","id":2,"method":"tools/list"` + more + `}`
	}
	exec := modernExec("good", "echo", `{}`)
	for _, tc := range []struct {
		name   string
		method string // POST when empty
		path   string // the endpoint when empty
		header http.Header
		body   string
		status int
		want   string
	}{
		{
			name:   "no body",
			header: modern(),
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error: at byte 0: unexpected end of JSON"}}`,
		},
		{
			name:   "no JSON",
			header: modern(), body: "hello",
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error: at byte 0: unexpected \"h\", want a value"}}`,
		},
		{
			name:   "half of a message",
			header: modern(), body: exec[:40],
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32700,"message":"parse error: at byte 40: unexpected end of JSON"}}`,
		},
		{
			name:   "no message",
			header: modern(), body: `{"a":1}`,
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: member \"jsonrpc\" must be \"2.0\""}}`,
		},
		{
			name:   "another version of JSON-RPC",
			header: modern(), body: strings.Replace(exec, `"2.0"`, `"1.0"`, 1),
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"invalid request: member \"jsonrpc\" must be \"2.0\""}}`,
		},
		{
			name:   "an id of null",
			header: modern(), body: strings.Replace(exec, `"id":1`, `"id":null`, 1),
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: the id of a request must not be null"}}`,
		},
		{
			name:   "bytes that are no text",
			header: modern(), body: strings.Replace(exec, "good", "go\xffod", 1),
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32700,"message":"parse error: at byte 100: a string is not valid UTF-8"}}`,
		},
		{
			name:   "a body beyond limits.request_bytes",
			header: modern(), body: strings.Replace(exec, "{}", strings.Repeat(" ", 50_000)+"{}", 1),
			status: 413, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the message is larger than 50000 bytes (limits.request_bytes)"}}`,
		},
		{
			name:   "nested beyond limits.depth",
			header: modern(), body: modernExec("good", "echo", `{"a":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`}`),
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32700,"message":"parse error: at byte 156: nested too deep (at most 20 levels)"}}`,
		},
		{
			name:   "headers beyond limits.header_bytes",
			header: modern("X-Long: " + strings.Repeat("x", 9000)), body: exec,
			status: 431, want: `431 Request Header Fields Too Large`,
		},
		{
			name:   "a batch of the modern era",
			header: modern(), body: "[" + exec + "]",
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches exist in 2025-03-26 only; send one message at a time"}}`,
		},
		{
			name:   "a batch in a session that knows none",
			header: inSession(), body: "[" + list("") + "]",
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches exist in 2025-03-26 only; send one message at a time"}}`,
		},
		{
			name:   "an empty batch",
			header: inSession(), body: "[]",
			status: 400, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches exist in 2025-03-26 only; send one message at a time"}}`,
		},
		{
			name:   "another content type",
			header: modern("Content-Type: text/plain"), body: exec,
			status: 415, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the Content-Type must be application/json"}}`,
		},
		{
			name:   "a compressed body",
			header: modern("Content-Encoding: gzip"), body: "\x1f\x8b",
			status: 415, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"bodies in the Content-Encoding \"gzip\" are not read; send them plain"}}`,
		},
		{
			name:   "accepts nothing that is served",
			header: modern("Accept: text/html"), body: exec,
			status: 406, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"the Accept header must list application/json and text/event-stream"}}`,
		},
		{
			name:   "no session",
			header: legacy(), body: list(""),
			status: 400, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"the header Mcp-Session-Id is missing: send initialize first and repeat the session id of its answer (or speak 2026-07-28, which needs no session)"}}`,
		},
		{
			name:   "an unknown session",
			header: legacy("Mcp-Session-Id: NOSUCHSESSION"), body: list(""),
			status: 404, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32600,"message":"there is no session of this id (any more): send initialize without Mcp-Session-Id to open one"}}`,
		},
		{
			name:   "the end of an unknown session",
			method: "DELETE", header: legacy("Mcp-Session-Id: NOSUCHSESSION"),
			status: 404, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"there is no session of this id (any more): send initialize without Mcp-Session-Id to open one"}}`,
		},
		{
			name:   "a stream of an unknown session",
			method: "GET", header: legacy("Mcp-Session-Id: NOSUCHSESSION"),
			status: 404, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"there is no session of this id (any more): send initialize without Mcp-Session-Id to open one"}}`,
		},
		{
			name:   "a version that does not exist",
			header: inSession("MCP-Protocol-Version: 2020-01-01"), body: list(""),
			status: 400, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32022,"message":"the protocol version \"2020-01-01\" is not supported in this form of request; legacy versions begin with initialize","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2020-01-01"}}}`,
		},
		{
			name:   "a modern version that does not exist",
			header: modern("MCP-Protocol-Version: 2099-01-01"), body: strings.Replace(exec, "2026-07-28", "2099-01-01", 1),
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"the protocol version \"2099-01-01\" is not supported in this form of request; legacy versions begin with initialize","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2099-01-01"}}}`,
		},
		{
			name:   "headers that disagree with the body: method",
			header: modern("Mcp-Method: tools/list"), body: exec,
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Header mismatch: Mcp-Method header value 'tools/list' does not match body value 'tools/call'"}}`,
		},
		{
			name:   "headers that disagree with the body: name",
			header: modern("Mcp-Name: inspect"), body: exec,
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32020,"message":"Header mismatch: Mcp-Name header value 'inspect' does not match body value 'exec'"}}`,
		},
		{
			name:   "no client capabilities",
			header: modern(), body: strings.Replace(exec, `"io.modelcontextprotocol/clientCapabilities":{},`, "", 1),
			status: 400, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"params._meta must hold the client's capabilities, an object, as \"io.modelcontextprotocol/clientCapabilities\""}}`,
		},
		{
			name:   "an unknown method",
			header: testkit.ModernHeaders("tools/frobnicate", "", authorized), body: strings.Replace(list(`,"params":{"_meta":`+testkit.ModernMeta+`}`), "tools/list", "tools/frobnicate", 1),
			status: 404, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"method not found: tools/frobnicate"}}`,
		},
		{
			name:   "an unknown method in a session",
			header: inSession(), body: strings.Replace(list(""), "tools/list", "tools/frobnicate", 1),
			status: 200, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32601,"message":"method not found: tools/frobnicate"}}`,
		},
		{
			name:   "an unknown tool",
			header: testkit.ModernHeaders("tools/call", "frobnicate", authorized), body: strings.Replace(exec, `"exec"`, `"frobnicate"`, 1),
			status: 200, want: `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"unknown tool: frobnicate (there are inspect, exec, resources)"}}`,
		},
		{
			name:   "params that are no object",
			header: inSession(), body: strings.Replace(list(`,"params":[1]`), "list", "call", 1),
			status: 200, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"tools/call needs params.name, a string"}}`,
		},
		{
			name:   "arguments that are no object",
			header: inSession(), body: `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"exec","arguments":"x"}}`,
			status: 200, want: `{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"params.arguments of tools/call must be an object"}}`,
		},
		{
			name:   "another HTTP method",
			method: "PUT", header: modern(), body: exec,
			status: 405, want: `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"an MCP endpoint takes POST, GET and DELETE, not PUT"}}`,
		},
		{
			name: "another path",
			path: "/mcpx", header: modern(), body: exec,
			status: 404, want: `{"detail":{"message":"there is no server \"mcpx\"","available":["good"]}}`,
		},
		{
			name:   "a foreign origin",
			header: modern("Origin: https://evil.example"), body: exec,
			status: 403, want: `{"error":"pages of the origin \"https://evil.example\" may not use this server; add it to allowed_origins to permit it"}`,
		},
		{
			name:   "an origin of null",
			header: modern("Origin: null"), body: exec,
			status: 403, want: `{"error":"pages of the origin \"null\" may not use this server; add it to allowed_origins to permit it"}`,
		},
		{
			name:   "a foreign host",
			header: modern("Host: evil.example"), body: exec,
			status: 403, want: `{"error":"the host \"evil.example\" is not served here; add it to allowed_hosts to permit it"}`,
		},
		{
			name:   "no key",
			header: testkit.ModernHeaders("tools/call", "exec"), body: exec,
			status: 401, want: `{"error":"an API key is needed: send the header \"Authorization: Bearer KEY\""}`,
		},
		{
			name:   "a wrong key",
			header: testkit.ModernHeaders("tools/call", "exec", "Authorization: Bearer the-wrong-key"), body: exec,
			status: 401, want: `{"error":"the API key is not known here"}`,
		},
		{
			name:   "a key in another scheme",
			header: testkit.ModernHeaders("tools/call", "exec", "Authorization: Basic dGhlLXJpZ2h0LWtleQ=="), body: exec,
			status: 401, want: `{"error":"an API key is needed: send the header \"Authorization: Bearer KEY\""}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			method, url := "POST", p.url
			if tc.method != "" {
				method = tc.method
			}
			if tc.path != "" {
				url = strings.TrimSuffix(p.url, "/mcp") + tc.path
			}
			good(t)
			status, body, header := p.ask(method, url, tc.body, tc.header)
			if status != tc.status || body != tc.want {
				t.Errorf("status %d: %s\nwant %d: %s", status, body, tc.status, tc.want)
			}
			// What HTTP itself demands with these.
			for status, name := range map[int]string{http.StatusUnauthorized: "WWW-Authenticate", http.StatusMethodNotAllowed: "Allow"} {
				if (tc.status == status) != (header.Get(name) != "") {
					t.Errorf("%d with the header %s: %q", tc.status, name, header.Get(name))
				}
			}
			good(t)
		})
	}
	if status, body, _ := p.ask("POST", p.url, list(""), inSession()); status != http.StatusOK {
		t.Errorf("the session did not survive it: %d %s", status, body)
	}
	if err := p.End(func() error { return p.Signal(syscall.SIGINT) }); err != nil {
		t.Errorf("%v\n%s", err, p.Errs)
	}
	if secrets.MatchString(p.Errs.String()) {
		t.Errorf("a key is in the log:\n%s", p.Errs)
	}
	actortest.Eventually(t, "no process is left", func() bool { return len(puppet.Marked(mark)) == 0 })
}
