package dial

import (
	"context"
	"encoding/base64"
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
)

// httpCore is what every connection over HTTP has, whichever way its messages
// take: where the server is, what goes there with each request, and how the
// connection ends.
type httpCore struct {
	name        string // of the server
	spec        messages.ServerSpec
	limits      messages.Limits
	as          identity
	unsolicited func(messages.Notification)
	stream      func(open bool) // hears of the standing GET stream
	mirror      bool            // opened in a client's name, which is asked what the server asks

	wire          httpWire
	url           *url.URL    // where messages are posted
	base          http.Header // sent with every request
	hidden        []string    // the secrets of the configured address
	peer          messages.Peer
	session       string                                   // Streamable HTTP, legacy: the session id; empty when the server has none
	posting       atomic.Pointer[http.Header]              // of each POST; modern: with those of its request
	modernPosting atomic.Pointer[map[askedFor]http.Header] // modern: these

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
	lostErr   error    // set before lost is closed
	expiring  bool     // so is this: requests in flight may still be answered
	exchanges inFlight // Streamable HTTP
	closeOnce sync.Once
	closeErr  error
}

const (
	httpSpareTasks = 64
	smallDeadline  = 5 * time.Second // for a message that nobody waits for
	closeGrace     = time.Second     // for these to go out before DELETE
	expiryGrace    = 2 * time.Second // for requests in flight to be answered when the session has expired
)

func (d *Dialer) newHTTPCore(req link.DialRequest) (*httpCore, *messages.Failure) {
	u, err := url.Parse(req.Spec.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, messages.Failf(messages.KindUnavailable, req.Spec.Name,
			"server %q: its url %q is not an http:// or https:// address", req.Spec.Name, messages.MaskURL(req.Spec.URL))
	}
	c := &httpCore{
		name: req.Spec.Name, spec: req.Spec, limits: req.Limits, as: d.as(req.Caller),
		unsolicited: req.Unsolicited, mirror: req.Caller.Mirror,
		base:  http.Header{"User-Agent": {"mcpx"}},
		tasks: newHTTPTasks(req.Spec.Policy.MaxConcurrency + httpSpareTasks),
		lost:  make(chan struct{}),
	}
	if c.unsolicited == nil {
		c.unsolicited = func(messages.Notification) {}
	}
	if c.stream = req.Stream; c.stream == nil {
		c.stream = func(bool) {}
	}
	if u.User != nil {
		password, _ := u.User.Password()
		c.base.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		c.hidden = append(c.hidden, password)
		u.User = nil
	}
	for _, values := range u.Query() {
		c.hidden = append(c.hidden, values...)
	}
	for name, value := range req.Spec.Headers {
		c.base.Set(name, value)
	}
	for name, value := range req.Caller.Headers {
		if !messages.NeverForwarded(name) {
			c.base.Set(name, value)
		}
	}
	c.url = u
	c.wire = newHTTPWire(u, req.Spec.Policy, req.Limits)
	c.life, c.end = context.WithCancelCause(context.Background())
	context.AfterFunc(c.life, func() { c.exchanges.cancel(context.Cause(c.life)) })
	c.closing, c.hurry = context.WithCancel(context.Background())
	return c, nil
}

// background runs f as a task; a bug in it costs this connection.
func (c *httpCore) background(f func()) {
	c.tasks.Go(func() {
		defer c.survive()
		f()
	})
}

func (c *httpCore) survive() {
	if r := recover(); r != nil {
		c.lose(&messages.Failure{Kind: messages.KindInternal, Server: c.name, Sent: messages.SentUnknown,
			Message: fmt.Sprintf("server %q: internal error: %v", c.name, r)})
	}
}

// Peer implements link.Conn.
func (c *httpCore) Peer() messages.Peer { return c.peer }

// Pid implements link.Conn.
func (c *httpCore) Pid() int { return 0 }

// Lost implements link.Conn.
func (c *httpCore) Lost() <-chan struct{} { return c.lost }

// Err implements link.Conn.
func (c *httpCore) Err() error {
	select {
	case <-c.lost:
		return c.lostErr
	default:
		return nil
	}
}

// lose ends the connection: requests in flight fail with the reason, their
// outcome unknown.
func (c *httpCore) lose(reason *messages.Failure) {
	if c.life.Err() != nil {
		return // lost before, or being closed
	}
	c.markLost.Do(func() {
		c.lostErr = reason
		close(c.lost) // first: whoever is told "gone" must not be sent here again
		c.end(reason)
	})
}

// expire ends the connection because the server does not know its session any
// more. Requests in flight have a moment for an answer of their own, be it the
// same refusal: that says that they were not sent, and this does not.
func (c *httpCore) expire(reason *messages.Failure) {
	c.markLost.Do(func() {
		c.lostErr, c.expiring = reason, true
		close(c.lost) // first, as in lose
		c.background(func() {
			late := time.NewTimer(expiryGrace)
			defer late.Stop()
			select {
			case <-c.exchanges.none():
			case <-late.C:
			case <-c.life.Done():
			}
			c.end(reason)
		})
	})
}

// gone is the failure of a request on a connection that has ended; nil while it lives.
func (c *httpCore) gone() *messages.Failure {
	select {
	case <-c.lost:
		return c.ended(messages.SentNo)
	default:
		return nil
	}
}

// ended is why the connection ended, as the failure of one request.
func (c *httpCore) ended(sent messages.Sent) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, c.name, "server %q: the connection is closed", c.name)
	var reason *messages.Failure
	if errors.As(context.Cause(c.life), &reason) || errors.As(c.Err(), &reason) {
		f.Message = reason.Message
	}
	f.Sent, f.Stale = sent, sent == messages.SentNo
	return f
}

// failf makes a failure of a request that may have been received.
func (c *httpCore) failf(kind messages.Kind, format string, args ...any) *messages.Failure {
	f := messages.Failf(kind, c.name, "server %q: %s", c.name, fmt.Sprintf(format, args...))
	f.Sent = messages.SentUnknown
	return f
}

// initialized completes a handshake.
func (c *httpCore) initialized(ctx context.Context, header http.Header) *messages.Failure {
	const method = "notifications/initialized"
	f := c.post(ctx, header, jsonrpc.AppendNotification(nil, method, nil), method)
	if f != nil && ctx.Err() != nil {
		return unanswered(ctx, &c.spec, method)
	}
	return f
}

// notify sends a notification for which somebody waits.
func (c *httpCore) notify(ctx context.Context, header http.Header, n messages.Notification) error {
	if f := c.gone(); f != nil {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, smallDeadline)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	if f := c.post(ctx, header, jsonrpc.AppendNotification(nil, n.Method, n.Params), n.Method); f != nil {
		return f
	}
	return nil
}

// close implements link.Conn.Close. endSession ends the session on the server
// where there is one.
func (c *httpCore) close(ctx context.Context, endSession func(context.Context) error) error {
	// Whoever has the least time decides, also when another closes already.
	defer context.AfterFunc(ctx, c.hurry)()
	c.closeOnce.Do(func() { c.closeErr = c.shutDown(endSession) })
	return c.closeErr
}

func (c *httpCore) shutDown(endSession func(context.Context) error) error {
	wasLost := true
	c.markLost.Do(func() {
		wasLost = false
		close(c.lost) // first, as in lose
	})
	if c.expiring {
		select {
		case <-c.life.Done():
		case <-c.closing.Done():
		}
	}
	c.end(messages.Failf(messages.KindUnavailable, c.name, "server %q: the connection is being closed", c.name))
	grace, cancel := context.WithTimeout(c.closing, closeGrace)
	defer cancel()
	select { // requests that were given up just now still have to say so
	case <-c.exchanges.none():
	case <-grace.Done():
	}
	idle := c.tasks.Close()
	select {
	case <-idle:
	case <-grace.Done():
	}
	var err error
	if !wasLost { // a session that is lost has nobody who could end it
		err = endSession(c.closing)
	}
	c.hurry()
	<-idle
	c.wire.Close()
	return err
}

// discard gives up a connection that never was one.
func discard(c link.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	_ = c.Close(ctx) // the caller hears why the dial failed
}
