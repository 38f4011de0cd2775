package main

import (
	"context"
	"encoding/json"
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

// stdioServers serves these servers over stdin and stdout until so many processes
// are said to have been started. It returns what has been logged, when the first
// answer was written, how long after the beginning of the starts, and that answer.
func stdioServers(t *testing.T, servers string, processes int) (logged string, answered time.Time, took time.Duration, answer string) {
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
	begun := time.Now()
	if err := a.Start(ctx, cfg.Servers); err != nil {
		t.Fatal(err)
	}
	first := make(chan struct{})
	go func() {
		defer requests.Close()
		_, _ = io.WriteString(requests, firstRequest)
		<-first
		testkit.Until(func() bool { return strings.Count(errs.String(), startedMessage) >= processes })
	}()
	out1 := &firstWrite{Writer: &out, first: func() {
		answered = time.Now()
		close(first)
	}}
	if err := serveStdio(ctx, streams{in: in, out: out1, err: &errs}, a, ""); err != nil {
		t.Fatal(err)
	}
	return errs.String(), answered, answered.Sub(begun), out.String()
}

const startedMessage = "Process started"

// mute is a server that says nothing, and ends with its input.
const mute = `{"command": "sh", "args": ["-c", "cat >/dev/null"]}`

func TestStdio_EveryServerHasBeenStartedBeforeTheFirstAnswer(t *testing.T) {
	servers := []string{`"missing": {"command": "/does/not/exist"}`, `"off": {"command": "cat", "enabled": false}`, `"away": {"url": "http://127.0.0.1:1/mcp"}`}
	const mutes = 6
	for i := range mutes {
		servers = append(servers, fmt.Sprintf(`"mute-%d": %s`, i, mute))
	}
	logged, answered, took, answer := stdioServers(t, strings.Join(servers, ",\n"), mutes)
	if !strings.Contains(answer, `"protocolVersion"`) {
		t.Errorf("initialize was answered with %q", answer)
	}
	before := 0
	for line := range strings.Lines(logged) {
		var e struct {
			Server, Message string
			At              time.Time
		}
		if json.Unmarshal([]byte(line), &e) != nil || e.Message != startedMessage {
			continue
		}
		if !strings.HasPrefix(e.Server, "mute-") {
			t.Errorf("%s was started", e.Server)
		}
		if !e.At.After(answered) {
			before++
		}
	}
	// A machine that is busy takes longer than an answer may wait.
	if before != mutes && took < mostForStarts {
		t.Errorf("%d of %d servers had been started when initialize was answered after %v:\n%s", before, mutes, took, logged)
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
