package h1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http/httptrace"
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
	raw  syscall.RawConn // nil when nc is no socket: then nothing is known before it is tried
	dead atomic.Bool

	in   *bufio.Reader
	head []byte // scratch

	used      bool     // an exchange has begun on it
	told      listener // of the exchange that is about to begin; may be nil
	idleSince time.Time

	killNow func() // kill; made once, like those below
	visit   func(fd uintptr) bool
	push    func(fd uintptr) bool
	poke    func(fd uintptr) bool

	// What these are to do, and did.
	step    step
	probe   [1]byte
	still   bool // nothing has come unasked
	trace   *httptrace.ClientTrace
	pending []byte // to be written
	pushed  int
	pushErr error
	into    []byte // what is read
	got     int
	gotErr  error
}

// step of a visit.
type step uint8

const (
	none step = iota
	looking
	waiting
	done
)

func newConn(t *Transport, nc net.Conn, addr string) *conn {
	c := &conn{t: t, addr: addr, nc: nc}
	c.in = bufio.NewReaderSize(c, readBuffer)
	switch nc.(type) { // others that have a descriptor may do more than read from it and write to it
	case *net.TCPConn, *net.UnixConn:
		c.raw, _ = nc.(syscall.Conn).SyscallConn() // fails only for nil
	}
	c.killNow, c.visit, c.push, c.poke = c.kill, c.visitFD, c.pushFD, c.pokeFD
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
	c.told = nil
	if cap(c.head) > keptHead {
		c.head = nil
	}
}

// fresh tells whether an idle connection may still be used as far as its age
// says.
func (c *conn) fresh() bool {
	return !c.dead.Load() && time.Since(c.idleSince) < c.t.options.IdleTimeout
}

// ask begins an exchange: it writes what the kernel takes of a request without
// waiting for the server, and calls GotConn before. answered tells whether all
// of it was written (and said so) and the beginning of the answer, or the end of
// the connection, was waited for, which is err then.
func (c *conn) ask(p []byte, whole bool, trace *httptrace.ClientTrace) (n int, answered bool, err error) {
	c.pending, c.pushed, c.pushErr = p, 0, nil
	defer func() { c.pending, c.trace, c.step = nil, nil, none }()
	if c.raw != nil && c.used {
		if oneVisit && whole { // else there is more to write before an answer comes
			c.trace, c.step = trace, looking
			_, err = c.in.Peek(1) // which visits
			switch {
			case c.step != looking:
				return c.pushed, true, err
			case !c.still:
				return 0, false, errUntouched
			}
			return c.pushed, false, c.pushErr
		}
		if c.raw.Read(c.poke) != nil || !c.still {
			return 0, false, errUntouched
		}
	}
	c.gotConn(trace)
	c.used = true
	if c.raw == nil {
		return 0, false, nil
	}
	if err = c.raw.Write(c.push); err == nil {
		err = c.pushErr
	}
	return c.pushed, false, err
}

func (c *conn) gotConn(trace *httptrace.ClientTrace) {
	if c.told != nil {
		c.told.GotConn()
		c.told = nil
	}
	if trace == nil || trace.GotConn == nil {
		return
	}
	info := httptrace.GotConnInfo{Conn: c.nc, Reused: c.used, WasIdle: c.used}
	if c.used {
		info.IdleTime = time.Since(c.idleSince)
	}
	trace.GotConn(info)
}

func wroteRequest(trace *httptrace.ClientTrace, err error) {
	if trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
}

// Read implements io.Reader for c.in.
func (c *conn) Read(p []byte) (int, error) {
	if c.step == none {
		return c.nc.Read(p)
	}
	c.still, c.into, c.got, c.gotErr = false, p, 0, nil
	err := c.raw.Read(c.visit)
	c.into = nil
	if err != nil {
		return 0, err
	}
	if c.step == looking { // it came to nothing
		return 0, io.ErrNoProgress
	}
	return c.got, c.gotErr
}

func (c *conn) broken(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: c.nc.RemoteAddr(), Err: err}
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
