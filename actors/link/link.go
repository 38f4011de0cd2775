// Package link holds the actor that owns one live connection to an upstream,
// and the seam to whatever speaks on the wire.
package link

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// A link is the sole owner of one connection: a child process or an HTTP
// session.
//
//	Dialling ──dialled──▶ Live ──lost────▶ reported
//	    │                   │ Close
//	    │ failed            ▼
//	    ▼                Closing ──closed──▶ reported
//	reported
//
// A link that has reported its end is stopped by its upstream: stopping itself
// would let Terminated, a system message, overtake the report.
//
// Bounds: one connection, one dial at a time.
//
// Crash: it is stopped, not restarted; stopping closes the connection, and the
// upstream, which sees Terminated, connects anew.
type link struct {
	open    Open
	cancel  context.CancelFunc // of the dial
	pending chan dialResult    // hands the connection over; whoever takes it owns it. nil when nothing is pending
	conn    Conn

	closing bool
	gone    bool    // Lost was seen
	closed  *string // how closing ended
}

// recallTimeout bounds the wait for a client actor, which answers from memory.
const recallTimeout = 5 * time.Second

type dialResult struct {
	conn Conn
	err  error
}

// Input is what a link accepts.
//
//sumtype:decl
type Input interface{ input() }

// Open starts the link. Sender: the upstream. Reply: Up or Down.
type Open struct {
	Env     *kit.Env
	Dialer  Dialer
	Request DialRequest
}

// Close ends the connection in good order. Sender: the upstream. Reply: Closed.
type Close struct{ Until time.Time }

type dialled struct{}
type lost struct{}
type closed struct{ err string }

func (Open) input()    {}
func (Close) input()   {}
func (dialled) input() {}
func (lost) input()    {}
func (closed) input()  {}

// Report is what a link tells its upstream.
//
//sumtype:decl
type Report interface{ report() }

// Up says that the connection is there.
type Up struct {
	Link string // the link's name
	Conn Conn
}

// Down says that it could not be made.
type Down struct {
	Link   string
	Reason *messages.Failure
}

// Lost says that it ended without being asked to.
type Lost struct{ Link, Reason string }

// Closed says that it was closed on request.
type Closed struct{ Link, Err string }

func (Up) report()     {}
func (Down) report()   {}
func (Lost) report()   {}
func (Closed) report() {}

var props = actor.PropsFromProducer(func() actor.Actor { return &link{} })

// Props are the same for all links; what differs comes with Open.
func Props() *actor.Props { return props }

// Receive implements actor.Actor.
func (l *link) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Input:
		l.handle(ctx, m)
	case *actor.Stopping:
		l.abandon()
	case kit.Crash:
		panic(m.Reason)
	}
}

func (l *link) handle(ctx actor.Context, in Input) {
	name := kit.Base(ctx.Self())
	switch m := in.(type) {
	case Open:
		l.dial(ctx, m)
	case dialled:
		l.settle(ctx)
	case lost:
		l.gone = true
		if l.closing {
			l.finish(ctx)
			return
		}
		reason := "the connection ended"
		if err := l.conn.Err(); err != nil {
			reason = err.Error()
		}
		ctx.Send(ctx.Parent(), Lost{Link: name, Reason: reason})
	case Close:
		l.close(ctx, m.Until)
	case closed:
		l.closed = &m.err
		l.finish(ctx)
	}
}

func (l *link) dial(ctx actor.Context, m Open) {
	l.open = m
	l.pending = make(chan dialResult, 1)
	dialling, cancel := context.WithTimeout(context.Background(), m.Request.Spec.Policy.ConnectionTimeout)
	l.cancel = cancel
	self, root, handOver := ctx.Self(), ctx.ActorSystem().Root, l.pending
	server := m.Request.Spec.Name
	m.Env.Tasks.Go(func() {
		conn, err := m.Dialer.Dial(dialling, m.Request)
		if err == nil {
			restore(dialling, root, kit.Child(actor.NewPID(self.Address, kit.GatewayName), kit.ClientName(m.Request.Caller.Client)), conn, m.Request)
		}
		handOver <- dialResult{conn, err}
		root.Send(self, dialled{})
	}, func(reason string) {
		handOver <- dialResult{nil, messages.Failf(messages.KindInternal, server, "server %q: connecting: %s", server, reason)}
		root.Send(self, dialled{})
	})
}

// restore tells a session that was opened in a client's name what its client has
// asked an earlier one for, and what would go on where there is no gateway.
func restore(ctx context.Context, root *actor.RootContext, client *actor.PID, conn Conn, req DialRequest) {
	if !req.Caller.Mirror || req.Caller.Client == "" || conn.Peer().Modern {
		return // whose requests stand for themselves
	}
	reply, _ := root.RequestFuture(client, messages.Recall{}, recallTimeout).Result() // nil: the client has gone
	standing, _ := reply.(messages.Standing)
	for _, r := range standing.Requests {
		// What the server grants no more is its own matter; the rest goes on.
		_ = conn.Do(ctx, r, new(SentFlag), messages.Discard)
	}
}

func (l *link) settle(ctx actor.Context) {
	r := <-l.pending
	l.pending = nil
	l.cancel()
	if r.err != nil {
		ctx.Send(ctx.Parent(), Down{Link: kit.Base(ctx.Self()), Reason: AsFailure(l.open.Request.Spec.Name, r.err)})
		return
	}
	l.conn = r.conn
	self, root := ctx.Self(), ctx.ActorSystem().Root
	gone := r.conn.Lost()
	l.open.Env.Tasks.Go(func() {
		<-gone
		root.Send(self, lost{})
	}, func(string) {})
	ctx.Send(ctx.Parent(), Up{Link: kit.Base(self), Conn: r.conn})
}

func (l *link) close(ctx actor.Context, until time.Time) {
	if l.closing {
		return
	}
	l.closing = true
	if l.conn == nil {
		// Still dialling: there is nothing to close in good order.
		ctx.Send(ctx.Parent(), Closed{Link: kit.Base(ctx.Self())})
		return
	}
	conn, self, root := l.conn, ctx.Self(), ctx.ActorSystem().Root
	l.open.Env.Tasks.Go(func() {
		closing, cancel := context.WithDeadline(context.Background(), until)
		defer cancel()
		text := ""
		if err := conn.Close(closing); err != nil {
			text = err.Error()
		}
		root.Send(self, closed{text})
	}, func(reason string) { root.Send(self, closed{reason}) })
}

// finish reports a close once the connection is closed and seen to be gone.
func (l *link) finish(ctx actor.Context) {
	if l.closed == nil || !l.gone {
		return
	}
	l.conn = nil
	ctx.Send(ctx.Parent(), Closed{Link: kit.Base(ctx.Self()), Err: *l.closed})
}

// abandon makes sure that nothing of the connection outlives the link, whoever
// stopped it and whenever. It does not wait: the task does.
func (l *link) abandon() {
	if l.cancel != nil {
		l.cancel()
	}
	conn, pending := l.conn, l.pending
	if conn == nil && pending == nil {
		return
	}
	l.open.Env.Tasks.Go(func() {
		if conn == nil {
			conn = (<-pending).conn
		}
		if conn == nil {
			return
		}
		closing, cancel := context.WithTimeout(context.Background(), l.open.Request.Spec.Policy.KillAfter)
		defer cancel()
		_ = conn.Close(closing) // nobody is left to tell; a forced end is the point
	}, func(string) {})
}

// AsFailure returns the error of a Dialer as a failure of a call that was not sent.
func AsFailure(server string, err error) *messages.Failure {
	if f, ok := err.(*messages.Failure); ok { //nolint:errorlint // a Dialer returns it unwrapped
		return f
	}
	return messages.Failf(messages.KindUnavailable, server, "server %q: %v", server, err)
}
