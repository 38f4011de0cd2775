package gatewaytools

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
)

// inspect answers inspect and describe.
func inspect(ctx context.Context, t *Tools, c *call) json.RawMessage {
	v, catalog, problem := t.find(ctx, c)
	if problem != nil {
		return problem
	}
	if c.name == "" {
		tools := v.tools(catalog)
		list := make([]json.RawMessage, len(tools))
		for i, tool := range tools {
			list[i] = t.entry(c, tool)
		}
		return textResult(string(array(list)))
	}
	tool, ok := catalog.Tool(c.name)
	if !ok {
		return c.unknownTool(v.toolNames(catalog))
	}
	return textResult(string(t.entry(c, tool)))
}

// entry renders one tool, named as the caller's profile names tools.
func (t *Tools) entry(c *call, tool *messages.Tool) json.RawMessage {
	var o object
	if c.tool.byMethod {
		o.str("method", c.server+"."+tool.Name)
	} else {
		o.str("server_name", c.server)
		o.str("name", tool.Name)
	}
	o.str("description", tool.Description)
	o.raw("input_schema", t.declared(tool))
	return o.close()
}
