package dial

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
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
// per answer, max_concurrency+httpSpareTasks small messages on their way.
type httpConn struct {
	name        string // of the server
	spec        messages.ServerSpec
	limits      messages.Limits
	info        json.RawMessage
	pace        httpPace
	unsolicited func(messages.Notification)

	wire    httpWire
	url     *url.URL
	base    http.Header // sent with every request
	peer    messages.Peer
	session string // legacy: the session id; empty when the server has none
	ids     atomic.Int64
	params  paramTable // modern

	// life ends with the connection, its cause being the *messages.Failure of
	// requests in flight. closing ends later, when closing may take no longer:
	// until then the small messages and DELETE still go out.
	life    context.Context
	end     context.CancelCauseFunc
	closing context.Context
	hurry   context.CancelFunc
	tasks   *httpTasks

	lost      chan struct{}
	markLost  sync.Once
	lostErr   error // set before lost is closed
	closeOnce sync.Once
	closeErr  error
}

// httpPace says how standing streams are reopened and cut answers resumed.
type httpPace struct {
	first time.Duration // the pause after the first failure in a row; doubles
	most  time.Duration
	asked time.Duration // the longest pause that a server may ask for
	tries int           // to resume an answer, in a row without a new event
}

var defaultHTTPPace = httpPace{first: 250 * time.Millisecond, most: time.Minute, asked: 5 * time.Minute, tries: 5}

const (
	httpSpareTasks = 64
	smallDeadline  = 5 * time.Second // for a message that nobody waits for
	closeGrace     = time.Second     // for these to go out before DELETE
)

func (d *Dialer) dialHTTP(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	c, failure := d.newHTTPConn(req)
	if failure != nil {
		return nil, failure
	}
	if failure := c.negotiate(ctx, req.Remembered); failure != nil {
		c.discard()
		return nil, failure
	}
	c.start()
	return c, nil
}

func (d *Dialer) newHTTPConn(req link.DialRequest) (*httpConn, *messages.Failure) {
	u, err := url.Parse(req.Spec.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, messages.Failf(messages.KindUnavailable, req.Spec.Name,
			"server %q: its url %q is not an http:// or https:// address", req.Spec.Name, messages.MaskURL(req.Spec.URL))
	}
	c := &httpConn{
		name: req.Spec.Name, spec: req.Spec, limits: req.Limits, info: d.info, pace: d.pace,
		unsolicited: req.Unsolicited,
		base:        http.Header{"User-Agent": {"mcpx"}},
		tasks:       newHTTPTasks(req.Spec.Policy.MaxConcurrency + httpSpareTasks),
		lost:        make(chan struct{}),
	}
	if c.unsolicited == nil {
		c.unsolicited = func(messages.Notification) {}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		c.base.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	for name, value := range req.Spec.Headers {
		c.base.Set(name, value)
	}
	c.url = u
	c.wire = newNetWire(u.Scheme, req.Spec.Policy, req.Limits)
	c.life, c.end = context.WithCancelCause(context.Background())
	c.closing, c.hurry = context.WithCancel(context.Background())
	return c, nil
}

// start opens what stands as long as the connection.
func (c *httpConn) start() {
	if c.peer.Modern {
		c.background(c.subscribe)
	} else {
		c.background(c.listen)
	}
}

// background runs f as a task; a bug in it costs this connection.
func (c *httpConn) background(f func()) {
	c.tasks.Go(func() {
		defer c.survive()
		f()
	})
}

func (c *httpConn) survive() {
	if r := recover(); r != nil {
		c.lose(&messages.Failure{Kind: messages.KindInternal, Server: c.name, Sent: messages.SentUnknown,
			Message: fmt.Sprintf("server %q: internal error: %v", c.name, r)})
	}
}

// Peer implements link.Conn.
func (c *httpConn) Peer() messages.Peer { return c.peer }

// Pid implements link.Conn.
func (c *httpConn) Pid() int { return 0 }

// Lost implements link.Conn.
func (c *httpConn) Lost() <-chan struct{} { return c.lost }

// Err implements link.Conn.
func (c *httpConn) Err() error {
	select {
	case <-c.lost:
		return c.lostErr
	default:
		return nil
	}
}

// lose ends the connection: requests in flight fail with the reason, their
// outcome unknown.
func (c *httpConn) lose(reason *messages.Failure) {
	if c.life.Err() != nil {
		return // lost before, or being closed
	}
	c.markLost.Do(func() {
		c.lostErr = reason
		close(c.lost) // first: whoever is told "gone" must not be sent here again
		c.end(reason)
	})
}

// gone is the failure of a request on a connection that has ended; nil while it lives.
func (c *httpConn) gone() *messages.Failure {
	if c.life.Err() == nil {
		return nil
	}
	return c.ended(messages.SentNo)
}

// ended is why the connection ended, as the failure of one request.
func (c *httpConn) ended(sent messages.Sent) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, c.name, "server %q: the connection is closed", c.name)
	var reason *messages.Failure
	if errors.As(context.Cause(c.life), &reason) {
		f.Message = reason.Message
	}
	f.Sent, f.Stale = sent, sent == messages.SentNo
	return f
}

// failf makes a failure of a request that may have been received.
func (c *httpConn) failf(kind messages.Kind, format string, args ...any) *messages.Failure {
	f := messages.Failf(kind, c.name, "server %q: %s", c.name, fmt.Sprintf(format, args...))
	f.Sent = messages.SentUnknown
	return f
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
	if f := c.gone(); f != nil {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, smallDeadline)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	header := c.header()
	if c.peer.Modern {
		mcp.SetHeaders(header, c.peer.Protocol, messages.Request{Method: n.Method, Params: n.Params})
	} else {
		c.legacyHeaders(header)
	}
	if f := c.post(ctx, header, jsonrpc.AppendNotification(nil, n.Method, n.Params), n.Method); f != nil {
		return f
	}
	return nil
}

// Close implements link.Conn.
func (c *httpConn) Close(ctx context.Context) error {
	// Whoever has the least time decides, also when another closes already.
	defer context.AfterFunc(ctx, c.hurry)()
	c.closeOnce.Do(func() { c.closeErr = c.shutDown() })
	return c.closeErr
}

func (c *httpConn) shutDown() error {
	wasLost := c.life.Err() != nil
	c.end(messages.Failf(messages.KindUnavailable, c.name, "server %q: the connection is being closed", c.name))
	idle := c.tasks.Close()
	grace := time.NewTimer(closeGrace)
	defer grace.Stop()
	select {
	case <-idle:
	case <-grace.C:
	case <-c.closing.Done():
	}
	var err error
	if !wasLost { // a session that is lost has nobody who could end it
		err = c.endSession(c.closing)
	}
	c.hurry()
	<-idle
	c.wire.Close()
	c.markLost.Do(func() { close(c.lost) })
	return err
}

// discard gives up a connection that never was one.
func (c *httpConn) discard() {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	_ = c.Close(ctx) // the caller hears why the dial failed
}
