package httpd

import "sync"

// bundleBytes is how much leaves together at most.
const bundleBytes = 64 << 10

var bundles = sync.Pool{New: func() any { return new([bundleBytes]byte) }}

// together lets leave in one piece what write writes, and flushes. net/http has a
// buffer of 4 KiB: a longer answer would leave in two pieces, for each of which
// its client may be woken. Nobody else may write meanwhile.
func (c *conn) together(write func() error) (err error) {
	buf := bundles.Get().(*[bundleBytes]byte)
	c.bundle = buf[:0]
	defer func() { // also when there is a bug
		last := c.bundle
		c.bundle = nil
		if lost := c.send(last); err == nil {
			err = lost
		}
		bundles.Put(buf)
	}()
	return write()
}

// add is Write for a piece of the bundle, which leaves when it is full.
func (c *conn) add(p []byte) (int, error) {
	for n := 0; ; {
		room := cap(c.bundle) - len(c.bundle)
		if len(p)-n <= room {
			c.bundle = append(c.bundle, p[n:]...)
			return len(p), nil
		}
		c.bundle = append(c.bundle, p[n:n+room]...)
		n += room
		if err := c.send(c.bundle); err != nil {
			return n, err
		}
		c.bundle = c.bundle[:0]
	}
}

// send sends what net/http takes for sent: if that fails nothing may follow it.
func (c *conn) send(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	c.writing.begin()
	defer c.writing.end()
	_, err := c.Conn.Write(p)
	if err != nil {
		_ = c.Close() // for whatever net/http would do next
	}
	return err
}
