package h1

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// scope is a context with the methods that cost less.
type scope struct {
	context.Context // that never ends
	gotConn         func()

	mu      sync.Mutex
	err     error
	end     func()
	stopped int
}

func (s *scope) GotConn() { s.gotConn() }

func (s *scope) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *scope) AfterFunc(f func()) (stop func() bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end = f
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stopped++
		return s.err == nil
	}
}

func (s *scope) cancel(err error) {
	s.mu.Lock()
	s.err = err
	end := s.end
	s.mu.Unlock()
	end()
}

func TestContext_IsToldOfTheConnectionAndEndsTheRequest(t *testing.T) {
	c := client{fresh(t), nil}
	told := make(chan struct{})
	asked := make(chan struct{}, 9)
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
			req := p.request()
			asked <- struct{}{}
			if req.Method == http.MethodGet {
				p.say(ok)
			}
		}
	})
	for range 2 { // on a new connection, and on a kept one
		told = make(chan struct{})
		sc := &scope{Context: context.Background(), gotConn: func() { close(told) }}
		if got := c.ask(newRequest(t, sc, http.MethodGet, s.url, nil)); !strings.HasSuffix(got, `body "ok"`) {
			t.Error(got)
		}
		if sc.stopped == 0 {
			t.Error("the end of the context is still the connection's")
		}
		<-asked
	}
	told = make(chan struct{})
	boom := errors.New("boom")
	sc := &scope{Context: context.Background(), gotConn: func() { close(told) }}
	go func() { <-asked; sc.cancel(boom) }()
	if _, err := c.RoundTrip(newRequest(t, sc, http.MethodPost, s.url, strings.NewReader("{}"))); err != boom {
		t.Errorf("error %v", err)
	}
	if s.accepted.Load() != 1 || c.RoundTripper.(*Transport).Connections() != 0 {
		t.Errorf("%d connections, %d left", s.accepted.Load(), c.RoundTripper.(*Transport).Connections())
	}
}
