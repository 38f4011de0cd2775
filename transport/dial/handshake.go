package dial

import (
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// The handshake of the legacy era, which is the same on every transport
// (2025-11-25, lifecycle: initialization).

// initializeParams are what initialize says of us.
func initializeParams(version string, info json.RawMessage) json.RawMessage {
	params := jsonrpc.Set(nil, jsonrpc.Quote(version), "protocolVersion")
	params = jsonrpc.Set(params, noCapabilities, "capabilities")
	return jsonrpc.Set(params, info, "clientInfo")
}

// initialized reads the answer to initialize. The error says that it is none,
// or that the configuration does not allow its version.
func initialized(result json.RawMessage, protocol string) (messages.Peer, error) {
	peer, err := mcp.ReadInitialize(result)
	if err == nil {
		_, err = mcp.Choose(protocol, []string{peer.Protocol})
	}
	return peer, err
}
