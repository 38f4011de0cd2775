package faults_test

import (
	"io"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// Everything that can be wrong with a line on stdio: each gets its one answer,
// and the next good line is served.
func TestBadInput_OverStdioEachGetsItsErrorAndNothingElseIsDisturbed(t *testing.T) {
	t.Parallel()
	mark := testkit.NewMark()
	p := overStdio(t, testkit.Config(map[string]any{"good": testkit.PuppetServer(mark, "plain")}, map[string]any{"limits": badLimits}))
	call := `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":` + testkit.ExecParams("good", "echo", "{}") + `}`
	modern := testkit.Modern(7, "tools/call", testkit.ExecParams("good", "echo", "{}"))
	for _, tc := range []struct{ name, line, want string }{
		{
			"no JSON",
			"hello",
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse error: at byte 0: unexpected \"h\", want a value"}}`,
		},
		{
			"half of a message",
			call[:60],
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"parse error: at byte 60: unexpected end of JSON"}}`,
		},
		{
			"an empty object",
			"{}",
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: member \"jsonrpc\" must be \"2.0\""}}`,
		},
		{
			"no object",
			"42",
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: a message must be a JSON object"}}`,
		},
		{
			"a text",
			`"tools/call"`,
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: a message must be a JSON object"}}`,
		},
		{
			"another version of JSON-RPC",
			strings.Replace(call, `"2.0"`, `"1.0"`, 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"invalid request: member \"jsonrpc\" must be \"2.0\""}}`,
		},
		{
			"an id of null",
			strings.Replace(call, `"id":7`, `"id":null`, 1),
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: the id of a request must not be null"}}`,
		},
		{
			"an id that is no id",
			strings.Replace(call, `"id":7`, `"id":{}`, 1),
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: an id must be a string or an integer"}}`,
		},
		{
			"the same member twice",
			strings.Replace(call, `"id":7`, `"id":7,"id":8`, 1),
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"invalid request: member \"id\" occurs twice"}}`,
		},
		{
			"bytes that are no text",
			strings.Replace(call, "good", "go\xffod", 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"parse error: at byte 100: a string is not valid UTF-8"}}`,
		},
		{
			"a zero byte",
			strings.Replace(call, "good", "go\x00od", 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"parse error: at byte 100: control character 0x00 inside a string"}}`,
		},
		{
			"a line beyond limits.request_bytes",
			strings.Replace(call, "{}", strings.Repeat(" ", 50_000)+"{}", 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"the message is larger than 50000 bytes (limits.request_bytes)"}}`,
		},
		{
			"nested beyond limits.depth",
			strings.Replace(call, `"arguments":{}`, `"arguments":{"a":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`}`, 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32700,"message":"parse error: at byte 156: nested too deep (at most 20 levels)"}}`,
		},
		{
			"a batch",
			"[" + call + "]",
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches exist in 2025-03-26 only; send one message at a time"}}`,
		},
		{
			"a batch of the modern era",
			"[" + modern + "]",
			`{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batches exist in 2025-03-26 only; send one message at a time"}}`,
		},
		{
			"a second initialize",
			strings.Replace(initialize, `"i"`, `7`, 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32600,"message":"this connection is initialized already"}}`,
		},
		{
			"an unknown method",
			`{"jsonrpc":"2.0","id":7,"method":"tools/frobnicate"}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"method not found: tools/frobnicate"}}`,
		},
		{
			"an unknown tool",
			strings.Replace(call, `"exec"`, `"frobnicate"`, 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"unknown tool: frobnicate (there are inspect, exec, resources)"}}`,
		},
		{
			"params that are no object",
			`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[1]}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"tools/call needs params.name, a string"}}`,
		},
		{
			"arguments that are no object",
			`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"exec","arguments":"x"}}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"params.arguments of tools/call must be an object"}}`,
		},
		{
			"a modern version that does not exist",
			strings.Replace(modern, "2026-07-28", "2099-01-01", 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32022,"message":"the protocol version \"2099-01-01\" is not supported in this form of request; legacy versions begin with initialize","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2099-01-01"}}}`,
		},
		{
			"a modern request without capabilities",
			strings.Replace(modern, `"io.modelcontextprotocol/clientCapabilities":{},`, "", 1),
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"params._meta must hold the client's capabilities, an object, as \"io.modelcontextprotocol/clientCapabilities\""}}`,
		},
		{
			"a modern method in a legacy session",
			`{"jsonrpc":"2.0","id":7,"method":"server/discover"}`,
			`{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"the method \"server/discover\" is not served here"}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.good()
			p.say(tc.line)
			if got := p.hear(); got != tc.want {
				t.Errorf("it answers %s\nwant %s", got, tc.want)
			}
			p.good()
		})
	}
	// What asks for no answer gets none, right or wrong.
	for _, line := range []string{
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4711}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":[]}`,
		`{"jsonrpc":"2.0","method":"notifications/frobnicated"}`,
		`{"jsonrpc":"2.0","id":4711,"result":{}}`,
		`{"jsonrpc":"2.0","id":4711,"error":{"code":1,"message":"x"}}`,
		``,
		`  `,
	} {
		p.say(line)
		p.good()
	}
	// The end of input, in the middle of a line.
	if _, err := io.WriteString(p.In, call[:30]); err != nil {
		t.Fatal(err)
	}
	if err := p.In.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Exited
	if p.Err() != nil {
		t.Errorf("it ended with %v\n%s", p.Err(), p.Errs)
	}
	actortest.Eventually(t, "no process is left", func() bool { return len(puppet.Marked(mark)) == 0 })
}
