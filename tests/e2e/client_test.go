package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// The revisions of the protocol, the oldest first.
const (
	v20241105 = "2024-11-05"
	v20250326 = "2025-03-26"
	v20250618 = "2025-06-18"
	v20251125 = "2025-11-25"
	modern    = "2026-07-28"
)

// message is one JSON-RPC message as it came.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`
}

// reply is the answer to a request, and the notifications that came before it:
// over HTTP those of its own stream, over stdio those of the connection.
type reply struct {
	message
	notes []message
}

// client is a raw MCP client of one revision. It uses no MCP library and none
// of our code, so that it shares no mistake with what it tests.
type client interface {
	version() string
	// request sends a request and waits for its answer; params is a JSON object.
	request(t *testing.T, method, params string) reply
	// listen returns what comes unasked from now on, each with what revision
	// its client has: a GET stream, a subscription, or the pipe.
	listen(t *testing.T) <-chan message
}

// identify makes params what a request of the modern era carries.
func identify(params string) string {
	const meta = `"io.modelcontextprotocol/protocolVersion":"` + modern + `","io.modelcontextprotocol/clientCapabilities":{},` +
		`"io.modelcontextprotocol/clientInfo":{"name":"raw","version":"1"}`
	if before, after, ok := strings.Cut(params, `"_meta":{`); ok {
		return before + `"_meta":{` + meta + "," + after
	}
	return member(params, `"_meta":{`+meta+`}`)
}

// member puts one more member at the end of an object.
func member(object, text string) string {
	inner := strings.TrimSuffix(object, "}")
	if inner != "{" {
		inner += ","
	}
	return inner + text + "}"
}

// result asks and insists on a result.
func result(t *testing.T, c client, method, params string) json.RawMessage {
	t.Helper()
	r := c.request(t, method, params)
	if r.Error != nil || r.Result == nil {
		t.Fatalf("%s %s: error %s", method, params, r.Error)
	}
	return r.Result
}

// toolResult is what a test looks at in a result of tools/call.
type toolResult struct {
	Content []json.RawMessage
	IsError bool
}

// text returns the text of a result that is one text.
func (r toolResult) text(t *testing.T) string {
	t.Helper()
	var item struct{ Type, Text string }
	if len(r.Content) != 1 || json.Unmarshal(r.Content[0], &item) != nil || item.Type != "text" {
		t.Fatalf("this is not one text: %s", r.Content)
	}
	return item.Text
}

// call calls a tool, which must succeed; arguments is a JSON object.
func call(t *testing.T, c client, tool, arguments string) toolResult {
	t.Helper()
	var r toolResult
	decode(t, result(t, c, "tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, tool, arguments)), &r)
	if r.IsError {
		t.Fatalf("%s %s: %s", tool, arguments, r.Content)
	}
	return r
}

// execute calls an upstream's tool through mcpx.
func execute(t *testing.T, c client, server, tool, arguments string) toolResult {
	t.Helper()
	return call(t, c, "exec", execution(server, tool, arguments))
}

// execution are the arguments of exec.
func execution(server, tool, arguments string) string {
	return fmt.Sprintf(`{"server_name":%q,"tool_name":%q,"arguments":%s}`, server, tool, arguments)
}

// listedTools are the descriptions of the tools that a list has, by name.
func listedTools(t *testing.T, list json.RawMessage) map[string]string {
	t.Helper()
	var r struct {
		Tools []struct{ Name, Description string }
	}
	decode(t, list, &r)
	tools := map[string]string{}
	for _, tool := range r.Tools {
		tools[tool.Name] = tool.Description
	}
	return tools
}

func decode(t *testing.T, raw json.RawMessage, into any) {
	t.Helper()
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
}

// progressOf returns the progress reported under a token, in its order, and
// what else is among the notifications.
func progressOf(t *testing.T, notes []message, token string) (steps []float64, others []message) {
	t.Helper()
	for _, n := range notes {
		var p struct {
			ProgressToken json.RawMessage
			Progress      float64
		}
		if n.Method == "notifications/progress" {
			decode(t, n.Params, &p)
		}
		if string(p.ProgressToken) != token {
			others = append(others, n)
			continue
		}
		steps = append(steps, p.Progress)
	}
	return steps, others
}
