// Package bench prices the steps of a call one by one, and then all of them
// together, so that a change of the whole can be found in a step. Steps that
// need no other part of the tree are priced where they are (jsonrpc, schema,
// actors, gatewaytools). The upstream is a null server in a process of its own:
// what it allocates is not counted.
package bench

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/transport/null"
	"go.uber.org/goleak"
)

// envServer makes this binary a null server over stdio, http or sse.
const envServer = "BENCH_NULL_SERVER"

func TestMain(m *testing.M) {
	if over := os.Getenv(envServer); over != "" {
		if err := serve(over); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			syscall.Exit(1)
		}
		syscall.Exit(0)
	}
	leak.Main(m,
		// Of the actor library: lives for one period after the last dead letter.
		goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// serve ends with its input.
func serve(over string) error {
	s, err := null.New(null.Options{Bytes: 100})
	if err != nil {
		return err
	}
	var handler http.Handler
	switch over {
	case "http":
		handler = s.HTTP()
	case "sse":
		handler = s.SSE()
	default:
		return s.ServeStdio(context.Background(), os.Stdin, os.Stdout)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("http://" + l.Addr().String() + "/" + over + "\n"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadByte() // its end is the end
		cancel()
	}()
	return s.Serve(ctx, l, handler)
}

// upstream starts a null server over http or sse until the benchmark ends, and
// returns its URL.
func upstream(b testing.TB, over string) string {
	b.Helper()
	cmd := exec.Command(self(b))
	cmd.Env = append(os.Environ(), envServer+"="+over, "GOCOVERDIR="+b.TempDir())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			b.Errorf("the null server ended with %v", err)
		}
	})
	url, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(url)
}

func self(b testing.TB) string {
	b.Helper()
	path, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	return path
}
