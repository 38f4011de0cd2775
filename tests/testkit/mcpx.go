package testkit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Gateway is a running `mcpx serve`.
type Gateway struct {
	*Program
	URL   string // of the endpoint
	ended sync.Once
	fault error
}

// Serve runs `mcpx serve` in a folder and returns when it listens.
func Serve(dir string, args ...string) (*Gateway, error) {
	path, err := Binary()
	if err != nil {
		return nil, err
	}
	return ServeBinary(path, dir, args...)
}

// ServeBinary is Serve for another build of the program.
func ServeBinary(path, dir string, args ...string) (*Gateway, error) {
	p, err := StartPiped(Command(path, dir, append([]string{"serve"}, args...)...))
	if err != nil {
		return nil, err
	}
	line, err := p.Out.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	go func() { _, _ = io.Copy(io.Discard, p.Out) }() // ends with the program
	if err != nil || !ok {
		_ = p.End(p.Terminate) // what it wrote says more
		return nil, fmt.Errorf("mcpx serve printed %q (%w):\n%s", line, err, p.Errs)
	}
	return &Gateway{Program: p, URL: url}, nil
}

// ServeConfig runs `mcpx serve` with a configuration (see Config) at any port
// until the test ends; then it must stop when asked, in good order.
func ServeConfig(t testing.TB, config string, args ...string) *Gateway {
	t.Helper()
	dir := t.TempDir()
	if _, err := WriteConfig(dir, config); err != nil {
		t.Fatal(err)
	}
	g, err := Serve(dir, append([]string{"mcpx.json", "--port", "0"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// Close stops it as a service manager would, if it has not ended otherwise, and
// says what was not in good order. Later calls say the same.
func (g *Gateway) Close() error {
	g.ended.Do(func() {
		if !g.Ended() { // else as the test wanted it
			g.fault = g.End(g.Terminate)
		}
	})
	return g.fault
}

// Path returns the URL of a path beside the endpoint ("/healthz").
func (g *Gateway) Path(path string) string { return strings.TrimSuffix(g.URL, "/mcp") + path }

// AwaitServers waits until so many servers are connected.
func (g *Gateway) AwaitServers(n int) error {
	says := ""
	connected := false
	Until(func() bool {
		health, err := Ask(context.Background(), http.MethodGet, g.Path("/healthz"), "", nil)
		if says = health.Body; err != nil {
			says = err.Error()
		}
		connected = health.Status == http.StatusOK && strings.Contains(says, fmt.Sprintf(`"connected":%d}`, n))
		return connected || g.Ended()
	})
	if !connected {
		return fmt.Errorf("not in time: %d connected servers; healthz says %s\n%s", n, says, g.Errs)
	}
	return nil
}

// Command prepares a run of a program in a folder of its own; see Environment.
func Command(path, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, Environment(dir)
	return cmd
}
