package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
	"go.uber.org/goleak"
)

// TestMain lets this binary be what mcpx starts when it starts itself. That one
// ends without os.Exit, in which the race detector sleeps for a second.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "witness-server" {
		if runWitness() != nil {
			syscall.Exit(exitError)
		}
		syscall.Exit(exitOK)
	}
	if len(os.Args) > 1 && os.Args[1] == "demo-server" {
		syscall.Exit(run(context.Background(), os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
	}
	leak.Main(m,
		// Of the actor library: lives for one period after the last dead letter.
		goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

// patience is a cap for waits; nothing ever takes that long.
const patience = time.Minute

// alone makes an empty directory the current one and hides every configuration
// of this machine.
func alone(t *testing.T) {
	t.Helper()
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if strings.HasPrefix(name, "MCPX_") || name == "LOG_LEVEL" {
			t.Setenv(name, "") // so that it comes back after the test
			os.Unsetenv(name)
		}
	}
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Chdir(dir)
}

// write writes a file into the current directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// demoConfig is a configuration whose servers are all the demo.
func demoConfig(t *testing.T, more string, names ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var servers []string
	for _, name := range names {
		server, err := json.Marshal(map[string]any{"command": self, "args": []string{"demo-server"}})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, `"`+name+`": `+string(server))
	}
	return `{` + more + `"mcpServers": {` + strings.Join(servers, ",\n") + `}}`
}

type finished struct {
	code     int
	out, err string
}

// mcpx runs one command line to its end.
func mcpx(t *testing.T, stdin string, args ...string) finished {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, errs testkit.Buffer
	code := run(ctx, args, streams{in: strings.NewReader(stdin), out: &out, err: &errs})
	if ctx.Err() != nil {
		t.Errorf("mcpx %s did not end", strings.Join(args, " "))
	}
	return finished{code, out.String(), errs.String()}
}

// serving is a running `mcpx serve`.
type serving struct {
	t    *testing.T
	url  string // of the endpoint
	errs *testkit.Buffer
	hup  chan os.Signal // hangups that it gets
	stop context.CancelFunc
	code chan int
}

// startServing runs `mcpx serve` until the test ends or stop is called, and
// returns when it listens.
func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	s := &serving{t: t, errs: &testkit.Buffer{}, hup: make(chan os.Signal, 1), stop: cancel, code: make(chan int, 1)}
	hangups := func() <-chan os.Signal { return s.hup }
	go func() {
		s.code <- run(ctx, append([]string{"serve"}, args...), streams{in: strings.NewReader(""), out: w, err: s.errs, hangups: hangups})
		w.Close()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		cancel()
		t.Fatalf("serve %v ended with %d before it listened:\n%s", args, <-s.code, s.errs)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	var ok bool
	if s.url, ok = strings.CutPrefix(strings.TrimSpace(line), "Listening on "); !ok {
		t.Errorf("serve printed %q", line)
	}
	t.Cleanup(func() { s.end() })
	return s
}

// end stops the server as a signal would and returns its exit code.
func (s *serving) end() int {
	s.stop()
	code := <-s.code
	s.code <- code
	http.DefaultClient.CloseIdleConnections()
	return code
}

// post sends one JSON-RPC message of the latest era and returns status and body.
func (s *serving) post(message, key string) (int, string) {
	s.t.Helper()
	resp := s.send(message, key)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// send is post for those who read the answer themselves.
func (s *serving) send(message, key string) *http.Response {
	s.t.Helper()
	var m struct {
		Method string
		Params struct{ Name string }
	}
	if err := json.Unmarshal([]byte(message), &m); err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url, strings.NewReader(message))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header = testkit.ModernHeaders(m.Method, m.Params.Name)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func rpc(id int, method, params string) string {
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": id, "method": method, "params": json.RawMessage(params)})
	if err != nil {
		panic(err)
	}
	return string(line)
}

// get fetches a path beside the endpoint.
func (s *serving) get(path string) (int, string) {
	s.t.Helper()
	a, err := testkit.Ask(s.t.Context(), http.MethodGet, strings.TrimSuffix(s.url, "/mcp")+path, "", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Status, a.Body
}
