package gatewaytools

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// param is one argument of a compact tool.
type param struct {
	name, typ   string // typ: "string" or "object"
	required    bool
	description string // what the name does not say
}

// call is one tools/call of a compact tool.
type call struct {
	req  mcp.Request
	sink messages.Sink
	tool *tool

	// wrong says what is wrong with the arguments; empty if nothing is.
	wrong string

	// The arguments. An optional text that is empty counts as absent: models
	// fill in what they leave out.
	server, name, uri string
	method            string          // "server.tool"; locate reads server and name out of it
	arguments         json.RawMessage // of the upstream's tool; an object
}

// parse reads a tools/call. The error is a *jsonrpc.Error.
func (t *Tools) parse(req mcp.Request, sink messages.Sink) (*call, error) {
	name, ok := jsonrpc.GetString(req.Request.Params, "name")
	if !ok {
		return nil, invalidParams("tools/call needs params.name, a string")
	}
	c := &call{req: req, sink: sink, tool: t.tool(name), arguments: json.RawMessage("{}")}
	if c.tool == nil {
		return nil, invalidParams("unknown tool: %s (there are %s)", name, t.names())
	}
	args, ok := jsonrpc.Get(req.Request.Params, "arguments")
	if ok && !isNull(args) {
		if first(args) != '{' {
			return nil, invalidParams("params.arguments of tools/call must be an object")
		}
		for key, value := range jsonrpc.Members(args) {
			c.take(key, value)
		}
	}
	for _, p := range c.tool.params {
		if p.required && c.wrong == "" && *c.text(p.name) == "" { // what is required is a string
			c.wrong = fmt.Sprintf("Missing required argument: '%s'", p.name)
		}
	}
	return c, nil
}

// take notes one argument, or the first problem with one.
func (c *call) take(key string, value json.RawMessage) {
	i := -1
	for k := range c.tool.params {
		if c.tool.params[k].name == key {
			i = k
		}
	}
	switch {
	case c.wrong != "":
	case i < 0:
		c.wrong = fmt.Sprintf("Unknown argument: '%s'. Available: %s", key, pythonList(c.tool.paramNames()))
	case isNull(value):
		// Clients that know optional arguments as nullable send them.
	case c.tool.params[i].typ == "string":
		if first(value) != '"' {
			c.wrong = fmt.Sprintf("'%s' must be a string", key)
			return
		}
		_ = json.Unmarshal(value, c.text(key)) // it is a JSON string; halves of characters become U+FFFD
	case first(value) == '"':
		c.wrong = fmt.Sprintf("'%s' must be an object, not a string that holds one: pass the object itself", key)
	case first(value) != '{':
		c.wrong = fmt.Sprintf("'%s' must be an object", key)
	default:
		c.arguments = value
	}
}

// text is where a parameter that is a string goes.
func (c *call) text(param string) *string {
	switch param {
	case "server_name":
		return &c.server
	case "tool_name":
		return &c.name
	case "method":
		return &c.method
	case "uri":
		return &c.uri
	}
	panic("gatewaytools: no place for the parameter " + param)
}

func (t *tool) paramNames() []string {
	names := make([]string, len(t.params))
	for i, p := range t.params {
		names[i] = p.name
	}
	return names
}

// upstream makes the call of an upstream's method that c causes.
func (c *call) upstream(method, name string, params json.RawMessage) messages.Call {
	return messages.Call{
		Server:    c.server,
		Principal: c.req.Caller.Principal,
		Client:    c.req.Caller.Client,
		Caller:    messages.Caller{Modern: mcp.IsModern(c.req.Caller.Protocol), Capabilities: c.req.Caller.Capabilities},
		Request: messages.Request{
			Method: method, Name: name, Params: c.withMeta(params),
			ProgressToken: c.req.Request.ProgressToken, LogLevel: c.req.Request.LogLevel,
		},
	}
}

// withMeta hands on the caller's _meta (trace context, for one), without the
// progress token: that travels beside the params, and a link puts its own in.
func (c *call) withMeta(params json.RawMessage) json.RawMessage {
	meta, ok := jsonrpc.Get(c.req.Request.Params, "_meta")
	if !ok {
		return params
	}
	meta = jsonrpc.Delete(meta, mcp.MetaProgressToken)
	for range jsonrpc.Members(meta) {
		return jsonrpc.Set(params, meta, "_meta")
	}
	return params
}

// first returns the first byte of a JSON value, which says its type; 0 for none.
func first(raw json.RawMessage) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) > 0 {
		return raw[0]
	}
	return 0
}

func isNull(raw json.RawMessage) bool { return first(raw) == 'n' }
