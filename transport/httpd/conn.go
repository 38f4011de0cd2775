package httpd

import (
	"context"
	"net"
	"sync"
	"time"
)

// listener makes connections of the kernel's ours.
type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(nc), nil
}

// conn is the connection of a client. A request has a dozen deadlines, set by
// net/http and by its handler, most of which are replaced before anybody has
// waited under them. Here one takes effect when somebody reads or writes.
type conn struct {
	net.Conn
	reading, writing deadline
	leaving          leaving
	bundle           []byte // what is to leave together (see together); nil while everything leaves at once
}

func newConn(nc net.Conn) *conn {
	c := &conn{Conn: nc}
	c.reading.set, c.writing.set = nc.SetReadDeadline, nc.SetWriteDeadline
	return c
}

// connKey finds the *conn in the context of a request.
type connKey struct{}

// withConn is http.Server.ConnContext. With TLS, what is written to a conn is not
// what a handler writes.
func withConn(ctx context.Context, nc net.Conn) context.Context {
	if c, ok := nc.(*conn); ok {
		return context.WithValue(ctx, connKey{}, c)
	}
	return ctx
}

// SetDeadline implements net.Conn, as do those that follow.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.reading.become(t); err != nil {
		return err
	}
	return c.writing.become(t)
}

// SetReadDeadline is also for reads that wait already.
func (c *conn) SetReadDeadline(t time.Time) error { return c.reading.become(t) }

// SetWriteDeadline is also for writes that wait already.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.writing.become(t) }

func (c *conn) Read(p []byte) (int, error) {
	c.reading.begin()
	n, err := c.Conn.Read(p)
	c.reading.end()
	c.leaving.after(err)
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	if c.bundle != nil {
		return c.add(p)
	}
	c.writing.begin()
	n, err := c.Conn.Write(p)
	c.writing.end()
	c.leaving.after(err)
	return n, err
}

// CloseWrite lets net/http say that nothing follows, and read on for a moment.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// deadline is when to give up reading, or writing.
type deadline struct {
	set func(time.Time) error // of the network

	mu      sync.Mutex
	wanted  time.Time
	there   time.Time // what the network was told
	waiting int       // reads, or writes
}

// become changes it, at once where somebody waits. An error of the network may
// come with the next read or write.
func (d *deadline) become(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.waiting == 0 {
		return nil
	}
	return d.tell()
}

// begin comes before each read or write, and end after it.
func (d *deadline) begin() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting++
	_ = d.tell() // a connection that is closed says so when it is used
}

func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting--
}

func (d *deadline) tell() error {
	if d.wanted.Equal(d.there) {
		return nil
	}
	err := d.set(d.wanted)
	if err == nil {
		d.there = d.wanted
	}
	return err
}
