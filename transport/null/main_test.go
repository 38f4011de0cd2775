package null

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

// envServer makes this binary a null server over stdio.
const envServer = "NULL_TEST_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(envServer) != "" {
		s, err := New(Options{Bytes: 100})
		if err != nil || s.ServeStdio(context.Background(), os.Stdin, os.Stdout) != nil {
			syscall.Exit(1)
		}
		syscall.Exit(0) // not os.Exit, in which the race detector sleeps
	}
	limits.RequestBytes = 1 << 16 // what is over it is soon sent
	leak.Main(m)
}

func newServer(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listen serves a handler until the test ends, and returns its address. It must
// end in good order.
func (s *Server) listen(t testing.TB, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, h) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := <-done; err != nil {
			t.Errorf("serving ended with %v", err)
		}
	})
	return "http://" + l.Addr().String()
}
