package mcp

import (
	"encoding/json"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// WithoutTasks returns the capabilities of one side as the other may know them
// that speaks another era. What they call tasks are different protocols: a
// capability in 2025-11-25 (tasks), an extension since (extensions: tasks).
// Nobody translates between them, so neither is offered there.
func WithoutTasks(capabilities json.RawMessage) json.RawMessage {
	return jsonrpc.Delete(jsonrpc.Delete(capabilities, "tasks"), "extensions", extensionTasks)
}

const extensionTasks = "io.modelcontextprotocol/tasks"
