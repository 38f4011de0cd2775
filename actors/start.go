package actors

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/gateway"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// Start is Call for somebody who does not wait: done gets the outcome, once, on
// any goroutine, this one before Start returns included, and must not block. It
// tells whether it has begun; if not, done is not called, and Call is the way. It is for processes,
// whose connections need no goroutine per request.
func (r *Runtime) Start(ctx context.Context, call messages.Call, sink messages.Sink, done func(messages.Outcome)) bool {
	entry, failure := r.permit(call.Principal, call.Server, toolOf(&call))
	if failure != nil || entry.Spec.Transport != messages.TransportStdio || ctx.Err() != nil {
		return false
	}
	upstream := entry.PID()
	if upstream == nil {
		return false
	}
	t := &trip{
		ctx: ctx, sink: sink, done: done, began: r.env.Clock.Now(), entry: entry, upstream: upstream, owes: upstream,
		admit: messages.Admit{ID: r.calls.Add(1), Call: call, Cache: cacheKey(entry, &call)},
	}
	r.newErrand(t)
	r.system.Root.Send(upstream, &t.envelope)
	t.watch.Begin(ctx, t) // behind the Admit, as in callOnce
	if !t.watched() {
		t.watch.End()
	}
	return true
}

// errand is what an asker is, for calls that nobody waits for: each step is
// done by whoever brings it on.
//
//	        Lease                I/O ended
//	asked ─────────▶ under way ────────────▶ ended ──┐ Outcome: told
//	  └──────────────────────────────────────────────┘
//
// The session's answer may come before the I/O has ended: then that is waited for.
type errand struct {
	runtime *Runtime
	home    *actor.PID
	turn    atomic.Uint32
	trip    atomic.Pointer[trip]
	patrol  *time.Timer
	walking atomic.Bool // the patrol, which ends when it finds no call
}

// trip is one call of an errand.
type trip struct {
	errand   *errand
	pid      actor.PID // of the errand, for this call
	ctx      context.Context
	sink     messages.Sink
	done     func(messages.Outcome)
	began    time.Time
	entry    *gateway.Entry
	upstream *actor.PID
	admit    messages.Admit
	envelope actor.MessageEnvelope // with that
	finished session.Finished
	watch    link.Watch // over ctx

	mu      sync.Mutex        //nolint:forbidigo // guards where it is: those who bring it on meet here
	owes    *actor.PID        // the answer: the upstream, then the session
	lease   *link.Lease       // once it came
	busy    bool              // its I/O goes on
	sent    messages.Sent     // as far as is known of the I/O
	answer  *messages.Outcome // nil: there is none yet
	watches bool              // over ctx
	missing bool              // whoever owes the answer was not there at the last look

	gone, told bool
}

// newErrand gives a call an errand that is nobody else's.
func (r *Runtime) newErrand(t *trip) {
	var e *errand
	select {
	case e = <-r.errands:
	default:
		e = &errand{runtime: r}
		e.patrol = time.AfterFunc(patrol, e.look)
		e.patrol.Stop()
		e.home = r.enter(e)
	}
	t.errand = e
	t.pid.Address, t.pid.Id, t.pid.RequestId = e.home.Address, e.home.Id, e.turn.Load()
	t.envelope = actor.MessageEnvelope{Message: &t.admit, Sender: &t.pid}
	e.trip.Store(t)
	if e.walking.CompareAndSwap(false, true) {
		e.patrol.Reset(patrol)
	}
}

// free keeps an errand for the next call; see Runtime.spare.
func (e *errand) free() {
	e.turn.Add(1)
	e.trip.Store(nil)
	if !e.runtime.closing.Load() {
		select {
		case e.runtime.errands <- e:
			return
		default:
		}
	}
	e.runtime.system.ProcessRegistry.Remove(e.home)
}

// SendUserMessage implements actor.Process.
func (e *errand) SendUserMessage(to *actor.PID, message any) {
	t := e.trip.Load()
	if t == nil || t.pid.RequestId != to.RequestId {
		return // of a call that is over
	}
	switch m := actor.UnwrapEnvelopeMessage(message).(type) {
	case *actor.DeadLetterResponse:
		t.lost()
	case *link.Lease:
		t.leased(m)
	case *messages.Outcome:
		t.settle(func() { t.answer = m })
	}
}

// SendSystemMessage implements actor.Process.
func (e *errand) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (e *errand) Stop(*actor.PID) {}

// look is the patrol of calls, as in Runtime.next. One call may have followed
// another since the last look.
func (e *errand) look() {
	t := e.trip.Load()
	if t == nil {
		e.walking.Store(false)
		if e.trip.Load() == nil || !e.walking.CompareAndSwap(false, true) {
			return // else a call has begun in this moment, and relied on the patrol
		}
	} else if t.abandoned() {
		t.lost()
	}
	e.patrol.Reset(patrol)
}

// abandoned tells whether whoever owes the answer is gone, and was at the last look.
func (t *trip) abandoned() bool {
	t.mu.Lock()
	over, owes := t.told || t.busy, t.owes
	t.mu.Unlock()
	if over {
		return false
	}
	alive := t.errand.runtime.alive(owes)
	t.mu.Lock()
	defer t.mu.Unlock()
	lost := t.missing && !alive
	t.missing = !alive
	return lost
}

// watched notes that there is a watch over ctx; false when there is nothing to
// watch any more.
func (t *trip) watched() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watches = true
	return !t.told
}

// Ended implements link.Ender: ctx has.
func (t *trip) Ended() { t.errand.runtime.giveUp(t.ctx, t.upstream, t.admit.ID, t.admit.Call.Server) }

func (t *trip) leased(l *link.Lease) {
	t.mu.Lock()
	if t.told { // that it was lost: it is made again, and must not be made twice
		t.mu.Unlock()
		l.Session.Tell(&session.Finished{Outcome: messages.Outcome{Failure: restarting(t.admit.Call.Server)}})
		return
	}
	t.lease, t.owes, t.busy, t.missing, t.gone = l, l.Session.PID, true, false, false
	t.mu.Unlock()
	l.Start(t.admit.Call.Request, t.admit.Call.Server, t, t.ended)
}

// Notify implements messages.Sink: progress extends the deadline.
func (t *trip) Notify(n messages.Notification) error {
	if n.Method == "notifications/progress" {
		t.lease.Session.Tell(session.Progressed{})
	}
	return t.sink.Notify(n)
}

// ended: the I/O is over. Whoever tells that more than once is not heard again.
func (t *trip) ended(out messages.Outcome) {
	t.mu.Lock()
	if !t.busy {
		t.mu.Unlock()
		return
	}
	if out.Failure == nil || out.Failure.Sent != messages.SentNo {
		t.sent = t.lease.Sent.Sent()
	}
	t.busy = false
	t.mu.Unlock()
	t.finished.Outcome = out
	t.lease.Session.Tell(&t.finished) // a killed one has answered
	t.settle(func() {})
}

func (t *trip) lost() { t.settle(func() { t.gone = true }) }

// settle notes what has come and, if nothing is missing any more, tells the
// outcome.
func (t *trip) settle(note func()) {
	r, call := t.errand.runtime, &t.admit.Call
	t.mu.Lock()
	note()
	if t.told || t.busy || t.answer == nil && !t.gone {
		t.mu.Unlock()
		return
	}
	t.told = true
	var out messages.Outcome
	if t.answer != nil {
		out = *t.answer
	} else {
		f := restarting(call.Server)
		f.Sent, f.Stale = t.sent, t.sent == messages.SentNo
		out.Failure = f
	}
	out = truthful(out, t.sent)
	watches := t.watches
	t.mu.Unlock()

	if watches {
		t.watch.End()
	}
	t.errand.free()
	if out.Failure == nil {
		t.done(out)
		return
	}
	failed := out // out itself stays off the heap
	kit.Go(func() {
		t.done(r.repeat(t.ctx, *call, t.sink, t.began, ownReason(t.ctx, call.Server, failed), t.entry))
	})
}
