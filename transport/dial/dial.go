// Package dial opens connections to upstream servers: child processes over
// stdio, and sessions over Streamable HTTP and its predecessor HTTP+SSE. It
// implements the seam that actors/link owns.
package dial

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial/guard"
	"github.com/mcpx/mcpx/transport/dial/sched"
)

// Dialer opens connections. The zero value is not usable: see New.
type Dialer struct {
	info json.RawMessage // clientInfo that upstreams see
	pace httpPace        // of reopening streams

	ahead *guard.Ahead // of the servers that are the first to be dialled; nil without Prepare
}

// New returns a Dialer that introduces itself with info, an Implementation object.
func New(info json.RawMessage) *Dialer { return &Dialer{info: info, pace: defaultHTTPPace} }

// Prepare begins to start the processes of servers that are about to be dialled
// all at once. It is called before the first Dial, if at all, and wants Close in
// the end. The channel is closed when the process of each has been executed, or
// could not be.
func (d *Dialer) Prepare(specs []messages.ServerSpec) <-chan struct{} {
	var names []string
	for i := range specs {
		if s := &specs[i]; s.Transport == messages.TransportStdio && !s.Disabled {
			names = append(names, s.Name)
		}
	}
	d.ahead = guard.Prepare(names, sched.Short)
	return d.ahead.Settled()
}

// Close ends what Prepare has started for servers that were never dialled. No
// Dial may follow or run.
func (d *Dialer) Close() { d.ahead.Close() }

// Dial implements link.Dialer.
func (d *Dialer) Dial(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	switch req.Spec.Transport {
	case messages.TransportStdio:
		return d.dialStdio(ctx, req)
	case messages.TransportHTTP:
		return d.dialHTTP(ctx, req)
	case messages.TransportSSE:
		return d.dialSSE(ctx, req)
	default:
		return nil, messages.Failf(messages.KindUnavailable, req.Spec.Name,
			"server %q: transport %q is not supported", req.Spec.Name, req.Spec.Transport)
	}
}
