package gatewaytools

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// The profiles. They differ in how their tools are called and in how those
// word what they answer; what they do is the same.
const (
	ProfileInspect  = "inspect"  // the default: inspect, exec, resources
	ProfileDescribe = "describe" // describe, call, resources: tools are named "server.tool"
	ProfileInvoke   = "invoke"   // invoke, read: as describe, and errors carry a code
)

// KnownProfile tells whether there is a profile of that name; empty is the default one.
func KnownProfile(name string) bool {
	_, known := profiles[name]
	return known || name == ""
}

// profile is a set of compact tools.
type profile struct {
	tools        []*tool // in the order in which they are listed
	instructions string  // how to use them, behind what all profiles say
}

const instructions = "mcpx reaches many MCP servers through few tools. "

var profiles = map[string]profile{
	ProfileInspect: {
		[]*tool{inspectTool, execTool, resourcesTool},
		"The description of inspect lists the servers and their tools. " +
			"Call inspect(server_name, tool_name) for a tool's input_schema, then exec(server_name, tool_name, arguments) to run it; " +
			"resources(server_name, uri) reads a server's resources.",
	},
	ProfileDescribe: {
		[]*tool{describeTool, callTool, resourcesTool},
		"The description of describe lists the tools of all servers. " +
			"Call describe(\"server.tool\") for a tool's input_schema, then call(\"server.tool\", arguments) to run it; " +
			"resources(server_name, uri) reads a server's resources.",
	},
	ProfileInvoke: {
		[]*tool{invokeTool, readTool},
		"The description of invoke lists the tools of all servers. " +
			"Call invoke(\"server.tool\", arguments) to run one; arguments that do not fit are answered with the tool's schema, and nothing is run. " +
			"read(server_name, uri) reads a server's resources.",
	},
}

// tool is one compact tool.
type tool struct {
	name, title string
	lead        string // the fixed part of its description
	directory   func(*view) string
	params      []param
	readOnly    bool

	byMethod bool // the upstream's tool is named "server.tool" instead of by two arguments
	names    bool // the text of an error names what exists, as a list beside it does
	coded    bool // errors carry a code

	// run answers a call whose arguments fit params. The result is a
	// CallToolResult; failures of the call are results too.
	run func(ctx context.Context, t *Tools, c *call) json.RawMessage
}

var inspectTool = &tool{
	name: "inspect", title: "Inspect tools", readOnly: true,
	lead:      "Inspect available MCP tools and their schemas.",
	directory: toolDirectory,
	params: []param{
		{"server_name", "string", true, ""},
		{"tool_name", "string", false, "Without it: all tools."},
	},
	run: inspect,
}

var describeTool = &tool{
	name: "describe", title: "Describe tools", readOnly: true, byMethod: true,
	lead:      "Query tool information from MCP servers.",
	directory: methodDirectory,
	params: []param{
		{"method", "string", true, "\"server\" for all tools of a server, \"server.tool\" for one."},
	},
	run: inspect,
}

var execTool = &tool{
	name: "exec", title: "Execute a tool", names: true,
	lead: "Execute an MCP tool. Use inspect first to get its input_schema.",
	params: []param{
		{"server_name", "string", true, ""},
		{"tool_name", "string", true, ""},
		{"arguments", "object", false, ""},
	},
	run: exec,
}

var callTool = &tool{
	name: "call", title: "Call a tool", names: true, byMethod: true,
	lead: "Execute an MCP tool. Use describe first to get its input_schema.",
	params: []param{
		{"method", "string", true, "\"server.tool\"."},
		{"arguments", "object", false, ""},
	},
	run: exec,
}

var invokeTool = &tool{
	name: "invoke", title: "Invoke a tool", names: true, byMethod: true, coded: true,
	lead:      "Invoke an MCP tool. Arguments that do not fit are answered with the tool's schema.",
	directory: methodDirectory,
	params: []param{
		{"method", "string", true, "\"server.tool\", one of the list."},
		{"arguments", "object", false, ""},
	},
	run: exec,
}

var resourcesTool = &tool{
	name: "resources", title: "Read resources", readOnly: true,
	lead:      "Read MCP server resources.",
	directory: resourceDirectory,
	params: []param{
		{"server_name", "string", true, ""},
		{"uri", "string", false, "Without it: a list."},
	},
	run: resources,
}

var readTool = &tool{
	name: "read", title: "Read a resource", readOnly: true, names: true, coded: true,
	lead:      "Read a resource from MCP servers.",
	directory: resourceDirectory,
	params: []param{
		{"server_name", "string", true, ""},
		{"uri", "string", true, ""},
	},
	run: resources,
}

// inputSchema renders the parameters as JSON Schema.
func (t *tool) inputSchema() json.RawMessage {
	var properties object
	var required []json.RawMessage
	for _, p := range t.params {
		var o object
		o.str("type", p.typ)
		if p.description != "" {
			o.str("description", p.description)
		}
		properties.raw(p.name, o.close())
		if p.required {
			required = append(required, jsonrpc.Quote(p.name))
		}
	}
	var o object
	o.str("type", "object")
	o.raw("properties", properties.close())
	o.raw("required", array(required))
	o.raw("additionalProperties", []byte("false"))
	return o.close()
}
