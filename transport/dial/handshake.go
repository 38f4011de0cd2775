package dial

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// The handshake of the legacy era, which is the same on every transport
// (2025-11-25, lifecycle: initialization).

// initialize are the params of that request, which say who the client is: those
// of a caller of the era are handed on.
func (id identity) initialize(version string) json.RawMessage {
	if id.hello != nil && !id.isModern {
		if said, _ := jsonrpc.GetString(id.hello, "protocolVersion"); said == version {
			return id.hello
		}
		return jsonrpc.Set(id.hello, jsonrpc.Quote(version), "protocolVersion")
	}
	params := jsonrpc.Set(nil, jsonrpc.Quote(version), "protocolVersion")
	params = jsonrpc.Set(params, id.declared(false), "capabilities")
	return jsonrpc.Set(params, id.info, "clientInfo")
}

// initialized reads the answer to initialize. The error says that it is none,
// or that the configuration does not allow its version.
func initialized(result json.RawMessage, protocol string) (messages.Peer, error) {
	peer, err := mcp.ReadInitialize(result)
	if err == nil {
		_, err = mcp.Choose(protocol, []string{peer.Protocol})
	}
	peer.Offers = []string{peer.Protocol}
	return peer, err
}

// unanswered is the failure of a connection whose attempt ended, by its deadline
// or because nobody wants it any more, while what was asked had no answer. Of
// whoever waits for the connection nothing was sent.
func unanswered(ctx context.Context, spec *messages.ServerSpec, what string) *messages.Failure {
	f := givenUp(ctx, spec.Name, what, messages.SentNo)
	if f.Kind == messages.KindTimeout {
		f.Message += fmt.Sprintf(" (connection_timeout: %v)", spec.Policy.ConnectionTimeout)
	}
	return f
}

// ranOut tells whether a request of a handshake failed only because the attempt ended.
func ranOut(f *messages.Failure) bool {
	return f != nil && (f.Kind == messages.KindTimeout || f.Kind == messages.KindCancelled)
}
