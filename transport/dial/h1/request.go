package h1

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// A body up to inlineBody leaves with the head, in one system call.
const inlineBody = 64 << 10

// outgoing is a request as bytes: its head and, when that is in memory and
// small, its body. What is left is read from body while it is sent.
type outgoing struct {
	bytes   []byte
	body    io.ReadCloser // nil when bytes is everything
	length  int64         // of body; -1 when it is sent in chunks
	closing bool          // we ask the server to close the connection
	lent    bool          // a writer has it, and whoever stops that
	closed  atomic.Bool
}

var outgoings = sync.Pool{New: func() any { return new(outgoing) }}

// newOutgoing checks a request, and writes it as far as it is in memory.
func newOutgoing(req *http.Request) (*outgoing, error) {
	o := outgoings.Get().(*outgoing)
	o.bytes, o.body, o.length, o.closing = o.bytes[:0], nil, 0, false
	o.closed.Store(false)
	if err := o.write(req); err != nil {
		o.release() // the caller closes the body
		return nil, err
	}
	return o, nil
}

// release gives the memory back for another request.
func (o *outgoing) release() {
	if !o.lent && cap(o.bytes) <= 2*inlineBody {
		o.body = nil
		outgoings.Put(o)
	}
}

// whole tells whether all of the request is in bytes.
func (o *outgoing) whole() bool { return o.body == nil }

// closeBody closes what is left of the body; any number of times, by anyone.
func (o *outgoing) closeBody() {
	if o.body != nil && !o.closed.Swap(true) {
		_ = o.body.Close() // nobody reads it any more
	}
}

func (o *outgoing) write(req *http.Request) error {
	if len(req.Trailer) > 0 {
		return errors.New("this HTTP client sends no trailers")
	}
	length, body := req.ContentLength, req.Body
	switch {
	case body == nil || body == http.NoBody:
		length, body = 0, nil
	case length == 0:
		length = -1 // as http.Request says
	}
	if err := o.head(req, length); err != nil {
		return err
	}
	if body == nil {
		return nil
	}
	if length < 0 || length > inlineBody || req.GetBody == nil {
		o.body, o.length = body, length
		return nil
	}
	begin := len(o.bytes)
	o.bytes = append(o.bytes, make([]byte, length)...)
	n, err := io.ReadFull(body, o.bytes[begin:])
	if err == nil || err == io.ErrUnexpectedEOF || err == io.EOF { //nolint:errorlint // as documented
		err = exactly(body, int64(n), length)
	}
	if err != nil {
		return err
	}
	_ = body.Close() // it has been read
	return nil
}

// exactly makes sure that a body of which n bytes were read ends there, and
// that this is its length.
func exactly(body io.Reader, n, length int64) error {
	if n < length {
		return tooShort(n, length)
	}
	var more [1]byte
	if n, err := body.Read(more[:]); n > 0 || err != nil && err != io.EOF {
		return tooLong(length)
	}
	return nil
}

func tooShort(n, length int64) error {
	return fmt.Errorf("the body of the request ends after %d of the %d bytes that it says", n, length)
}

func tooLong(length int64) error {
	return fmt.Errorf("the body of the request is longer than the %d bytes that it says", length)
}

// head writes the request line and the fields (RFC 9112, 3 and 5). Nothing in
// them can begin another line.
func (o *outgoing) head(req *http.Request, length int64) error {
	u := req.URL
	if u == nil || !Serves(u) {
		return errors.New("this HTTP client serves URLs http://host only")
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	target := u.RequestURI()
	host := req.Host
	if host == "" {
		host = u.Host
	}
	switch {
	case !allIn(method, &isToken):
		return fmt.Errorf("%q is not an HTTP method", method)
	case method == http.MethodConnect:
		return errors.New("this HTTP client opens no tunnels")
	case !allIn(target, &isTarget):
		return fmt.Errorf("the URL has an invalid path or query: %q", target)
	case host == "" || !allIn(host, &isHost):
		return fmt.Errorf("%q is not a host", host)
	}
	b := o.bytes
	b = append(append(append(append(b, method...), ' '), target...), " HTTP/1.1\r\nHost: "...)
	b = append(append(b, withoutZone(host)...), "\r\n"...)
	if agent, ok := req.Header["User-Agent"]; !ok {
		b = append(b, "User-Agent: Go-http-client/1.1\r\n"...)
	} else if len(agent) > 0 && agent[0] != "" {
		var err error
		if b, err = appendField(b, "User-Agent", agent[0]); err != nil {
			return err
		}
	}
	switch {
	case length > 0:
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), length, 10), "\r\n"...)
	case length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch:
		b = append(b, "Content-Length: 0\r\n"...)
	}
	o.closing = hasToken(req.Header["Connection"], "close")
	if req.Close && !o.closing {
		o.closing = true
		b = append(b, "Connection: close\r\n"...)
	}
	for name, values := range req.Header {
		if name == "User-Agent" || isFraming(name) {
			continue
		}
		if name == "" || !allIn(name, &isToken) {
			return fmt.Errorf("%q is not the name of a header", name)
		}
		for _, value := range values {
			var err error
			if b, err = appendField(b, name, value); err != nil {
				return err
			}
		}
	}
	b = append(b, "\r\n"...)
	o.bytes = b
	return nil
}

// isFraming tells which fields are not the user's to set, however they are
// written: a map of headers may hold any name.
func isFraming(name string) bool {
	switch len(name) {
	case len("host"):
		return isSame(name, "host")
	case len("trailer"):
		return isSame(name, "trailer")
	case len("content-length"):
		return isSame(name, "content-length")
	case len("transfer-encoding"):
		return isSame(name, "transfer-encoding")
	}
	return false
}

// appendField appends a field line. The error does not say the value, which may
// be a secret.
func appendField(b []byte, name, value string) ([]byte, error) {
	value = trimBlanks(value)
	if !allIn(value, &isValue) {
		return nil, fmt.Errorf("the value of the header %s holds a character that is not allowed there, such as a line break", name)
	}
	return append(append(append(append(b, name...), ": "...), value...), "\r\n"...), nil
}

// writing is the part of a request that did not leave at once.
type writing struct {
	over    chan struct{}
	err     error // set before over is closed: why it was not written
	bodyErr error // so is this: what its body said
}

// send writes the rest of the request, of which n bytes have left, beside the
// reader of the answer: a server may answer first, or never read.
func (o *outgoing) send(c *conn, n int, trace *httptrace.ClientTrace) *writing {
	w := &writing{over: make(chan struct{})}
	o.lent = true
	go func() {
		_, w.err = c.nc.Write(o.bytes[n:])
		if w.err == nil && o.body != nil {
			w.err, w.bodyErr = o.copyBody(c.nc)
		}
		o.closeBody()
		close(w.over)
		if w.bodyErr != nil {
			c.kill() // the server would wait for the rest
		}
		wroteRequest(trace, errors.Join(w.err, w.bodyErr))
	}()
	return w
}

func (o *outgoing) copyBody(nc net.Conn) (err, bodyErr error) {
	to := &wire{nc: nc, length: o.length, left: o.length}
	if o.length < 0 {
		chunks := httputil.NewChunkedWriter(to)
		if _, err = io.Copy(chunks, o.body); err == nil && to.err == nil {
			_ = chunks.Close()                // to keeps the error
			_, _ = io.WriteString(to, "\r\n") // so here
		}
	} else if _, err = io.Copy(to, o.body); err == nil && to.left > 0 {
		err = tooShort(o.length-to.left, o.length)
	}
	if to.err != nil {
		return to.err, nil
	}
	return nil, err
}

// wire takes no more than the length of a body, and remembers that the network
// failed, and not the body.
type wire struct {
	nc     net.Conn
	length int64 // negative when there is none
	left   int64 // of it
	err    error
}

func (w *wire) Write(p []byte) (n int, err error) {
	fits := p
	if w.length >= 0 {
		fits = p[:min(int64(len(p)), w.left)]
		w.left -= int64(len(fits))
	}
	if n, w.err = w.nc.Write(fits); w.err == nil && n < len(p) {
		return n, tooLong(w.length)
	}
	return n, w.err
}

// address is where a connection for u goes.
func address(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "80")
}

// withoutZone removes the zone of an IPv6 address, which is of this machine only.
func withoutZone(host string) string {
	if !strings.HasPrefix(host, "[") {
		return host
	}
	end := strings.LastIndexByte(host, ']')
	zone := strings.IndexByte(host, '%')
	if end < 0 || zone < 0 || zone > end {
		return host
	}
	return host[:zone] + host[end:]
}
