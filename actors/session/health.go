package session

import (
	"context"
	"fmt"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// lookAtHealth asks the server for a sign of life: ping in the legacy era,
// server/discover in the modern one. It returns what is wrong, for people.
func lookAtHealth(ctx context.Context, m LookAtHealth) string {
	conn, release, err := m.On.use(ctx, m.Policy)
	if err != nil {
		return err.Error()
	}
	defer release()
	method := "ping"
	if conn.Peer().Modern {
		method = "server/discover"
	}
	asking, cancel := context.WithTimeout(ctx, m.Policy.HealthCheckTimeout)
	defer cancel()
	out := conn.Do(asking, messages.Request{Method: method}, new(link.SentFlag), messages.Discard)
	switch f := out.Failure; {
	case f == nil, f.Kind == messages.KindUpstream: // an error of its own is a sign of life
		return ""
	case f.Kind == messages.KindTimeout:
		return fmt.Sprintf("Timeout after %v", m.Policy.HealthCheckTimeout)
	default:
		return f.Message
	}
}
