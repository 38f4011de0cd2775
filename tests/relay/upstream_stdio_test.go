package relay_test

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// stdioUpstream is an upstream whose sessions are processes.
func stdioUpstream(t testing.TB, modern bool) *upstream {
	t.Helper()
	u := newUpstream(t, modern)
	path := filepath.Join(t.TempDir(), "wire")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	u.server = map[string]any{"command": program, "args": []string{"wire", path}}
	t.Cleanup(func() {
		close(u.stopped)
		_ = listener.Close()
		u.work.Wait()
	})
	u.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			u.work.Go(func() { u.process(conn.(*net.UnixConn)) })
		}
	})
	return u
}

// process speaks for one process.
func (u *upstream) process(conn *net.UnixConn) {
	var writing sync.Mutex
	s := u.open(u.nextSession(), func(raw string) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = io.WriteString(conn, strings.ReplaceAll(raw, "\n", " ")+"\n") // to a process that has gone: part of the game
	})
	s.die = func() { _ = conn.Close() }
	var requests sync.WaitGroup
	lines(bufio.NewReaderSize(conn, 64<<10), func(raw []byte) {
		m, ok := parse(raw)
		if !ok {
			u.t.Errorf("the server was sent %q", raw)
			return
		}
		u.log.add(received{message: m, session: s.id})
		if m.ID == nil || m.Method == "" {
			s.take(m)
			return
		}
		r := s.begin(m, nil, s.say)
		requests.Go(func() {
			defer s.ended(r)
			s.serve(r)
		})
	})
	u.end(s, "EOF")
	requests.Wait()
	_ = conn.Close()
}
