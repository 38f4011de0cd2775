package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
	"github.com/mcpx/mcpx/transport/schema"
)

// Options say how the compact tools present themselves.
type Options struct {
	Name         string // serverInfo.name; empty: "mcpx"
	Version      string // serverInfo.version
	Instructions string // of the server; empty: ours

	// Profile names the set of tools; empty: ProfileInspect. See KnownProfile.
	Profile string

	// IncludeStructuredContent adds structuredContent {"result": …} to the results of exec.
	IncludeStructuredContent bool
}

// ProfileInspect is the default profile: inspect, exec, resources.
const ProfileInspect = "inspect"

// KnownProfile tells whether there is a profile of that name; empty is the default one.
func KnownProfile(name string) bool { return name == "" || profiles[name] != nil }

// profiles holds the tools of each profile in the order in which they are listed.
var profiles = map[string][]*tool{
	ProfileInspect: {inspectTool, execTool, resourcesTool},
}

// tool is one compact tool.
type tool struct {
	name, title string
	lead        string // the fixed part of its description
	directory   func(*view) string
	params      []param
	readOnly    bool

	// run answers a call whose arguments fit params. The result is a
	// CallToolResult; failures of the call are results too.
	run func(ctx context.Context, t *Tools, c *call) json.RawMessage
}

// Tools serves the compact tools of one profile over a Door. It keeps nothing
// but caches and is safe for concurrent use.
type Tools struct {
	door    Door
	opts    Options
	tools   []*tool
	descr   mcp.Description
	schemas schema.Cache

	listings atomic.Pointer[listings]
	render   sync.Mutex // one renders, the others wait and find it done; nothing is waited for under it
}

// New returns the compact tools over door. The profile must be a known one.
func New(door Door, opts Options) *Tools {
	if opts.Name == "" {
		opts.Name = "mcpx"
	}
	if opts.Instructions == "" {
		opts.Instructions = defaultInstructions
	}
	if opts.Profile == "" {
		opts.Profile = ProfileInspect
	}
	tools := profiles[opts.Profile]
	if tools == nil {
		panic(fmt.Sprintf("gatewaytools: unknown profile %q", opts.Profile))
	}
	var info object
	info.str("name", opts.Name)
	info.str("version", opts.Version)
	return &Tools{door: door, opts: opts, tools: tools, descr: mcp.Description{
		Info: info.close(),
		// No resources and no prompts of our own: those of the upstreams are behind the tools.
		Capabilities: json.RawMessage(`{"tools":{"listChanged":true}}`),
		Instructions: opts.Instructions,
	}}
}

const defaultInstructions = "mcpx reaches many MCP servers through few tools. The description of inspect lists the servers and their tools. " +
	"Call inspect(server_name, tool_name) for a tool's input_schema, then exec(server_name, tool_name, arguments) to run it; " +
	"resources(server_name, uri) reads a server's resources."

// Describe answers initialize and server/discover, from memory.
func (t *Tools) Describe(context.Context, mcp.Caller) mcp.Description { return t.descr }

// Serve answers tools/list and tools/call. The error, if any, is a
// *jsonrpc.Error: -32601 for other methods, -32602 for a request that is
// malformed or names no compact tool. Every other failure is a tool result
// with isError (see the package's error shapes in answer.go).
func (t *Tools) Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error) {
	switch req.Request.Method {
	case "tools/list":
		if cursor, ok := jsonrpc.Get(req.Request.Params, "cursor"); ok && string(cursor) != "null" {
			return nil, invalidParams("unknown cursor: the list of tools has one page")
		}
		return t.list(req.Caller.Principal), nil
	case "tools/call":
		c, err := t.parse(req, sink)
		if err != nil {
			return nil, err
		}
		if c.problem != "" {
			return badCompactArgs(c), nil
		}
		return c.tool.run(ctx, t, c), nil
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "method not found: " + req.Request.Method}
}

func (t *Tools) tool(name string) *tool {
	for _, tool := range t.tools {
		if tool.name == name {
			return tool
		}
	}
	return nil
}

func (t *Tools) names() string {
	names := make([]string, len(t.tools))
	for i, tool := range t.tools {
		names[i] = tool.name
	}
	return strings.Join(names, ", ")
}

func invalidParams(format string, args ...any) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}
