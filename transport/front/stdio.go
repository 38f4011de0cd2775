package front

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mcpx/mcpx/actors/link"
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
	c := &stdio{
		endpoint:  newEndpoint(service, clients, opts),
		out:       newLineWriter(out),
		stop:      ctx.Done(),
		base:      &link.Scope{Values: lasting},
		lasting:   lasting,
		principal: messages.PrincipalFrom(ctx),
		listens:   make(map[jsonrpc.ID]*openListen),
		closing:   make(chan struct{}),
		slots:     make(chan struct{}, stdioParallel),
		replies:   make(chan struct{}, stdioParallel),
	}
	if c.relay != nil {
		c.starter, _ = service.(Starter)
	}
	err := c.read(in)
	return errors.Join(err, c.finish())
}

// stdio is one connection. Its fields are those of whoever holds turn, the
// reading loop mostly; requests and streams run beside it and share only out.
type stdio struct {
	*endpoint
	turn      sync.Mutex
	left      bool // nothing more is taken
	out       *lineWriter
	stop      <-chan struct{} // closed when no more is to be read
	base      *link.Scope     // of requests: ends when those in flight are given up
	lasting   context.Context // of streams: ends with the connection
	launched  *messages.Batch // of the lines that are being taken; nil where none has been launched
	principal messages.Principal

	starter      Starter           // service, if that is a relay and one of these; else nil
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

// read takes lines until the end of in or of ctx, or until out breaks.
func (c *stdio) read(in io.Reader) error {
	ended := make(chan error, 1)
	go func() { ended <- c.lines(in) }()
	select {
	case err := <-ended:
		return err
	case <-c.stop:
	case <-c.out.broken: // finish tells
	}
	c.turn.Lock() // what is being taken is taken
	defer c.turn.Unlock()
	c.left = true
	return nil
}

// lines takes line by line, on the goroutine that reads: most are begun there.
func (c *stdio) lines(in io.Reader) error {
	reader := jsonrpc.NewLineReader(in, c.opts.Limits.RequestBytes)
	defer c.endBatch()
	for n := 0; ; n++ {
		if n == mostTogether || !reader.More() {
			c.endBatch()
			n = 0
		}
		b, err := reader.Next()
		switch {
		case err == nil || errors.Is(err, jsonrpc.ErrTooLong):
			if !c.line(b, err != nil) {
				return nil
			}
		case errors.Is(err, io.EOF):
			return nil
		default:
			return fmt.Errorf("reading from the client: %w", err)
		}
	}
}

// mostTogether is how many requests are begun before what they have to write is
// written: their server has something to do meanwhile.
const mostTogether = 8

// endBatch lets go out what has been launched: to be called before anything is
// waited for.
func (c *stdio) endBatch() {
	c.launched.End()
	c.launched = nil
}

// line takes one line, or the beginning of one that was too long; false when no
// more is taken.
func (c *stdio) line(b []byte, tooLong bool) bool {
	c.turn.Lock()
	defer c.turn.Unlock()
	switch {
	case c.left:
		return false
	case tooLong:
		c.refuse(findID(b), invalidRequest("the message is larger than %d bytes (limits.request_bytes)", c.opts.Limits.RequestBytes))
	default:
		c.message(b)
	}
	return true
}

// finish lets what was accepted end and leaves nothing behind, unless the
// client does not read: then its goroutines stay in their writes.
func (c *stdio) finish() error {
	if c.out.failed() != nil || !waitFor(c.requests.Wait, c.opts.DrainTimeout, c.out.broken) {
		c.base.Cancel(messages.Failf(messages.KindUnavailable, "", "mcpx is closing"))
	}
	close(c.closing)
	for _, id := range []messages.ClientID{c.legacy.Client, c.modernClient} {
		if id != "" {
			c.closeClient(c.lasting, id, c.principal)
		}
	}
	ended := true
	for _, wait := range []func(){c.requests.Wait, c.streams.Wait, c.out.drain} {
		ended = ended && waitFor(wait, c.opts.DrainTimeout, nil)
	}
	switch err := c.out.failed(); {
	case err != nil:
		return fmt.Errorf("writing to the client: %w", err)
	case !ended:
		return errors.New("the client does not read: answers to it were lost")
	}
	return nil
}

// waitFor lets wait wait, at most d or until broken closes.
func waitFor(wait func(), d time.Duration, broken <-chan struct{}) bool {
	done := make(chan struct{})
	go func() {
		wait()
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
	if len(c.replies) == cap(c.replies) {
		c.endBatch()
	}
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
		c.endBatch()
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
		c.endBatch()
		if problem := c.listen(req); problem != nil {
			c.refuse(msg.ID, problem)
		}
	default:
		if problem := c.start(req, nil); problem != nil {
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
	if c.relay != nil {
		c.requests.Go(func() { c.out.send(answer()) })
		return
	}
	greeting := answer()
	c.endBatch()
	c.opts.BeforeGreeting() // here: what the client says next is answered behind that
	if !c.out.post(response{ready: greeting}) {
		c.reply(greeting)
	}
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
				c.clients.CancelRequest(client, c.principal, id.String(), reason, msg.Params)
			}
		}
	case noteInitialized:
		if c.legacy.Client != "" && !c.announcing {
			c.announcing = true
			c.announce()
		}
	}
}
