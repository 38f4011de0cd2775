package dial

import (
	"context"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial/h1"
)

// httpWire is all that a connection needs of an HTTP client. Another client may
// stand here as long as it keeps the promises of http.RoundTripper, among them
// that a request ends when its context does. It calls GotConn of a context that
// has such a method before it writes.
type httpWire interface {
	http.RoundTripper
	// Close ends every network connection, in use or not.
	Close()
}

// newHTTPWire returns the client for the server at u: for plain http/1.1 one
// without a goroutine per connection, net/http's for everything else.
func newHTTPWire(u *url.URL, policy messages.Policy, limits messages.Limits) httpWire {
	if proxy, err := http.ProxyFromEnvironment(&http.Request{URL: u}); proxy != nil || err != nil || !h1.Serves(u) {
		return newNetWire(u.Scheme, policy, limits)
	}
	return h1.New(h1.Options{
		Dial:           newDialer(policy).DialContext,
		MaxIdle:        policy.MaxConcurrency + idleSpare,
		IdleTimeout:    idlePlain,
		MaxHeaderBytes: limits.HeaderBytes,
	})
}

func newDialer(policy messages.Policy) *net.Dialer {
	return &net.Dialer{
		Timeout: policy.ConnectionTimeout,
		// The only sign of life on a stream that may be silent for hours.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 10 * time.Second, Count: 4},
	}
}

// netWire is net/http's client with network connections of our own, so that
// closing leaves none behind.
type netWire struct {
	*http.Transport
	life context.Context
	stop context.CancelFunc

	mu    sync.Mutex
	conns map[*netConn]struct{} // nil once closed
}

// Idle connections are given up before the other side is likely to do so: a
// request that meets a closing connection has an unknown outcome. Node closes
// after 5 s; what terminates TLS rarely before 60 s.
const (
	idlePlain = 4 * time.Second
	idleTLS   = 55 * time.Second

	// idleSpare connections are kept beside those that calls may use at a time:
	// for streams, notifications and answers of ours.
	idleSpare = 8
)

func newNetWire(scheme string, policy messages.Policy, limits messages.Limits) *netWire {
	w := &netWire{conns: map[*netConn]struct{}{}}
	w.life, w.stop = context.WithCancel(context.Background())
	idle := idlePlain
	if scheme == "https" {
		idle = idleTLS
	}
	dialer := newDialer(policy)
	w.Transport = &http.Transport{
		Proxy: http.ProxyFromEnvironment, // never for loopback addresses
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(w.life, cancel)()
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return w.own(conn)
		},
		TLSHandshakeTimeout:    policy.ConnectionTimeout,
		MaxIdleConnsPerHost:    policy.MaxConcurrency + idleSpare,
		IdleConnTimeout:        idle,
		MaxResponseHeaderBytes: int64(limits.HeaderBytes),
		DisableCompression:     true, // compressed event streams arrive late
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	return w
}

// netConn is a network connection that its wire knows.
type netConn struct {
	net.Conn
	wire *netWire
}

func (c *netConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

func (w *netWire) own(conn net.Conn) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns == nil {
		_ = conn.Close() // nobody will use it
		return nil, net.ErrClosed
	}
	owned := &netConn{Conn: conn, wire: w}
	w.conns[owned] = struct{}{}
	return owned, nil
}

// RoundTrip implements http.RoundTripper.
func (w *netWire) RoundTrip(req *http.Request) (*http.Response, error) {
	if ctx, ok := req.Context().(interface{ GotConn() }); ok {
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			GotConn: func(httptrace.GotConnInfo) { ctx.GotConn() },
		}))
	}
	return w.Transport.RoundTrip(req)
}

func (w *netWire) Close() {
	w.stop()
	w.CloseIdleConnections()
	w.mu.Lock()
	left := w.conns
	w.conns = nil
	w.mu.Unlock()
	for conn := range left {
		_ = conn.Conn.Close() // whoever still uses it was told
	}
}
