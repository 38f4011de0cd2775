package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// stdioParallel bounds the requests in flight of one connection; what comes
// beyond it is answered as overloaded.
const stdioParallel = 1024

// ServeStdio serves one client over a pair of byte streams, one message per
// line (2025-11-25, transports: stdio; 2026-07-28, stdio). Each message is
// judged by itself: per-request metadata makes it modern, initialize makes
// the rest of the connection legacy; one client may use both.
//
// It ends with in, or with ctx: then it stops reading, lets accepted requests
// finish for opts.DrainTimeout, ends subscriptions, and returns nil. The error
// says that in or out failed, or that the client stopped reading so that
// answers were lost. A Read of in that is blocked when ctx ends goes on until
// in is closed. The principal is that of ctx.
func ServeStdio(ctx context.Context, in io.Reader, out io.Writer, service Service, clients Clients, opts Options) error {
	lasting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	base, cancel := context.WithCancelCause(lasting)
	c := &stdio{
		endpoint:  newEndpoint(service, clients, opts),
		out:       &lineWriter{w: out, broken: make(chan struct{})},
		stop:      ctx.Done(),
		base:      base,
		lasting:   lasting,
		principal: messages.PrincipalFrom(ctx),
		listens:   make(map[jsonrpc.ID]*openListen),
		closing:   make(chan struct{}),
		slots:     make(chan struct{}, stdioParallel),
		replies:   make(chan struct{}, stdioParallel),
	}
	err := c.read(in)
	return errors.Join(err, c.finish(cancel))
}

// stdio is one connection. Its fields are the reading loop's own; requests
// and streams run beside it and share only out.
type stdio struct {
	*endpoint
	out       *lineWriter
	stop      <-chan struct{} // closed when no more is to be read
	base      context.Context // of requests: ends when those in flight are given up
	lasting   context.Context // of streams: ends with the connection
	principal messages.Principal

	legacy       mcp.Caller        // Client is set once initialize was answered
	modernClient messages.ClientID // opened by the first modern request
	announcing   bool              // the stream of list_changed runs

	// listens are the open subscriptions. They are not noted as requests of
	// their session: that would cancel them where the session ends, and they
	// are to end with a result.
	listens map[jsonrpc.ID]*openListen

	slots    chan struct{} // requests in flight
	closing  chan struct{} // closed when the sessions are being closed
	replies  chan struct{} // answers of the reading loop that wait to be written
	requests sync.WaitGroup
	streams  sync.WaitGroup
}

type openListen struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

type line struct {
	bytes []byte
	err   error
}

// read takes lines until the end of in or of ctx, or until out breaks.
func (c *stdio) read(in io.Reader) error {
	lines, left := make(chan line), make(chan struct{})
	defer close(left)
	go func() {
		defer close(lines)
		reader := jsonrpc.NewLineReader(in, c.opts.Limits.RequestBytes)
		for {
			b, err := reader.Next()
			select {
			case lines <- line{b, err}:
			case <-left:
				return
			}
			if err != nil && !errors.Is(err, jsonrpc.ErrTooLong) {
				return
			}
		}
	}()
	for {
		select {
		case <-c.stop:
			return nil
		case <-c.out.broken:
			return nil // finish tells
		case l := <-lines:
			switch {
			case l.err == nil:
				c.message(l.bytes)
			case errors.Is(l.err, jsonrpc.ErrTooLong):
				c.refuse(findID(l.bytes), invalidRequest("the message is larger than %d bytes (limits.request_bytes)", c.opts.Limits.RequestBytes))
			case errors.Is(l.err, io.EOF):
				return nil
			default:
				return fmt.Errorf("reading from the client: %w", l.err)
			}
		}
	}
}

// finish lets what was accepted end and leaves nothing behind, unless the
// client does not read: then its goroutines stay in their writes.
func (c *stdio) finish(cancel context.CancelCauseFunc) error {
	if c.out.failed() || !waitFor(&c.requests, c.opts.DrainTimeout, c.out.broken) {
		cancel(messages.Failf(messages.KindUnavailable, "", "mcpx is closing"))
	}
	close(c.closing)
	for _, id := range []messages.ClientID{c.legacy.Client, c.modernClient} {
		if id != "" {
			c.closeClient(c.lasting, id, c.principal)
		}
	}
	ended := waitFor(&c.requests, c.opts.DrainTimeout, nil) && waitFor(&c.streams, c.opts.DrainTimeout, nil)
	switch {
	case c.out.failed():
		return fmt.Errorf("writing to the client: %w", c.out.err)
	case !ended:
		return errors.New("the client does not read: answers to it were lost")
	}
	return nil
}

// waitFor waits for a group, at most d or until broken closes.
func waitFor(group *sync.WaitGroup, d time.Duration, broken <-chan struct{}) bool {
	done := make(chan struct{})
	go func() {
		group.Wait()
		close(done)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
	case <-broken:
	}
	return false
}

// reply writes an answer of the reading loop, beside it: the loop must notice
// the end also when the client does not read. A client that piles up
// stdioParallel of them is not read from until it reads.
func (c *stdio) reply(message []byte) {
	select {
	case c.replies <- struct{}{}:
		c.requests.Go(func() {
			defer func() { <-c.replies }()
			c.out.send(message)
		})
	case <-c.stop:
	case <-c.out.broken:
	}
}

func (c *stdio) refuse(id jsonrpc.ID, problem *jsonrpc.Error) {
	c.reply(jsonrpc.AppendError(nil, id, problem))
}

// message serves one line.
func (c *stdio) message(b []byte) {
	if jsonrpc.IsBatch(b) {
		c.batch(b)
		return
	}
	msg, problem := jsonrpc.Parse(b, c.opts.Limits.Depth)
	switch {
	case problem != nil:
		c.refuse(msg.ID, problem)
		return
	case msg.Kind != jsonrpc.Request:
		c.take(msg)
		return
	}
	req := request{msg: msg, params: mcp.ReadParams(msg.Method, msg.Params)}
	req.modern = req.params.Meta.HasProtocolVersion
	if problem = c.admit(&req); problem != nil {
		c.refuse(msg.ID, problem)
		return
	}
	switch {
	case !req.modern && msg.Method == methodInitialize:
		c.greet(msg.ID, req.caller)
	case req.modern && msg.Method == methodListen:
		if problem := c.listen(req); problem != nil {
			c.refuse(msg.ID, problem)
		}
	default:
		if problem := c.start(req, c.out.send); problem != nil {
			c.refuse(msg.ID, problem)
		}
	}
}

// greet answers initialize, beside the reading loop where that may have to wait
// for an upstream.
func (c *stdio) greet(id jsonrpc.ID, caller mcp.Caller) {
	answer := func() []byte {
		greeting, problem := c.greeting(c.base, caller)
		if problem != nil {
			return jsonrpc.AppendError(nil, id, problem)
		}
		return jsonrpc.AppendResult(nil, id, greeting)
	}
	if c.relay == nil {
		c.reply(answer())
		return
	}
	c.requests.Go(func() { c.out.send(answer()) })
}

// take takes a notification, or a response.
func (c *stdio) take(msg jsonrpc.Message) {
	if c.relay != nil && (msg.Kind != jsonrpc.Notification || msg.Method != noteCancelled && msg.Method != noteInitialized) {
		caller := c.legacy
		c.requests.Go(func() { c.pass(c.base, caller, msg) })
		return
	}
	if msg.Kind != jsonrpc.Notification {
		return // no question was asked
	}
	switch msg.Method {
	case noteCancelled:
		id, reason, ok := cancelledID(msg.Params)
		if !ok {
			return
		}
		if l := c.listens[id]; l != nil {
			l.cancel()
			return
		}
		for _, client := range []messages.ClientID{c.legacy.Client, c.modernClient} {
			if client != "" {
				c.clients.CancelRequest(client, c.principal, id.String(), reason)
			}
		}
	case noteInitialized:
		if c.legacy.Client != "" && !c.announcing {
			c.announcing = true
			c.announce()
		}
	}
}
