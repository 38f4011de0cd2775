package h1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds what must not hang.
const patience = time.Minute

// within is a context for what must not hang.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	return ctx
}

// server runs a script on every connection.
type server struct {
	t        *testing.T
	url      string
	accepted atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	work  sync.WaitGroup
}

// peer is the server's end of a connection.
type peer struct {
	*net.TCPConn
	in *bufio.Reader
	t  *testing.T
	n  int64 // which connection this is, from 1
}

// serve begins a server that ends with the test. The connection is closed when
// the script returns.
func serve(t *testing.T, script func(p *peer)) *server {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, url: "http://" + listener.Addr().String()}
	s.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p := &peer{conn.(*net.TCPConn), bufio.NewReader(conn), t, s.accepted.Add(1)}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.work.Go(func() {
				defer func() { _ = p.Close() }()
				script(p)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		s.mu.Lock()
		for _, conn := range s.conns {
			_ = conn.Close() // may be closed already
		}
		s.mu.Unlock()
		s.work.Wait()
	})
	return s
}

// request reads a request with its body; nil when the connection has ended.
func (p *peer) request() *http.Request {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil
	}
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	return req
}

// head reads the head of a request and nothing more.
func (p *peer) head() *http.Request {
	req, err := http.ReadRequest(p.in)
	if err != nil {
		return nil
	}
	return req
}

func (p *peer) say(text string) { _, _ = io.WriteString(p, text) } // the client may have gone

// reset closes the connection so that the client is told "reset".
func (p *peer) reset() {
	_ = p.SetLinger(0)
	_ = p.Close()
}

// gone waits until the client closes the connection.
func (p *peer) gone() {
	_ = p.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, p.in)
	if e, ok := err.(net.Error); ok && e.Timeout() {
		p.t.Error("the client kept the connection")
	}
}

// answers serves every request with the same bytes.
func answers(text string) func(*peer) {
	return func(p *peer) {
		for p.request() != nil {
			p.say(text)
		}
	}
}

// once serves one request on a connection, and closes it.
func once(text string) func(*peer) {
	return func(p *peer) {
		if p.request() != nil {
			p.say(text)
		}
	}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// client is one that is tested; net/http's shows what is right.
type client struct {
	http.RoundTripper
	ours *Transport // nil for net/http's
}

// both runs a test with each client.
func both(t *testing.T, test func(t *testing.T, c client)) {
	t.Run("h1", func(t *testing.T) { test(t, client{fresh(t), nil}.mine()) })
	t.Run("nethttp", func(t *testing.T) {
		theirs := &http.Transport{DisableCompression: true, MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 8}
		t.Cleanup(theirs.CloseIdleConnections)
		test(t, client{theirs, nil})
	})
}

func (c client) mine() client {
	c.ours = c.RoundTripper.(*Transport)
	return c
}

// fresh is a client of ours that must have no connection left in use when the
// test ends.
func fresh(t *testing.T) *Transport {
	c := New(Options{MaxHeaderBytes: 64 << 10, MaxIdle: 8})
	c.patience = patience
	t.Cleanup(func() {
		c.Close()
		if n := c.Connections(); n != 0 {
			t.Errorf("%d connections are open after Close", n)
		}
	})
	return c
}

// get asks and reads the answer, and describes what came.
func (c client) get(t *testing.T, url string) string {
	t.Helper()
	return c.ask(newRequest(t, within(t), http.MethodGet, url, nil))
}

func newRequest(t *testing.T, ctx context.Context, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func (c client) ask(req *http.Request) string {
	resp, err := c.RoundTrip(req)
	if err != nil {
		return "no answer" + why(err)
	}
	return describe(resp)
}

// describe reads a response and says all that it was.
func describe(resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	text := fmt.Sprintf("%s %s; %s; length %d %v; close %v; body %q", resp.Proto, resp.Status,
		fields(resp.Header), resp.ContentLength, resp.TransferEncoding, resp.Close, body)
	if len(resp.Trailer) > 0 {
		text += "; trailer " + fields(resp.Trailer)
	}
	if err != nil {
		text += "; broken" + why(err)
	}
	return text
}

// why is an error as far as both clients must agree on it.
func why(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return ": cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return ": too late"
	}
	return ""
}

func fields(h http.Header) string {
	var lines []string
	for name, values := range h {
		lines = append(lines, fmt.Sprintf("%s=%q", name, values))
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// eventually polls a condition that nothing tells.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("%s did not come", what)
		}
	}
}
