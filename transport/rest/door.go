// Package rest serves the tools of all upstreams as HTTP endpoints, each server
// with an OpenAPI document and a page to try it, at the paths of mcpo:
//
//	POST {prefix}{server}/{tool}             the body holds the arguments
//	POST {prefix}{server}/prompts/{prompt}
//	GET  {prefix}{server}/resources          and /resources/read?uri=
//	GET  {prefix}{server}/docs               and /openapi.json, /health
//	GET  {prefix}docs                        and openapi.json, health: of all servers
//
// For a single server the same without {server}, and both forms work.
package rest

import (
	"context"

	"github.com/mcpx/mcpx/messages"
)

// Door is what the endpoints need of the runtime (actors.Runtime).
type Door interface {
	// Call performs one call and returns its one outcome.
	Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome

	// CallOnce performs a call that must not be made twice: whoever sends the
	// same key gets the outcome of the first, be it in flight or kept. It does
	// not end with ctx. KindInvalidArgs: the key was used for another request.
	CallOnce(ctx context.Context, key string, call messages.Call, sink messages.Sink) messages.Outcome

	// Catalog returns the catalog of one server, waiting for its first
	// connection (or ctx). A *messages.Failure says why there is none.
	Catalog(ctx context.Context, server string) (messages.Catalog, error)

	// Directory returns what all upstreams offer, from memory, at once.
	Directory() *messages.Directory

	// Allowed is the one policy point: nil, or why p may not use this tool of
	// this server (tool empty: the server as such).
	Allowed(p messages.Principal, server, tool string) *messages.Failure

	// Spec returns the specification by which a server serves; false for an unknown one.
	Spec(server string) (messages.ServerSpec, bool)

	// Status returns what is known of one server, Statuses of all, from memory.
	Status(server string) (messages.Status, bool)
	Statuses() []messages.Status

	// CheckHealth looks now how a server is. The error says what is wrong with it.
	CheckHealth(ctx context.Context, server string) (messages.Health, error)

	// Subscribe calls f with every event, in order per server.
	Subscribe(f func(messages.Event)) (cancel func())

	// Publish gives subscribers an event.
	Publish(messages.Event)
}
