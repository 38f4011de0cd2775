// Package h1 is a client for plain http/1.1 that makes each request on the
// goroutine that asks for it: no goroutine stands behind a connection, so a
// request costs no wake-up but the one of its answer. It is an
// http.RoundTripper, so http.Client can use it; TLS, HTTP/2, proxies,
// compression, upgrades and trailers of requests it leaves to net/http.
//
// It is stricter than net/http where RFC 9112 says that somebody may be
// smuggling (sections 6.1 to 6.3 and 11): an answer with Transfer-Encoding and
// Content-Length, a Transfer-Encoding in HTTP/1.0, blanks before the colon of a
// field. And it never sends a request again of which a byte has been sent,
// however harmless its method: that is for its user to decide.
package h1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"
)

// Options of a Transport. The zero value is a useful default.
type Options struct {
	// Dial opens a network connection; nil for a net.Dialer's. On one that is
	// neither a *net.TCPConn nor a *net.UnixConn every request costs a
	// goroutine, and is what finds out that the connection was closed.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// MaxIdle connections are kept, to all servers; those idle for longest go
	// first. 0 for 64.
	MaxIdle int
	// IdleTimeout is how long a connection is kept idle; 0 for 60 s.
	IdleTimeout time.Duration
	// MaxHeaderBytes bounds the head of an answer, together with those of
	// the interim answers (1xx) before it, and again the trailers; 0 for 1 MiB.
	MaxHeaderBytes int
}

// Transport is an http.RoundTripper for URLs of the scheme http. Of httptrace
// it calls GetConn, GotConn, GotFirstResponseByte and WroteRequest. GotConn
// comes before the first byte is written, and once in a request unless a kept
// connection turns out to be closed when nothing has been sent on it.
//
// A context may have methods GotConn() and AfterFunc(func()) func() bool of its
// own, which are called in the place of httptrace's and of context.AfterFunc.
//
// A body that GetBody can make anew is taken to be in memory: reading it does
// not block. Every other one is read on a goroutine of its own.
type Transport struct {
	options  Options
	patience time.Duration   // writePatience; tests have more, or none
	life     context.Context // ends with Close
	end      context.CancelFunc

	mu       sync.Mutex
	open     map[*conn]struct{} // all connections; nil once closed
	idle     []*conn            // those that wait for a request, the latest last
	sweeper  *time.Timer        // one for all of them
	sweeping bool
}

// writePatience is for a request that has been answered and is still being
// written: its end should be near.
const writePatience = 50 * time.Millisecond

// ErrClosed is the error of requests on a Transport that has been closed.
var ErrClosed = errors.New("the HTTP client is closed")

// New returns a Transport. It must be closed.
func New(o Options) *Transport {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.MaxIdle <= 0 {
		o.MaxIdle = 64
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = time.Minute
	}
	if o.MaxHeaderBytes <= 0 {
		o.MaxHeaderBytes = 1 << 20
	}
	t := &Transport{options: o, patience: writePatience, open: map[*conn]struct{}{}}
	t.life, t.end = context.WithCancel(context.Background())
	return t
}

// Serves tells whether a Transport can make requests to u as far as u says:
// the scheme must be http, and the host plain ASCII.
func Serves(u *url.URL) bool {
	return u.Scheme == "http" && u.Host != "" && allIn(u.Host, &isHost)
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		closeBody(req)
		return nil, context.Cause(ctx)
	}
	out, err := newOutgoing(req)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	defer out.release()
	trace := httptrace.ContextClientTrace(ctx)
	addr := address(req.URL)
	for {
		c, err := t.connection(ctx, trace, addr)
		if err != nil {
			out.closeBody()
			return nil, err
		}
		resp, err := c.exchange(ctx, trace, req, out)
		if err != errUntouched { //nolint:errorlint // it is never wrapped
			return resp, err
		}
	}
}

// errUntouched: a kept connection was closed before a byte went out on it.
var errUntouched = errors.New("nothing was sent")

// connection returns a kept connection, which may be closed, or a new one.
func (t *Transport) connection(ctx context.Context, trace *httptrace.ClientTrace, addr string) (*conn, error) {
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(addr)
	}
	for c := t.takeIdle(addr); c != nil; c = t.takeIdle(addr) {
		if c.fresh() {
			return c, nil
		}
		c.kill()
	}
	return t.dial(ctx, addr)
}

func (t *Transport) dial(ctx context.Context, addr string) (*conn, error) {
	dialing, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.life, cancel)()
	nc, err := t.options.Dial(dialing, "tcp", addr)
	switch {
	case err == nil:
		return t.own(nc, addr)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case t.life.Err() != nil:
		return nil, ErrClosed
	}
	return nil, err
}

// exchange makes the request and returns when the head of its answer is there.
// It begins no other one on this connection, whatever happens.
func (c *conn) exchange(ctx context.Context, trace *httptrace.ClientTrace, req *http.Request, out *outgoing) (*http.Response, error) {
	a := &answer{c: c, ctx: ctx, closing: out.closing}
	a.resp.Request = req
	a.unbind = afterFunc(ctx, c.killNow)
	c.told, _ = ctx.(listener)
	kept := c.used
	n, answered, err := c.ask(out.bytes, out.whole(), trace)
	switch {
	case answered && err != nil:
		return nil, a.fail(err)
	case answered:
	case err != nil && n == 0 && kept && ctx.Err() == nil && c.t.life.Err() == nil:
		a.abandon() // it was closed, or says what nobody asked
		return nil, errUntouched
	case err != nil:
		a.writeErr = fmt.Errorf("writing the request: %w", err)
		out.closeBody()
	case n < len(out.bytes) || !out.whole():
		a.rest, a.out = out.send(c, n, trace), out
	}
	if !answered && a.rest == nil {
		wroteRequest(trace, a.writeErr)
	}
	// A server may answer, and close, before it has read everything: that a
	// write failed does not mean that there is no answer.
	if err := a.readHead(trace); err != nil {
		return nil, a.fail(err)
	}
	return &a.resp, nil
}

// CloseIdleConnections closes what waits for a request; http.Client calls it.
func (t *Transport) CloseIdleConnections() {
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, c := range idle {
		c.kill()
	}
}

// Close ends every network connection, in use or not, and every attempt to
// open one. Requests end with ErrClosed.
func (t *Transport) Close() {
	t.end()
	t.mu.Lock()
	open := t.open
	t.open, t.idle = nil, nil
	if t.sweeper != nil {
		t.sweeper.Stop()
	}
	t.mu.Unlock()
	for c := range open {
		c.kill()
	}
}

// Connections is the number of network connections that are open.
func (t *Transport) Connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.open)
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close() // nobody reads it
	}
}

var _ io.ReadCloser = (*answer)(nil)
