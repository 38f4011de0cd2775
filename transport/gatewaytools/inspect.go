package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpx/mcpx/messages"
)

var inspectTool = &tool{
	name: "inspect", title: "Inspect tools", readOnly: true,
	lead:      "Inspect available MCP tools and their schemas.",
	directory: toolDirectory,
	params: []param{
		{"server_name", "string", true, "The server whose tools to show."},
		{"tool_name", "string", false, "One tool of that server; without it, all are shown."},
	},
	run: inspect,
}

func inspect(ctx context.Context, t *Tools, c *call) json.RawMessage {
	v := t.view(c.req.Caller.Principal)
	catalog, problem := t.find(ctx, c, v, unknownServer)
	if problem != nil {
		return problem
	}
	if c.name == "" {
		tools := v.tools(catalog)
		list := make([]json.RawMessage, len(tools))
		for i, tool := range tools {
			list[i] = entry(c.server, tool)
		}
		return textResult(string(array(list)))
	}
	tool, ok := catalog.Tool(c.name)
	if !ok {
		names := v.toolNames(catalog)
		var o object
		o.str("error", fmt.Sprintf("Tool '%s' not found on server '%s'", c.name, c.server))
		o.list("available_tools", names)
		return errorResult(&o, messages.KindUnknownTool, c.server, messages.SentNo)
	}
	return textResult(string(entry(c.server, tool)))
}

// entry renders one tool.
func entry(server string, tool *messages.Tool) json.RawMessage {
	var o object
	o.str("server_name", server)
	o.str("name", tool.Name)
	o.str("description", tool.Description)
	o.raw("input_schema", declared(tool))
	return o.close()
}

// declared returns the input schema of a tool; {} when it declares none.
func declared(tool *messages.Tool) json.RawMessage {
	if len(tool.InputSchema) == 0 {
		return json.RawMessage("{}")
	}
	return compact(tool.InputSchema)
}
