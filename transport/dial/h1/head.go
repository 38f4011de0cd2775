package h1

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"
)

// maxInterim bounds the interim answers (1xx) to one request. Some servers send
// one every few seconds while they work.
const maxInterim = 1024

// malformed is the error of an answer that is not HTTP, or not safely so.
func malformed(format string, args ...any) error {
	return errors.New("malformed HTTP response: " + fmt.Sprintf(format, args...))
}

// readHead reads the head of the answer, past interim ones, and decides where
// its body ends.
func (a *answer) readHead(trace *httptrace.ClientTrace) error {
	if trace != nil && trace.GotFirstResponseByte != nil {
		if _, err := a.c.in.Peek(1); err == nil {
			trace.GotFirstResponseByte()
		}
	}
	left := a.c.t.options.MaxHeaderBytes
	for range maxInterim + 1 {
		n, err := a.c.lines(left, true)
		if err != nil {
			return err
		}
		left -= len(a.c.head)
		if err := parseHead(&a.resp, string(a.c.head), n); err != nil {
			return err
		}
		switch {
		case a.resp.StatusCode == http.StatusSwitchingProtocols:
			return malformed("it switches to another protocol, which nobody asked for (101)")
		case a.resp.StatusCode >= 200:
			return a.frame()
		}
		if _, _, err := a.framing(); err != nil {
			return err
		}
	}
	return malformed("more than %d interim answers (1xx)", maxInterim)
}

// parseHead reads a status line, which begins with versionPrefix, and field
// lines (RFC 9112, 4 and 5): n lines and the empty one.
func parseHead(resp *http.Response, head string, n int) error {
	line, rest := cutLine(head)
	proto, status, ok := strings.Cut(line, " ")
	if !ok || len(proto) != len("HTTP/1.1") || proto[7] < '0' || proto[7] > '9' {
		return malformed("it begins with %s", quote(line))
	}
	if len(status) < 3 || len(status) > 3 && status[3] != ' ' || !allIn(status, &isValue) {
		return malformed("its status is %s", quote(status))
	}
	code := 0
	for i := range 3 {
		if status[i] < '0' || status[i] > '9' {
			return malformed("its status is %s", quote(status))
		}
		code = code*10 + int(status[i]-'0')
	}
	if code < 100 {
		return malformed("its status is %s", quote(status))
	}
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = proto, 1, int(proto[7]-'0')
	resp.Status, resp.StatusCode = status, code
	h, err := parseFields(rest, n-1)
	resp.Header = h
	return err
}

// parseFields reads n field lines and the empty one. Values are parts of s.
func parseFields(s string, n int) (http.Header, error) {
	h := make(http.Header, min(n, 64))
	values := make([]string, n)
	for {
		var line string
		if line, s = cutLine(s); line == "" {
			return h, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || !allIn(name, &isToken) {
			return nil, malformed("the header line %s", quote(line))
		}
		value = trimBlanks(value)
		for s != "" && (s[0] == ' ' || s[0] == '\t') { // a line that was folded (RFC 9112, 5.2)
			line, s = cutLine(s)
			value = strings.TrimLeft(value+" "+trimBlanks(line), " \t")
		}
		if !allIn(value, &isValue) {
			return nil, malformed("the value of its header %s", quote(name))
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if had := h[name]; had != nil {
			h[name] = append(had, value)
			continue
		}
		values[0] = value
		h[name], values = values[:1:1], values[1:]
	}
}

// cutLine cuts the first line off, without its end.
func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// quote quotes the beginning of what a server said.
func quote(s string) string { return strconv.Quote(s[:min(len(s), 80)]) }

// framing checks what a head says of the length of the body (RFC 9112, 6.1 to
// 6.3), and takes the coding out of it. length is -1 when it says none.
func (a *answer) framing() (length int64, chunked bool, err error) {
	h := a.resp.Header
	if length, err = contentLength(h); err != nil {
		return 0, false, err
	}
	codings, chunked := h["Transfer-Encoding"]
	switch {
	case !chunked:
	case a.resp.ProtoMinor == 0:
		err = malformed("Transfer-Encoding in an answer of HTTP/1.0")
	case len(codings) != 1 || !isSame(codings[0], "chunked"):
		err = malformed("the transfer encoding %s, which nobody asked for", quote(strings.Join(codings, ", ")))
	case length >= 0:
		err = malformed("both Transfer-Encoding and Content-Length")
	}
	delete(h, "Transfer-Encoding")
	return length, chunked, err
}

// frame decides how the body ends, and whether the connection may carry
// another exchange (RFC 9112, 9.3).
func (a *answer) frame() error {
	r := &a.resp
	length, chunked, err := a.framing()
	if err != nil {
		return err
	}
	r.Close = hasToken(r.Header["Connection"], "close")
	switch {
	case r.ProtoMinor > 0 && r.Close:
		delete(r.Header, "Connection")
	case r.ProtoMinor == 0 && !r.Close:
		r.Close = !hasToken(r.Header["Connection"], "keep-alive")
	}
	if chunked {
		r.TransferEncoding = []string{"chunked"}
		if err := a.announceTrailers(); err != nil {
			return err
		}
	}
	switch status := r.StatusCode; {
	case r.Request.Method == http.MethodHead:
		r.ContentLength = length
		a.empty()
	case status == http.StatusNoContent || status == http.StatusNotModified:
		// Some servers send a body here nevertheless: better not to meet it.
		if status == http.StatusNoContent && (chunked || length > 0) {
			r.Close = true
		}
		a.empty()
	case chunked:
		r.ContentLength, r.Body = -1, a
		a.chunks = httputil.NewChunkedReader(a.c.in)
	case length == 0:
		a.empty()
	case length > 0:
		r.ContentLength, r.Body, a.left = length, a, length
	default:
		r.ContentLength, r.Body, a.left, r.Close = -1, a, -1, true
	}
	return nil
}

// contentLength is -1 when the answer does not say its length.
func contentLength(h http.Header) (int64, error) {
	values := h["Content-Length"]
	if len(values) == 0 {
		return -1, nil
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return 0, malformed("several different lengths: Content-Length %s", quote(strings.Join(values, ", ")))
		}
	}
	h["Content-Length"] = values[:1]
	length, err := strconv.ParseUint(values[0], 10, 63)
	if err != nil {
		return 0, malformed("Content-Length %s", quote(values[0]))
	}
	return int64(length), nil
}

// announceTrailers prepares resp.Trailer as http.Response says.
func (a *answer) announceTrailers() error {
	lists, ok := a.resp.Header["Trailer"]
	if !ok {
		return nil
	}
	delete(a.resp.Header, "Trailer")
	for _, list := range lists {
		for name := range strings.SplitSeq(list, ",") {
			switch name = http.CanonicalHeaderKey(trimBlanks(name)); name {
			case "":
				continue
			case "Transfer-Encoding", "Trailer", "Content-Length":
				return malformed("it announces %s as a trailer", name)
			}
			if a.resp.Trailer == nil {
				a.resp.Trailer = http.Header{}
			}
			a.resp.Trailer[name] = nil
		}
	}
	return nil
}
