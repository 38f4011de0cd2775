package actors

import (
	"context"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
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
	a := r.newAsker(new(actor.PID))
	defer a.release()
	keeper, reply := r.claimOnce(ctx, a, messages.ClaimOnce{Key: id, Body: call.OnceBody()})
	switch m := reply.(type) {
	case messages.Outcome:
		return named(m, call.Server)
	case messages.OnceClaimed:
	default:
		f := restarting(call.Server)
		switch {
		case ctx.Err() != nil:
			f = cancelled(ctx, call.Server)
		case r.closing.Load():
			f = messages.Failf(messages.KindUnavailable, call.Server, "mcpx is shutting down")
		}
		return messages.Outcome{Failure: f}
	}
	// Whatever happens: others wait for it.
	f := messages.Failf(messages.KindInternal, call.Server, "internal error in a call of %s", call.Request.Method)
	f.Sent = messages.SentUnknown
	out.Failure = f
	defer func() {
		keep := out.Failure == nil || out.Failure.Sent != messages.SentNo
		r.tellOnce(a, keeper, messages.SettleOnce{Key: id, Outcome: out, Keep: keep})
	}()
	out = r.Call(context.WithoutCancel(ctx), call, sink)
	return out
}

// claimOnce asks the keeper of keyed requests, and the next one where that
// stopped before it answered; the reply is nil when there is none.
func (r *Runtime) claimOnce(ctx context.Context, a *asker, m messages.ClaimOnce) (keeper *actor.PID, reply any) {
	for range resolveAttempts {
		found, err := ask[messages.OnceFound](ctx, r, r.root, messages.FindOnce{})
		if err != nil || found.Name == "" {
			return nil, nil
		}
		keeper = kit.Child(r.root, found.Name)
		a.send(keeper, m)
		reply, err = r.next(ctx, a, keeper)
		if err != nil {
			r.tellOnce(a, keeper, messages.LeaveOnce{Key: m.Key})
			return nil, nil
		}
		if _, dead := reply.(gone); !dead {
			return keeper, reply
		}
	}
	return nil, nil
}

// tellOnce sends to a keeper that may be gone, without making a dead letter of it.
func (r *Runtime) tellOnce(a *asker, keeper *actor.PID, m any) {
	if r.alive(keeper) {
		a.send(keeper, m)
	}
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
