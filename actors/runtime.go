// Package actors is the runtime: one door, behind it a supervisor that owns one
// actor per upstream server and per client session.
package actors

import (
	"context"
	"log/slog"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// Options configure a Runtime.
type Options struct {
	Dialer link.Dialer
	Limits messages.Limits
	Logger *slog.Logger // of the actor library itself; nil discards
}

// Runtime is the one door to the actors.
type Runtime struct{}

// New starts an empty runtime.
func New(opts Options) *Runtime { panic("todo") }

// Apply makes the set of servers what specs say and returns the difference; it
// does not wait for connections. Servers that did not change keep their actors.
func (r *Runtime) Apply(ctx context.Context, specs []messages.ServerSpec) (messages.Diff, error) {
	panic("todo")
}

// Call performs one call and returns its one outcome, at its deadline at the latest.
func (r *Runtime) Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome {
	panic("todo")
}

// Directory returns what all upstreams offer, from memory, at once.
func (r *Runtime) Directory() *messages.Directory { panic("todo") }

// Catalog returns the catalog of one server, waiting for its first connection
// attempt to end (or ctx). A *messages.Failure says why there is none.
func (r *Runtime) Catalog(ctx context.Context, server string) (messages.Catalog, error) {
	panic("todo")
}

// Allowed is the one policy point: nil, or why p may not use this tool of this server.
func (r *Runtime) Allowed(p messages.Principal, server, tool string) *messages.Failure {
	panic("todo")
}

// Status returns the status of one server; false for an unknown one.
func (r *Runtime) Status(server string) (messages.Status, bool) { panic("todo") }

// Statuses returns the status of every server, sorted by name.
func (r *Runtime) Statuses() []messages.Status { panic("todo") }

// Connected returns the number of connected servers.
func (r *Runtime) Connected() int { panic("todo") }

// Tree returns the live actors.
func (r *Runtime) Tree() messages.TreeNode { panic("todo") }

// Connect connects a server and waits until it is connected or the burst of
// attempts has failed. Connecting a connected server does nothing (and says so in an event).
func (r *Runtime) Connect(ctx context.Context, server string) error { panic("todo") }

// Disconnect drains and closes a server's connection; calls do not reconnect
// it. It returns false for a server that is unknown or not connected; a failing close is returned.
func (r *Runtime) Disconnect(ctx context.Context, server string) (bool, error) { panic("todo") }

// Kill stops one actor by its path.
func (r *Runtime) Kill(path string) error { panic("todo") }

// Subscribe calls f with every event of the runtime, in order per server; f
// must return quickly. The returned function ends the subscription.
func (r *Runtime) Subscribe(f func(messages.Event)) (cancel func()) { panic("todo") }

// Close drains and closes everything within limits.CloseTimeout and says what
// did not go in good order. Concurrent and repeated calls get the same report.
func (r *Runtime) Close() messages.CloseReport { panic("todo") }
