package link

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// Lease is the right to do one request on a connection. A session hands it to
// whoever called the door: that goroutine waits anyway, so it does the I/O.
type Lease struct {
	Conn    Conn
	Context context.Context // ended by the session: deadline, cancellation, kill
	Sent    *SentFlag
	Session kit.Party // is told Finished
}

// Do performs the request. A panic in the connection or in the sink is an
// internal failure of this request and of nothing else.
func (l Lease) Do(req messages.Request, server string, sink messages.Sink) (out messages.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = Panicked(r, server, req.Method, l.Sent)
		}
	}()
	switch req.Kind {
	case messages.RequestOpen:
		peer := l.Conn.Peer()
		return messages.Outcome{Peer: &peer}
	case messages.RequestNotify:
		l.Sent.Raise()
		if err := l.Conn.Notify(l.Context, messages.Notification{Method: req.Method, Params: req.Params}); err != nil {
			f := *AsFailure(server, err)
			f.Sent = messages.SentUnknown
			return messages.Outcome{Failure: &f}
		}
		return messages.Outcome{}
	case messages.RequestCall:
	}
	return l.Conn.Do(l.Context, req, l.Sent, sink)
}

// Panicked is the outcome of a request in which there was a panic: to be called
// by who recovers from it.
func Panicked(reason any, server, method string, sent *SentFlag) messages.Outcome {
	return messages.Outcome{Failure: &messages.Failure{
		Kind: messages.KindInternal, Server: server, Sent: sent.Sent(),
		Message: fmt.Sprintf("server %q: internal error during %s: %v\n%s", server, method, reason, debug.Stack()),
	}}
}

// Start is Do without a goroutine that waits, where the connection can do that.
// done gets the outcome; it may be called twice after a panic.
func (l Lease) Start(req messages.Request, server string, sink messages.Sink, done func(messages.Outcome)) {
	starter, ok := l.Conn.(Starter)
	if !ok || req.Kind != messages.RequestCall {
		kit.Go(func() { done(l.Do(req, server, sink)) })
		return
	}
	defer func() {
		if r := recover(); r != nil {
			done(Panicked(r, server, req.Method, l.Sent))
		}
	}()
	starter.Start(l.Context, req, l.Sent, sink, done)
}
