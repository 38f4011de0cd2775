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

	// Catalog returns the catalog of one server, waiting for its first
	// connection attempt to end (or ctx). A *messages.Failure says why there is none.
	Catalog(ctx context.Context, server string) (messages.Catalog, error)

	// Directory returns what all upstreams offer, from memory, at once. Its
	// version grows also when what Allowed answers changes.
	Directory() *messages.Directory

	// Allowed is the one policy point: nil, or why p may not use this tool of
	// this server (tool empty: the server as such).
	Allowed(p messages.Principal, server, tool string) *messages.Failure
}
