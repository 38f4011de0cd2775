package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/config"
	"github.com/mcpx/mcpx/tests/testkit"
)

const firstRequest = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
	`"clientInfo":{"name":"test","version":"1"}}}` + "\n"

// firstWrite calls first before the first byte is written.
type firstWrite struct {
	io.Writer
	once  sync.Once
	first func()
}

func (w *firstWrite) Write(b []byte) (int, error) {
	w.once.Do(w.first)
	return w.Writer.Write(b)
}

// stdioServers serves these servers over stdin and stdout and returns what had
// been logged when the first answer was written, and that answer.
func stdioServers(t *testing.T, servers string) (logged, answer string) {
	t.Helper()
	alone(t)
	write(t, "mcpx.json", `{"mcpServers": {`+servers+`}}`)
	cfg, problems := config.Load(config.LoadOptions{Path: "mcpx.json", Flags: map[string]any{"log_level": "debug", "log_format": "json"}})
	if problems.HasErrors() {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	in, requests := io.Pipe()
	defer requests.Close()
	var errs, out testkit.Buffer
	a := newApp(loaded{Config: cfg}, &errs)
	defer a.Stop()
	if err := a.Start(ctx, cfg.Servers); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(requests, firstRequest) }()
	answered := &firstWrite{Writer: &out, first: func() {
		logged = errs.String()
		_ = requests.Close()
	}}
	a.awaitStarts(ctx, patience)
	if err := serveStdio(ctx, streams{in: in, out: answered, err: &errs}, a, ""); err != nil {
		t.Fatal(err)
	}
	return logged, out.String()
}

// mute is a server that says nothing, and ends with its input.
const mute = `{"command": "sh", "args": ["-c", "cat >/dev/null"]}`

func TestStdio_EveryServerHasBeenStartedBeforeTheFirstAnswer(t *testing.T) {
	servers := []string{`"missing": {"command": "/does/not/exist"}`, `"off": {"command": "cat", "disabled": true}`, `"away": {"url": "http://127.0.0.1:1/mcp"}`}
	const mutes = 6
	for i := range mutes {
		servers = append(servers, fmt.Sprintf(`"mute-%d": %s`, i, mute))
	}
	logged, answer := stdioServers(t, strings.Join(servers, ",\n"))
	if !strings.Contains(answer, `"protocolVersion"`) {
		t.Errorf("initialize was answered with %q", answer)
	}
	for i := range mutes {
		if n := strings.Count(logged, fmt.Sprintf(`"server":"mute-%d","pid":`, i)); n != 1 {
			t.Errorf("mute-%d had been started %d times when initialize was answered:\n%s", i, n, logged)
		}
	}
}

func TestStdio_TheFirstAnswerDoesNotWaitForeverForAStart(t *testing.T) {
	alone(t)
	a := newApp(loaded{Config: &config.Config{}}, io.Discard)
	defer a.Stop()
	a.started = make(chan struct{}) // never closed: the disk does not answer
	a.awaitStarts(t.Context(), time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.awaitStarts(ctx, time.Hour)
}
