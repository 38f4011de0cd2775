// Package session holds the actors of one request each: sessions, which serve a
// caller, and probes, which serve the upstream itself.
package session

import (
	"cmp"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// A session owns one request from admission until nobody needs it: its
// deadline, its cancellation, its lease on a link, its one answer.
//
//	           Grant                Finished
//	Waiting ──────────▶ Calling ───────────────▶ answered, stopped
//	   │ Refuse, Serve,     │ Cancel, Drop, deadline
//	   │ Cancel, Drop,      ▼
//	   │ deadline        Leaving ──Finished──▶ stopped
//	   └──▶ answered,    (answered; the lease is cancelled, its
//	        stopped       I/O is about to end)
//
// Bounds: one request, one timer. It runs on the goroutine of whoever posts to
// it (a synchronous dispatcher), so nothing here blocks.
//
// Crash: it is stopped and never restarted, since a restart would repeat a side
// effect. Its upstream request is cancelled, its caller answered, and its
// credit returned to the upstream by Terminated.
type session struct {
	Begin   // with no Conn while it waits; no Flight when nobody waits for the result
	mailbox kit.Mailbox
	self    *actor.PID
	root    *actor.RootContext
	parent  *actor.PID

	started time.Time     // calling; Now before that
	until   time.Time     // the absolute deadline; zero when it begins with the calling
	given   time.Duration // to the server, since the request or its last progress

	state    state
	sent     link.SentFlag
	scope    link.Scope // of the I/O
	lease    link.Lease
	timer    kit.Timer
	armed    uint64 // generation of the timer: an older one that fires late is nobody's
	answered bool
	stopped  bool // by somebody who does not wait for an answer: it says nothing of the server
}

type state uint8

const (
	waiting state = iota
	calling
	leaving
)

// Input is what a session accepts.
//
//sumtype:decl
type Input interface{ input() }

// Begin is what a session begins with: it has that before anybody can stop it, so
// its caller is always answered. With a connection the call is granted at once.
type Begin struct {
	Env    *kit.Env
	Now    time.Time
	Door   *actor.PID     // is told a *link.Lease, and a *messages.Outcome
	Call   *messages.Call // not the session's to change, like the policy
	Policy *messages.Policy
	Loan   Loan
	// Joins says that it waits for the result of an equal call, as long as it
	// may take, and not for a connection, connection_timeout at most.
	Joins bool
	// Left bounds the time of a call that is made again; 0 does not.
	Left time.Duration
	// Tell asks, at the moment of the answer, for an Answered also when the
	// call succeeds. Failures that say something of the server are always told.
	Tell *atomic.Bool
	// Flight, if set, asks for an Answered with the outcome in any case: others
	// wait for it under this key.
	Flight string
}

// Loan is a connection that is lent to a session.
type Loan struct {
	Conn link.Conn
	// Mourned tells the calls of a connection that is lost whether one of them
	// has said so.
	Mourned *atomic.Bool
}

// Answered says how a call that was with the server ended. Receiver: the
// upstream.
type Answered struct {
	Session string
	Problem string           // why it says something bad of the server; of all that lose one connection one does
	Good    bool             // the server answered
	Flight  string           // Begin.Flight
	Outcome messages.Outcome // where there is a Flight
}

// Serve answers a waiting session with the result of an equal call. Sender:
// the upstream.
type Serve struct{ Outcome messages.Outcome }

// Grant lends the session a connection. Sender: the upstream.
type Grant struct{ Loan Loan }

// Refuse ends a waiting session. Sender: the upstream.
type Refuse struct{ Failure messages.Failure }

// TakeOver makes a session that waits for the result of an equal call one that
// calls itself; with a Flight, others wait for its result then. Sender: the upstream.
type TakeOver struct{ Flight string }

// Drop ends the session, whatever it does: the upstream cannot serve it any
// more. How far the request got is the session's to say; only one that was not
// sent can be Stale. Sender: the upstream.
type Drop struct{ Failure messages.Failure }

// Cancel gives the call up. Sender: the upstream, for the door.
type Cancel struct {
	Reason string
	Said   json.RawMessage // by its client
}

// Progressed says that the upstream reported progress. Sender: the door.
type Progressed struct{}

// Finished says how the I/O under the lease ended. Sender: the door, which
// changes nothing of it any more.
type Finished struct{ Outcome messages.Outcome }

type expired struct{ armed uint64 }

func (Grant) input()      {}
func (Refuse) input()     {}
func (Serve) input()      {}
func (TakeOver) input()   {}
func (Drop) input()       {}
func (Cancel) input()     {}
func (Progressed) input() {}
func (*Finished) input()  {}
func (expired) input()    {}

// Spawner starts the sessions of one upstream, which owns it.
type Spawner struct {
	props *actor.Props
	begin Begin    // of the session that is being spawned
	made  *session // that one
}

// NewSpawner returns a Spawner. The library makes an actor and then its mailbox
// on the goroutine that spawns it; here both are one allocation.
func NewSpawner() *Spawner {
	s := &Spawner{}
	s.props = actor.PropsFromProducer(func() actor.Actor {
		s.made = &session{Begin: s.begin}
		return s.made
	}, actor.WithMailbox(func() actor.Mailbox { return &s.made.mailbox }))
	return s
}

// Spawn starts a session. It may have ended when this returns.
func (s *Spawner) Spawn(ctx actor.SpawnerContext, name string, b *Begin) (*actor.PID, error) {
	s.begin = *b
	pid, err := ctx.SpawnNamed(s.props, name)
	s.begin, s.made = Begin{}, nil
	return pid, err
}

// Receive implements actor.Actor.
func (s *session) Receive(ctx actor.Context) {
	defer func() {
		if r := recover(); r != nil {
			// The library gives the message that panics no reply.
			s.giveUp(s.failure(messages.KindInternal, "internal error in the session of %s: %v", s.Call.Request.Method, r))
			panic(r)
		}
	}()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		s.start(ctx)
	case Input:
		s.handle(m)
	case *actor.Stopping:
		s.root = ctx.ActorSystem().Root // it may not have started
		if s.answered {
			s.disarm()
			s.scope.Cancel(nil)
			return
		}
		s.stopped = true
		f := s.failure(messages.KindUnavailable, "server %q: the session of %s was stopped", s.Call.Server, s.Call.Request.Method)
		f.Final = true
		s.giveUp(f)
	case kit.Crash:
		panic(m.Reason)
	}
}

func (s *session) handle(in Input) {
	switch m := in.(type) {
	case Grant:
		if s.state == waiting {
			s.Loan = m.Loan
			s.grant(s.Env.Clock.Now())
		}
	case Refuse:
		if s.state == waiting {
			s.end(&messages.Outcome{Failure: &m.Failure})
		}
	case Serve:
		if s.state == waiting {
			s.end(&m.Outcome)
		}
	case TakeOver:
		s.Flight, s.Joins = m.Flight, false
		if s.Left == 0 {
			s.Left = s.period() // the time it has waited for another's answer is its own
		}
	case Drop:
		s.stopped = true
		f := s.failure(messages.KindUnavailable, "%s", m.Failure.Message)
		f.Stale = m.Failure.Stale && f.Sent == messages.SentNo
		s.leave(f)
	case Cancel:
		f := s.failure(messages.KindCancelled, "cancelled: %s", m.Reason)
		f.Reason, f.Said = m.Reason, m.Said
		s.leave(f)
	case Progressed:
		if s.state == calling {
			s.give(s.Env.Clock.Now(), s.period())
		}
	case *Finished:
		s.end(&m.Outcome)
	case expired:
		if m.armed == s.armed {
			s.leave(s.timeout())
		}
	}
}

func (s *session) start(ctx actor.Context) {
	s.self, s.parent, s.root = ctx.Self(), ctx.Parent(), ctx.ActorSystem().Root
	s.started = s.Now
	if s.Call.Timeout > 0 {
		s.until = s.Now.Add(s.Call.Timeout)
	}
	if s.Loan.Conn != nil {
		s.grant(s.Now)
		return
	}
	wait := s.period()
	if s.Left > 0 {
		wait = min(wait, s.Left)
	}
	if !s.Joins {
		wait = min(wait, s.Policy.ConnectionTimeout)
	}
	s.arm(wait)
}

// grant lends the connection to the goroutine that waits at the door.
func (s *session) grant(now time.Time) {
	s.state, s.started = calling, now
	if s.until.IsZero() {
		s.until = now.Add(s.Policy.RequestTimeoutMax)
	}
	d := s.period()
	if s.Left > 0 {
		d = min(d, s.Left-now.Sub(s.Now))
	}
	s.give(now, d)
	s.lease = link.Lease{Conn: s.Loan.Conn, Context: &s.scope, Sent: &s.sent, Session: kit.Party{PID: s.self, Mailbox: &s.mailbox}}
	s.root.Send(s.Door, &s.lease)
}

// leave answers now and cancels the I/O; the session stays until that has
// ended, so that its credit stands for work that is really over.
func (s *session) leave(f *messages.Failure) {
	switch s.state {
	case waiting:
		s.end(&messages.Outcome{Failure: f})
	case calling:
		s.state = leaving
		s.giveUp(f)
	case leaving:
	}
}

// giveUp answers, if nobody has, and cancels the lease.
func (s *session) giveUp(f *messages.Failure) {
	s.disarm()
	s.answer(&messages.Outcome{Failure: f})
	s.scope.Cancel(f)
}

func (s *session) end(out *messages.Outcome) {
	s.disarm()
	s.answer(out)
	s.scope.Cancel(nil)
	s.mailbox.PostSystemMessage(stop)
}

// stop ends an actor behind what it does at the moment.
var stop = &actor.Stop{}

// answer is the only place that answers the caller, once.
func (s *session) answer(out *messages.Outcome) {
	if s.answered {
		return
	}
	s.answered = true
	s.root.Send(s.Door, out)
	if s.state == waiting {
		return // it says nothing of the server
	}
	told := Answered{Session: kit.Base(s.self), Flight: s.Flight}
	switch f := out.Failure; {
	case f == nil || f.Kind == messages.KindUpstream:
		told.Good = s.Call.Request.Kind == messages.RequestCall // the others ask for no answer
	case s.stopped:
	case f.Kind == messages.KindUnavailable && !s.mourned(), f.Kind == messages.KindTimeout && !s.hurried():
		told.Problem = f.Message
	}
	if s.Flight != "" {
		told.Outcome = *out
	}
	if s.Flight != "" || told.Problem != "" || told.Good && s.Tell.Load() {
		s.root.Send(s.parent, told)
	}
}

// mourned tells whether the connection is lost and another of its calls has
// said so: it is one failure, however many calls were on it.
func (s *session) mourned() bool {
	select {
	case <-s.Loan.Conn.Lost():
		return s.Loan.Mourned.Swap(true)
	default:
		return false
	}
}

// hurried tells whether the server had less time than it is meant to have: that
// it was too little says nothing of the server.
func (s *session) hurried() bool {
	return s.given < min(s.Policy.RequestTimeout, s.Policy.RequestTimeoutMax)
}

// period is how long the server may be silent.
func (s *session) period() time.Duration { return cmp.Or(s.Call.Timeout, s.Policy.RequestTimeout) }

// give arms the deadline: so long after the request or its last progress, and
// never past the absolute one.
func (s *session) give(now time.Time, d time.Duration) {
	s.given = min(d, s.until.Sub(now))
	s.arm(s.given)
}

func (s *session) arm(d time.Duration) {
	s.disarm()
	armed, self, root := s.armed, s.self, s.root
	s.timer = s.Env.Clock.AfterFunc(d, func() { root.Send(self, expired{armed}) })
}

func (s *session) disarm() {
	s.armed++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *session) timeout() *messages.Failure {
	after := s.Env.Clock.Now().Sub(s.started)
	f := s.failure(messages.KindTimeout, "server %q did not answer %s within %v", s.Call.Server, s.Call.Request.Method, after.Round(time.Millisecond))
	switch {
	case s.Joins:
		f = s.failure(messages.KindTimeout, "server %q: the equal call whose answer this one waited for was not answered within %v", s.Call.Server, after.Round(time.Millisecond))
	case s.state == waiting:
		f = s.failure(messages.KindUnavailable, "server %q: no connection was free within %v", s.Call.Server, after.Round(time.Millisecond))
	}
	f.After = after
	return f
}

func (s *session) failure(kind messages.Kind, format string, args ...any) *messages.Failure {
	return &messages.Failure{Kind: kind, Server: s.Call.Server, Sent: s.sent.Sent(), Message: fmt.Sprintf(format, args...)}
}
