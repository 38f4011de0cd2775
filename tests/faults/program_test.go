package faults_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
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

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// binary is the program under test, with race detector and coverage counters.
func binary(t *testing.T) string {
	t.Helper()
	path := os.Getenv("MCPX_BINARY")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "mcpx")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("the program under test is missing, build it with `make e2e-binary`: %v", err)
	}
	return path
}

// program is a running mcpx.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	dir    string // its working directory, and its home
	url    string // serve: of the endpoint
	in     io.WriteCloser
	out    *bufio.Reader // stdio: what it answers
	errs   *buffer
	exited chan struct{}
	err    error // of Wait; before exited is closed
}

// command prepares a run of the program in a directory of its own, which sees
// nothing of this machine's configuration.
func command(t *testing.T, path string, args ...string) *program {
	t.Helper()
	p := &program{t: t, dir: t.TempDir(), errs: &buffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	counters := cmp.Or(os.Getenv("MCPX_COVERDIR"), os.Getenv("GOCOVERDIR"), p.dir) // go test -cover overrides the second
	p.cmd.Dir, p.cmd.Stderr, p.cmd.WaitDelay = p.dir, p.errs, actortest.Patience
	p.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "XDG_CONFIG_HOME=" + p.dir, "TMPDIR=" + p.dir,
		"GOCOVERDIR=" + counters, "GORACE=atexit_sleep_ms=0", // or every end takes a second
	}
	return p
}

// start runs it until the test ends; then it must stop when asked, in good order.
func (p *program) start() {
	p.t.Helper()
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	p.t.Cleanup(func() {
		select {
		case <-p.exited:
			return // as the test wanted it
		default:
		}
		if err := p.end(syscall.SIGTERM); err != nil {
			p.t.Errorf("mcpx %v: %v\n%s", p.cmd.Args[1:], err, p.errs)
		}
	})
}

// end sends a signal and waits for the end.
func (p *program) end(sig os.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(actortest.Patience):
		_ = p.cmd.Process.Kill() // it is dead or about to be
		<-p.exited
		return fmt.Errorf("did not end within %v", actortest.Patience)
	}
	if strings.Contains(p.errs.String(), "DATA RACE") {
		return errors.New("a data race")
	}
	return p.err
}

// serve runs `mcpx serve` with a configuration, and returns when it listens.
func serve(t *testing.T, path, config string, args ...string) *program {
	t.Helper()
	p := command(t, path, append([]string{"serve", "mcpx.json", "--port", "0"}, args...)...)
	p.write("mcpx.json", config)
	p.start()
	line, err := p.out.ReadString('\n')
	var ok bool
	if p.url, ok = strings.CutPrefix(strings.TrimSpace(line), "Listening on "); !ok {
		t.Fatalf("it said %q (%v)\n%s", line, err, p.errs)
	}
	return p
}

// overStdio runs `mcpx stdio` with a configuration, and initializes.
func overStdio(t *testing.T, config string) *program {
	t.Helper()
	p := command(t, binary(t), "stdio", "mcpx.json")
	p.write("mcpx.json", config)
	p.start()
	p.say(initialize)
	if answer := p.hear(); !strings.Contains(answer, `"serverInfo"`) {
		t.Fatalf("it answered initialize with %s\n%s", answer, p.errs)
	}
	p.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p
}

const initialize = `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25",` +
	`"capabilities":{},"clientInfo":{"name":"faults","version":"1"}}}`

func (p *program) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// say sends one line.
func (p *program) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatalf("%v\n%s", err, p.errs)
	}
}

// hear returns the next message that is an answer.
func (p *program) hear() string {
	p.t.Helper()
	stuck := time.AfterFunc(actortest.Patience, func() { _ = p.cmd.Process.Kill() })
	defer stuck.Stop()
	for {
		line, err := p.out.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%q %v\n%s", line, err, p.errs)
		}
		if !strings.Contains(line, `"method":"notifications/`) {
			return strings.TrimSuffix(line, "\n")
		}
	}
}

// call executes a tool of a server, by the transport that the program serves,
// and returns the answer.
func (p *program) call(server, tool, arguments string) string {
	p.t.Helper()
	if p.url == "" {
		p.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":{%s}}`, server, execParams(server, tool, arguments)))
		return p.hear()
	}
	status, body := p.post(modernExec(server, tool, arguments), modernHeaders("tools/call", "exec"))
	if status != http.StatusOK {
		p.t.Fatalf("HTTP %d: %s\n%s", status, body, p.errs)
	}
	return body
}

func execParams(server, tool, arguments string) string {
	return fmt.Sprintf(`"name":"exec","arguments":{"server_name":%q,"tool_name":%q,"arguments":%s}`, server, tool, arguments)
}

func modernExec(server, tool, arguments string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{%s,"_meta":%s}}`, execParams(server, tool, arguments), modernMeta)
}

const modernMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"faults","version":"1"}}`

// modernHeaders are those of a modern request, with what a case adds to or
// changes in them.
func modernHeaders(method, name string, more ...string) http.Header {
	h := http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {method},
	}
	if name != "" {
		h.Set("Mcp-Name", name)
	}
	for _, header := range more {
		key, value, _ := strings.Cut(header, ": ")
		h.Set(key, value)
	}
	return h
}

// post sends a body to the endpoint and returns status and answer.
func (p *program) post(body string, header http.Header) (int, string) {
	p.t.Helper()
	status, answer, _ := p.ask(http.MethodPost, p.url, body, header)
	return status, answer
}

func (p *program) ask(method, url, body string, header http.Header) (int, string, http.Header) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = header.Clone()
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	// A connection for each request: bad ones cost theirs.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: actortest.Patience}
	resp, err := client.Do(req)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, p.errs)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSuffix(string(answer), "\n"), resp.Header
}

// config is a configuration with the given servers and other members.
func config(servers map[string]any, more map[string]any) string {
	all := map[string]any{"mcpServers": servers, "log_format": "json"}
	for key, value := range more {
		all[key] = value
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return string(text)
}

// puppetServer is a server of a configuration that is a puppet process.
func puppetServer(mark, behaviour string, args ...string) map[string]any {
	command, args, env := puppet.Command(behaviour, args...)
	env[puppet.EnvMark] = mark
	return map[string]any{"command": command, "args": args, "env": env}
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
