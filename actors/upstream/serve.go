package upstream

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// admit gives a call a session, or answers it at once.
func (u *upstream) admit(ctx actor.Context, m *messages.Admit) {
	switch u.phase {
	case ready, connecting:
		if u.remembered(ctx, m) {
			return
		}
	case failed:
		// One further attempt, at once, for whoever asks.
		defer u.connect(ctx)
	case draining:
		u.refuse(ctx, u.goingAway())
		return
	case disconnected:
		u.refuse(ctx, u.switchedOff())
		return
	}
	pass, trial := u.letThrough(ctx)
	if !pass {
		u.refuse(ctx, u.broken())
		return
	}
	w := u.waiter(&m.Call)
	if f := u.missing(&m.Call, &w); f != nil {
		u.refuse(ctx, f)
		return
	}
	if !u.hasRoom(ctx, &w) {
		u.refuse(ctx, u.overloaded())
		return
	}
	if trial {
		u.breaker.trial = kit.SessionName(m.ID)
	}
	if m.Again != "" {
		u.again(ctx, m)
	}
	u.lead(m)
	if w.dial == "" {
		u.arrivals.happened(u.now)
	}
	var on *member
	if u.canServe() {
		// Whoever waits although there is a credit waits for a connection that
		// is not there: nobody is overtaken.
		on = u.pick(ctx, &w)
	}
	u.begin(ctx, m, &w, on)
	if on != nil {
		u.size(ctx)
		return
	}
	queued := w
	u.waiting.push(&queued)
	u.serve(ctx)
}

func (u *upstream) refuse(ctx actor.Context, f *messages.Failure) {
	ctx.Send(ctx.Sender(), &messages.Outcome{Failure: f})
}

func (u *upstream) again(ctx actor.Context, m *messages.Admit) {
	u.retried++
	kit.Publish(ctx.ActorSystem(), messages.CallRetried{
		Server: u.Spec.Name, Method: m.Call.Request.Method, Name: m.Call.Request.Name, Reason: m.Again,
	})
	u.changed(ctx)
}

func (u *upstream) waiter(call *messages.Call) waiter {
	w := waiter{principal: call.Principal.Name, client: call.Client, caller: call.Caller, isolation: u.isolation}
	switch {
	case u.Spec.Exclusive:
		w.caller.Mirror = false // the one session that all share is opened in nobody's name
	case w.caller.Mirror:
		w.isolation = messages.IsolationClient // it is opened in the caller's name
	}
	w.dial = u.dials.as(w.caller.AppendDialKey(u.dials.room[:0]))
	if w.isolation == messages.IsolationClient {
		w.key = u.keys.as(call.AppendSessionKey(u.keys.room[:0]))
	}
	return w
}

// same makes a string of what is the same from call to call more often than not.
type same struct {
	room []byte
	last string
}

func (s *same) as(b []byte) string {
	if cap(b) <= 4<<10 {
		s.room = b
	}
	if string(b) != s.last {
		s.last = string(b)
	}
	return s.last
}

// hasRoom tells whether one more may be admitted. In a full waiting list the
// newest of whoever waits most gives way to somebody who waits for less.
func (u *upstream) hasRoom(ctx actor.Context, w *waiter) bool {
	if u.waiting.size < u.Spec.Policy.MaxQueue || u.canServe() && u.pool.has(w.need()) {
		return true
	}
	if u.Spec.Policy.MaxQueue == 0 {
		return false
	}
	f := u.overloaded()
	displaced := u.waiting.displace(w.principal)
	if displaced == nil {
		return false
	}
	ctx.Send(displaced.pid, session.Refuse{Failure: *f})
	return true
}

func (u *upstream) overloaded() *messages.Failure {
	f := messages.Failf(messages.KindOverloaded, u.Spec.Name,
		"server %q is overloaded: %d calls in flight and %d waiting; try again later", u.Spec.Name, u.inFlight, u.waiting.size+u.joined)
	// So long as it takes to serve those who wait, at the pace of late.
	f.RetryAfter = u.finished.until(u.waiting.size+1, u.now, time.Second, min(time.Minute, u.Spec.Policy.RequestTimeout))
	return f
}

// canServe tells whether there is a credit for somebody.
func (u *upstream) canServe() bool {
	return u.phase == ready && u.inFlight < u.Spec.Policy.MaxConcurrency
}

// pick lends a connection.
func (u *upstream) pick(ctx actor.Context, w *waiter) *member {
	m := u.pool.pick(w)
	if m == nil {
		return nil
	}
	if m.owner != "" && m.client == nil && w.client != "" {
		// The connection lives as long as the session for which it is kept.
		u.watch(ctx, m, kit.Child(ctx.Parent(), kit.ClientName(w.client)))
	}
	return m
}

// begin starts the session of a call; with a connection it has its credit.
func (u *upstream) begin(ctx actor.Context, m *messages.Admit, w *waiter, on *member) {
	h := held{on: on, principal: w.principal}
	b := u.beginning(ctx, m)
	if on != nil {
		u.inFlight++
		on.called = true
		b.Loan = on.loan()
	}
	if u.leads(m) {
		h.flight, b.Flight = m.Cache.Key, m.Cache.Key
	}
	u.spawn(ctx, m, w, h, &b)
}

// beginning is what all sessions begin with.
func (u *upstream) beginning(ctx actor.Context, m *messages.Admit) session.Begin {
	return session.Begin{
		Env: u.Env, Now: u.now, Door: ctx.Sender(), Call: &m.Call, Policy: &u.Spec.Policy, Left: m.Left, Tell: u.tell,
	}
}

func (u *upstream) spawn(ctx actor.Context, m *messages.Admit, w *waiter, h held, b *session.Begin) {
	name := kit.SessionName(m.ID)
	u.sessions[name] = h
	u.tell.Store(u.wantsToHear())
	pid, err := u.spawner.Spawn(ctx, name, b)
	if err != nil {
		panic(err) // ids are unique in the runtime
	}
	w.pid = pid
}

// sessionEnded is the only place where a credit returns.
func (u *upstream) sessionEnded(ctx actor.Context, name string) {
	h, known := u.sessions[name]
	if !known {
		return // a probe or link that reported and stopped
	}
	delete(u.sessions, name)
	u.breaker.ended(name)
	if h.flight != "" {
		// What it has said of its result is in the mailbox: behind that.
		ctx.Send(ctx.Self(), flightOver{h.flight, name})
	}
	switch {
	case h.joins != "":
		u.leaveFlight(h.joins, name)
		return
	case h.on == nil:
		u.waiting.remove(kit.Child(ctx.Self(), name), h.principal)
		return
	}
	u.inFlight--
	u.finished.happened(u.now)
	if u.phase == ready && !isLost(h.on.conn) {
		u.served = true
		if h.on.round == u.failures {
			u.unopened = 0 // one that was opened since the last failure does its work
		}
	}
	u.release(ctx, h.on)
	u.serve(ctx)
	if u.phase == draining && u.inFlight == 0 {
		u.closeLinks(ctx)
	}
}

// answered: a call that was with the server says how it ended.
func (u *upstream) answered(ctx actor.Context, m session.Answered) {
	switch {
	case m.Good && u.wantsToHear():
		u.heard = u.now
		u.judge(ctx, func() { u.breaker.succeeded() })
		u.checked(ctx, "")
	case m.Problem != "":
		u.heard = u.now
		u.failedOnce(ctx, m.Problem)
		u.checked(ctx, m.Problem)
	}
	if m.Flight != "" {
		u.landed(ctx, m) // behind the verdict: whoever leads next asks the breaker
	}
}

// serve lends connections to those who wait, each principal in turn, and sees
// to it that the pool has what they need.
func (u *upstream) serve(ctx actor.Context) {
	u.meet(ctx)
	for u.canServe() && u.waiting.size > 0 {
		var on *member
		w := u.waiting.take(func(w *waiter) bool {
			on = u.pick(ctx, w)
			return on != nil
		})
		if w == nil {
			break
		}
		h := u.sessions[kit.Base(w.pid)]
		h.on = on
		u.sessions[kit.Base(w.pid)] = h
		u.inFlight++
		on.called = true
		ctx.Send(w.pid, session.Grant{Loan: on.loan()})
	}
	u.size(ctx)
}

// refuseWaiting answers those who wait and for whom match holds.
func (u *upstream) refuseWaiting(ctx actor.Context, f *messages.Failure, match func(*waiter) bool) {
	for _, w := range u.waiting.drop(match) {
		ctx.Send(w.pid, session.Refuse{Failure: *f})
	}
}

func everybody(*waiter) bool { return true }

func isLost(conn link.Conn) bool {
	select {
	case <-conn.Lost():
		return true
	default:
		return false
	}
}

// letThrough asks the breaker.
func (u *upstream) letThrough(ctx actor.Context) (pass, trial bool) {
	u.judge(ctx, func() { pass, trial = u.breaker.admits(u.now) })
	return pass, trial
}

// failedOnce tells the breaker of a failure. When that opens it, those who wait
// need wait no longer.
func (u *upstream) failedOnce(ctx actor.Context, why string) {
	u.tell.Store(true)
	p := u.Spec.Policy
	u.judge(ctx, func() { u.breaker.failed(u.now, why, p.BreakerFailures, p.BreakerOpenFor) })
	if u.breaker.state == messages.BreakerOpen {
		u.refuseWaiting(ctx, u.broken(), everybody)
	}
}

// judge lets the breaker change, and tells the world if it did.
func (u *upstream) judge(ctx actor.Context, change func()) {
	before := u.breaker.status().State
	change()
	after := u.breaker.status().State
	if before == after {
		return
	}
	kit.Publish(ctx.ActorSystem(), messages.BreakerChanged{
		Server: u.Spec.Name, Old: before, New: after, Failures: u.breaker.failures, OpenFor: u.Spec.Policy.BreakerOpenFor,
	})
	u.report(ctx)
}

func (u *upstream) broken() *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name,
		"server %q is not called for a while: its last %d calls failed (%s)", u.Spec.Name, u.breaker.failures, u.breaker.why)
	f.RetryAfter = u.breaker.wait(u.now)
	return f
}
