package dial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// paramTable remembers which arguments of which tool a modern server wants to
// see in headers (2026-07-28, streamable-http: custom headers from tool
// parameters). It is filled by the tools/list results that pass through.
type paramTable struct {
	mu     sync.RWMutex
	byTool map[string][]mcp.ParamHeader
	warned map[string]string // tool -> what was last said of it
}

// headers returns the headers that mirror the arguments of a tool call; nil for none.
func (t *paramTable) headers(req messages.Request) map[string]string {
	if req.Method != "tools/call" {
		return nil
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	if len(t.byTool) == 0 {
		return nil // as nearly always
	}
	params := t.byTool[mcp.NameOf(req.Method, req.Params)]
	if len(params) == 0 {
		return nil
	}
	arguments, _ := jsonrpc.Get(req.Params, "arguments")
	headers := map[string]string{}
	for _, p := range params {
		if value, ok := p.Value(arguments); ok {
			headers[p.Header()] = value
		}
	}
	return headers
}

// set notes what a listing says of a tool, and tells whether a problem with it is new.
func (t *paramTable) set(tool string, params []mcp.ParamHeader, problem error) (isNew bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if problem == nil {
		delete(t.warned, tool)
		if len(params) > 0 {
			if t.byTool == nil {
				t.byTool = map[string][]mcp.ParamHeader{}
			}
			t.byTool[tool] = params
		} else {
			delete(t.byTool, tool)
		}
		return false
	}
	delete(t.byTool, tool)
	if t.warned == nil {
		t.warned = map[string]string{}
	}
	said := t.warned[tool]
	t.warned[tool] = problem.Error()
	return said != problem.Error()
}

// learn notes the annotations in a tools/list result and takes the tools out
// whose annotations are invalid. Every other byte of a definition stays.
func (c *httpConn) learn(result json.RawMessage) json.RawMessage {
	raw, ok := jsonrpc.Get(result, "tools")
	var tools []json.RawMessage
	if !ok || json.Unmarshal(raw, &tools) != nil {
		return result
	}
	valid := make([][]byte, 0, len(tools))
	for _, tool := range tools {
		name, _ := jsonrpc.GetString(tool, "name")
		schema, _ := jsonrpc.Get(tool, "inputSchema")
		params, problem := mcp.ParamHeaders(schema)
		if c.params.set(name, params, problem) {
			c.warn(fmt.Sprintf("tool %q is left out: its definition is invalid: %v", name, problem))
		}
		if problem == nil {
			valid = append(valid, tool)
		}
	}
	if len(valid) == len(tools) {
		return result
	}
	kept := append(append([]byte("["), bytes.Join(valid, []byte(","))...), ']')
	return jsonrpc.Set(result, kept, "tools")
}

// lists tells whether a tools/list result has the tool.
func lists(result json.RawMessage, tool string) bool {
	raw, _ := jsonrpc.Get(result, "tools")
	var tools []json.RawMessage
	_ = json.Unmarshal(raw, &tools) // of another shape it lists nothing
	for _, t := range tools {
		if name, _ := jsonrpc.GetString(t, "name"); name == tool {
			return true
		}
	}
	return false
}
