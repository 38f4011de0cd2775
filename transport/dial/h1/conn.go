package h1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	readBuffer = 4 << 10
	keptHead   = 8 << 10 // of a larger one the memory is given back
)

// conn is a network connection. One exchange at a time uses it, on the
// goroutine of whoever wants the answer; kill may be called from anywhere.
type conn struct {
	t    *Transport
	addr string
	nc   net.Conn
	raw  syscall.RawConn // nil when nc has none: then nothing is known before it is tried
	dead atomic.Bool

	in   *bufio.Reader
	head []byte // scratch

	used      bool // an exchange has begun on it
	idleSince time.Time

	killNow func() // kill; made once, like those below
	poke    func(fd uintptr) bool
	push    func(fd uintptr) bool
	probe   [1]byte
	still   bool   // what poke found
	pending []byte // what push is to write
	pushed  int
	pushErr error
}

func newConn(t *Transport, nc net.Conn, addr string) *conn {
	c := &conn{t: t, addr: addr, nc: nc, in: bufio.NewReaderSize(nc, readBuffer)}
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn() // a connection that was closed at once: the first write says so
	}
	c.killNow, c.poke, c.push = c.kill, c.pokeFD, c.pushFD
	return c
}

// kill closes the connection. Whoever reads or writes on it is told at once.
func (c *conn) kill() {
	if c.dead.Swap(true) {
		return
	}
	c.t.disown(c)
	_ = c.nc.Close() // nobody uses it any more
}

// rest gives back the memory that an idle connection need not have.
func (c *conn) rest() {
	if cap(c.head) > keptHead {
		c.head = nil
	}
	c.pending = nil
}

// quiet tells whether an idle connection is open and silent. It does not wait.
func (c *conn) quiet() bool {
	if c.dead.Load() || time.Since(c.idleSince) >= c.t.options.IdleTimeout {
		return false
	}
	if c.raw == nil {
		return true
	}
	c.still = false
	return c.raw.Read(c.poke) == nil && c.still
}

// tryWrite writes what the kernel takes without waiting for the server.
func (c *conn) tryWrite(p []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	c.pending, c.pushed, c.pushErr = p, 0, nil
	err := c.raw.Write(c.push)
	c.pending = nil
	if c.pushErr != nil {
		err = &net.OpError{Op: "write", Net: "tcp", Addr: c.nc.RemoteAddr(), Err: c.pushErr}
	}
	return c.pushed, err
}

var errTooLarge = errors.New("response headers exceeded the limit")

// lines reads lines up to the empty one that ends them, with that, into c.head.
// It returns how many came before it. A head begins with a status line, and what
// begins otherwise is refused at once: it may go on without an empty line. Lines
// of a head may end with LF alone (RFC 9112, 2.2), those of chunks may not. The
// error is io.EOF when the connection ended before the first byte.
func (c *conn) lines(limit int, isHead bool) (n int, err error) {
	c.head = c.head[:0]
	for begun := 0; ; {
		part, err := c.in.ReadSlice('\n')
		c.head = append(c.head, part...)
		if isHead && n == 0 && !(bytes.HasPrefix(c.head, versionPrefix) || err != nil && bytes.HasPrefix(versionPrefix, c.head)) {
			return 0, malformed("it begins with %s", quote(string(c.head)))
		}
		switch {
		case len(c.head) > limit:
			return n, errTooLarge
		case err == bufio.ErrBufferFull: //nolint:errorlint // as documented
			continue
		case err == io.EOF && len(c.head) > 0:
			return n, io.ErrUnexpectedEOF
		case err != nil:
			return n, err
		}
		line := c.head[begun:]
		if !isHead && !bytes.HasSuffix(line, lineEnd) {
			return n, malformed("a line after the last chunk that ends with LF alone: %s", quote(string(line)))
		}
		if len(line) == 1 || len(line) == 2 && line[0] == '\r' {
			return n, nil
		}
		begun = len(c.head)
		n++
	}
}

var (
	versionPrefix = []byte("HTTP/1.")
	lineEnd       = []byte("\r\n")
)
