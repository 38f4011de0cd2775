package relay_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// everything is what a client declares that takes every question.
const everything = `{"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},` +
	`"tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}},"experimental":{"x-strange":{"n":9007199254740993}}}`

// everythingModern is the same in the modern era.
const everythingModern = `{"sampling":{"tools":{}},"elicitation":{"form":{},"url":{}},"roots":{},"extensions":{"com.example/x":{"n":9007199254740993}}}`

// client speaks with mcpx, byte by byte, over one transport.
type client interface {
	// begin sends a request; its id is new.
	begin(method, params string) *call
	// send sends a notification, or an answer.
	send(raw string)
	// others is what has come on no stream of a request (over stdio: what is
	// neither an answer nor progress).
	others() *heard[message]
	// hello is the legacy handshake.
	hello() *call
	isModern() bool
}

// call is a request that is under way.
type call struct {
	id     string
	stream heard[message] // its answer is the last
	cancel func()         // closes its response stream, over HTTP
}

func isAnswer(m message) bool { return m.Method == "" }

// answer waits for the answer.
func (c *call) answer(t testing.TB) message {
	t.Helper()
	return await(t, &c.stream, "the answer to request "+c.id, isAnswer)
}

// result is answer for one that must succeed.
func (c *call) result(t testing.TB) string {
	t.Helper()
	m := c.answer(t)
	if m.Error != nil {
		t.Fatalf("request %s: %s", c.id, m.Error)
	}
	return string(m.Result)
}

// frame is a request as it is sent.
func frame(id, method, params string) string {
	if params == "" {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q}`, id, method)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params)
}

// meta is the _meta of a modern client, with further members ("\"a\":1").
func meta(more ...string) string {
	all := `"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"client","version":"1"},` +
		`"io.modelcontextprotocol/clientCapabilities":` + everythingModern
	for _, m := range more {
		all += "," + m
	}
	return "{" + all + "}"
}

// call sends a request with what its client's era demands; token "" asks for no
// progress. Params is a JSON object without _meta.
func ask(c client, method, params, token string) *call {
	m := ""
	switch {
	case c.isModern() && token != "":
		m = meta(`"progressToken":` + token)
	case c.isModern():
		m = meta()
	case token != "":
		m = `{"progressToken":` + token + `}`
	}
	if m != "" {
		params = string(jsonrpc.Set(json.RawMessage(params), json.RawMessage(m), "_meta"))
	}
	return c.begin(method, params)
}

// tool is ask for a tools/call.
func tool(c client, name, arguments, token string) *call {
	return ask(c, "tools/call", `{"name":"`+name+`","arguments":`+arguments+`}`, token)
}

// initialize are the params of that request.
func initialize() string {
	return `{"protocolVersion":"2025-11-25","capabilities":` + everything + `,"clientInfo":{"name":"client","version":"1","x-more":[1e400]}}`
}
