package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// sseConn is a connection over HTTP+SSE, the transport of 2024-11-05: one event
// stream on which everything comes, and an endpoint of the same origin to which
// everything is posted. Many requests are in flight on it at once; each waits
// on its caller's goroutine, and one reader sorts out what comes.
//
// It is lost with its stream, when the server cannot be reached any more, when
// it no longer knows the session, and when nothing comes for sse_read_timeout
// while somebody waits. The transport cannot take up a stream again: what was
// in flight is answered as sent with an unknown outcome.
//
// Bounds: limits.message_bytes and limits.depth per message,
// limits.request_notifications per request; as httpConn otherwise.
type sseConn struct {
	*httpCore
	mux     mux
	agreed  atomic.Pointer[string] // the version, once there is one
	silence silence
}

func (d *Dialer) dialSSE(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	c, failure := d.openSSE(ctx, req)
	if failure != nil {
		return nil, failure
	}
	return c.greeted(ctx, req)
}

// tryOlder tries a server of no declared transport that refused both ways in
// which Streamable HTTP begins (2025-11-25, transports: backwards
// compatibility). If this is not its transport either, what it said first is
// what counts.
func (d *Dialer) tryOlder(ctx context.Context, req link.DialRequest, refused *messages.Failure) (link.Conn, error) {
	patience := mostSilence
	if quarter := req.Spec.Policy.ConnectionTimeout / 4; quarter > 0 {
		patience = min(patience, quarter)
	}
	opening, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	c, failure := d.openSSE(opening, req)
	switch {
	case failure == nil:
		return c.greeted(ctx, req)
	case ctx.Err() != nil:
		return nil, failure
	case opening.Err() != nil:
		failure.Message = fmt.Sprintf("it opened no event stream with an endpoint for messages within %v", patience)
	}
	refused.Message += "; nor does it speak the older HTTP+SSE: " +
		strings.TrimPrefix(failure.Message, fmt.Sprintf("server %q: ", req.Spec.Name))
	return nil, refused
}

// openSSE opens the stream of a connection on which nothing has been said yet.
func (d *Dialer) openSSE(ctx context.Context, req link.DialRequest) (*sseConn, *messages.Failure) {
	core, failure := d.newHTTPCore(req)
	if failure != nil {
		return nil, failure
	}
	c := &sseConn{httpCore: core, mux: mux{
		name: core.name, limits: core.limits, onNotice: core.unsolicited, mirror: core.mirror,
		place: "on its event stream", say: core.warn,
	}}
	c.mux.write = func(message []byte) error {
		c.small("an answer of ours", c.messageHeader(), message, 0)
		return nil
	}
	c.silence.limit = req.Spec.Policy.SSEReadTimeout
	c.silence.tell = func() {
		c.lose(c.failf(messages.KindUnavailable, "no sign of life on its event stream for %v (sse_read_timeout)", c.silence.limit))
	}
	if failure := c.open(ctx); failure != nil {
		discard(c)
		return nil, failure
	}
	return c, nil
}

// open opens the event stream, learns from its first event where messages go,
// and starts the reader.
func (c *sseConn) open(ctx context.Context) *messages.Failure {
	// The stream outlives ctx, unless that ends first.
	stop := context.AfterFunc(ctx, func() { c.end(nil) })
	defer stop()
	header := c.base.Clone()
	header.Set("Accept", typeEvents)
	resp, err := c.send(c.life, new(link.SentFlag), http.MethodGet, header, nil)
	switch {
	case ctx.Err() != nil:
		if err == nil {
			_ = resp.Body.Close() // it came too late
		}
		return unanswered(ctx, &c.spec, "GET")
	case err != nil:
		return messages.Failf(messages.KindUnavailable, c.name, "server %q: %s", c.name, c.plain(err))
	case resp.StatusCode != http.StatusOK || mediaType(resp.Header) != typeEvents:
		defer c.release(resp)
		return c.noEvents(resp)
	}
	events := jsonrpc.NewEventReader(attentive{resp.Body, c.silence.heard}, c.limits.MessageBytes)
	if failure := c.awaitEndpoint(ctx, resp, events); failure != nil {
		_ = resp.Body.Close() // it is of no use
		return failure
	}
	if !stop() || !c.tasks.Go(func() { c.read(resp.Body, events) }) {
		_ = resp.Body.Close() // as above
		return unanswered(ctx, &c.spec, "GET")
	}
	return nil
}

// noEvents is the failure of a GET that opened no event stream.
func (c *sseConn) noEvents(resp *http.Response) *messages.Failure {
	head := c.headOf(resp)
	if resp.StatusCode == http.StatusOK {
		return messages.Failf(messages.KindUnavailable, c.name, "server %q: it answered GET with content type %q instead of an event stream%s",
			c.name, c.sanitise(resp.Header.Get("Content-Type")), c.said(resp, head))
	}
	f := c.refusal(resp, head, "GET")
	f.Sent = messages.SentNo // of whoever waits for this connection nothing was sent
	if c.spec.Transport == messages.TransportSSE && slices.Contains(sseStatuses, resp.StatusCode) {
		f.Message += `; if it speaks Streamable HTTP, its type is "streamable-http"`
	}
	return f
}

// awaitEndpoint reads the event that names the endpoint for messages. Before it
// there may be others that no server of this transport has to know, such as
// pings, and no message.
func (c *sseConn) awaitEndpoint(ctx context.Context, resp *http.Response, events *jsonrpc.EventReader) *messages.Failure {
	failf := func(format string, args ...any) *messages.Failure {
		return messages.Failf(messages.KindUnavailable, c.name, "server %q: %s", c.name, fmt.Sprintf(format, args...))
	}
	for {
		ev, err := events.Next()
		switch {
		case ctx.Err() != nil:
			f := unanswered(ctx, &c.spec, "GET with an endpoint for messages")
			f.Message += ": does it speak HTTP+SSE?"
			return f
		case errors.Is(err, jsonrpc.ErrTooLong):
			return failf("an event at the beginning of its stream exceeds limits.message_bytes (%d bytes)", c.limits.MessageBytes)
		case errors.Is(err, io.EOF):
			return failf("it ended its event stream before it named an endpoint for messages")
		case err != nil:
			return failf("%s", c.plain(err))
		case ev.Type == "message" && len(ev.Data) > 0:
			return failf("its event stream begins with a message instead of the endpoint for messages: does it speak HTTP+SSE?")
		case ev.Type != "endpoint" || ev.Data == nil:
			continue
		}
		to, err := endpointOf(resp.Request.URL, ev.Data, c.limits.HeaderBytes)
		if err != nil {
			return failf("the endpoint that it names for messages %v", err)
		}
		c.url = to
		return nil
	}
}

// read takes what comes, to the end of the stream, which is the end of the connection.
func (c *sseConn) read(stream io.Closer, events *jsonrpc.EventReader) {
	defer c.answerRest()
	defer c.survive()
	defer func() { _ = stream.Close() }() // it has ended
	for {
		ev, err := events.Next()
		switch {
		case errors.Is(err, jsonrpc.ErrTooLong):
			c.mux.tooLong(ev.Data, events.Tail())
		case errors.Is(err, io.EOF):
			c.lose(c.failf(messages.KindUnavailable, "it ended its event stream"))
			return
		case err != nil:
			c.lose(c.failf(messages.KindUnavailable, "its event stream broke: %s", c.plain(err)))
			return
		case ev.Type == "message" && len(ev.Data) > 0:
			c.mux.message(ev.Data)
		}
	}
}

// answerRest answers what is in flight on a connection that has ended.
func (c *sseConn) answerRest() {
	rest, _ := c.mux.table.close()
	for id, p := range rest {
		if p.sent.Sent() != messages.SentNo {
			p.end(messages.Outcome{Failure: c.ended(p.sent.Sent())})
			delete(rest, id)
		}
	}
	// Of the others a byte may still go out until their exchanges have seen
	// the end, as they are about to. Who is told "not sent" tries again.
	for _, p := range rest {
		<-p.posted
		p.end(messages.Outcome{Failure: c.ended(p.sent.Sent())})
	}
}

// greeted completes a connection by the handshake.
func (c *sseConn) greeted(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	e, f := erasOf(req)
	if f == nil {
		f = c.handshake(ctx, e)
	}
	if f != nil {
		discard(c)
		f.Sent, f.Stale = messages.SentNo, false // of whoever waits for this connection nothing was sent
		return nil, f
	}
	return c, nil
}

func (c *sseConn) handshake(ctx context.Context, e eras) *messages.Failure {
	if len(e.legacy) == 0 {
		return c.failf(messages.KindUnavailable, "HTTP+SSE cannot carry protocol version %s, which its configuration demands", e.modern[0])
	}
	req := messages.Request{Method: "initialize", Params: c.as.initialize(e.legacy[0])}
	out := c.Do(ctx, req, new(link.SentFlag), messages.Discard)
	switch f := out.Failure; {
	case ranOut(f):
		return unanswered(ctx, &c.spec, req.Method)
	case f != nil && f.Kind == messages.KindUpstream:
		return c.failf(messages.KindUnavailable, "it refused initialize: %s (%d)", c.sanitise(f.Message), f.Code)
	case f != nil:
		return f
	}
	peer, err := initialized(out.Result, e.protocol)
	if err != nil {
		return c.failf(messages.KindUnavailable, "%v", err)
	}
	c.peer, c.peer.Transport = peer, messages.TransportSSE
	c.agreed.Store(&peer.Protocol)
	return c.initialized(ctx, c.messageHeader())
}

// messageHeader returns the headers of a POST.
func (c *sseConn) messageHeader() http.Header {
	h := c.header()
	if version := c.agreed.Load(); version != nil {
		h.Set(mcp.HeaderProtocolVersion, *version) // 2025-06-18 demands it over HTTP; older servers do not mind
	}
	return h
}

// Notify implements link.Conn.
func (c *sseConn) Notify(ctx context.Context, n messages.Notification) error {
	return c.notify(ctx, c.messageHeader(), n)
}

// Close implements link.Conn. The end of the stream is the end of the session.
func (c *sseConn) Close(ctx context.Context) error {
	return c.close(ctx, func(context.Context) error { return nil })
}
