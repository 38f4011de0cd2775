package h1

import (
	"context"
	"io"
	"maps"
	"net/http"
	"sync/atomic"
	"time"
)

// answer is a response and its body, which has the connection until it is read
// to its end or closed.
type answer struct {
	resp http.Response
	c    *conn
	ctx  context.Context

	closing  bool        // the server was asked to close the connection
	unbind   func() bool // takes the end of ctx off the connection; nil when ctx has none
	rest     *writing    // nil when all of the request left at once
	out      *outgoing   // of rest
	writeErr error       // that the request could not be written does not prevent an answer

	chunks io.Reader // nil when the body has no chunks
	left   int64     // otherwise how much is to come; -1 when the connection's end ends it

	over atomic.Bool // the connection has gone from here
	err  error       // of further reads; nil when it was closed
}

// empty ends an exchange whose answer has no body.
func (a *answer) empty() {
	a.resp.Body = http.NoBody
	a.over.Store(true)
	a.letGo()
}

// Read implements io.Reader. The end comes with the last bytes where it is known.
func (a *answer) Read(p []byte) (n int, err error) {
	switch {
	case a.over.Load():
		if a.err == nil {
			return 0, http.ErrBodyReadAfterClose
		}
		return 0, a.err
	case len(p) == 0:
		return 0, nil
	case a.chunks != nil:
		if n, err = a.chunks.Read(p); err == io.EOF { //nolint:errorlint // as documented
			if n > 0 && !a.atEnd() {
				return n, nil // trailers may come late, if at all
			}
			err = a.trailers()
		}
	case a.left < 0:
		n, err = a.c.in.Read(p)
	default:
		n, err = a.c.in.Read(p[:min(int64(len(p)), a.left)])
		a.left -= int64(n)
		switch {
		case a.left == 0:
			err = io.EOF
		case err == io.EOF: //nolint:errorlint // as documented
			err = io.ErrUnexpectedEOF
		}
	}
	if err != nil {
		err = a.finish(err)
	}
	return n, err
}

// atEnd tells whether the empty line that ends a body is there.
func (a *answer) atEnd() bool {
	if a.c.in.Buffered() < 2 {
		return false
	}
	line, _ := a.c.in.Peek(2) // they are there
	return string(line) == "\r\n"
}

// trailers reads what follows the last chunk (RFC 9112, 7.1.2).
func (a *answer) trailers() error {
	n, err := a.c.lines(a.c.t.options.MaxHeaderBytes, false)
	switch {
	case err == io.EOF: //nolint:errorlint // as documented
		return io.ErrUnexpectedEOF
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	fields, err := parseFields(string(a.c.head), n)
	if err != nil {
		return err
	}
	if a.resp.Trailer == nil {
		a.resp.Trailer = fields
	} else {
		maps.Copy(a.resp.Trailer, fields)
	}
	return io.EOF
}

// finish ends the body with err, io.EOF being a good end.
func (a *answer) finish(err error) error {
	if !a.over.CompareAndSwap(false, true) {
		return http.ErrBodyReadAfterClose // closed meanwhile
	}
	if err == io.EOF { //nolint:errorlint // it comes from Read
		a.letGo()
		a.err = err
	} else {
		a.err = a.fail(err)
	}
	return a.err
}

// Close implements io.Closer. A body that was not read to its end costs the
// connection: that is how a server hears that nobody wants the rest.
func (a *answer) Close() error {
	if a.over.CompareAndSwap(false, true) {
		a.abandon()
	}
	return nil
}

// letGo ends an exchange in good order: the connection goes back if it can
// carry another.
func (a *answer) letGo() {
	c := a.c
	unbound := a.unbind == nil || a.unbind() // else somebody is closing it
	switch {
	case !unbound, a.resp.Close, a.closing, a.writeErr != nil, c.in.Buffered() > 0, !a.written():
		c.kill()
		if a.rest != nil {
			a.out.closeBody()
		}
	default:
		c.t.keep(c)
	}
}

// written tells whether the server was sent the whole request.
func (a *answer) written() bool {
	if a.rest == nil {
		return true
	}
	late := time.NewTimer(a.c.t.patience)
	defer late.Stop()
	select {
	case <-a.rest.over:
		return a.rest.err == nil && a.rest.bodyErr == nil
	case <-late.C:
		return false
	}
}

// abandon ends an exchange, and the connection with it.
func (a *answer) abandon() {
	if a.unbind != nil {
		a.unbind()
	}
	a.c.kill()
	if a.rest != nil {
		a.out.closeBody()
	}
}

// fail abandons the exchange because of err, and returns the reason behind it.
func (a *answer) fail(err error) error {
	a.abandon()
	if a.ctx.Err() != nil {
		return context.Cause(a.ctx)
	}
	if a.c.t.life.Err() != nil {
		return ErrClosed
	}
	if a.rest != nil {
		select {
		case <-a.rest.over:
			if a.rest.bodyErr != nil {
				return a.rest.bodyErr
			}
		default:
		}
	}
	if a.writeErr != nil {
		return a.writeErr
	}
	return err
}
