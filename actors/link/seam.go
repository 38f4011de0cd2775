package link

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// Dialer opens connections to upstreams. transport/dial implements it; actors
// never import transport.
type Dialer interface {
	// Dial starts or reaches the server of req.Spec, negotiates the protocol
	// and returns a connection that is ready for requests. It respects ctx,
	// whose deadline is the server's connection_timeout. On error nothing is
	// left behind: no process, no session, no goroutine. The error's text is
	// for people and, where it is a *messages.Failure, says how it failed.
	Dial(ctx context.Context, req DialRequest) (Conn, error)
}

// DialRequest is what a Dialer needs to open one connection.
type DialRequest struct {
	Spec   messages.ServerSpec
	Limits messages.Limits

	// Caller is for whom the connection is opened: its headers go upstream
	// with every request, its capabilities are declared there when it mirrors.
	Caller messages.Caller

	// Known is what an earlier connection of this server, opened in nobody's
	// name, found; zero when nothing is known. It saves the detection of
	// transport and era; it loses against what Spec demands, and a server that
	// is not what it was is found out.
	Known messages.Peer

	// Unsolicited takes what the server sends outside of any request:
	// list_changed and the like. It returns at once and may be called from
	// the connection's reader.
	Unsolicited func(messages.Notification)

	// Stderr takes one line of the server's stderr, without its newline and
	// cut to a few KiB. It returns at once. May be nil.
	Stderr func(line string)

	// Started is told the process id of a server that has been executed, and when
	// it was, before anything is said to it. It returns at once. May be nil.
	Started func(pid int, at time.Time)

	// Stream is told whenever the event stream that stands as long as a session
	// over Streamable HTTP has been opened, or has ended. It returns at once.
	// May be nil.
	Stream func(open bool)
}

// Conn is one live connection: a child process with its pipes, or an HTTP
// session. Its methods may be called concurrently.
type Conn interface {
	// Peer is what the server said of itself.
	Peer() messages.Peer

	// Pid is the process id of the server itself (not of its guard), 0 when
	// it is not a process of ours.
	Pid() int

	// Do performs one request on the calling goroutine and returns its one
	// outcome. When ctx ends, the upstream request is cancelled as era and
	// transport demand and Do returns promptly, with context.Cause(ctx) told
	// as KindTimeout for context.DeadlineExceeded and KindCancelled otherwise;
	// a server that does not read, or a stuck write of another request, must
	// not delay that. sent is raised as soon as a byte may have reached the
	// server. sink gets the notifications of this request only; after Do
	// returned it is not touched again.
	Do(ctx context.Context, req messages.Request, sent *SentFlag, sink messages.Sink) messages.Outcome

	// Notify sends one notification. It returns promptly.
	Notify(ctx context.Context, n messages.Notification) error

	// Lost is closed when the connection has ended for whatever reason,
	// Close included. Requests in flight are answered then: a Do that fails
	// because the connection has ended returns after Lost is closed, so that
	// all that fail so count as one failure, and whoever tries again is not
	// sent here again.
	Lost() <-chan struct{}

	// Err says why the connection was lost, for people; nil before Lost and
	// after a Close that was asked for. For a process it holds how it exited
	// and the end of its stderr.
	Err() error

	// Close ends the connection: a process by end of input, SIGTERM and, when
	// kill_after has passed since Close began (or ctx has ended, if that is
	// earlier), SIGKILL of its whole tree; a session by DELETE. When it
	// returns, nothing of the connection is left. The error says what did not
	// go in good order (killed by force, DELETE refused). Idempotent and safe
	// to call concurrently: all callers get the same error.
	Close(ctx context.Context) error
}

// Starter is a Conn that needs no goroutine to wait for an answer.
type Starter interface {
	// Start is Do, without waiting: done gets the outcome, once, on whatever
	// goroutine ends the request, perhaps before Start returns. It must not
	// block. A panic of the sink is an internal failure of this request.
	Start(ctx context.Context, req messages.Request, sent *SentFlag, sink messages.Sink, done func(messages.Outcome))
}

// SentFlag tells whether a byte of a request may have reached its server. The
// zero value says no. It is raised by the goroutine that writes and read by
// the session actor when that has to answer first.
type SentFlag struct{ raised atomic.Bool }

// Raise notes that from here on the request may have been received.
func (f *SentFlag) Raise() { f.raised.Store(true) }

// Lower takes that back: it was about to be written, and no byte of it has been.
// Whoever has asked meanwhile was told that it may.
func (f *SentFlag) Lower() { f.raised.Store(false) }

// Sent returns SentNo or SentUnknown.
func (f *SentFlag) Sent() messages.Sent {
	if f.raised.Load() {
		return messages.SentUnknown
	}
	return messages.SentNo
}
