package actors

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/gateway"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// resolveAttempts bounds how often a call that was not sent is resolved: once
// for an address that has just changed, and again while an actor is replaced.
const resolveAttempts = 4

// Call performs one call and returns its one outcome, at its deadline at the
// latest. The goroutine that calls does the I/O. sink gets the call's
// notifications before Call returns and is not touched afterwards.
//
// A call that was provably not sent is made again, as is, once, one whose
// connection broke, if repeating it does no harm: it reads only, or its tool
// says that it is read-only or idempotent.
//
// When ctx ends, the call is cancelled; the outcome then is KindCancelled, or,
// if ctx's cause is a *messages.Failure, that one.
func (r *Runtime) Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome {
	began := r.env.Clock.Now()
	out, entry := r.callOnce(ctx, &visit{admit: messages.Admit{Call: call}}, sink)
	return r.repeat(ctx, call, sink, began, out, entry)
}

// repeat makes a call that has ended with out again, as often as it may be.
func (r *Runtime) repeat(ctx context.Context, call messages.Call, sink messages.Sink, began time.Time, out messages.Outcome, entry *gateway.Entry) messages.Outcome {
	var first messages.Outcome // what was told of a call that is made again
	again, left := "", time.Duration(0)
	for attempt := 1; ; attempt++ {
		f := out.Failure
		if f != nil && again != "" && f.Sent == messages.SentNo {
			out = first // the truth about it: it was sent once
		}
		if f == nil {
			return out
		}
		if ctx.Err() != nil {
			told := *f
			told.Sent = max(f.Sent, out.Failure.Sent)
			out.Failure = &told
			return out
		}
		if !f.Stale && (again != "" || !harmless(f) || !repeatable(entry, &call)) {
			return out
		}
		if !f.Stale {
			first, again = out, f.Message
		}
		// The deadline is the call's, however often it is made.
		if entry != nil {
			left = cmp.Or(call.Timeout, entry.Spec.Policy.RequestTimeout) - r.env.Clock.Now().Sub(began)
			if left <= 0 {
				return out
			}
		}
		// The name is resolved once more when the gateway has seen what happened.
		if _, err := ask[messages.Synced](ctx, r, r.root, messages.Sync{}); err != nil && ctx.Err() == nil {
			return out
		}
		if attempt == resolveAttempts {
			return out
		}
		out, entry = r.callOnce(ctx, &visit{admit: messages.Admit{Call: call, Again: again, Left: left}}, sink)
	}
}

// harmless tells whether a failure is one after which a call may be made again,
// if its tool allows that: its connection broke, and nobody wanted it to end.
func harmless(f *messages.Failure) bool {
	return f.Kind == messages.KindUnavailable && f.Sent == messages.SentUnknown && !f.Final
}

// visit is what one call for which somebody waits needs at the door, in one piece.
type visit struct {
	runtime  *Runtime
	ctx      context.Context
	upstream *actor.PID
	pid      actor.PID // of the asker, for this call
	admit    messages.Admit
	envelope actor.MessageEnvelope // with that
	passed   passage
	finished session.Finished
	watch    link.Watch // over ctx
}

func (r *Runtime) callOnce(ctx context.Context, v *visit, sink messages.Sink) (messages.Outcome, *gateway.Entry) {
	call := &v.admit.Call
	entry, failure := r.permit(call.Principal, call.Server, toolOf(call))
	if failure != nil {
		return messages.Outcome{Failure: failure}, entry
	}
	upstream := entry.PID()
	if upstream == nil {
		return messages.Outcome{Failure: restarting(call.Server)}, entry
	}
	if ctx.Err() != nil {
		return messages.Outcome{Failure: cancelled(ctx, call.Server)}, entry
	}

	a := r.newAsker(&v.pid)
	v.runtime, v.ctx, v.upstream = r, ctx, upstream
	v.admit.ID, v.admit.Cache = r.calls.Add(1), cacheKey(entry, call)
	v.envelope = actor.MessageEnvelope{Message: &v.admit, Sender: &v.pid}
	r.system.Root.Send(upstream, &v.envelope)
	// Behind the Admit: a context that has ended already would else be told first, to nobody.
	v.watch.Begin(ctx, v)
	defer v.watch.End()
	return ownReason(ctx, call.Server, v.await(a, sink)), entry
}

// Ended implements link.Ender: ctx has.
func (v *visit) Ended() { v.runtime.giveUp(v.ctx, v.upstream, v.admit.ID, v.admit.Call.Server) }

// ownReason gives a call that its caller ended his own reason.
func ownReason(ctx context.Context, server string, out messages.Outcome) messages.Outcome {
	if out.Failure == nil || out.Failure.Kind != messages.KindCancelled || ctx.Err() == nil {
		return out
	}
	f := cancelled(ctx, server)
	f.Sent = out.Failure.Sent
	out.Failure = f
	return out
}

// giveUp cancels a call by way of the upstream: the session may not live yet.
func (r *Runtime) giveUp(ctx context.Context, upstream *actor.PID, id uint64, server string) {
	f := cancelled(ctx, server)
	r.system.Root.Send(upstream, messages.CancelCall{ID: id, Reason: cmp.Or(f.Reason, f.Message), Said: f.Said})
}

// await takes the lease when it comes, does the I/O, and returns the session's
// answer. It waits for actors only, never for ctx: exactly one answer is coming.
func (v *visit) await(a *asker, sink messages.Sink) messages.Outcome {
	r, call := v.runtime, &v.admit.Call
	owes := v.upstream
	sent := messages.SentNo // as far as is known of the I/O
	for {
		// Background: the session answers at the deadline and on cancellation.
		m, _ := r.next(context.Background(), a, owes)
		switch m := m.(type) {
		case *messages.Outcome:
			r.spare(a) // a session says nothing after its answer
			return v.passed.judge(truthful(*m, sent))
		case *link.Lease:
			owes = m.Session.PID
			v.passed = passage{clock: r.env.Clock, session: m.Session, sink: sink, whole: v.admit.Cache.Key != ""}
			v.finished.Outcome = m.Do(call.Request, call.Server, v.passed.way())
			if f := v.finished.Outcome.Failure; f == nil || f.Sent != messages.SentNo {
				sent = m.Sent.Sent()
			}
			m.Session.Tell(&v.finished) // a killed one has answered
		case gone:
			a.release()
			f := restarting(call.Server)
			f.Sent, f.Stale = sent, sent == messages.SentNo
			return v.passed.judge(messages.Outcome{Failure: f})
		}
	}
}

// truthful corrects the answer of a session that gave up in the moment in which
// the request was about to be written: only the I/O, which has ended by now,
// knows that it was.
func truthful(out messages.Outcome, sent messages.Sent) messages.Outcome {
	if out.Failure == nil || out.Failure.Sent != messages.SentNo || sent == messages.SentNo {
		return out
	}
	f := *out.Failure
	f.Sent, f.Stale = sent, false
	return messages.Outcome{Failure: &f}
}

func restarting(server string) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, server, "server %q is restarting; try again", server)
	f.Stale, f.RetryAfter = true, time.Second
	return f
}

func cancelled(ctx context.Context, server string) *messages.Failure {
	var f *messages.Failure
	if errors.As(context.Cause(ctx), &f) {
		told := *f
		told.Server = server
		return &told
	}
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return messages.Failf(messages.KindTimeout, server, "server %q: the caller's deadline passed", server)
	}
	return messages.Failf(messages.KindCancelled, server, "server %q: the caller gave up", server)
}

// resolve finds a server that p may use.
func (r *Runtime) resolve(p messages.Principal, server string) (*gateway.Entry, *messages.Failure) {
	if r.closing.Load() {
		return nil, messages.Failf(messages.KindUnavailable, server, "mcpx is shutting down")
	}
	entry, ok := r.table.Lookup(server)
	if !ok {
		f := messages.Failf(messages.KindUnknownUpstream, server, "there is no server %q", server)
		f.Available = r.table.Names()
		return nil, f
	}
	return entry, allowed(p, entry, server)
}

// permit finds a server that p may use, with that tool of it (empty: as such).
func (r *Runtime) permit(p messages.Principal, server, tool string) (*gateway.Entry, *messages.Failure) {
	entry, failure := r.resolve(p, server)
	if failure == nil && tool != "" {
		failure = toolAllowed(entry, server, tool)
	}
	return entry, failure
}

// toolOf returns the tool that is called; empty where none is.
func toolOf(call *messages.Call) string {
	if call.Request.Method == "tools/call" {
		return call.Request.Name
	}
	return ""
}

// allowed and toolAllowed are the one policy point: every path comes through
// here. Today it knows disabled servers and tools; p is what scopes will ask for.
func allowed(_ messages.Principal, entry *gateway.Entry, server string) *messages.Failure {
	if entry.Spec.Disabled {
		return messages.Failf(messages.KindForbidden, server, "server %q is disabled in the configuration", server)
	}
	return nil
}

func toolAllowed(entry *gateway.Entry, server, tool string) *messages.Failure {
	if entry.ToolDisabled(tool) {
		return messages.Failf(messages.KindForbidden, server, "tool %q of server %q is disabled in the configuration", tool, server)
	}
	return nil
}

// Allowed is the one policy point, asked without a call: nil, or why p may not
// use this tool of this server (tool empty: the server as such).
func (r *Runtime) Allowed(p messages.Principal, server, tool string) *messages.Failure {
	_, failure := r.permit(p, server, tool)
	return failure
}

// Open makes sure that there is a session of the server for this caller and
// returns what the server said when it was opened.
func (r *Runtime) Open(ctx context.Context, call messages.Call) (messages.Peer, *messages.Failure) {
	call.Request = messages.Request{Kind: messages.RequestOpen}
	out := r.Call(ctx, call, messages.Discard)
	if out.Failure != nil {
		return messages.Peer{}, out.Failure
	}
	return *out.Peer, nil
}
