// Package dial opens connections to upstream servers: child processes over
// stdio, and sessions over Streamable HTTP and its predecessor HTTP+SSE. It
// implements the seam that actors/link owns.
package dial

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// Dialer opens connections. The zero value is not usable: see New.
type Dialer struct {
	info json.RawMessage // clientInfo that upstreams see
	pace httpPace        // of reopening streams
}

// New returns a Dialer that introduces itself with info, an Implementation object.
func New(info json.RawMessage) *Dialer { return &Dialer{info: info, pace: defaultHTTPPace} }

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
