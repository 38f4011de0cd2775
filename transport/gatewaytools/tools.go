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

	// TypeScript writes schemas as the text of a TypeScript type instead of JSON Schema.
	TypeScript bool

	// TOON writes the results of upstreams' tools as TOON where that is smaller
	// than compact JSON, in bytes and as far as can be told in tokens, from
	// TOONMinSize keys or rows on.
	TOON        bool
	TOONMinSize int

	// IncludeStructuredContent adds structuredContent {"result": …} to the results of upstreams' tools.
	IncludeStructuredContent bool
}

// Tools serves the compact tools of one profile over a Door. It keeps nothing
// but caches and is safe for concurrent use.
type Tools struct {
	door    Door
	opts    Options
	tools   []*tool
	descr   mcp.Description
	schemas schema.Cache
	types   typeTexts

	listings atomic.Pointer[listings]
	render   sync.Mutex // one renders, the others wait and find it done; nothing is waited for under it
}

// New returns the compact tools over door. The profile must be a known one.
func New(door Door, opts Options) *Tools {
	if opts.Name == "" {
		opts.Name = "mcpx"
	}
	if opts.Profile == "" {
		opts.Profile = ProfileInspect
	}
	profile, known := profiles[opts.Profile]
	if !known {
		panic(fmt.Sprintf("gatewaytools: unknown profile %q", opts.Profile))
	}
	if opts.Instructions == "" {
		opts.Instructions = instructions + profile.instructions
	}
	var info object
	info.str("name", opts.Name)
	info.str("version", opts.Version)
	return &Tools{door: door, opts: opts, tools: profile.tools, descr: mcp.Description{
		Info: info.close(),
		// No resources and no prompts of our own: those of the upstreams are behind the tools.
		Capabilities: json.RawMessage(`{"tools":{"listChanged":true}}`),
		Instructions: opts.Instructions,
	}}
}

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
		if c.wrong != "" {
			return t.badCompactArgs(c), nil
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
