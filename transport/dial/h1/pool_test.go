package h1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// piped is a client whose network is in memory, for time that is not real.
// Every connection is answered as the script says.
func piped(o Options, script func(n int, conn net.Conn)) *Transport {
	n := 0
	o.Dial = func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		n++
		go func(n int) {
			defer func() { _ = there.Close() }()
			script(n, there)
		}(n)
		return here, nil
	}
	return New(o)
}

// numbered answers every request with the number of its connection.
func numbered(n int, conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		text := fmt.Sprint(n)
		if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text); err != nil {
			return
		}
	}
}

// begin makes a request, and returns a function that reads its answer.
func begin(t *testing.T, c *Transport, url string) func() string {
	t.Helper()
	resp, err := c.RoundTrip(newRequest(t, t.Context(), http.MethodGet, url, nil))
	if err != nil {
		t.Fatal(err)
	}
	return func() string {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return string(body)
	}
}

func TestPool_TheConnectionUsedLastIsUsedNextAndTheEldestGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(Options{MaxIdle: 2}, numbered)
		defer c.Close()
		var ends []func() string
		for range 3 {
			ends = append(ends, begin(t, c, "http://srv/"))
		}
		for i, order := range []int{1, 2, 0} { // connections 2, 3, 1: then 2 has to go
			if got := ends[order](); got != fmt.Sprint(order+1) {
				t.Errorf("%d: %s", i, got)
			}
		}
		synctest.Wait()
		if c.Connections() != 2 {
			t.Errorf("%d connections", c.Connections())
		}
		first, second, third := begin(t, c, "http://srv/"), begin(t, c, "http://srv/"), begin(t, c, "http://srv/")
		if got := first() + second() + third(); got != "134" {
			t.Errorf("connections %s, want 1, 3 and a new one", got)
		}
	})
}

func TestPool_EveryServerHasConnectionsOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(Options{}, numbered)
		defer c.Close()
		for range 2 {
			for i, url := range []string{"http://a/", "http://b/", "http://a:81/", "http://[::1]/"} {
				if got := begin(t, c, url)(); got != fmt.Sprint(i+1) {
					t.Errorf("%s: connection %s", url, got)
				}
			}
		}
		if got := begin(t, c, "http://a:80/")(); got != "1" {
			t.Errorf("the same server: connection %s", got)
		}
	})
}

func TestPool_IdleConnectionsAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(Options{IdleTimeout: 4 * time.Second}, numbered)
		defer c.Close()
		open := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := c.Connections(); got != want {
				t.Errorf("after %v: %d connections, want %d", time.Since(time.Time{}), got, want)
			}
		}
		first, second := begin(t, c, "http://srv/"), begin(t, c, "http://srv/")
		busy := begin(t, c, "http://srv/")
		first()
		time.Sleep(3 * time.Second)
		second()
		open(3)
		time.Sleep(time.Second)
		open(2)
		time.Sleep(3 * time.Second)
		open(1) // the busy one
		time.Sleep(time.Hour)
		if got := busy(); got != "3" {
			t.Errorf("connection %s", got)
		}
		open(1)
		time.Sleep(4 * time.Second)
		open(0)
		if got := begin(t, c, "http://srv/")(); got != "4" {
			t.Errorf("connection %s", got)
		}
		time.Sleep(4 * time.Second)
		open(0)
	})
}

// The sweeper may be late: what is too old is not used all the same.
func TestPool_WhatIsTooOldIsNotUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(Options{IdleTimeout: time.Second}, numbered)
		defer c.Close()
		begin(t, c, "http://srv/")()
		c.mu.Lock()
		c.sweeper.Stop()
		c.mu.Unlock()
		time.Sleep(2 * time.Second)
		if got := begin(t, c, "http://srv/")(); got != "2" || c.Connections() != 1 {
			t.Errorf("connection %s of %d", got, c.Connections())
		}
	})
}

func TestPool_IdleConnectionsAreClosedAtOnceWhenAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := piped(Options{}, numbered)
		defer c.Close()
		first, second := begin(t, c, "http://srv/"), begin(t, c, "http://srv/")
		first()
		(&http.Client{Transport: c}).CloseIdleConnections()
		if c.Connections() != 1 || second() != "2" {
			t.Errorf("%d connections", c.Connections())
		}
	})
}

func TestClose_EndsWhatIsInUseAndWhatIsBeingDialled(t *testing.T) {
	both := []string{"waits for the head", "waits for the body", "is idle", "dials", "comes late"}
	for _, what := range both {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := piped(Options{}, func(_ int, conn net.Conn) {
					in := bufio.NewReader(conn)
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					switch what {
					case "waits for the body":
						_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
					case "is idle":
						_, _ = io.WriteString(conn, ok)
					}
					_, _ = io.Copy(io.Discard, in)
				})
				if what == "dials" {
					c.options.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
						<-ctx.Done()
						return nil, ctx.Err()
					}
				}
				failed := make(chan error, 1)
				go func() {
					if what == "comes late" {
						<-c.life.Done()
					}
					resp, err := c.RoundTrip(newRequest(t, t.Context(), http.MethodGet, "http://srv/", nil))
					if err == nil {
						_, err = io.ReadAll(resp.Body)
					}
					failed <- err
				}()
				synctest.Wait()
				c.Close()
				c.Close()
				if err := <-failed; what == "is idle" && err != nil || what != "is idle" && err != ErrClosed {
					t.Errorf("error %v", err)
				}
				if c.Connections() != 0 {
					t.Errorf("%d connections", c.Connections())
				}
			})
		})
	}
}

// A dialler may return a connection although nobody wants it any more.
func TestClose_AConnectionThatCameTooLateIsClosed(t *testing.T) {
	here, there := net.Pipe()
	defer func() { _ = there.Close() }()
	var c *Transport
	c = New(Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		c.Close()
		return here, nil
	}})
	if _, err := c.RoundTrip(newRequest(t, t.Context(), http.MethodGet, "http://srv/", nil)); err != ErrClosed {
		t.Errorf("error %v", err)
	}
	if _, err := here.Write([]byte("x")); err != io.ErrClosedPipe {
		t.Errorf("it is open: %v", err)
	}
}

func TestClose_ADialEndsWithTheContextOfItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.RoundTrip(newRequest(t, ctx, http.MethodGet, "http://srv/", nil)); err != context.DeadlineExceeded {
			t.Errorf("error %v", err)
		}
	})
}

// GotConn is how it is known that bytes may have been sent.
func TestTrace_GotConnComesBeforeTheFirstByte(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		told := make(chan struct{})
		s := serve(t, func(p *peer) {
			for {
				if _, err := p.in.Peek(1); err != nil {
					return
				}
				select {
				case <-told:
				default:
					t.Error("bytes came before GotConn")
				}
				p.request()
				p.say(ok)
			}
		})
		for i := range 2 {
			told = make(chan struct{})
			var calls []string
			ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{
				GetConn: func(addr string) { calls = append(calls, "get "+strings.TrimPrefix("http://"+addr, s.url)) },
				GotConn: func(info httptrace.GotConnInfo) {
					calls = append(calls, fmt.Sprintf("got, used %v, idle %v", info.Reused, info.WasIdle && info.IdleTime > 0))
					close(told)
				},
				GotFirstResponseByte: func() { calls = append(calls, "answer") },
			})
			if got := c.ask(newRequest(t, ctx, http.MethodGet, s.url, nil)); !strings.HasSuffix(got, `body "ok"`) {
				t.Error(got)
			}
			used := i > 0 && (c.ours != nil || s.accepted.Load() == 1) // net/http gives its writer 50 ms
			if got, want := strings.Join(calls, "; "), fmt.Sprintf("get ; got, used %v, idle %v; answer", used, used); got != want {
				t.Errorf("told %s, want %s", got, want)
			}
		}
	})
}

func TestServes_PlainHTTPToHostsInASCII(t *testing.T) {
	for text, want := range map[string]bool{
		"http://a": true, "http://a:1/x?y#z": true, "http://[fe80::1%25eth0]:81/": true, "http://10.0.0.1": true,
		"https://a": false, "http:///x": false, "http://bücher.example": false, "ftp://a": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if Serves(u) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}

// Anyone can use it: redirects, timeouts and many at once through http.Client,
// against a server that is net/http's.
func TestTransport_IsOneForHTTPClient(t *testing.T) {
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/from":
			http.Redirect(w, r, "/to", http.StatusTemporaryRedirect)
		case "/hang":
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		default:
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Trailer", "X-Length")
			_, _ = w.Write(body)
			w.(http.Flusher).Flush()
			_, _ = w.Write(body)
			w.Header().Set("X-Length", fmt.Sprint(len(body)))
		}
	}))
	defer front.Close()
	c := fresh(t)
	hc := &http.Client{Transport: c}
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprint(i%10), 1+i*10_000)
			for range 6 {
				resp, err := hc.Post(front.URL+"/from", "text/plain", strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || string(body) != text+text || resp.Trailer.Get("X-Length") != fmt.Sprint(len(text)) {
					t.Errorf("%d bytes, %v, trailer %v", len(body), err, resp.Trailer)
				}
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
	if n := c.Connections(); n > 8 {
		t.Errorf("%d connections are kept", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { go cancel() }})
	req := newRequest(t, ctx, http.MethodPost, front.URL+"/hang", strings.NewReader("x"))
	if resp, err := hc.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, %v", err, resp)
	}
}
