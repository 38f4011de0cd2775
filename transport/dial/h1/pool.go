package h1

import (
	"net"
	"slices"
	"time"
)

// own makes a network connection one of the Transport's.
func (t *Transport) own(nc net.Conn, addr string) (*conn, error) {
	c := newConn(t, nc, addr)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		_ = nc.Close() // nobody will use it
		return nil, ErrClosed
	}
	t.open[c] = struct{}{}
	return c, nil
}

func (t *Transport) disown(c *conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.open, c)
}

// takeIdle returns the connection to addr that was used last, since that is the
// least likely to have been closed; nil when there is none. Whoever takes it
// must still look whether it lives.
func (t *Transport) takeIdle(addr string) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := len(t.idle) - 1; i >= 0; i-- {
		if c := t.idle[i]; c.addr == addr {
			t.idle = slices.Delete(t.idle, i, i+1)
			return c
		}
	}
	return nil
}

// keep takes a connection back whose exchange is over.
func (t *Transport) keep(c *conn) {
	c.rest()
	c.idleSince = time.Now()
	t.mu.Lock()
	if t.open == nil { // closed, and so is c
		t.mu.Unlock()
		return
	}
	t.idle = append(t.idle, c)
	var eldest *conn
	if len(t.idle) > t.options.MaxIdle {
		eldest = t.idle[0]
		t.idle = slices.Delete(t.idle, 0, 1)
	}
	if !t.sweeping {
		t.sweeping = true
		t.sweepIn(t.options.IdleTimeout)
	}
	t.mu.Unlock()
	if eldest != nil {
		eldest.kill()
	}
}

// sweepIn must be called with mu held.
func (t *Transport) sweepIn(d time.Duration) {
	if t.sweeper == nil {
		t.sweeper = time.AfterFunc(d, t.sweep)
		return
	}
	t.sweeper.Reset(d)
}

// sweep closes what has been idle for too long. The idle connections are in the
// order in which they became idle.
func (t *Transport) sweep() {
	t.mu.Lock()
	now, n := time.Now(), 0
	for n < len(t.idle) && now.Sub(t.idle[n].idleSince) >= t.options.IdleTimeout {
		n++
	}
	old := slices.Clone(t.idle[:n])
	t.idle = slices.Delete(t.idle, 0, n)
	if t.sweeping = len(t.idle) > 0; t.sweeping {
		t.sweepIn(t.options.IdleTimeout - now.Sub(t.idle[0].idleSince))
	}
	t.mu.Unlock()
	for _, c := range old {
		c.kill()
	}
}
