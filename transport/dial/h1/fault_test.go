package h1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
)

// A connection that breaks is the error of its request, and of no other.
func TestFault_OfTheConnectionEndsItsRequestOnly(t *testing.T) {
	for name, test := range map[string]struct {
		script func(p *peer)
		want   string
	}{
		"reset before the answer":   {func(p *peer) { p.request(); p.reset() }, "no answer"},
		"closed before the answer":  {func(p *peer) { p.request() }, "no answer"},
		"closed before the request": {func(*peer) {}, "no answer"},
		"reset in the head":         {func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nA:"); p.reset() }, "no answer"},
		"half closed": {func(p *peer) {
			p.request()
			_ = p.CloseWrite()
			p.gone()
		}, "no answer"},
		"closed in the body": {func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
		}, `HTTP/1.1 200 OK; Content-Length=["9"]; length 9 []; close false; body "ok"; broken`},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, func(t *testing.T, c client) {
				s := serve(t, func(p *peer) {
					if p.n == 1 {
						test.script(p)
						return
					}
					answers(ok)(p)
				})
				if got := c.get(t, s.url); got != test.want {
					t.Errorf("came %s, want %s", got, test.want)
				}
				if got := c.get(t, s.url); !strings.HasSuffix(got, `body "ok"`) {
					t.Errorf("then %s", got)
				}
			})
		})
	}
}

// A server that stalls, or is half open, costs no more than its request's context.
func TestFault_AStallEndsWithTheContextWhereverItIs(t *testing.T) {
	const events = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n"
	for name, test := range map[string]struct {
		says string
		body string // what is read before
	}{
		"before the answer": {says: ""},
		"in the head":       {says: "HTTP/1.1 200 OK\r\nContent-"},
		"after interim":     {says: "HTTP/1.1 102 Processing\r\n\r\n"},
		"in a body":         {says: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", body: "ok"},
		"in an endless one": {says: "HTTP/1.1 200 OK\r\n\r\nok", body: "ok"},
		"between events":    {says: events, body: "data: 1\n\n"},
		"in an event":       {says: events + "9\r\ndata", body: "data: 1\n\ndata"},
	} {
		stall := func(t *testing.T, kept bool) {
			both(t, func(t *testing.T, c client) {
				said, done := make(chan struct{}), make(chan struct{})
				s := serve(t, func(p *peer) {
					defer close(done)
					if kept {
						p.request()
						p.say(ok)
					}
					p.request()
					p.say(test.says)
					close(said)
					p.gone()
				})
				if kept {
					c.get(t, s.url)
				}
				mine := errors.New("my own reason")
				ctx, cancel := context.WithCancelCause(within(t))
				defer cancel(nil)
				if test.body == "" {
					go func() { <-said; cancel(mine) }()
				}
				resp, err := c.RoundTrip(newRequest(t, ctx, http.MethodPost, s.url, strings.NewReader("{}")))
				if test.body != "" {
					if err != nil {
						t.Fatal(err)
					}
					got := make([]byte, len(test.body))
					if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != test.body {
						t.Fatalf("read %q, %v", got, err)
					}
					<-said
					go cancel(mine)
					_, err = io.ReadAll(resp.Body)
					if _, again := resp.Body.Read(make([]byte, 1)); again == nil || again == io.EOF {
						t.Errorf("read again: %v", again)
					}
				}
				if err == nil || !errors.Is(err, mine) && !errors.Is(err, context.Canceled) {
					t.Errorf("error %v", err)
				}
				if c.ours != nil && err != mine {
					t.Errorf("error %v, want the cause", err)
				}
				<-done
				if s.accepted.Load() != 1 {
					t.Errorf("%d connections", s.accepted.Load())
				}
			})
		}
		t.Run(name, func(t *testing.T) { stall(t, false) })
		t.Run(name+" on a kept connection", func(t *testing.T) { stall(t, true) })
	}
}

func TestFault_ACloseEndsWhatWaitsOnAKeptConnection(t *testing.T) {
	c := client{fresh(t), nil}.mine()
	s := serve(t, func(p *peer) {
		p.request()
		p.say(ok)
		p.request()
		c.ours.Close()
		p.gone()
	})
	c.get(t, s.url)
	if _, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil)); err != ErrClosed {
		t.Errorf("error %v", err)
	}
}

func TestFault_AContextThatHasEndedSendsNothing(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		body := &tracked{Reader: strings.NewReader("{}")}
		req := newRequest(t, ctx, http.MethodPost, "http://127.0.0.1:1", body)
		if got := c.ask(req); got != "no answer: cancelled" {
			t.Error(got)
		}
		if !body.closed.Load() {
			t.Error("the body is left open")
		}
	})
}

// Closing the stream is how a request is cancelled in the modern era.
func TestFault_ABodyClosedEarlyClosesTheConnection(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		done := make(chan struct{})
		s := serve(t, func(p *peer) {
			if p.n > 1 {
				answers(ok)(p)
				return
			}
			defer close(done)
			p.request()
			p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
			p.gone()
		})
		resp, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
		}
		<-done
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Errorf("read after close: %v", err)
		}
		if got := c.get(t, s.url); !strings.HasSuffix(got, `body "ok"`) {
			t.Error(got)
		}
	})
}

func TestFault_ABodyIsClosedWhileItIsRead(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		s := serve(t, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
			p.gone()
		})
		resp, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		failed := make(chan error, 1)
		go func() {
			_, err := resp.Body.Read(make([]byte, 1))
			failed <- err
		}()
		_ = resp.Body.Close()
		if err := <-failed; err == nil || err == io.EOF {
			t.Errorf("read while closed: %v", err)
		}
	})
}

// A body that was closed early, or closed again after its end, must not touch
// the next exchange on the connection.
func TestFault_ABodyThatIsOverTouchesNothing(t *testing.T) {
	c := client{fresh(t), nil}
	s := serve(t, answers(ok))
	first, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(first.Body); err != nil {
		t.Fatal(err)
	}
	second, err := c.RoundTrip(newRequest(t, within(t), http.MethodGet, s.url, nil))
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Body.Close()
	if n, err := first.Body.Read(make([]byte, 2)); n != 0 || err != io.EOF {
		t.Errorf("the first body again: %d, %v", n, err)
	}
	if got := describe(second); !strings.HasSuffix(got, `body "ok"`) || s.accepted.Load() != 1 {
		t.Errorf("the second: %s, on %d connections", got, s.accepted.Load())
	}
}

func TestFault_TrailersThatDoNotComeHoldNothingBack(t *testing.T) {
	c := client{fresh(t), nil}
	done := make(chan struct{})
	s := serve(t, func(p *peer) {
		defer close(done)
		p.request()
		p.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n")
		p.gone()
	})
	ctx, cancel := context.WithCancel(within(t))
	resp, err := c.RoundTrip(newRequest(t, ctx, http.MethodGet, s.url, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 9)
	if n, err := resp.Body.Read(got); n != 2 || err != nil {
		t.Errorf("read %q, %v", got[:n], err)
	}
	go cancel()
	if _, err := io.ReadAll(resp.Body); err != context.Canceled {
		t.Errorf("error %v", err)
	}
	<-done
}

func TestFault_EventsComeOneByOne(t *testing.T) {
	both(t, func(t *testing.T, c client) {
		next := make(chan string)
		s := serve(t, func(p *peer) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
			for text := range next {
				p.say(text)
			}
		})
		resp, err := c.RoundTrip(newRequest(t, within(t), http.MethodPost, s.url, strings.NewReader("{}")))
		if err != nil {
			t.Fatal(err)
		}
		events := bufio.NewReader(resp.Body)
		for range 3 {
			next <- "9\r\ndata: x\n\n\r\n"
			if line, err := events.ReadString('\n'); line != "data: x\n" || err != nil {
				t.Errorf("%q, %v", line, err)
			}
			_, _ = events.ReadString('\n')
		}
		next <- "0\r\n\r\n"
		if rest, err := io.ReadAll(events); len(rest) > 0 || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		close(next)
	})
}

// Whatever became of an idle connection, the next request is not lost to it:
// what is wrong is found before a byte is written.
func TestFault_AStaleIdleConnectionIsFoundBeforeAnythingIsWritten(t *testing.T) {
	for name, spoil := range map[string]func(p *peer){
		"closed":       func(p *peer) { _ = p.Close() },
		"half closed":  func(p *peer) { _ = p.CloseWrite() },
		"reset":        func(p *peer) { p.reset() },
		"speaks":       func(p *peer) { p.say("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n") },
		"says nothing": func(p *peer) { p.say("\r\n") },
	} {
		t.Run(name, func(t *testing.T) {
			c := client{fresh(t), nil}
			spoiled, strayed := make(chan struct{}), make(chan bool, 1)
			s := serve(t, func(p *peer) {
				if p.n > 1 {
					answers(ok)(p)
					return
				}
				once(ok)(p)
				spoil(p)
				close(spoiled)
				strayed <- p.request() != nil
			})
			for _, body := range []string{"first", "second"} {
				req := newRequest(t, within(t), http.MethodPost, s.url, strings.NewReader(body))
				req.GetBody = nil // it could not be sent again
				if got := c.ask(req); !strings.HasSuffix(got, `body "ok"`) {
					t.Errorf("%s: %s", body, got)
				}
				<-spoiled
			}
			if s.accepted.Load() != 2 {
				t.Errorf("%d connections", s.accepted.Load())
			}
			if <-strayed {
				t.Error("the second request went to the spoiled connection")
			}
		})
	}
}

// A server that closes while a request is on its way may have done it: nothing
// is sent again, not even what only reads.
func TestFault_WhatWasSentIsNotSentAgain(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		c := client{fresh(t), nil}
		sent := make(chan string, 9)
		s := serve(t, func(p *peer) {
			if p.n == 1 {
				once(ok)(p)
			}
			if req := p.request(); req != nil {
				sent <- req.Method
			}
		})
		if got := c.get(t, s.url); !strings.HasSuffix(got, `body "ok"`) {
			t.Fatal(got)
		}
		_, err := c.RoundTrip(newRequest(t, within(t), method, s.url, nil))
		if err != io.EOF {
			t.Errorf("error %v", err)
		}
		if len(sent) != 1 || s.accepted.Load() != 1 {
			t.Errorf("%s: sent %d times, on %d connections", method, len(sent), s.accepted.Load())
		}
	}
}

// Between the look at a connection and the first byte it may still break: a
// kept one is then replaced, for nothing was sent; a new one is not, for the
// server does not want us; and what it said before is its answer.
func TestFault_AConnectionMayBreakBetweenTheLookAndTheFirstByte(t *testing.T) {
	for name, test := range map[string]struct {
		kept  bool
		says  string
		want  string
		conns int64
	}{
		"kept":                  {true, "", `body "ok"`, 2},
		"new":                   {false, "", "no answer", 1},
		"new, with a last word": {false, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno", `body "no"`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := client{fresh(t), nil}
			breaks, broken := make(chan struct{}), make(chan struct{})
			s := serve(t, func(p *peer) {
				if p.n > 1 {
					answers(ok)(p)
					return
				}
				if test.kept {
					once(ok)(p)
				}
				<-breaks
				p.say(test.says)
				p.reset()
				close(broken)
			})
			if test.kept {
				if got := c.get(t, s.url); !strings.HasSuffix(got, `body "ok"`) {
					t.Fatal(got)
				}
			}
			told := 0
			ctx := httptrace.WithClientTrace(within(t), &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
				if told++; told == 1 {
					close(breaks)
					<-broken
				}
			}})
			req := newRequest(t, ctx, http.MethodPost, s.url, strings.NewReader("{}"))
			if got := c.ask(req); !strings.HasSuffix(got, test.want) {
				t.Errorf("%s, want %s", got, test.want)
			}
			if n := s.accepted.Load(); n != test.conns || int64(told) != n {
				t.Errorf("%d connections, told %d times", n, told)
			}
		})
	}
}

func TestFault_ConnectionRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	both(t, func(t *testing.T, c client) {
		body := &tracked{Reader: strings.NewReader("{}")}
		_, err := c.RoundTrip(newRequest(t, within(t), http.MethodPost, "http://"+listener.Addr().String(), body))
		var op *net.OpError
		if !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("error %v", err)
		}
		if !body.closed.Load() {
			t.Error("the body is left open")
		}
	})
}
