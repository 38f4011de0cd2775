// Package gatewaytools serves mcpx's own compact tools: a few tools that reach
// all tools and resources of all upstreams.
package gatewaytools

import (
	"context"

	"github.com/mcpx/mcpx/messages"
)

// Door is what the compact tools need of the runtime (actors.Runtime).
type Door interface {
	// Call performs one call and returns its one outcome.
	Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome

	// Directory returns what all upstreams offer, from memory, at once.
	Directory() *messages.Directory

	// Allowed is the one policy point: nil, or why p may not use this tool of
	// this server (tool empty: the server as such).
	Allowed(p messages.Principal, server, tool string) *messages.Failure
}
