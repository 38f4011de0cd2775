package httpd

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// A listening server has a handler at /wait that says when it has begun, and what
// it hears of its client.
func listening(t *testing.T, opts Options) (s *Server, begun chan bool, left chan string, release chan struct{}) {
	t.Helper()
	opts.Addr = "127.0.0.1:0"
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	begun, left, release = make(chan bool, 1), make(chan string, 8), make(chan struct{})
	s.Handle("/wait", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l := w.(interface{ Leaving(func()) bool })
		begun <- l.Leaving(func() { left <- r.URL.RawQuery })
		select {
		case <-release:
		case <-r.Context().Done():
		}
		l.Leaving(nil)
	}))
	return s, begun, left, release
}

// raw opens a connection without a client that would do things by itself.
func raw(t *testing.T, s *Server) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nc.Close() })
	return nc
}

func get(t *testing.T, nc net.Conn, query string) {
	t.Helper()
	if _, err := io.WriteString(nc, "GET /wait?"+query+" HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
}

func TestLeaving_WhoeverServesAClientThatGoesIsTold(t *testing.T) {
	s, begun, left, _ := listening(t, Options{})
	start(t, s)
	nc := raw(t, s)
	get(t, nc, "a")
	if !<-begun {
		t.Fatal("there was nothing to be had")
	}
	_ = nc.Close()
	if got := <-left; got != "a" {
		t.Errorf("told of %q", got)
	}
}

func TestLeaving_EachRequestIsToldForItself(t *testing.T) {
	s, begun, left, release := listening(t, Options{})
	start(t, s)
	nc := raw(t, s)
	for _, query := range []string{"a", "b", "c"} {
		get(t, nc, query)
		<-begun
		if query == "c" {
			break
		}
		release <- struct{}{}
		if n, err := nc.Read(make([]byte, 1<<10)); n == 0 {
			t.Fatal(err)
		}
	}
	_ = nc.Close()
	if got := <-left; got != "c" {
		t.Errorf("told of %q", got)
	}
	if len(left) > 0 {
		t.Errorf("and of %q", <-left)
	}
}

func TestLeaving_AServerThatClosesByForceTells(t *testing.T) {
	s, begun, left, _ := listening(t, Options{})
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	nc := raw(t, s)
	get(t, nc, "a")
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err == nil {
		t.Error("it closed in good order")
	}
	if got := <-left; got != "a" {
		t.Errorf("told of %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLeaving_WhereARequestIsNotAConnectionItsContextIsTheWay(t *testing.T) {
	cert, key := certificate(t)
	for _, h2 := range []bool{false, true} {
		s, begun, _, release := listening(t, Options{TLSCert: cert, TLSKey: key})
		start(t, s)
		transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: h2} // self-signed
		defer transport.CloseIdleConnections()
		go func() { release <- struct{}{} }()
		response, err := (&http.Client{Transport: transport}).Get(s.URL() + "/wait")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if <-begun {
			t.Error("it was to be had")
		}
	}
}

func TestLeaving_TheEndCountsAndADeadlineDoesNot(t *testing.T) {
	c, _, client := pair(t)
	told := 0
	c.leaving.call(func() { told++ })
	_ = c.SetReadDeadline(past) // as net/http takes a read back
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || told != 0 {
		t.Fatalf("%v, told %d times", err, told)
	}
	_ = c.SetReadDeadline(time.Time{})
	_ = client.Close()
	for range 2 {
		if _, err := c.Read(make([]byte, 1)); err == nil || told != 1 {
			t.Fatalf("%v, told %d times", err, told)
		}
	}
	c.leaving.call(nil)
	c.leaving.call(func() { told++ }) // too late to wait
	if _, err := c.Write([]byte("x")); err == nil || told != 2 {
		t.Errorf("%v, told %d times", err, told)
	}
}

func TestLeaving_AWriteThatFailsTells(t *testing.T) {
	c, _, client := pair(t)
	told := false
	c.leaving.call(func() { told = true })
	_ = client.Close()
	if _, err := c.Write([]byte("x")); err == nil || !told {
		t.Errorf("%v, told: %v", err, told)
	}
}
