package h1

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
)

// tracked is a body of which it is known whether it was closed.
type tracked struct {
	io.Reader
	closed atomic.Bool
}

func (b *tracked) Close() error {
	b.closed.Store(true)
	return nil
}

// Bodies of every kind arrive, are closed, and leave the connection usable.
func TestUpload_ArrivesWholeWhateverTheBodyIs(t *testing.T) {
	for _, size := range []int{1, 100, inlineBody, inlineBody + 1, 1 << 20} {
		text := strings.Repeat("0123456789", size/10+1)[:size]
		for name, change := range map[string]func(req *http.Request){
			"in memory":      func(*http.Request) {},
			"of a length":    func(req *http.Request) { req.GetBody = nil },
			"without length": func(req *http.Request) { req.GetBody, req.ContentLength = nil, -1 },
			"length unknown": func(req *http.Request) { req.GetBody, req.ContentLength = nil, 0 },
		} {
			t.Run(fmt.Sprintf("%s, %d", name, size), func(t *testing.T) {
				both(t, func(t *testing.T, c client) {
					s := serve(t, func(p *peer) {
						for req := p.request(); req != nil; req = p.request() {
							body, _ := io.ReadAll(req.Body)
							p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nSame: %v\r\nLength: %d\r\nContent-Length: 2\r\n\r\nok", string(body) == text, req.ContentLength))
						}
					})
					for range 2 {
						body := &tracked{Reader: strings.NewReader(text)}
						req := newRequest(t, within(t), http.MethodPost, s.url, strings.NewReader(text))
						req.Body = body
						change(req)
						if got, want := c.ask(req), fmt.Sprintf(`Length=["%d"] Same=["true"]`, max(req.ContentLength, -1)); req.ContentLength > 0 && !strings.Contains(got, want) ||
							!strings.Contains(got, `Same=["true"]`) {
							t.Errorf("%s, want %s", got, want)
						}
						eventually(t, "the end of the body", body.closed.Load)
					}
					if n := s.accepted.Load(); c.ours != nil && n != 1 { // net/http has little patience
						t.Errorf("%d connections", n)
					}
				})
			})
		}
	}
}

func TestUpload_WithoutABodySaysSo(t *testing.T) {
	for method, want := range map[string]string{"GET": "", "POST": "0", "PUT": "0", "PATCH": "0", "DELETE": ""} {
		for _, body := range []io.Reader{nil, http.NoBody} {
			both(t, func(t *testing.T, c client) {
				s := serve(t, func(p *peer) {
					if req := p.request(); req.Header.Get("Content-Length") != want {
						t.Errorf("%s: length %q", method, req.Header.Get("Content-Length"))
					}
					p.say(ok)
				})
				if got := c.ask(newRequest(t, within(t), method, s.url, body)); !strings.HasSuffix(got, `body "ok"`) {
					t.Error(got)
				}
			})
		}
	}
}

// A body that is not what the request says is the request's error, and never
// the end of one that looks whole.
func TestUpload_OfAnotherLengthIsNoRequest(t *testing.T) {
	boom := errors.New("boom")
	for name, test := range map[string]struct {
		body   io.Reader
		length int64
		want   string
	}{
		"shorter":              {strings.NewReader("abc"), 4, "ends after 3 of the 4 bytes"},
		"longer":               {strings.NewReader("abcde"), 4, "longer than the 4 bytes"},
		"broken":               {iotest.ErrReader(boom), 4, "boom"},
		"broken in the middle": {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom)), 4, "boom"},
		"broken without end":   {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(boom)), -1, "boom"},
	} {
		for _, inMemory := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, in memory %v", name, inMemory), func(t *testing.T) {
				both(t, func(t *testing.T, c client) {
					served := make(chan bool, 1)
					s := serve(t, func(p *peer) {
						// The longer one looks whole until its end.
						req := p.request()
						served <- req != nil && name != "longer"
						p.gone()
					})
					body := &tracked{Reader: test.body}
					if seeker, is := test.body.(io.Seeker); is {
						_, _ = seeker.Seek(0, io.SeekStart)
					}
					req := newRequest(t, within(t), http.MethodPost, s.url, body)
					req.ContentLength = test.length
					if inMemory {
						req.GetBody = func() (io.ReadCloser, error) { return body, nil }
					}
					_, err := c.RoundTrip(req)
					if err == nil || c.ours != nil && !strings.Contains(err.Error(), test.want) {
						t.Errorf("error %v, want %q", err, test.want)
					}
					eventually(t, "the end of the body", body.closed.Load)
					if s.accepted.Load() > 0 && <-served {
						t.Error("the server took it for a request")
					}
				})
			})
		}
	}
}

// A server that refuses without reading, and closes: what it said is read.
func TestUpload_IsRefusedBeforeItIsRead(t *testing.T) {
	for _, size := range []int{100, 1 << 10, inlineBody, 8 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			c := client{fresh(t), nil}
			s := serve(t, func(p *peer) {
				p.head()
				p.say("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
				_ = p.CloseWrite()
				p.gone() // as servers do, lest a reset overtakes the answer
			})
			got := c.ask(newRequest(t, within(t), http.MethodPost, s.url, strings.NewReader(strings.Repeat("x", size))))
			if !strings.HasPrefix(got, "HTTP/1.1 413 Too Large") || !strings.HasSuffix(got, `body "no"`) {
				t.Error(got)
			}
		})
	}
}

// The answer is there although nothing more could be written.
func TestUpload_AnAnswerIsReadAfterAWriteThatFailed(t *testing.T) {
	c := client{fresh(t), nil}
	refused := make(chan struct{})
	s := serve(t, func(p *peer) {
		p.head()
		p.say("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		p.reset() // what has been read of the request does not matter any more
		close(refused)
	})
	// The rest of the body comes when the connection is gone.
	body := &tracked{Reader: io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) {
		<-refused
		return 0, io.EOF
	}))}
	req := newRequest(t, within(t), http.MethodPost, s.url, body)
	got := c.ask(req)
	if !strings.HasPrefix(got, "HTTP/1.1 413 Too Large") {
		t.Error(got)
	}
	eventually(t, "the end of the body", body.closed.Load)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A server that answers and keeps the connection, without reading what is still
// being sent: the next request must not come after half of this one.
func TestUpload_AnAnswerBeforeTheEndOfTheRequestCostsTheConnection(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		s := serve(t, func(p *peer) {
			if p.head() == nil {
				return
			}
			p.say(ok)
			if p.n == 1 {
				p.gone()
			}
		})
		if c.ours != nil {
			c.ours.patience = 0
		}
		in, out := io.Pipe()
		req := newRequest(t, within(t), http.MethodPost, s.url, in)
		if got := c.ask(req); !strings.HasSuffix(got, `body "ok"`) {
			t.Error(got)
		}
		if c.ours != nil { // net/http waits for its writer
			if _, err := out.Write([]byte("more")); err != io.ErrClosedPipe {
				t.Errorf("the body is still read: %v", err)
			}
		}
		_ = out.Close()
		if got := c.get(t, s.url); !strings.HasSuffix(got, `body "ok"`) || s.accepted.Load() != 2 {
			t.Errorf("%s, on %d connections", got, s.accepted.Load())
		}
	})
}

// Nobody reads it, so it never ends by itself.
func TestUpload_ThatNobodyReadsEndsWithTheContext(t *testing.T) {
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	for name, body := range map[string]io.Reader{
		"in memory": bytes.NewReader(make([]byte, 32<<20)),
		"a pipe":    in,
	} {
		t.Run(name, func(t *testing.T) {
			c := client{fresh(t), nil}
			begun := make(chan struct{})
			s := serve(t, func(p *peer) {
				p.head()
				close(begun)
				p.gone()
			})
			ctx, cancel := context.WithCancel(within(t))
			go func() { <-begun; cancel() }()
			if got := c.ask(newRequest(t, ctx, http.MethodPost, s.url, body)); got != "no answer: cancelled" {
				t.Error(got)
			}
		})
	}
}

// The kernel takes less than everything, even of what is small.
func TestUpload_WhatTheKernelDoesNotTakeAtOnceFollows(t *testing.T) {
	const n = 60 << 10
	c := client{fresh(t), nil}
	goOn := make(chan struct{})
	s := serve(t, func(p *peer) {
		_ = p.SetReadBuffer(4 << 10)
		<-goOn
		for req := p.request(); req != nil; req = p.request() {
			body, _ := io.ReadAll(req.Body)
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%d", len(body)))
		}
	})
	for i := range 2 { // on a new connection, and on a kept one
		wrote := make(chan error, 1)
		ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{
			WroteRequest: func(info httptrace.WroteRequestInfo) { wrote <- info.Err },
			GotConn: func(info httptrace.GotConnInfo) {
				_ = info.Conn.(interface{ SetWriteBuffer(int) error }).SetWriteBuffer(4 << 10)
				if i == 0 {
					close(goOn)
				}
			},
		})
		got := c.ask(newRequest(t, ctx, http.MethodPost, s.url, strings.NewReader(strings.Repeat("x", n))))
		if !strings.HasSuffix(got, fmt.Sprintf("body %q", fmt.Sprint(n))) {
			t.Error(got)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	}
	if s.accepted.Load() != 1 {
		t.Errorf("%d connections", s.accepted.Load())
	}
}

// What is written is what net/http would write, in an order of its own.
func TestRequest_SaysWhatNetHTTPSays(t *testing.T) {
	for name, change := range map[string]func(req *http.Request){
		"plain":              func(*http.Request) {},
		"no method":          func(req *http.Request) { req.Method = "" },
		"host of its own":    func(req *http.Request) { req.Host = "mcp.example:81" },
		"host with a zone":   func(req *http.Request) { req.Host = "[fe80::1%eth0]:81" },
		"user agent":         func(req *http.Request) { req.Header.Set("User-Agent", "mcpx") },
		"no user agent":      func(req *http.Request) { req.Header["User-Agent"] = nil },
		"empty user agent":   func(req *http.Request) { req.Header.Set("User-Agent", "") },
		"headers":            func(req *http.Request) { req.Header["X-A"] = []string{" b\t", "c", "é"} },
		"headers that lie":   func(req *http.Request) { req.Header.Set("Content-Length", "7"); req.Header.Set("Host", "x") },
		"coding of its own":  func(req *http.Request) { req.Header.Set("Transfer-Encoding", "gzip") },
		"to be closed":       func(req *http.Request) { req.Close = true },
		"a path and a query": func(req *http.Request) { req.URL.Path, req.URL.RawQuery = "/a b/ä", "x=1&y=%20" },
		"an escaped path":    func(req *http.Request) { req.URL.Path, req.URL.RawPath = "/a/b", "/a%2Fb" },
		"an opaque URL":      func(req *http.Request) { req.URL.Opaque = "/x?y" },
	} {
		t.Run(name, func(t *testing.T) {
			got := map[bool]string{}
			both(t, func(t *testing.T, c client) {
				s := serve(t, func(p *peer) {
					var head strings.Builder
					req, err := http.ReadRequest(bufio.NewReader(io.TeeReader(p.in, &head)))
					if err != nil {
						t.Error(err)
						return
					}
					line, _, _ := strings.Cut(head.String(), "\r\n")
					got[c.ours != nil] = strings.ReplaceAll(fmt.Sprintf("%s, host %s, %s, close %v", line, req.Host, fields(req.Header), req.Close), p.LocalAddr().String(), "ADDR")
					p.say(ok)
				})
				req := newRequest(t, within(t), http.MethodGet, s.url+"/mcp", nil)
				change(req)
				if answer := c.ask(req); !strings.HasSuffix(answer, `body "ok"`) {
					t.Error(answer)
				}
			})
			if got[true] != got[false] || got[true] == "" {
				t.Errorf("we say\n%s\nand net/http\n%s", got[true], got[false])
			}
		})
	}
}

// What could begin another line, or another request, never leaves.
func TestRequest_IsRefusedBeforeAnythingIsSent(t *testing.T) {
	for name, test := range map[string]struct {
		change func(req *http.Request)
		says   string
	}{
		"a value with LF":        {func(req *http.Request) { req.Header.Set("X-A", "secret\nB: c") }, "the header X-A"},
		"a value with CR":        {func(req *http.Request) { req.Header.Set("X-A", "secret\rB: c") }, "the header X-A"},
		"a value with NUL":       {func(req *http.Request) { req.Header.Set("X-A", "secret\x00") }, "the header X-A"},
		"an agent with LF":       {func(req *http.Request) { req.Header.Set("User-Agent", "secret\n") }, "the header User-Agent"},
		"a name with LF":         {func(req *http.Request) { req.Header["A\r\nB"] = []string{"c"} }, `"A\r\nB" is not the name`},
		"a name of nothing":      {func(req *http.Request) { req.Header[""] = []string{"c"} }, `"" is not the name`},
		"a method with a blank":  {func(req *http.Request) { req.Method = "GET /x" }, "not an HTTP method"},
		"a host with a line":     {func(req *http.Request) { req.Host = "a\r\nB: c" }, "is not a host"},
		"a host with a path":     {func(req *http.Request) { req.Host = "a/b" }, "is not a host"},
		"an opaque with a blank": {func(req *http.Request) { req.URL.Opaque = "/x HTTP/1.1\r\nA: b" }, "an invalid path"},
		"a tunnel":               {func(req *http.Request) { req.Method = http.MethodConnect }, "no tunnels"},
		"trailers":               {func(req *http.Request) { req.Trailer = http.Header{"A": {"b"}} }, "no trailers"},
		"TLS":                    {func(req *http.Request) { req.URL.Scheme = "https" }, "URLs http://host only"},
		"no host":                {func(req *http.Request) { req.URL.Host = "" }, "URLs http://host only"},
		"a host beyond ASCII":    {func(req *http.Request) { req.URL.Host = "bücher.example" }, "URLs http://host only"},
		"no URL":                 {func(req *http.Request) { req.URL = nil }, "URLs http://host only"},
	} {
		t.Run(name, func(t *testing.T) {
			c := fresh(t)
			s := serve(t, answers(ok))
			body := &tracked{Reader: strings.NewReader("{}")}
			req := newRequest(t, within(t), http.MethodPost, s.url, body)
			test.change(req)
			_, err := c.RoundTrip(req)
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v, want %q", err, test.says)
			}
			if s.accepted.Load() != 0 || !body.closed.Load() {
				t.Errorf("%d connections; body closed %v", s.accepted.Load(), body.closed.Load())
			}
		})
	}
}

// wrapped is a connection that does more than a socket does.
type wrapped struct {
	*net.TCPConn
	written atomic.Int64
}

func (w *wrapped) Write(p []byte) (int, error) {
	n, err := w.TCPConn.Write(p)
	w.written.Add(int64(n))
	return n, err
}

// What a dialler has built around a socket is not passed by.
func TestUpload_GoesThroughWhatIsAroundASocket(t *testing.T) {
	var conns []*wrapped
	c := client{New(Options{Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		conns = append(conns, &wrapped{TCPConn: conn.(*net.TCPConn)})
		return conns[0], nil
	}}), nil}.mine()
	defer c.ours.Close()
	c.ours.patience = patience
	s := serve(t, answers(ok))
	for range 2 {
		if got := c.ask(newRequest(t, within(t), http.MethodPost, s.url, strings.NewReader("{}"))); !strings.HasSuffix(got, `body "ok"`) {
			t.Error(got)
		}
	}
	if len(conns) != 1 || conns[0].written.Load() < 150 {
		t.Errorf("%d connections, %d bytes on the first", len(conns), conns[0].written.Load())
	}
}
