package dial

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Do implements link.Conn.
func (c *sseConn) Do(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if ctx.Err() != nil {
		return messages.Outcome{Failure: givenUp(ctx, c.name, req.Method, messages.SentNo)}
	}
	p := newPending(req.Method, sent, c.limits.RequestNotifications)
	p.token, p.own = req.ProgressToken, req.Method == "initialize"
	p.posted = make(chan struct{})
	if !c.mux.table.add(p) {
		return messages.Outcome{Failure: c.ended(messages.SentNo)}
	}
	params := req.Params
	if p.token != nil {
		params = jsonrpc.Set(params, integer(p.id), "_meta", mcp.MetaProgressToken)
	}
	params = c.as.legacy(params)
	c.silence.begin()
	defer c.silence.end()
	cancel := c.begin(p, jsonrpc.AppendRequest(nil, jsonrpc.IntID(p.id), p.method, params))
	defer c.leave(p, cancel)
	out, answered := p.await(ctx, sink)
	if !answered {
		out = c.abandon(ctx, p, cancel)
		c.mux.forsake(p)
	}
	out.Streamed = true // it cannot do otherwise
	return out
}

// begin starts the HTTP exchange that takes a request to the server. It runs
// beside the caller, since the answer comes elsewhere: most servers accept a
// request at once, some when its answer is out, and some never.
func (c *sseConn) begin(p *pending, body []byte) context.CancelFunc {
	ctx, cancel := context.WithCancel(c.life)
	started := c.tasks.Go(func() {
		defer close(p.posted)
		defer c.survive()
		if f := c.carry(ctx, p, body); f != nil {
			c.fail(p, func() *messages.Failure { return f })
		}
	})
	if !started {
		close(p.posted)
		c.fail(p, func() *messages.Failure { return c.ended(messages.SentNo) })
	}
	return cancel
}

// fail ends a request, unless it has ended, before the connection ends it.
func (c *sseConn) fail(p *pending, why func() *messages.Failure) {
	mine := c.mux.table.take(p.id) != nil
	if f := why(); mine {
		p.end(messages.Outcome{Failure: f})
	}
}

// carry posts a request and returns the failure if it was not accepted.
func (c *sseConn) carry(ctx context.Context, p *pending, body []byte) *messages.Failure {
	resp, err := c.send(ctx, p.sent, http.MethodPost, c.messageHeader(), body)
	switch {
	case err == nil:
	case c.life.Err() != nil:
		return c.ended(p.sent.Sent())
	case ctx.Err() != nil:
		return nil // its caller has gone
	case p.sent.Sent() == messages.SentNo:
		return c.unreachable(err)
	default:
		return c.failf(messages.KindUnavailable, "%s: %s", p.method, c.plain(err))
	}
	if resp.StatusCode < 300 {
		// To its end, near as it is, so that the network connection can be used again.
		_, _ = io.CopyN(io.Discard, resp.Body, headBytes) // whatever comes
		_ = resp.Body.Close()                             // nothing in it is of use
		return nil
	}
	defer c.release(resp)
	if resp.StatusCode == http.StatusNotFound && p.method != "initialize" {
		c.fail(p, func() *messages.Failure { return c.expired(p.method) })
		return nil
	}
	return c.outcome(c.refused(resp, c.headOf(resp), p.method)).Failure
}

// leave lets an exchange whose caller has its answer end by itself, for a
// while: to cut it would cost a network connection.
func (c *sseConn) leave(p *pending, cancel context.CancelFunc) {
	select {
	case <-p.posted:
		cancel()
		return
	default:
	}
	lingers := c.tasks.GoEnd(func() {
		defer cancel()
		late := time.NewTimer(smallDeadline)
		defer late.Stop()
		select {
		case <-p.posted:
		case <-late.C:
		case <-c.life.Done():
		}
	})
	if !lingers {
		cancel()
	}
}

// abandon gives a request up and tells the server, unless that has answered in
// this moment or never heard of it.
func (c *sseConn) abandon(ctx context.Context, p *pending, cancel context.CancelFunc) messages.Outcome {
	if c.mux.table.take(p.id) == nil {
		return <-p.done
	}
	if p.sent.Sent() == messages.SentNo {
		cancel()
		<-p.posted // from here on nothing is sent
	}
	sent := p.sent.Sent()
	if sent != messages.SentNo && p.method != "initialize" { // which must not be cancelled
		lead := headStart
		select {
		case <-p.posted:
			lead = 0
		default:
		}
		c.small("notifications/cancelled", c.messageHeader(), c.as.cancellation(ctx, integer(p.id), false, reasonOf(ctx)), lead)
	}
	return messages.Outcome{Failure: givenUp(ctx, c.name, p.method, sent)}
}
