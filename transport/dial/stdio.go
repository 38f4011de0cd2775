package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// stdioConn is a connection to a child process. Many requests are in flight on
// it at once; each runs on its caller's goroutine, or on nobody's
// (stdio_start.go), and one reader sorts out what comes back.
//
// Goroutines: the reader of stdout, the reader of stderr, one that watches for
// the end; one more while several lines of several callers go out together or
// the server reads slower than we write, one while it is doubted (stdio_hung.go), and for requests
// that nobody waits for one while they have notifications, or are long.
type stdioConn struct {
	mux
	as          identity
	pace        httpPace // of opening a subscription again
	process     *process
	out         *outbox
	inputBroken chan error // of capacity 1: writing has failed
	doubts      *doubts

	peer messages.Peer // set before the connection is handed out

	readEnd  chan struct{} // stdout has ended
	lost     chan struct{}
	reason   error // before lost is closed; nil for a close that was asked for
	ending   sync.Once
	closed   chan struct{} // nothing is left
	closeErr error         // before closed is closed
}

// openStdio starts the server of req and the reading of its output. Nothing has
// been said yet.
func (d *Dialer) openStdio(ctx context.Context, req link.DialRequest) (*stdioConn, *messages.Failure) {
	p, failure := d.startProcess(ctx, req)
	if failure != nil {
		return nil, failure
	}
	c := &stdioConn{
		mux: mux{
			name: req.Spec.Name, limits: req.Limits, onNotice: req.Unsolicited, mirror: req.Caller.Mirror,
			place: "on stdout", say: func(text string) { p.stderr.add("mcpx: " + text) },
		},
		as: d.as(req.Caller), pace: d.pace, process: p, inputBroken: make(chan error, 1), doubts: newDoubts(req.Spec.Policy),
		readEnd: make(chan struct{}), lost: make(chan struct{}), closed: make(chan struct{}),
	}
	c.write, c.subscription = c.line, &subscription{conn: c}
	c.out = newOutbox(p.Stdin, func(err error) { c.inputBroken <- err })
	go c.read()
	go c.watch()
	return c, nil
}

// Peer implements link.Conn.
func (c *stdioConn) Peer() messages.Peer { return c.peer }

// Pid implements link.Conn.
func (c *stdioConn) Pid() int { return c.process.Pid() }

// Lost implements link.Conn.
func (c *stdioConn) Lost() <-chan struct{} { return c.lost }

// Err implements link.Conn.
func (c *stdioConn) Err() error {
	select {
	case <-c.lost:
		return c.reason
	default:
		return nil
	}
}

// Do implements link.Conn.
func (c *stdioConn) Do(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if ctx.Err() != nil {
		return messages.Outcome{Failure: givenUp(ctx, c.name, req.Method, messages.SentNo)}
	}
	p := newPending(req.Method, sent, c.limits.RequestNotifications)
	p.token, p.wantsLog = req.ProgressToken, req.LogLevel != ""
	if !c.table.add(p) {
		return messages.Outcome{Failure: c.gone(sent)}
	}
	if failure := c.send(p, c.paramsOf(p, req)); failure != nil {
		return messages.Outcome{Failure: failure}
	}
	out, answered := p.await(ctx, sink)
	if !answered {
		out = c.abandon(ctx, p)
		c.forsake(p)
	}
	return c.finished(req.Method, out)
}

// paramsOf are the params of p, which is in the table, as this server is to get them.
func (c *stdioConn) paramsOf(p *pending, req messages.Request) json.RawMessage {
	params := req.Params
	if p.token != nil {
		params = jsonrpc.Set(params, integer(p.id), "_meta", mcp.MetaProgressToken)
	}
	if c.peer.Modern {
		return c.as.modern(params, c.peer.Protocol, req.LogLevel)
	}
	return c.as.legacy(params)
}

// finished is an outcome as a caller is to get it.
func (c *stdioConn) finished(method string, out messages.Outcome) messages.Outcome {
	out.Streamed = c.mirror // a pipe is a stream: over HTTP, too, the answer comes on one
	if c.peer.Modern && out.Failure == nil && !c.mirror {
		if result, failure, asked := answerInputRequired(c.name, method, out.Result); asked {
			return messages.Outcome{Result: result, Failure: failure}
		}
	}
	return out
}

// send writes the request of p, which is in the table. After a failure it is
// not, and no byte was written.
func (c *stdioConn) send(p *pending, params json.RawMessage) *messages.Failure {
	line := append(jsonrpc.AppendRequest(nil, jsonrpc.IntID(p.id), p.method, params), '\n')
	err := c.out.send(outgoing{line: line, id: p.id, sent: p.sent, urgent: p.alone, batch: p.batch})
	if err == nil {
		return nil
	}
	if c.table.take(p.id) == nil && p.owner == nil {
		return (<-p.done).Failure // the connection was lost meanwhile
	}
	if errors.Is(err, errNotReading) { // a busy server: another connection will do no better
		return messages.Failf(messages.KindUnavailable, c.name, "server %q: %s was not sent: %v", c.name, p.method, err)
	}
	// It has closed its input or is gone. How it ended says more than that, and
	// is known in a moment: the connection is being lost.
	if p.owner != nil { // for whom nobody waits: this may be the goroutine of an upstream
		kit.Go(func() { p.owner.ended(messages.Outcome{Failure: c.gone(&link.SentFlag{})}) })
		return nil
	}
	return c.gone(&link.SentFlag{})
}

// abandon gives a request up and tells the server, unless that has answered
// in this moment or never heard of it (both revisions, cancellation).
func (c *stdioConn) abandon(ctx context.Context, p *pending) messages.Outcome {
	if c.table.take(p.id) == nil {
		return <-p.done
	}
	return c.withdraw(ctx, p)
}

// withdraw tells the server that a request is given up which is in the table no more.
func (c *stdioConn) withdraw(ctx context.Context, p *pending) messages.Outcome {
	if c.doubts.raisedBy(ctx) {
		defer c.doubt()
	}
	if c.out.withdraw(p.id) {
		return messages.Outcome{Failure: givenUp(ctx, c.name, p.method, messages.SentNo)}
	}
	if p.method != "initialize" { // which must not be cancelled
		_ = c.write(c.as.cancellation(ctx, integer(p.id), c.peer.Modern, reasonOf(ctx))) // to a server that reads
	}
	return messages.Outcome{Failure: givenUp(ctx, c.name, p.method, messages.SentUnknown)}
}

// Notify implements link.Conn.
func (c *stdioConn) Notify(_ context.Context, n messages.Notification) error {
	if err := c.write(jsonrpc.AppendNotification(nil, n.Method, n.Params)); err != nil {
		return messages.Failf(messages.KindUnavailable, c.name, "server %q: %s was not sent: %v", c.name, n.Method, err)
	}
	return nil
}

// line sends a message that no request belongs to.
func (c *stdioConn) line(message []byte) error {
	return c.out.send(outgoing{line: append(message, '\n'), sent: &link.SentFlag{}, urgent: true})
}

// survive makes a bug in what the reader calls cost this connection and nothing else.
func (c *stdioConn) survive() {
	if r := recover(); r != nil {
		c.lose(fmt.Errorf("server %q: internal error in the reader: %v\n%s", c.name, r, debug.Stack()))
	}
}

// exitGrace is how long a server whose streams have ended has for its exit to
// be seen, which says more.
const exitGrace = 250 * time.Millisecond

// watch waits for the end of the server, or of what makes it of use.
func (c *stdioConn) watch() {
	var why string
	select {
	case <-c.lost: // asked for
		return
	case <-c.process.Exited():
	case <-c.readEnd:
		why = "closed its output but runs on"
	case err := <-c.inputBroken:
		why = fmt.Sprintf("does not take input any more (%v) but runs on", err)
	}
	grace := time.NewTimer(exitGrace)
	defer grace.Stop()
	select {
	case <-c.process.Exited():
		// The last words first: answers that were written before the end count.
		c.process.drain()
		<-c.readEnd
		<-c.process.stderrEnd
		c.lose(errors.New(c.process.exit()))
	case <-grace.C:
		c.lose(fmt.Errorf("server %q %s%s", c.name, why, c.process.stderr.quote()))
	case <-c.lost:
	}
}

// lose ends the connection, once: nothing more is sent, requests in flight
// fail, and what is left of the process is ended. A nil reason is a close.
func (c *stdioConn) lose(reason error) { c.loseWithin(reason, min(mostGrace, c.process.killAfter/3)) }

func (c *stdioConn) loseWithin(reason error, grace time.Duration) {
	c.ending.Do(func() {
		rest, _ := c.table.close()
		c.reason = reason
		c.out.shut() // from here on no flag is raised for a request that has not begun
		c.subscription.close()
		close(c.lost) // first: whoever is told that it broke finds it lost
		for _, p := range rest {
			p.end(messages.Outcome{Failure: c.goneBecause(reason, p.sent)})
		}
		go func() {
			defer close(c.closed)
			c.closeErr = c.process.shutDown(grace)
			<-c.readEnd
		}()
	})
}

// gone is the failure of a request that came too late.
func (c *stdioConn) gone(sent *link.SentFlag) *messages.Failure {
	<-c.lost // the table is closed: this is about to happen
	return c.goneBecause(c.reason, sent)
}

func (c *stdioConn) goneBecause(reason error, sent *link.SentFlag) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, c.name, "server %q: the connection is closed", c.name)
	if reason != nil {
		f.Message = reason.Error()
	}
	f.Sent = sent.Sent()
	f.Stale = f.Sent == messages.SentNo
	return f
}

// Close implements link.Conn.
func (c *stdioConn) Close(ctx context.Context) error {
	// Whoever has the least time decides, also when another closes already.
	defer context.AfterFunc(ctx, c.process.hurry)()
	c.lose(nil)
	<-c.closed
	return c.closeErr
}

// discard ends a connection that was never handed out: nobody can lose
// anything by a quick end.
func (c *stdioConn) discard(ctx context.Context) {
	defer context.AfterFunc(ctx, c.process.hurry)()
	c.loseWithin(nil, 0)
	<-c.closed
}
