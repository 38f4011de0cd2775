package actors

import (
	"context"

	"github.com/mcpx/mcpx/messages"
)

// CallOnce performs a call that must not be made twice: whoever sends the same
// key, for the same principal, server, method and name, gets the outcome of the
// first, be it in flight or kept (Outcome.Cached). With other params, or other
// headers of the caller's, the key is refused (KindInvalidArgs).
//
// A call that was provably not sent is not kept: the key is free again.
//
// The end of ctx ends the waiting for another's outcome, but not the call: a
// caller that lost its connection comes back with the key and finds the answer.
func (r *Runtime) CallOnce(ctx context.Context, key string, call messages.Call, sink messages.Sink) (out messages.Outcome) {
	id := call.OnceKey(key)
	a := r.newAsker()
	defer a.release()
	a.send(r.root, messages.ClaimOnce{Key: id, Body: call.OnceBody()})
	m, err := r.next(ctx, a, r.root)
	if err != nil {
		a.send(r.root, messages.LeaveOnce{Key: id})
		return messages.Outcome{Failure: cancelled(ctx, call.Server)}
	}
	switch m := m.(type) {
	case messages.Outcome:
		return named(m, call.Server)
	case messages.OnceClaimed:
	default:
		return messages.Outcome{Failure: messages.Failf(messages.KindUnavailable, call.Server, "mcpx is shutting down")}
	}
	// Whatever happens: others wait for it.
	f := messages.Failf(messages.KindInternal, call.Server, "internal error in a call of %s", call.Request.Method)
	f.Sent = messages.SentUnknown
	out.Failure = f
	defer func() {
		keep := out.Failure == nil || out.Failure.Sent != messages.SentNo
		a.send(r.root, messages.SettleOnce{Key: id, Outcome: out, Keep: keep})
	}()
	out = r.Call(context.WithoutCancel(ctx), call, sink)
	return out
}

// named says which server a failure concerns, where whoever made it could not know.
func named(out messages.Outcome, server string) messages.Outcome {
	if f := out.Failure; f != nil && f.Server == "" {
		told := *f
		told.Server = server
		out.Failure = &told
	}
	return out
}
