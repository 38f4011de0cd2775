package actors

import (
	"context"
	"errors"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// SubscribeResources lets a client session hear of changes of resources, and returns
// which of them the server grants. The failure says why others are not granted,
// where the server says so.
func (r *Runtime) SubscribeResources(ctx context.Context, m messages.Subscribe) ([]string, *messages.Failure) {
	var failure *messages.Failure
	for range resolveAttempts {
		entry, f := r.resolve(m.Call.Principal, m.Call.Server)
		if f != nil {
			return nil, f
		}
		p := entry.Spec.Policy
		var reply messages.Subscribed
		if pid := entry.PID(); pid == nil {
			reply.Failure = restarting(m.Call.Server)
		} else {
			// As long as a call may wait for a connection and its answer.
			waiting, cancel := context.WithTimeout(ctx, p.ConnectionTimeout+p.RequestTimeout)
			var err error
			reply, err = ask[messages.Subscribed](waiting, r, pid, m)
			cancel()
			if err != nil {
				reply.Failure = r.notSubscribed(ctx, m, err)
			}
		}
		failure = reply.Failure
		if len(reply.Granted) > 0 || failure == nil || !failure.Stale {
			return reply.Granted, failure
		}
		// The name is resolved once more when the gateway has seen what happened.
		if _, err := ask[messages.Synced](ctx, r, r.root, messages.Sync{}); err != nil {
			break
		}
	}
	return nil, failure
}

// notSubscribed: there was no answer.
func (r *Runtime) notSubscribed(ctx context.Context, m messages.Subscribe, err error) *messages.Failure {
	r.UnsubscribeResources(messages.Unsubscribe{By: m.By, Server: m.Call.Server, URIs: m.URIs})
	var f *messages.Failure
	switch {
	case ctx.Err() != nil:
		return cancelled(ctx, m.Call.Server)
	case errors.Is(err, context.DeadlineExceeded):
		return messages.Failf(messages.KindTimeout, m.Call.Server, "server %q did not grant the subscription in time", m.Call.Server)
	case errors.As(err, &f) && f.Stale:
		f = restarting(m.Call.Server)
		f.RetryAfter = time.Second
	default:
		f = messages.Failf(messages.KindInternal, m.Call.Server, "server %q: subscribing: %v", m.Call.Server, err)
	}
	return f
}

// UnsubscribeResources ends subscriptions. It overtakes none that was asked for
// before it.
func (r *Runtime) UnsubscribeResources(m messages.Unsubscribe) {
	if entry, ok := r.table.Lookup(m.Server); ok {
		if pid := entry.PID(); pid != nil && r.alive(pid) {
			r.system.Root.Send(pid, m)
		}
	}
}
