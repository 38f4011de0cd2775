package gatewaytools

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// oneServer is what the shapes are about.
func oneServer() *fakeDoor {
	size := int64(3)
	return &fakeDoor{
		dir: directory(1, []messages.Catalog{{
			Server: "fs",
			Tools: []messages.Tool{{
				Name: "read_file", Description: "Liest größer",
				InputSchema: json.RawMessage(`{"type":"object","properties":{"path":{"type":"string"}},"required":["path"],"additionalProperties":false}`),
			}},
			Resources: []messages.Resource{{URI: "u", Name: "Ä", MIMEType: "text/plain", Size: &size, Description: "d"}, {URI: "v", Name: "n"}},
			Templates: []messages.Resource{{URI: "w/{x}", Name: "t"}},
		}}),
		answer: func(call messages.Call, _ messages.Sink) messages.Outcome {
			switch call.Request.Name {
			case "read_file":
				if string(call.Request.Params) == `{"name":"read_file","arguments":{"path":"bug"}}` {
					return messages.Outcome{Failure: messages.Failf(messages.KindInternal, "fs", "a bug")}
				}
				return messages.Outcome{Failure: messages.Failf(messages.KindUpstream, "fs", "kaputt: ä")}
			case "text":
				return messages.Outcome{Result: json.RawMessage(`{"contents":[{"uri":"text","text":"größer"}]}`)}
			case "blob":
				return messages.Outcome{Result: json.RawMessage(`{"contents":[{"uri":"blob","mimeType":"image/png","blob":"QUJD"}]}`)}
			case "several":
				return messages.Outcome{Result: json.RawMessage(`{"contents":[{"uri":"1","text":"ä"},{"uri":"2","mimeType":"m/x","blob":"QUJD"}]}`)}
			}
			return messages.Outcome{Failure: messages.Failf(messages.KindUpstream, "fs", "no such thing")}
		},
	}
}

// People's prompts and programs read these texts: members, order and words are
// those of MCPX. Behind them an error says kind, server and sent, and what else
// there is to say.
func TestShapes_AreThoseOfMCPXToTheLetter(t *testing.T) {
	const (
		fs         = `{"server_name":"fs","name":"read_file","description":"Liest größer","input_schema":"{path: string}"}`
		method     = `{"method":"fs.read_file","description":"Liest größer","input_schema":"{path: string}"}`
		listed     = `[{"uri":"u","name":"Ä","mime_type":"text/plain","size":3,"description":"d"},{"uri":"v","name":"n"},{"uri":"w/{x}","name":"t"}]`
		blob       = `{"uri":"blob","mime_type":"image/png","blob":"QUJD"}`
		several    = `[{"uri":"1","text":"ä"},{"uri":"2","mime_type":"m/x","blob":"QUJD"}]`
		nowhere    = `"hint":"No MCP servers are currently connected"`
		validation = `"Argument validation failed: `
	)
	for _, c := range []struct {
		profile, tool, args string
		servers             int
		want                string // of an error its beginning
	}{
		{"inspect", "inspect", `{"server_name":"fs"}`, 1, "[" + fs + "]"},
		{"inspect", "inspect", `{"server_name":"fs","tool_name":"read_file"}`, 1, fs},
		{"inspect", "inspect", `{"server_name":"x"}`, 1, `{"error":"Server 'x' not found","available_servers":["fs"],`},
		{"inspect", "inspect", `{"server_name":"x"}`, 0, `{"error":"Server 'x' not found",` + nowhere + `,`},
		{"inspect", "inspect", `{"server_name":"fs","tool_name":"t"}`, 1, `{"error":"Tool 't' not found on server 'fs'","available_tools":["read_file"],`},
		{"inspect", "exec", `{"server_name":"x","tool_name":"t"}`, 1, `{"error":"Server 'x' not found. Available: ['fs']",`},
		{"inspect", "exec", `{"server_name":"fs","tool_name":"t"}`, 1, `{"error":"Tool 't' not found on server 'fs'. Available: ['read_file']",`},
		{"inspect", "exec", `{"server_name":"fs","tool_name":"read_file"}`, 1, `{"error":` + validation + `Missing required argument: 'path'","tool_schema":"{path: string}",`},
		{"inspect", "exec", `{"server_name":"fs","tool_name":"read_file","arguments":{"path":"p","z":1}}`, 1, `{"error":` + validation + `Unknown argument: 'z'. Available: ['path']","tool_schema":"{path: string}",`},
		{"inspect", "exec", `{"server_name":"fs","tool_name":"read_file","arguments":{"path":"p"}}`, 1, `{"error":"kaputt: ä",`},
		{"inspect", "resources", `{"server_name":"fs"}`, 1, listed},
		{"inspect", "resources", `{"server_name":"fs","uri":"text"}`, 1, `größer`},
		{"inspect", "resources", `{"server_name":"fs","uri":"blob"}`, 1, blob},
		{"inspect", "resources", `{"server_name":"fs","uri":"several"}`, 1, several},
		{"inspect", "resources", `{"server_name":"x","uri":"u"}`, 1, `{"error":"Server 'x' not found","available_servers":["fs"],`},
		{"inspect", "resources", `{"server_name":"fs","uri":"u"}`, 1, `{"error":"Failed to read resource 'u' from server 'fs'",`},

		{"describe", "describe", `{"method":"fs"}`, 1, "[" + method + "]"},
		{"describe", "describe", `{"method":"fs.read_file"}`, 1, method},
		{"describe", "describe", `{"method":"x"}`, 1, `{"error":"Server 'x' not found","available_servers":["fs"],`},
		{"describe", "describe", `{"method":"fs.t"}`, 1, `{"error":"Tool 't' not found on server 'fs'","available_tools":["read_file"],`},
		{"describe", "call", `{"method":"x"}`, 1, `{"error":"Invalid method format: 'x'. Expected 'server.tool'",`},
		{"describe", "call", `{"method":"fs.read_file","arguments":{}}`, 1, `{"error":` + validation + `Missing required argument: 'path'","tool_schema":"{path: string}",`},
		{"describe", "call", `{"method":"fs.read_file","arguments":{"path":"p"}}`, 1, `{"error":"kaputt: ä",`},
		{"describe", "resources", `{"server_name":"fs","uri":"text"}`, 1, `größer`},

		{"invoke", "invoke", `{"method":"x"}`, 1, `{"error":"Invalid method format: 'x'. Expected 'server.tool'","kind":`},
		{"invoke", "invoke", `{"method":"x.t"}`, 1, `{"error":"Server 'x' not found. Available: ['fs']","code":"SERVER_NOT_FOUND","available_servers":["fs"],`},
		{"invoke", "invoke", `{"method":"x.t"}`, 0, `{"error":"Server 'x' not found","code":"SERVER_NOT_FOUND",` + nowhere + `,`},
		{"invoke", "invoke", `{"method":"fs.t"}`, 1, `{"error":"Tool 't' not found on server 'fs'. Available: ['read_file']","code":"TOOL_NOT_FOUND","available_tools":["read_file"],`},
		{"invoke", "invoke", `{"method":"fs.read_file"}`, 1, `{"error":` + validation + `Missing required argument: 'path'","code":"VALIDATION_ERROR","tool_schema":"{path: string}",`},
		{"invoke", "invoke", `{"method":"fs.read_file","arguments":{"path":"p"}}`, 1, `{"error":"Error executing 'fs.read_file': kaputt: ä","code":"EXECUTION_ERROR",`},
		{"invoke", "invoke", `{"method":"fs.read_file","arguments":{"path":"bug"}}`, 1, `{"error":"a bug","code":"UNEXPECTED_ERROR",`},
		{"invoke", "read", `{"server_name":"fs","uri":"text"}`, 1, `größer`},
		{"invoke", "read", `{"server_name":"fs","uri":"blob"}`, 1, blob},
		{"invoke", "read", `{"server_name":"fs","uri":"several"}`, 1, several},
		{"invoke", "read", `{"server_name":"x","uri":"u"}`, 1, `{"error":"Server 'x' not found. Available: ['fs']","code":"SERVER_NOT_FOUND","available_servers":["fs"],`},
		{"invoke", "read", `{"server_name":"fs","uri":"u"}`, 1, `{"error":"Resource 'u' not found on server 'fs'","code":"RESOURCE_NOT_FOUND",`},
	} {
		door := oneServer()
		if c.servers == 0 {
			door.dir = directory(1, nil)
		}
		result, err := New(door, Options{Profile: c.profile, TypeScript: true}).
			Serve(context.Background(), toolsCall(`{"name":"`+c.tool+`","arguments":`+c.args+`}`), messages.Discard)
		text := textOf(result)
		isError, _ := jsonrpc.Get(result, "isError")
		if wrong := strings.HasPrefix(c.want, `{"error"`); wrong {
			if err != nil || string(isError) != "true" || !strings.HasPrefix(text, c.want) || !hasAll(text, "error", "kind", "server", "sent") {
				t.Errorf("%s %s: got %s, %v\nwant an error that begins with %s", c.tool, c.args, result, err, c.want)
			}
		} else if err != nil || isError != nil || text != c.want {
			t.Errorf("%s %s: got %s, %v\nwant %s", c.tool, c.args, result, err, c.want)
		}
	}
}

func hasAll(object string, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(k string) bool {
		_, found := jsonrpc.Get(json.RawMessage(object), k)
		return !found
	})
}

// Names with dots can be read in two ways; each way leads to the one server.
func TestDirectories_OfManyServersListEachOnceAndEachIsReached(t *testing.T) {
	var catalogs []messages.Catalog
	names := []string{"a", "a.b", "a.b.c", "größe.日本", "z.", ".z"}
	for i := range 500 {
		names = append(names, fmt.Sprintf("server.%03d", i))
	}
	for _, name := range names {
		catalogs = append(catalogs, messages.Catalog{Server: name, Tools: []messages.Tool{{Name: "the.tool", Description: "of " + name}}})
	}
	slices.Sort(names)
	for profile, lists := range map[string]string{"inspect": "inspect", "describe": "describe", "invoke": "invoke"} {
		door := &fakeDoor{dir: directory(1, catalogs), answer: func(messages.Call, messages.Sink) messages.Outcome {
			return messages.Outcome{Result: json.RawMessage(`{"content":[]}`)}
		}}
		tools := New(door, Options{Profile: profile})
		list, err := tools.Serve(context.Background(), mcp.Request{Request: messages.Request{Method: "tools/list"}}, messages.Discard)
		if err != nil {
			t.Fatal(err)
		}
		want := "Available tools:"
		for _, name := range names {
			if profile == "inspect" {
				want += "\n  Server: " + name + "\n    - the.tool: of " + name
			} else {
				want += "\n  - " + name + ".the.tool: of " + name
			}
		}
		defs, _ := jsonrpc.Get(list, "tools")
		for def := range jsonrpc.Elements(defs) {
			name, _ := jsonrpc.GetString(def, "name")
			if text, _ := jsonrpc.GetString(def, "description"); name == lists && !strings.HasSuffix(text, "\n\n"+want) {
				t.Errorf("%s: %.300s", profile, text)
			}
		}
		for i, name := range names {
			params := `{"name":"` + map[string]string{"describe": "call", "invoke": "invoke"}[profile] + `","arguments":{"method":"` + name + `.the.tool"}}`
			if profile == "inspect" {
				params = execParams(name, "the.tool", `{}`)
			}
			if result, err := tools.Serve(context.Background(), toolsCall(params), messages.Discard); err != nil || textOf(result) != "null" || len(door.calls) != i+1 || door.calls[i].Server != name {
				t.Fatalf("%s: %s did not reach %q: %s, %v", profile, params, name, result, err)
			}
		}
	}
}
