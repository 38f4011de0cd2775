package dial

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// httpConn is one connection to an upstream over Streamable HTTP, of either
// era: a session with its standing GET stream (legacy), or nothing but an
// agreement on a version and a subscription (modern).
//
// Every request is an HTTP exchange of its own (httpExchange), made and read on
// the goroutine that called Do, so a slow reader slows nobody else. What
// belongs to no request runs in tasks.
//
// It is lost when the server cannot be reached any more, no longer knows the
// session, or no longer speaks the agreed era. A request that breaks costs that
// request only.
//
// Bounds: limits.message_bytes and limits.depth per message, limits.header_bytes
// per answer, max_concurrency+httpSpareTasks small messages on their way, and as
// many exchanges that have not quite ended.
type httpConn struct {
	*httpCore
	pace   httpPace
	ids    atomic.Int64
	params paramTable // modern
}

// httpPace says how standing streams are reopened and cut answers resumed.
type httpPace struct {
	first time.Duration // the pause after the first failure in a row; doubles
	most  time.Duration
	asked time.Duration // the longest pause that a server may ask for
	tries int           // to resume an answer, in a row without a new event
}

var defaultHTTPPace = httpPace{first: 250 * time.Millisecond, most: time.Minute, asked: 5 * time.Minute, tries: 5}

func (d *Dialer) dialHTTP(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	if !req.Spec.Declared && req.Known.Transport == messages.TransportSSE {
		if c, err := d.dialSSE(ctx, req); err == nil || ctx.Err() != nil {
			return c, err
		}
		// The server is not what it was.
	}
	c, failure := d.newHTTPConn(req)
	if failure != nil {
		return nil, failure
	}
	failure, older := c.negotiate(ctx, req)
	if failure == nil {
		c.peer.Transport = messages.TransportHTTP
		c.start()
		return c, nil
	}
	discard(c)
	switch {
	case older && !req.Spec.Declared:
		return d.tryOlder(ctx, req, failure)
	case older:
		failure.Message += `; it may be a server of the older HTTP+SSE transport: then its type is "sse"`
	}
	return nil, failure
}

func (d *Dialer) newHTTPConn(req link.DialRequest) (*httpConn, *messages.Failure) {
	core, failure := d.newHTTPCore(req)
	return &httpConn{httpCore: core, pace: d.pace}, failure
}

// start opens what stands as long as the connection.
func (c *httpConn) start() {
	if c.peer.Modern {
		c.background(c.subscribe)
	} else {
		c.background(c.listen)
	}
}

// Do implements link.Conn.
func (c *httpConn) Do(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if c.peer.Modern {
		return c.doModern(ctx, req, sent, sink)
	}
	return c.doLegacy(ctx, req, sent, sink)
}

// Notify implements link.Conn.
func (c *httpConn) Notify(ctx context.Context, n messages.Notification) error {
	header := c.header()
	if c.peer.Modern {
		mcp.SetHeaders(header, c.peer.Protocol, messages.Request{Method: n.Method, Params: n.Params})
	} else {
		c.legacyHeaders(header)
	}
	return c.notify(ctx, header, n)
}

// Close implements link.Conn.
func (c *httpConn) Close(ctx context.Context) error { return c.close(ctx, c.endSession) }
