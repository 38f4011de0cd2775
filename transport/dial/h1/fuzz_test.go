package h1

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// deaf is a connection on which everything has been said already.
type deaf struct {
	net.Conn
	said io.Reader
}

func (d *deaf) Read(p []byte) (int, error)  { return d.said.Read(p) }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) Close() error                { return nil }

// FuzzResponse compares what this client makes of an answer with what net/http
// does. It may refuse more (see the package's comment), and never take what
// net/http refuses; what both take is the same.
func FuzzResponse(f *testing.F) {
	for _, text := range []string{
		ok,
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok,
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
		"HTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n2;x\r\nok\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\nA: b\n c\nContent-Length: 2\nContent-Length: 2\n\nok",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length : 2\r\n\r\nok",
		"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(text), false)
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, wire []byte, head bool) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		mine, mineErr := readMine(t, wire, method)
		theirs, theirsErr := readTheirs(wire, method)
		if mineErr != nil {
			return
		}
		if theirsErr != nil {
			t.Fatalf("we take what net/http refuses: %v\n%s", theirsErr, describe(mine))
		}
		if mine.StatusCode == http.StatusNoContent {
			mine.Close = theirs.Close // a body is announced where there is none: we close, to be sure
		}
		a, b := describe(mine), describe(theirs)
		if whole, broken := strings.CutSuffix(a, "; broken"); broken && strings.HasPrefix(b, whole) {
			return // refused after its last chunk: a line that ends with LF alone, which net/http takes for a trailer
		}
		if a != b {
			t.Fatalf("we make of it\n%s\nand net/http\n%s", a, b)
		}
	})
}

const fuzzHead = 16 << 10

func readMine(t *testing.T, wire []byte, method string) (*http.Response, error) {
	c := New(Options{MaxHeaderBytes: fuzzHead, Dial: func(context.Context, string, string) (net.Conn, error) {
		return &deaf{said: bytes.NewReader(wire)}, nil
	}})
	t.Cleanup(c.Close)
	req, err := http.NewRequestWithContext(context.Background(), method, "http://srv/", nil)
	if err != nil {
		return nil, err
	}
	return c.RoundTrip(req)
}

func readTheirs(wire []byte, method string) (*http.Response, error) {
	in := bufio.NewReaderSize(bytes.NewReader(wire), fuzzHead)
	for {
		resp, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			if err == nil && resp.Header.Get("Pragma") == "no-cache" && resp.Header.Get("Cache-Control") == "no-cache" {
				unfix(resp.Header, wire)
			}
			return resp, err
		}
	}
}

// unfix takes back what net/http adds for caches of HTTP/1.0.
func unfix(h http.Header, wire []byte) {
	if !bytes.Contains(bytes.ToLower(wire), []byte("cache-control")) {
		delete(h, "Cache-Control")
	}
}

// FuzzRequest makes sure that what is written is one request, and the one that
// was asked for, whatever stands in it; or nothing is.
func FuzzRequest(f *testing.F) {
	f.Add("POST", "/mcp", "x=1", "srv:81", "X-A", "b", []byte("{}"))
	f.Add("", "", "", "[fe80::1%eth0]", "User-Agent", "", []byte(nil))
	f.Add("GET", "//a b/ä%2f", "q", "srv", "Connection", "close", []byte(nil))
	f.Add("PUT", "*", "\r\n", "srv\r\nA: b", "A\r\nB", "c\nd", []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add("POST", "/", "", "srv", "transfer-ENCODING", "chunked", []byte("0\r\n\r\n"))
	f.Add("POST", "/", "", "srv", "host", "other", []byte("x"))
	f.Add("OPTIONS", "*", "", "srv", "Transfer-Encoding", "chunked", []byte("0\r\n\r\n"))
	f.Fuzz(func(t *testing.T, method, path, query, host, name, value string, body []byte) {
		req := &http.Request{
			Method: method, URL: &url.URL{Scheme: "http", Host: "srv", Path: path, RawQuery: query}, Host: host,
			Header: http.Header{name: {value}}, ContentLength: int64(len(body)), Body: http.NoBody,
		}
		if len(body) > 0 {
			req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
			req.Body, _ = req.GetBody()
		}
		o, err := newOutgoing(req)
		if err != nil {
			return
		}
		defer o.release()
		in := bufio.NewReader(bytes.NewReader(o.bytes))
		got, err := http.ReadRequest(in)
		if err != nil {
			if _, bad := url.ParseRequestURI(req.URL.RequestURI()); bad != nil {
				return // it cannot be said in a request, and is no danger
			}
			t.Fatalf("it is no request: %v\n%q", err, o.bytes)
		}
		text, err := io.ReadAll(got.Body)
		if err != nil || !bytes.Equal(text, body) {
			t.Fatalf("the body is %q, %v, want %q\n%q", text, err, body, o.bytes)
		}
		if rest, _ := io.ReadAll(in); len(rest) > 0 {
			t.Fatalf("and then %q\n%q", rest, o.bytes)
		}
		if method == "" {
			method = http.MethodGet
		}
		if host == "" {
			host = "srv"
		}
		if got.Method != method || got.RequestURI != req.URL.RequestURI() || got.Host != withoutZone(host) {
			t.Fatalf("another request: %s %s %s\n%q", got.Method, got.RequestURI, got.Host, o.bytes)
		}
		for other := range got.Header {
			switch other {
			case "User-Agent", "Content-Length", http.CanonicalHeaderKey(name):
			default:
				t.Fatalf("the header %s came from somewhere\n%q", other, o.bytes)
			}
		}
	})
}
