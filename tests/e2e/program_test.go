package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test: race detector and coverage counters inside.
func binary() (string, error) {
	path := os.Getenv("MCPX_BINARY")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "mcpx")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("the program under test is missing; build it with `make e2e-binary` (%w)", err)
	}
	return path, nil
}

// environment is that of the program and of clients that start it: nothing of
// this machine's configuration, and a place for coverage counters.
func environment(dir string) []string {
	counters := cmp.Or(os.Getenv("MCPX_COVERDIR"), os.Getenv("GOCOVERDIR"), dir) // go test -cover overrides the second
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CONFIG_HOME=" + dir, "TMPDIR=" + dir,
		"GOCOVERDIR=" + counters,
		"GORACE=atexit_sleep_ms=0", // or every end takes a second
	}
}

// program is a process that a test runs: mcpx, or a server of the tests.
type program struct {
	cmd    *exec.Cmd
	errs   buffer // its stderr
	exited chan struct{}
	err    error // of Wait; read when exited is closed
}

// start runs a program. It dies with the tests, however they end.
func start(cmd *exec.Cmd) (*program, error) {
	p := &program{cmd: cmd, exited: make(chan struct{})}
	cmd.Stderr = &p.errs
	cmd.WaitDelay = patience // who holds stderr longer than that is a failure, not a hang
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// end asks the program to stop, waits, and says what was not as it should be:
// an exit code, a data race, a bug that it reported, or a process of its tree
// that is left.
func (p *program) end(ask func() error) error {
	tree := descendants(p.cmd.Process.Pid)
	if err := ask(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s did not end in time:\n%s", p.cmd, &p.errs)
	}
	var problems []error
	if p.err != nil {
		problems = append(problems, fmt.Errorf("it ended with %w", p.err))
	}
	for _, sign := range []string{"DATA RACE", "this is a bug in mcpx", "panic: "} {
		if strings.Contains(p.errs.String(), sign) {
			problems = append(problems, fmt.Errorf("it said %q", sign))
		}
	}
	for _, left := range alive(tree) {
		problems = append(problems, fmt.Errorf("it left the process %v", left))
	}
	if problems != nil {
		return fmt.Errorf("%s: %w\n%s", p.cmd, errors.Join(problems...), &p.errs)
	}
	return nil
}

// kill ends what is not itself under test.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // it may have gone by itself
	<-p.exited
}

// terminate is how a service manager asks.
func (p *program) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }

// gateway is a running `mcpx serve`.
type gateway struct {
	*program
	url   string // of the endpoint
	ended sync.Once
	fault error
}

// startGateway runs `mcpx serve` in a directory and returns when it listens.
func startGateway(dir string, args ...string) (*gateway, error) {
	path, err := binary()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, append([]string{"serve"}, args...)...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	if err != nil || !ok {
		_ = p.end(p.terminate) // what it wrote says more
		return nil, fmt.Errorf("mcpx serve printed %q (%v):\n%s", line, err, &p.errs)
	}
	return &gateway{program: p, url: url}, nil
}

// serve is startGateway for one test, with a configuration of its own; it
// returns when all of its servers are connected.
func serve(t *testing.T, servers map[string]any, settings ...map[string]any) *gateway {
	t.Helper()
	dir := t.TempDir()
	g, err := startGateway(dir, writeConfig(t, dir, servers, settings...), "--port", "0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.awaitServers(len(servers)); err != nil {
		t.Fatal(err)
	}
	return g
}

// close stops it as a service manager would. Later calls do nothing.
func (g *gateway) close() error {
	g.ended.Do(func() { g.fault = g.end(g.terminate) })
	return g.fault
}

// awaitServers waits until so many servers are connected.
func (g *gateway) awaitServers(n int) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	health := ""
	if !poll(func() bool {
		resp, err := client.Get(strings.TrimSuffix(g.url, "/mcp") + "/healthz")
		if err != nil {
			health = err.Error()
			return false
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body) // what is missing shows below
		health = string(body)
		return resp.StatusCode == http.StatusOK && strings.Contains(health, fmt.Sprintf(`"connected":%d}`, n))
	}) {
		return fmt.Errorf("not in time: %d connected servers; healthz says %s\n%s", n, health, &g.errs)
	}
	return nil
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
