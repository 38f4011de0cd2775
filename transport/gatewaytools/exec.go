package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/schema"
)

var execTool = &tool{
	name: "exec", title: "Execute a tool",
	lead: "Execute an MCP tool. Use inspect first to find the tool and its input_schema.",
	params: []param{
		{"server_name", "string", true, "The server that has the tool."},
		{"tool_name", "string", true, "The tool to execute."},
		{"arguments", "object", false, "The tool's arguments, as its input_schema wants them."},
	},
	run: exec,
}

// exec checks everything that can be known here before anything is sent: the
// server, the caller's right, the tool, the arguments.
func exec(ctx context.Context, t *Tools, c *call) json.RawMessage {
	v := t.view(c.req.Caller.Principal)
	catalog, problem := t.find(ctx, c, v, execUnknownServer)
	if problem != nil {
		return problem
	}
	tool, ok := catalog.Tool(c.name)
	if !ok {
		names := v.toolNames(catalog)
		var o object
		o.str("error", fmt.Sprintf("Tool '%s' not found on server '%s'. Available: %s", c.name, c.server, pythonList(names)))
		o.list("available_tools", names)
		return errorResult(&o, messages.KindUnknownTool, c.server, messages.SentNo)
	}
	if problem := t.check(c, tool); problem != nil {
		return problem
	}
	var params object
	params.str("name", c.name)
	params.raw("arguments", c.arguments)
	outcome := t.door.Call(ctx, c.upstream("tools/call", c.name, params.close()), c.sink)
	if f := outcome.Failure; f != nil {
		if f.Kind == messages.KindUnknownUpstream { // removed a moment ago
			return execUnknownServer(c.server, t.view(c.req.Caller.Principal).servers())
		}
		return failed(f, c.server)
	}
	return t.present(outcome.Result, c.server)
}

func execUnknownServer(server string, servers []string) json.RawMessage {
	var o object
	o.str("error", fmt.Sprintf("Server '%s' not found. Available: %s", server, pythonList(servers)))
	o.list("available_servers", servers)
	return errorResult(&o, messages.KindUnknownUpstream, server, messages.SentNo)
}

// check validates the arguments against the tool's whole input schema; nil if they fit.
func (t *Tools) check(c *call, tool *messages.Tool) json.RawMessage {
	s, err := t.schemas.Compile(tool.InputSchema)
	if err != nil {
		// The upstream's fault, and nothing was sent: to call the tool unchecked
		// would be permissive where the protocol asks to refuse.
		return failed(messages.Failf(messages.KindUpstream, c.server,
			"Tool '%s' of server '%s' cannot be called: the input schema that the server declares for it %v. The server has to correct it",
			c.name, c.server, err), c.server)
	}
	problems := s.Validate(c.arguments)
	if problems == nil {
		return nil
	}
	p := problems[0]
	var o object
	o.str("error", "Argument validation failed: "+explain(p))
	o.raw("tool_schema", declared(tool))
	if p.Kind == schema.Unknown {
		o.list("available_arguments", p.Allowed)
	}
	if len(problems) > 1 {
		list := make([]json.RawMessage, len(problems))
		for i, p := range problems {
			var e object
			e.str("path", p.Path)
			e.str("message", p.Message)
			list[i] = e.close()
		}
		o.raw("problems", array(list))
	}
	if notices := s.Notices(); notices != nil {
		o.list("not_checked", notices)
	}
	return errorResult(&o, messages.KindInvalidArgs, c.server, messages.SentNo)
}

// explain words one problem: as the proxy before mcpx did where it knew the
// case, else with the path, the first of the arguments named without "$.".
func explain(p schema.Problem) string {
	if len(p.Loc) == 0 {
		switch p.Kind {
		case schema.Missing:
			return fmt.Sprintf("Missing required argument: '%s'", p.Property)
		case schema.Unknown:
			return fmt.Sprintf("Unknown argument: '%s'. Available: %s", p.Property, pythonList(p.Allowed))
		}
		return "The arguments object " + p.Message
	}
	return fmt.Sprintf("'%s' %s", strings.TrimPrefix(p.Path, "$."), p.Message)
}
