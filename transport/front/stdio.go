package front

import (
	"bytes"
	"context"
	"encoding/json"
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
	req := request{msg: msg, meta: mcp.ReadMeta(msg.Params)}
	req.modern = req.meta.HasProtocolVersion
	if problem = c.admit(&req); problem != nil {
		c.refuse(msg.ID, problem)
		return
	}
	switch {
	case !req.modern && msg.Method == methodInitialize:
		c.reply(jsonrpc.AppendResult(nil, msg.ID, c.initializeResult(c.base, req.caller)))
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

// admit finds out who asks, opening a session of the message's era where there
// is none yet.
func (c *stdio) admit(req *request) *jsonrpc.Error {
	opening := req.msg.Method == methodInitialize
	switch {
	case req.modern:
		if problem := checkModern(*req, nil); problem != nil {
			return problem
		}
		req.caller = mcp.Caller{Principal: c.principal, Client: c.modernClient,
			Protocol: req.meta.ProtocolVersion, Capabilities: req.meta.ClientCapabilities}
		if c.modernClient == "" {
			return c.open(req)
		}
		return nil

	case opening && c.legacy.Client != "":
		return invalidRequest("this connection is initialized already")
	case opening:
		hello, problem := readInitialize(req.msg.Params)
		if problem != nil {
			return problem
		}
		req.caller = mcp.Caller{Principal: c.principal, Protocol: hello.protocol, Capabilities: hello.capabilities}
		return c.open(req)

	case c.legacy.Client == "" && req.msg.Method != methodPing:
		return invalidParams("send initialize first, or %s and %s in params._meta as %s demands",
			mcp.MetaProtocolVersion, mcp.MetaClientCapabilities, mcp.LatestModern)
	}
	req.caller = c.legacy
	return nil
}

// open opens the session of a request's era.
func (c *stdio) open(req *request) *jsonrpc.Error {
	id, err := c.clients.OpenClient(c.lasting, messages.ClientSpec{
		Endpoint: c.opts.Endpoint, Principal: c.principal,
		Protocol: req.caller.Protocol, Capabilities: req.caller.Capabilities,
	})
	if err != nil {
		return errorOf(err, req.modern)
	}
	req.caller.Client = id
	if req.modern {
		c.modernClient = id
		return nil
	}
	c.legacy = req.caller
	if c.announcing {
		c.announce()
	}
	return nil
}

// start serves one request beside the reading loop. done gets the answer, nil
// when the client cancelled. The request is noted before this returns, so that
// a cancellation on the next line finds it. An error is the answer of a
// request that was not started.
func (c *stdio) start(req request, done func(answer []byte)) *jsonrpc.Error {
	id := req.msg.ID
	if c.isListening(id) {
		return duplicate(id)
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return mcp.ErrorOf(messages.Failf(messages.KindOverloaded, "",
			"%d requests of this connection are in flight; wait for answers", stdioParallel), req.modern)
	}
	ctx, end, err := c.begin(&req)
	if err != nil {
		<-c.slots
		return beginError(err, id, req.modern)
	}
	c.requests.Go(func() {
		defer func() { <-c.slots }()
		result, problem := c.answer(ctx, req, c.out.notify)
		quiet := silent(ctx)
		if problem != nil && ctx.Err() != nil {
			problem = errorOf(context.Cause(ctx), req.modern) // why it was given up, by us
		}
		end() // before the answer goes out: its reader may use the id again at once
		switch {
		case quiet:
			done(nil)
		case problem != nil:
			done(jsonrpc.AppendError(nil, id, problem))
		default:
			done(jsonrpc.AppendResult(nil, id, result))
		}
	})
	return nil
}

// begin notes a request in its session. A ping before initialize has none. A
// session that ended before its connection did, because it was idle or its
// actor died, is opened anew: the client cannot know of it.
func (c *stdio) begin(req *request) (context.Context, func(), error) {
	ctx, cancel := context.WithCancelCause(c.base)
	id := req.msg.ID.String()
	if req.caller.Client == "" {
		return ctx, func() { cancel(nil) }, nil
	}
	err := c.clients.BeginRequest(req.caller.Client, c.principal, id, cancel)
	if err != nil && failureOf(err).Kind == messages.KindUnavailable && c.open(req) == nil {
		err = c.clients.BeginRequest(req.caller.Client, c.principal, id, cancel)
	}
	if err != nil {
		cancel(nil)
		return nil, nil, err
	}
	return ctx, func() {
		c.clients.EndRequest(req.caller.Client, id)
		cancel(nil)
	}, nil
}

// take takes a notification, or a response, which answers nothing: no
// question is asked of clients.
func (c *stdio) take(msg jsonrpc.Message) {
	if msg.Kind != jsonrpc.Notification {
		return
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

// announce starts to tell a legacy client that lists have changed.
func (c *stdio) announce() {
	caller := c.legacy
	topics := offered(c.service.Describe(c.lasting, caller).Capabilities)
	stream, err := c.clients.OpenStream(caller.Client, c.principal, messages.StreamSpec{Topics: topics})
	if err != nil {
		return // the session is closing; its requests will hear of it
	}
	c.streams.Go(func() {
		defer c.clients.CloseStream(caller.Client, stream)
		_ = c.feed(c.lasting, caller.Client, stream, c.out.notify)
	})
}

// listen serves subscriptions/listen. The stream ends by notifications/cancelled
// of the client, or in good order with a result and a notifications/cancelled
// of ours that names it (2026-07-28, cancellation; subscriptions).
func (c *stdio) listen(req request) *jsonrpc.Error {
	id := req.msg.ID
	filter, problem := readFilter(req.msg.Params)
	if problem != nil {
		return problem
	}
	if c.isListening(id) {
		return duplicate(id)
	}
	sub, err := c.subscribe(c.lasting, req.caller.Client, req, filter)
	if err != nil && failureOf(err).Kind == messages.KindUnavailable && c.open(&req) == nil {
		sub, err = c.subscribe(c.lasting, req.caller.Client, req, filter) // see begin
	}
	if err != nil {
		return errorOf(err, true)
	}
	ctx, cancel := context.WithCancel(c.lasting)
	open := &openListen{cancel: cancel, ended: make(chan struct{})}
	c.listens[id] = open
	c.streams.Go(func() {
		defer cancel()
		err := sub.run(ctx, c.endpoint, func(n messages.Notification) error {
			if ctx.Err() != nil { // nothing more for a cancelled request
				return ctx.Err()
			}
			return c.out.notify(n)
		})
		c.clients.CloseStream(req.caller.Client, sub.stream)
		close(open.ended) // before the answer goes out: its reader may use the id again at once
		select {
		case <-ctx.Done():
			return
		case <-c.closing: // the session may go between two looks at its stream
			err = errEnded
		default:
		}
		if errors.Is(err, errEnded) {
			c.out.send(sub.result())
		} else {
			c.out.send(jsonrpc.AppendError(nil, id, errorOf(err, true)))
		}
		_ = c.out.notify(messages.Notification{Method: noteCancelled, Params: object("requestId", json.RawMessage(id.String()))})
	})
	return nil
}

// isListening tells whether id is that of an open subscription.
func (c *stdio) isListening(id jsonrpc.ID) bool {
	open := c.listens[id]
	if open == nil {
		return false
	}
	select {
	case <-open.ended:
		delete(c.listens, id)
		return false
	default:
		return true
	}
}

// lineWriter writes whole messages, one per line, for all goroutines of a
// connection.
type lineWriter struct {
	mu     sync.Mutex
	w      io.Writer
	err    error
	broken chan struct{} // closed when a write failed
}

// send sends an answer, nil for none.
func (l *lineWriter) send(message []byte) {
	if message != nil {
		_ = l.write(message) // broken tells
	}
}

func (l *lineWriter) notify(n messages.Notification) error {
	return l.write(jsonrpc.AppendNotification(nil, n.Method, n.Params))
}

// write sends one message, which jsonrpc made without line ends.
func (l *lineWriter) write(message []byte) error {
	message = append(message, '\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	if _, err := l.w.Write(message); err != nil {
		l.err = err
		close(l.broken)
	}
	return l.err
}

func (l *lineWriter) failed() bool {
	select {
	case <-l.broken:
		return true
	default:
		return false
	}
}

// findID looks for the id in the beginning of a message that was too long to
// be read, so that its sender learns which request failed.
func findID(start []byte) jsonrpc.ID {
	dec := json.NewDecoder(bytes.NewReader(start))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return jsonrpc.ID{}
	}
	for {
		key, err := dec.Token()
		if err != nil {
			return jsonrpc.ID{}
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return jsonrpc.ID{}
		}
		if key == "id" {
			id, _ := jsonrpc.ParseID(value)
			return id
		}
	}
}
