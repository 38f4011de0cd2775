package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/schema"
)

// exec answers exec, call and invoke. It checks everything that can be known here before anything is sent: the
// server, the caller's right, the tool, the arguments.
func exec(ctx context.Context, t *Tools, c *call) json.RawMessage {
	v, catalog, problem := t.find(ctx, c)
	if problem != nil {
		return problem
	}
	tool, ok := catalog.Tool(c.name)
	if !ok {
		return c.unknownTool(v.toolNames(catalog))
	}
	if problem := t.check(c, tool); problem != nil {
		return problem
	}
	var params object
	params.str("name", c.name)
	params.raw("arguments", c.arguments)
	outcome := t.door.Call(ctx, c.upstream("tools/call", c.name, params.close()), c.sink)
	if outcome.Failure != nil {
		return t.failed(c, outcome.Failure)
	}
	return t.present(c, outcome.Result)
}

// check validates the arguments against the tool's whole input schema; nil if they fit.
func (t *Tools) check(c *call, tool *messages.Tool) json.RawMessage {
	s, err := t.schemas.Compile(tool.InputSchema)
	if err != nil {
		// The upstream's fault, and nothing was sent: to call the tool unchecked
		// would be permissive where the protocol asks to refuse.
		return t.failed(c, messages.Failf(messages.KindUpstream, c.server,
			"Tool '%s' of server '%s' cannot be called: the input schema that the server declares for it %v. The server has to correct it",
			c.name, c.server, err))
	}
	problems := s.Validate(c.arguments)
	if problems == nil {
		return nil
	}
	p := problems[0]
	o := c.problem(messages.KindInvalidArgs, "Argument validation failed: "+explain(p))
	o.raw("tool_schema", t.declared(tool))
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
	return errorResult(o, messages.KindInvalidArgs, c.server, messages.SentNo)
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
