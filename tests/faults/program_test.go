package faults_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// program is a running mcpx, over HTTP or over stdio.
type program struct {
	*testkit.Program
	t   *testing.T
	url string // of the endpoint; empty over stdio
}

// serve runs `mcpx serve` with a configuration, and returns when it listens.
func serve(t *testing.T, config string) *program {
	t.Helper()
	g := testkit.ServeConfig(t, config)
	return &program{g.Program, t, g.URL}
}

// overStdio runs `mcpx stdio` with a configuration, and initializes.
func overStdio(t *testing.T, config string) *program {
	t.Helper()
	binary, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := testkit.WriteConfig(dir, config); err != nil {
		t.Fatal(err)
	}
	started, err := testkit.StartPiped(testkit.Command(binary, dir, "stdio", "mcpx.json"))
	if err != nil {
		t.Fatal(err)
	}
	p := &program{Program: started, t: t}
	t.Cleanup(func() {
		if p.Ended() {
			return // as the test wanted it
		}
		if err := p.End(p.Terminate); err != nil {
			t.Error(err)
		}
	})
	p.say(initialize)
	if answer := p.hear(); !strings.Contains(answer, `"serverInfo"`) {
		t.Fatalf("it answered initialize with %s\n%s", answer, p.Errs)
	}
	p.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p
}

const initialize = `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25",` +
	`"capabilities":{},"clientInfo":{"name":"faults","version":"1"}}}`

// say sends one line.
func (p *program) say(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.In, line+"\n"); err != nil {
		p.t.Fatalf("%v\n%s", err, p.Errs)
	}
}

// hear returns the next message that is an answer.
func (p *program) hear() string {
	p.t.Helper()
	stuck := time.AfterFunc(testkit.Patience, p.Kill)
	defer stuck.Stop()
	for {
		line, err := p.Out.ReadString('\n')
		if err != nil {
			p.t.Fatalf("%q %v\n%s", line, err, p.Errs)
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
		p.say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%q,"method":"tools/call","params":%s}`, server, testkit.ExecParams(server, tool, arguments)))
		return p.hear()
	}
	status, body := p.post(modernExec(server, tool, arguments), testkit.ModernHeaders("tools/call", "exec"))
	if status != http.StatusOK {
		p.t.Fatalf("HTTP %d: %s\n%s", status, body, p.Errs)
	}
	return body
}

func modernExec(server, tool, arguments string) string {
	return testkit.Modern(1, "tools/call", testkit.ExecParams(server, tool, arguments))
}

// post sends a body to the endpoint and returns status and answer.
func (p *program) post(body string, header http.Header) (int, string) {
	p.t.Helper()
	status, answer, _ := p.ask(http.MethodPost, p.url, body, header)
	return status, answer
}

func (p *program) ask(method, url, body string, header http.Header) (int, string, http.Header) {
	p.t.Helper()
	a, err := testkit.Ask(p.t.Context(), method, url, body, header)
	if err != nil {
		p.t.Fatalf("%v\n%s", err, p.Errs)
	}
	return a.Status, strings.TrimSuffix(a.Body, "\n"), a.Header
}
