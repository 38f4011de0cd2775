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
	return l.Conn.Do(l.Context, req, l.Sent, sink)
}
