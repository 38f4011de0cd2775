package link

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// Lease is the right to do one request on a connection. A session hands it to
// whoever called the door: that goroutine waits anyway, so it does the I/O.
type Lease struct {
	Conn    Conn
	Context context.Context // ended by the session: deadline, cancellation, kill
	Sent    *SentFlag
	Session *actor.PID // is told Finished
}

// Do performs the request. A panic in the connection or in the sink is an
// internal failure of this request and of nothing else.
func (l Lease) Do(req messages.Request, server string, sink messages.Sink) (out messages.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = messages.Outcome{Failure: &messages.Failure{
				Kind: messages.KindInternal, Server: server, Sent: l.Sent.Sent(),
				Message: fmt.Sprintf("server %q: internal error during %s: %v\n%s", server, req.Method, r, debug.Stack()),
			}}
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
