package actors

import (
	"context"
	"strconv"
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
	entry, failure := r.resolve(call.Principal, call.Server)
	if failure == nil && call.Request.Method == "tools/call" {
		failure = toolAllowed(entry, call.Server, call.Request.Name)
	}
	if failure != nil || entry.Spec.Transport != messages.TransportStdio || ctx.Err() != nil {
		return false
	}
	upstream := entry.PID()
	if upstream == nil {
		return false
	}
	e := r.newErrand()
	t := &trip{
		errand: e, turn: e.pid.RequestId, ctx: ctx, sink: sink, done: done, began: r.env.Clock.Now(), entry: entry, owes: upstream,
		admit: messages.Admit{ID: r.calls.Add(1), Call: call},
	}
	id := t.admit.ID
	t.admit.Cache = cacheKey(entry, &t.admit.Call)
	e.trip.Store(t)
	e.patrol.Reset(patrol)
	r.system.Root.RequestWithCustomSender(upstream, &t.admit, e.pid)
	// Behind the Admit, as in callOnce.
	stop := link.AfterFunc(ctx, func() { r.giveUp(ctx, upstream, id, call.Server) })
	if !t.hold(stop) {
		stop()
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
	pid     *actor.PID // of this call
	turn    atomic.Uint32
	trip    atomic.Pointer[trip]
	patrol  *time.Timer
}

// trip is one call of an errand.
type trip struct {
	errand *errand
	turn   uint32
	ctx    context.Context
	sink   messages.Sink
	done   func(messages.Outcome)
	began  time.Time
	entry  *gateway.Entry
	admit  messages.Admit

	mu      sync.Mutex       //nolint:forbidigo // guards where it is: those who bring it on meet here
	owes    *actor.PID       // the answer: the upstream, then the session
	lease   link.Lease       // once it came
	busy    bool             // its I/O goes on
	sent    messages.Sent    // as far as is known of the I/O
	answer  messages.Outcome // where answered
	stop    func() bool      // of the watch over ctx
	missing bool             // whoever owes the answer was not there at the last look

	answered, gone, told bool
}

// newErrand returns an errand that is nobody else's.
func (r *Runtime) newErrand() *errand {
	select {
	case e := <-r.errands:
		e.pid = &actor.PID{Address: e.pid.Address, Id: e.pid.Id, RequestId: e.turn.Load()}
		return e
	default:
	}
	e := &errand{runtime: r}
	e.patrol = time.AfterFunc(patrol, e.look)
	e.patrol.Stop()
	e.pid, _ = r.system.ProcessRegistry.Add(e, "door/"+strconv.FormatUint(r.ids.Add(1), 10))
	return e
}

// free keeps an errand for the next call; see Runtime.spare.
func (e *errand) free() {
	e.patrol.Stop()
	e.turn.Add(1)
	e.trip.Store(nil)
	if !e.runtime.closing.Load() {
		select {
		case e.runtime.errands <- e:
			return
		default:
		}
	}
	e.runtime.system.ProcessRegistry.Remove(e.pid)
}

// SendUserMessage implements actor.Process.
func (e *errand) SendUserMessage(to *actor.PID, message any) {
	t := e.trip.Load()
	if t == nil || t.turn != to.RequestId {
		return // of a call that is over
	}
	switch m := actor.UnwrapEnvelopeMessage(message).(type) {
	case *actor.DeadLetterResponse:
		t.lost()
	case link.Lease:
		t.leased(m)
	case messages.Outcome:
		t.settle(func() { t.answer, t.answered = m, true })
	}
}

// SendSystemMessage implements actor.Process.
func (e *errand) SendSystemMessage(*actor.PID, any) {}

// Stop implements actor.Process.
func (e *errand) Stop(*actor.PID) {}

// look is the patrol of a call, as in Runtime.next.
func (e *errand) look() {
	t := e.trip.Load()
	if t == nil {
		return
	}
	t.mu.Lock()
	over, owes := t.told || t.busy, t.owes
	t.mu.Unlock()
	if over {
		return
	}
	alive := e.runtime.alive(owes)
	t.mu.Lock()
	lost := t.missing && !alive
	t.missing = !alive
	t.mu.Unlock()
	if lost {
		t.lost()
		return
	}
	e.patrol.Reset(patrol)
}

// hold keeps what ends the watch over ctx; false when there is nothing to watch any more.
func (t *trip) hold(stop func() bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stop = stop
	return !t.told
}

func (t *trip) leased(l link.Lease) {
	t.mu.Lock()
	t.lease, t.owes, t.busy = l, l.Session, true
	t.mu.Unlock()
	t.errand.patrol.Stop()
	l.Start(t.admit.Call.Request, t.admit.Call.Server, t, t.ended)
}

// Notify implements messages.Sink: progress extends the deadline.
func (t *trip) Notify(n messages.Notification) error {
	if n.Method == "notifications/progress" {
		t.errand.runtime.system.Root.Send(t.lease.Session, session.Progressed{})
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
	t.errand.runtime.tellTo(t.lease.Session, session.Finished{Outcome: out}) // a killed one has answered
	if !t.settle(func() {}) {
		t.errand.patrol.Reset(patrol)
	}
}

func (t *trip) lost() { t.settle(func() { t.gone = true }) }

// settle notes what has come and, if nothing is missing any more, tells the
// outcome. It tells whether that has been done.
func (t *trip) settle(note func()) bool {
	r, call := t.errand.runtime, &t.admit.Call
	t.mu.Lock()
	note()
	if t.told || t.busy || !t.answered && !t.gone {
		defer t.mu.Unlock()
		return t.told
	}
	t.told = true
	out := t.answer
	if !t.answered {
		f := restarting(call.Server)
		f.Sent, f.Stale = t.sent, t.sent == messages.SentNo
		out = messages.Outcome{Failure: f}
	}
	out = truthful(out, t.sent)
	stop := t.stop
	t.mu.Unlock()

	if stop != nil {
		stop()
	}
	t.errand.free()
	if out.Failure == nil {
		t.done(out)
		return true
	}
	kit.Go(func() {
		if t.ctx.Err() != nil && out.Failure.Kind == messages.KindCancelled {
			f := cancelled(t.ctx, call.Server)
			f.Sent = out.Failure.Sent
			out.Failure = f
		}
		t.done(r.repeat(t.ctx, *call, t.sink, t.began, out, t.entry))
	})
	return true
}
