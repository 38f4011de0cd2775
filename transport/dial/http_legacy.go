package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// What only the legacy era has (2025-11-25, transports): a session, a standing
// GET stream, requests of the server, and cancelling by a notification.

func (c *httpConn) doLegacy(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if f := c.gone(); f != nil {
		return messages.Outcome{Failure: f}
	}
	x := c.exchange(ctx, req, sent, sink)
	defer x.end()
	r := x.ask(c.legacyHeader(), c.as.legacy(x.params(req)))
	if r.status == http.StatusBadRequest && c.session != "" && req.Method != "ping" && c.forgotten(ctx) {
		f := c.failf(messages.KindUnavailable, "it does not know the session any more (400 to %s and to ping)", req.Method)
		f.Sent, f.Stale = messages.SentNo, true // refused at the door
		c.expire(f)
		return messages.Outcome{Failure: f}
	}
	return c.outcome(r)
}

// forgotten tells whether the server does not even let a ping in. Many servers
// answer 400 instead of 404 to a session that they lost in a restart, and 400
// to much else: the ping tells the two apart.
func (c *httpConn) forgotten(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, smallDeadline)
	defer cancel()
	x := c.exchange(ctx, messages.Request{Method: "ping"}, new(link.SentFlag), messages.Discard)
	defer x.end()
	return x.ask(c.legacyHeader(), nil).status == http.StatusBadRequest
}

// outcome is an answer as the runtime takes it.
func (c *httpCore) outcome(r reply) messages.Outcome {
	switch {
	case r.failure != nil:
		return messages.Outcome{Failure: r.failure, Streamed: r.streamed}
	case r.err != nil:
		return messages.Outcome{Failure: upstreamError(c.name, r.err), Streamed: r.streamed}
	}
	return messages.Outcome{Result: r.result, Streamed: r.streamed, Taken: r.taken}
}

// legacyHeader returns the headers of a POST, which are not to be changed: from
// the handshake on they are the same for all.
func (c *httpCore) legacyHeader() http.Header {
	if h := c.posting.Load(); h != nil {
		return *h
	}
	h := c.header()
	c.legacyHeaders(h)
	if c.peer.Protocol != "" {
		c.posting.Store(&h)
	}
	return h
}

func (c *httpCore) legacyHeaders(h http.Header) {
	if c.peer.Protocol != "" { // else the answer to initialize is still coming
		h.Set(mcp.HeaderProtocolVersion, c.peer.Protocol)
	}
	if c.session != "" {
		h.Set(mcp.HeaderSessionID, c.session)
	}
}

// abandon tells the server that nobody waits for a request any more. Nobody
// waits for that either: closing the connection does. The stream is closed at
// the same time, which in this era means nothing to the server.
func (c *httpConn) abandon(x *httpExchange, reason string) {
	// Before there is an agreement only initialize and server/discover are on
	// their way, of which the one must not be cancelled.
	if c.peer.Modern || c.peer.Protocol == "" || x.sent.Sent() == messages.SentNo {
		return
	}
	lead := headStart
	if x.begun {
		lead = 0
	}
	c.small("notifications/cancelled", c.legacyHeader(), c.as.cancellation(x.caller, json.RawMessage(x.id.String()), false, reason), lead)
}

// headStart is what a request gets before its cancellation follows it. The two
// travel on connections of their own, and a server ignores a cancellation of
// what it has not seen yet: it would work on for nobody.
const headStart = 100 * time.Millisecond

// small sends a message that nobody waits for, after a pause.
func (c *httpCore) small(what string, header http.Header, body []byte, pause time.Duration) {
	c.tasks.GoSmall(func() {
		wait(c.life, pause) // a close is not kept waiting
		ctx, cancel := context.WithTimeout(c.closing, smallDeadline)
		defer cancel()
		_ = c.post(ctx, header, body, what) // there is nobody to tell
	})
}

// asked answers a request of the server. This connection declares no client
// capabilities, so only a ping is in order.
func (c *httpConn) asked(m jsonrpc.Message) {
	if c.peer.Modern {
		return // not allowed, and there is no way to answer (2026-07-28, streamable-http: receiving messages)
	}
	if m.Method == "ping" {
		c.small("an answer to ping", c.legacyHeader(), jsonrpc.AppendResult(nil, m.ID, nil), 0)
		return
	}
	c.small("an answer to "+m.Method, c.legacyHeader(), jsonrpc.AppendError(nil, m.ID, &jsonrpc.Error{
		Code:    jsonrpc.CodeMethodNotFound,
		Message: "method not found: this client declared no capabilities",
	}), 0)
}

// get opens an event stream, the one that eventID belongs to if it is given.
// A server that cannot be reached costs the connection.
func (c *httpConn) get(ctx context.Context, eventID string) (*http.Response, *messages.Failure) {
	header := c.base.Clone()
	header.Set("Accept", typeEvents)
	c.legacyHeaders(header)
	if eventID != "" {
		header.Set(mcp.HeaderLastEventID, eventID)
	}
	reached := new(link.SentFlag)
	resp, err := c.send(ctx, reached, http.MethodGet, header, nil)
	switch {
	case err == nil:
		return resp, nil
	case ctx.Err() == nil && reached.Sent() == messages.SentNo:
		return nil, c.unreachable(err)
	}
	return nil, c.failf(messages.KindUnavailable, "%s", c.plain(err))
}

// listen keeps the GET stream open, on which the server says what belongs to no request.
func (c *httpConn) listen() {
	var eventID string
	opened := false
	c.standing(func() visit {
		resp, f := c.get(c.life, eventID)
		if f != nil {
			return visit{again: true}
		}
		if resp.StatusCode != http.StatusOK || mediaType(resp.Header) != typeEvents {
			c.release(resp)
			return c.noStream(resp.StatusCode, opened)
		}
		if opened && eventID == "" {
			c.changedMeanwhile()
		}
		opened = true
		c.stream(true)
		defer c.stream(false)
		return c.readStanding(resp, &eventID, func(m jsonrpc.Message) bool {
			switch m.Kind {
			case jsonrpc.Notification:
				c.unsolicited(messages.Notification{Method: m.Method, Params: m.Params})
			case jsonrpc.Request:
				if c.mirror && m.Method != "ping" {
					c.unsolicited(c.question(m))
				} else {
					c.asked(m)
				}
			case jsonrpc.Response, jsonrpc.ErrorResponse: // to nothing: answers come on their own streams
			}
			return true
		})
	})
}

// noStream decides what a server means that does not open the stream.
func (c *httpConn) noStream(status int, opened bool) visit {
	switch {
	case c.sessionLost(status):
		_ = c.expired("GET") // no request has to be told
	case opened && status == http.StatusBadRequest:
		// It did open it before: many servers say so instead of 404 once they
		// were restarted.
		f := c.failf(messages.KindUnavailable, "it does not know the session any more (400 to GET)")
		c.lose(f)
	case status >= 500 || status == http.StatusTooManyRequests:
		return visit{again: true}
	case opened:
		c.warn(fmt.Sprintf("its notification stream is closed for good: HTTP %d", status))
	}
	return visit{} // 405 and the like: it has none
}

// endSession ends the session on the server; nil when there is none, or when
// the server does not let clients do so (405) or knows it no more (404).
func (c *httpConn) endSession(ctx context.Context) error {
	if c.session == "" {
		return nil
	}
	header := c.base.Clone()
	c.legacyHeaders(header)
	resp, err := c.send(ctx, new(link.SentFlag), http.MethodDelete, header, nil)
	if err != nil {
		what := c.plain(err)
		if ctx.Err() != nil {
			what = "it did not answer in time"
		}
		return fmt.Errorf("server %q: ending its session (DELETE): %s", c.name, what)
	}
	defer c.release(resp)
	switch status := resp.StatusCode; {
	case status < 300, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return nil
	default:
		return fmt.Errorf("server %q: ending its session (DELETE): HTTP %d %s%s",
			c.name, status, http.StatusText(status), c.said(resp, c.headOf(resp)))
	}
}
