// Package session holds the actors of one request each: sessions, which serve a
// caller, and probes, which serve the upstream itself.
package session

import (
	"context"
	"fmt"
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
//	   │ Refuse, Cancel,    │ Cancel, deadline
//	   │ deadline           ▼
//	   └──▶ answered,    Leaving ──Finished──▶ stopped
//	        stopped      (answered; the lease is cancelled, its
//	                      I/O is about to end)
//
// Bounds: one request, one timer. It runs on the goroutine of whoever posts to
// it (a synchronous dispatcher), so nothing here blocks.
//
// Crash: it is stopped and never restarted, since a restart would repeat a side
// effect. Its upstream request is cancelled, its caller answered, and its
// credit returned to the upstream by Terminated.
type session struct {
	env    *kit.Env
	self   *actor.PID
	root   *actor.RootContext
	parent *actor.PID
	door   *actor.PID
	tell   bool // the upstream wants to hear of a success, too
	call   messages.Call
	policy messages.Policy

	state    state
	sent     link.SentFlag
	cancel   context.CancelCauseFunc // of the lease; nil while waiting
	timer    kit.Timer
	armed    uint64 // generation of the timer: an older one that fires late is nobody's
	started  time.Time
	answered bool
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

// Begin starts the session. Sender: the upstream, on behalf of the door, which
// is the message's sender. With a Conn the call is granted at once.
type Begin struct {
	Env    *kit.Env
	Call   messages.Call
	Policy messages.Policy
	Conn   link.Conn
	// Tell asks for an Answered also when the call succeeds. Failures that say
	// something of the server's health are always told.
	Tell bool
}

// Answered says how a call that was with the server ended. Receiver: the
// upstream, for the server's health. Problem is empty when it answered.
type Answered struct{ Problem string }

// Grant lends the session a connection. Sender: the upstream.
type Grant struct{ Conn link.Conn }

// Refuse ends a waiting session. Sender: the upstream.
type Refuse struct{ Failure messages.Failure }

// Cancel gives the call up. Sender: the upstream, for the door.
type Cancel struct{ Reason string }

// Progressed says that the upstream reported progress. Sender: the door.
type Progressed struct{}

// Finished says how the I/O under the lease ended. Sender: the door.
type Finished struct{ Outcome messages.Outcome }

type expired struct{ armed uint64 }

func (Begin) input()      {}
func (Grant) input()      {}
func (Refuse) input()     {}
func (Cancel) input()     {}
func (Progressed) input() {}
func (Finished) input()   {}
func (expired) input()    {}

var props = actor.PropsFromProducer(func() actor.Actor { return &session{} },
	actor.WithDispatcher(actor.NewSynchronizedDispatcher(300)))

// Props are the same for all sessions; what differs comes with Begin.
func Props() *actor.Props { return props }

// Receive implements actor.Actor.
func (s *session) Receive(ctx actor.Context) {
	defer func() {
		if r := recover(); r != nil {
			// The library gives the message that panics no reply.
			s.giveUp(s.failure(messages.KindInternal, "internal error in the session of %s: %v", s.call.Request.Method, r))
			panic(r)
		}
	}()
	switch m := ctx.Message().(type) {
	case Input:
		s.handle(ctx, m)
	case *actor.Stopping:
		s.giveUp(s.failure(messages.KindUnavailable, "server %q: the session of %s was stopped", s.call.Server, s.call.Request.Method))
	case kit.Crash:
		panic(m.Reason)
	}
}

func (s *session) handle(ctx actor.Context, in Input) {
	switch m := in.(type) {
	case Begin:
		s.begin(ctx, m)
	case Grant:
		if s.state == waiting {
			s.grant(m.Conn)
		}
	case Refuse:
		if s.state == waiting {
			s.end(ctx, messages.Outcome{Failure: &m.Failure})
		}
	case Cancel:
		s.leave(ctx, s.failure(messages.KindCancelled, "cancelled: %s", m.Reason))
	case Progressed:
		if s.state == calling {
			s.extend()
		}
	case Finished:
		s.end(ctx, m.Outcome)
	case expired:
		if m.armed == s.armed {
			s.leave(ctx, s.timeout())
		}
	}
}

func (s *session) begin(ctx actor.Context, m Begin) {
	s.env, s.call, s.policy, s.tell = m.Env, m.Call, m.Policy, m.Tell
	s.self, s.parent, s.door, s.root = ctx.Self(), ctx.Parent(), ctx.Sender(), ctx.ActorSystem().Root
	s.started = s.env.Clock.Now()
	if m.Conn != nil {
		s.grant(m.Conn)
		return
	}
	s.arm(min(s.policy.ConnectionTimeout, s.requestTimeout()))
}

// grant lends the connection to the goroutine that waits at the door.
func (s *session) grant(conn link.Conn) {
	s.state = calling
	s.started = s.env.Clock.Now()
	s.extend()
	ctx, cancel := context.WithCancelCause(context.Background())
	s.cancel = cancel
	s.root.Send(s.door, link.Lease{Conn: conn, Context: ctx, Sent: &s.sent, Session: s.self})
}

// leave answers now and cancels the I/O; the session stays until that has
// ended, so that its credit stands for work that is really over.
func (s *session) leave(ctx actor.Context, f *messages.Failure) {
	switch s.state {
	case waiting:
		s.end(ctx, messages.Outcome{Failure: f})
	case calling:
		s.state = leaving
		s.giveUp(f)
	case leaving:
	}
}

// giveUp answers, if nobody has, and cancels the lease.
func (s *session) giveUp(f *messages.Failure) {
	s.disarm()
	s.answer(messages.Outcome{Failure: f})
	if s.cancel != nil {
		s.cancel(f)
	}
}

func (s *session) end(ctx actor.Context, out messages.Outcome) {
	s.disarm()
	s.answer(out)
	if s.cancel != nil {
		s.cancel(nil)
	}
	ctx.Stop(s.self)
}

// answer is the only place that answers the caller, once.
func (s *session) answer(out messages.Outcome) {
	if s.answered || s.door == nil {
		return
	}
	s.answered = true
	s.root.Send(s.door, out)
	if s.state == waiting {
		return // it says nothing of the server
	}
	switch f := out.Failure; {
	case f == nil || f.Kind == messages.KindUpstream:
		if s.tell {
			s.root.Send(s.parent, Answered{})
		}
	case f.Kind == messages.KindUnavailable || f.Kind == messages.KindTimeout:
		s.root.Send(s.parent, Answered{Problem: f.Message})
	}
}

func (s *session) requestTimeout() time.Duration {
	if s.call.Timeout > 0 {
		return s.call.Timeout
	}
	return s.policy.RequestTimeout
}

// extend arms the deadline: so long after the request or its last progress, and
// never past the absolute one.
func (s *session) extend() {
	limit := s.policy.RequestTimeoutMax
	if s.call.Timeout > 0 {
		limit = s.call.Timeout
	}
	s.arm(min(s.requestTimeout(), limit-s.env.Clock.Now().Sub(s.started)))
}

func (s *session) arm(d time.Duration) {
	s.disarm()
	armed, self, root := s.armed, s.self, s.root
	s.timer = s.env.Clock.AfterFunc(d, func() { root.Send(self, expired{armed}) })
}

func (s *session) disarm() {
	s.armed++
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *session) timeout() *messages.Failure {
	if s.state == waiting {
		return s.failure(messages.KindUnavailable, "server %q: no connection was free within %v", s.call.Server, s.env.Clock.Now().Sub(s.started).Round(time.Millisecond))
	}
	return s.failure(messages.KindTimeout, "server %q did not answer %s within %v", s.call.Server, s.call.Request.Method, s.env.Clock.Now().Sub(s.started).Round(time.Millisecond))
}

func (s *session) failure(kind messages.Kind, format string, args ...any) *messages.Failure {
	return &messages.Failure{Kind: kind, Server: s.call.Server, Sent: s.sent.Sent(), Message: fmt.Sprintf(format, args...)}
}
