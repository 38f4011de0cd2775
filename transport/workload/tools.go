package workload

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// pagesMost bounds a list that never ends.
const pagesMost = 100

// ListTools reads the tools of a target. The error is a *messages.Failure, or
// says that the answer is none.
func ListTools(ctx context.Context, s Session) ([]messages.Tool, error) {
	var tools []messages.Tool
	req := messages.Request{Method: "tools/list"}
	for range pagesMost {
		out := s.Do(ctx, req)
		if err := out.Err(); err != nil {
			return nil, err
		}
		list, ok := jsonrpc.Get(out.Result, "tools")
		if !ok {
			return nil, fmt.Errorf("the answer to tools/list holds no tools: %s", Brief(string(out.Result)))
		}
		for raw := range jsonrpc.Elements(list) {
			name, _ := jsonrpc.GetString(raw, "name")
			schema, _ := jsonrpc.Get(raw, "inputSchema")
			tools = append(tools, messages.Tool{Name: name, InputSchema: schema, Raw: raw})
		}
		cursor, more := jsonrpc.Get(out.Result, "nextCursor")
		if !more {
			break
		}
		req.Params = jsonrpc.Set(nil, cursor, "cursor")
	}
	return tools, nil
}

// FindTool returns the tool of that name, or the first one where name is
// empty. The error names what there is.
func FindTool(tools []messages.Tool, name string) (messages.Tool, error) {
	switch i := slices.IndexFunc(tools, func(t messages.Tool) bool { return t.Name == name }); {
	case i >= 0:
		return tools[i], nil
	case len(tools) == 0:
		return messages.Tool{}, errors.New("it has no tools; --mix can ask for other things, such as ping or resources/list")
	case name == "" && isGateway(tools):
		return messages.Tool{}, errors.New("its tools lead to those of other servers: --exec SERVER/TOOL says which of these is called through them, --tool names one of its own")
	case name == "":
		return tools[0], nil
	}
	names := make([]string, len(tools))
	for i := range tools {
		names[i] = tools[i].Name
	}
	if near := messages.Nearest(name, names); near != "" {
		return messages.Tool{}, fmt.Errorf("it has no tool %q; did you mean %q?", name, near)
	}
	const most = 20
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return messages.Tool{}, fmt.Errorf("it has no tool %q; it has %s%s", name, strings.Join(names, ", "), more)
}

// Through are the compact tools by which a gateway calls the tools of its
// servers, and what their arguments are around those of the tool.
var through = []struct {
	tool string
	args func(server, tool string) string
}{
	{"exec", func(server, tool string) string {
		return `"server_name":` + string(jsonrpc.Quote(server)) + `,"tool_name":` + string(jsonrpc.Quote(tool))
	}},
	{"call", byMethod},
	{"invoke", byMethod},
}

// isGateway tells whether tools are the compact ones of a gateway: one that
// runs tools, and one to look at them, or one that does both.
func isGateway(tools []messages.Tool) bool {
	has := func(name string) bool {
		return slices.ContainsFunc(tools, func(t messages.Tool) bool { return t.Name == name })
	}
	return has("inspect") && has("exec") || has("describe") && has("call") || has("invoke") && has("read")
}

func byMethod(server, tool string) string {
	return `"method":` + string(jsonrpc.Quote(server+"."+tool))
}

// CallThrough returns the step that calls a tool of a server through the
// compact tool that a gateway has for it. The error says that it has none.
func CallThrough(tools []messages.Tool, server, tool string, arguments Template) (Step, error) {
	if err := arguments.object(); err != nil {
		return Step{}, fmt.Errorf("the arguments %s: %w", Brief(arguments.String()), err)
	}
	for _, way := range through {
		if !slices.ContainsFunc(tools, func(t messages.Tool) bool { return t.Name == way.tool }) {
			continue
		}
		outer, err := NewTemplate(`{` + way.args(server, tool) + `,"arguments":` + arguments.String() + `}`)
		if err != nil {
			return Step{}, err
		}
		return Call(way.tool, outer)
	}
	return Step{}, errors.New(`it has none of the tools exec, call and invoke, by which a gateway reaches the tools of its servers; --tool names one of its own`)
}

// InnerSchema asks a gateway for the input schema of a tool of one of its
// servers; nil where it does not tell.
func InnerSchema(ctx context.Context, s Session, tools []messages.Tool, server, tool string) json.RawMessage {
	ask := func(name, args string) json.RawMessage {
		if !slices.ContainsFunc(tools, func(t messages.Tool) bool { return t.Name == name }) {
			return nil
		}
		out := s.Do(ctx, messages.Request{
			Method: "tools/call", Name: name,
			Params: json.RawMessage(`{"name":"` + name + `","arguments":{` + args + `}}`),
		})
		return schemaIn(out.Result)
	}
	if schema := ask("inspect", through[0].args(server, tool)); schema != nil {
		return schema
	}
	return ask("describe", byMethod(server, tool))
}

// schemaIn finds the input schema in what inspect or describe answered. It is
// JSON Schema, or TypeScript, which becomes as much of a schema as is needed.
func schemaIn(result json.RawMessage) json.RawMessage {
	content, _ := jsonrpc.Get(result, "content")
	for item := range jsonrpc.Elements(content) {
		text, _ := jsonrpc.GetString(item, "text")
		schema, ok := jsonrpc.Get(json.RawMessage(text), "input_schema")
		if !ok {
			continue
		}
		if types, isText := jsonrpc.GetString(json.RawMessage(text), "input_schema"); isText {
			return fromTypes(types)
		}
		return schema
	}
	return nil
}
