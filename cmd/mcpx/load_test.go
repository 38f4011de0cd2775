package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/null"
	"github.com/mcpx/mcpx/transport/workload"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// nullServer is a server without work in this process.
func nullServer(t *testing.T, o null.Options) string {
	t.Helper()
	server, err := null.New(o)
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server.HTTP())
	t.Cleanup(func() {
		server.Close()
		web.Close()
	})
	return web.URL + "/mcp"
}

func TestLoad_WhatIsWrongWithTheTargetIsSaid(t *testing.T) {
	alone(t)
	// A server that knows no method of the latest revision.
	const older = `while read -r line; do echo '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}'; done`
	up := nullServer(t, null.Options{Bytes: 10})
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<h1>It works!</h1>")
	}))
	t.Cleanup(page.Close)
	secured := httptest.NewUnstartedServer(http.NotFoundHandler())
	secured.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	secured.StartTLS()
	t.Cleanup(secured.Close)
	write(t, "mcpx.json", `{"api_key": "sesame-open", "mcpServers": {"up": {"url": "`+up+`"}, "other": {"url": "`+up+`"}}}`)
	guarded := startServing(t, "mcpx.json", "--port", "0")
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nobody is there", []string{"http://127.0.0.1:1/mcp"}, "connection refused by 127.0.0.1:1: is the server running?"},
		{"no MCP", []string{page.URL}, `content type "text/html"`},
		{"no such server of a gateway", []string{guarded.url + "/nobody", "--api-key", "sesame-open"}, "404"},
		{"no key", []string{guarded.url}, "refused our credentials (401)"},
		{"no key: what to do", []string{guarded.url}, "give them with --api-key or --header"},
		{"TLS where there is none", []string{strings.Replace(up, "http:", "https:", 1)}, "does not speak TLS: should its url begin with http://?"},
		{"a certificate that nobody knows", []string{secured.URL}, "is not valid"},
		{"another transport", []string{up, "--transport", "sse"}, `its type is "streamable-http" (say --transport http)`},
		{"an unknown tool", []string{up, "--tool", "nul"}, `it has no tool "nul"; did you mean "null"?`},
		{"the first tool of a gateway", []string{guarded.url, "--api-key", "sesame-open"}, "--exec SERVER/TOOL says which"},
		{"no gateway", []string{up, "--exec", "a/b"}, "none of the tools exec, call and invoke"},
		{"no ping in this era", []string{up, "--mix", "ping"}, "which has no ping: say --era legacy"},
		{"the wrong era", []string{"--era", "modern", "--", "/bin/sh", "-c", older}, "(--era is modern: try --era auto)"},
		{"no such program", []string{"--", "no-such-program-anywhere"}, "not found in PATH"},
		{"a program that ends", []string{"--", "/bin/sh", "-c", "exit 7"}, "exited with status 7"},
		{"one that does not speak", []string{"--open-timeout", "100ms", "--", "/bin/cat", "/dev/zero"}, "/bin/cat"},
		{"no such process", []string{up, "--pid", "1073741824"}, "there is no process 1073741824"},
		{"arguments that do not fit", []string{guarded.url, "--api-key", "sesame-open", "--tool", "inspect", "--args", `{"nr":1}`}, "do not fit the tool's schema"},
		{"a server that is not configured", []string{"--config", "mcpx.json", "--server", "upp"}, `there is no server "upp"`},
		{"no configuration", []string{"--config", "none.json", "--server", "up"}, "none.json"},
		{"a session too many", []string{up, "--against", "http://127.0.0.1:1/mcp"}, "connection refused"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mcpx(t, "", append([]string{"load", "--duration", "100ms", "--warmup", "0s", "-q"}, c.args...)...)
			if got.code != exitError || !strings.Contains(got.err, c.want) || got.out != "" {
				t.Errorf("exit code %d: %s\nwant %q\nstdout: %s", got.code, got.err, c.want, got.out)
			}
			if strings.Contains(got.err, "sesame") {
				t.Errorf("the key is shown: %s", got.err)
			}
		})
	}
	for _, key := range [][]string{{"--api-key", "sesame-open"}, {"--header", "Authorization: Bearer sesame-open"}} {
		if got := mcpx(t, "", append([]string{"load", guarded.url, "--requests", "20", "--warmup", "0s", "--mix", "tools/list"}, key...)...); got.code != exitOK {
			t.Errorf("%+v", got)
		}
	}
}

func TestLoad_MistakesOnTheCommandLine(t *testing.T) {
	alone(t)
	for want, args := range map[string][]string{
		"expected a URL, a command":                          {},
		"two targets: http://a, and what":                    {"http://a", "--", "b"},
		"two targets: http://a, and --config":                {"http://a", "--config", "b"},
		`"somewhere" is no URL`:                              {"somewhere"},
		"--requests and --duration exclude":                  {"http://a", "--requests", "1", "--duration", "1s"},
		"--sessions and --against":                           {"http://a", "--sessions", "1", "--against", "http://b"},
		"--rounds must be":                                   {"http://a", "--rounds", "0", "--against", "http://b"},
		"--max-errors is a percentage":                       {"http://a", "--max-errors", "101"},
		`--exec expects SERVER/TOOL, not "a"`:                {"http://a", "--exec", "a"},
		"--mix":                                              {"http://a", "--mix", "nothing"},
		"--expect: {{x}} means nothing":                      {"http://a", "--expect", "{{x}}"},
		"--kill-upstream: it needs every=":                   {"http://a", "--kill-upstream", "name=x"},
		"--kill-upstream: it needs name=":                    {"http://a", "--kill-upstream", "every=1s"},
		`--kill-upstream: "often": expected every=2s`:        {"http://a", "--kill-upstream", "often"},
		`--kill-upstream: "every=x"`:                         {"http://a", "--kill-upstream", "every=x,name=y"},
		"--env expects NAME=value":                           {"--env", "x", "--", "a"},
		"--header expects 'NAME: value'":                     {"http://a", "--header", "secret"},
		"--transport must be http or sse":                    {"http://a", "--transport", "stdio"},
		"are for a URL, and the target is a command":         {"--api-key", "k", "--", "a"},
		"--server must name one of the servers \"a\", \"b\"": {"--config", "two.json"},
	} {
		write(t, "two.json", `{"mcpServers": {"a": {"command": "x"}, "b": {"command": "x"}}}`)
		got := mcpx(t, "", append([]string{"load"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) || got.out != "" || strings.Contains(got.err, "secret") {
			t.Errorf("%v: exit code %d, %s\nwant %q", args, got.code, got.err, want)
		}
	}
	up := nullServer(t, null.Options{})
	if got := mcpx(t, "", "load", up, "--clients", "0"); got.code != exitUsage || !strings.Contains(got.err, "0 clients") {
		t.Errorf("%+v", got)
	}
}

func TestLoad_TellsItsProgressAndWritesItsFiles(t *testing.T) {
	alone(t)
	up := nullServer(t, null.Options{Bytes: 10, ErrorRate: 0.5, Errors: null.ErrorsTool})
	got := mcpx(t, "", "load", up, "--requests", "400", "--warmup", "0s", "--pause", "5ms", "--pid", fmt.Sprint(os.Getpid()), "--max-errors", "60",
		"--mix", "tools/call=3,tools/list=1", "--out", "a.json", "--html", "a.html")
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{"mcpx-null", "2026-07-28", "tools/call {\"name\":\"null\",\"arguments\":{}}; tools/list", "closed: 16 clients", "400 in", "tool error: this call fails", "CPU per request, RSS"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if !strings.Contains(got.err, "target RSS") || !strings.Contains(got.err, "errors") {
		t.Errorf("progress: %s", got.err)
	}
	text, err := os.ReadFile("a.json")
	var result loadResult
	if err != nil || json.Unmarshal(text, &result) != nil || len(result.Runs) != 1 || result.Runs[0].Errors != 150 || result.Runs[0].Used == nil {
		t.Errorf("%v %s", err, text)
	}
	for _, file := range []string{"a.html", "a.hlog"} {
		if info, err := os.Stat(file); err != nil || info.Size() < 1000 {
			t.Errorf("%s: %v", file, err)
		}
	}
	for flag, want := range map[string]string{"--out": "--out: ", "--html": "--html: "} {
		if got := mcpx(t, "", "load", up, "--requests", "2", "--warmup", "0s", "-q", "--max-errors", "100", flag, filepath.Join("no", "such", "folder", "x")); got.code != exitError || !strings.Contains(got.err, want) {
			t.Errorf("%+v", got)
		}
	}
}

func TestLoad_ComparesTwoTargetsInPairs(t *testing.T) {
	alone(t)
	a, b := nullServer(t, null.Options{Bytes: 10}), nullServer(t, null.Options{Bytes: 10})
	got := mcpx(t, "", "load", a, "--against", b, "--rounds", "2", "--requests", "50", "--warmup", "0s", "--html", "two.html")
	if got.code != exitOK || strings.Count(got.err, "round ") != 4 {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{"A  " + a, "B  " + b, "A / B", "throughput", "median"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
}

func TestTick_IsFineEnoughForAPlotAndNoFiner(t *testing.T) {
	for length, want := range map[time.Duration]time.Duration{
		0: 500 * time.Millisecond, time.Second: 100 * time.Millisecond, 10 * time.Second: 500 * time.Millisecond, 5 * time.Minute: time.Second,
		time.Hour: 6 * time.Second,
	} {
		if got := tickOf(0, length); got != want {
			t.Errorf("%v: %v, want %v", length, got, want)
		}
	}
}

func TestTeller_OnATerminalThereIsOneLine(t *testing.T) {
	var out testkit.Buffer
	told := &teller{w: &out, terminal: true}
	told.tell(workload.Progress{Phase: workload.PhaseOpening, Opened: 3, Clients: 7})
	told.end()
	if got := out.String(); got != "\r\x1b[Kopening    3 of 7 sessions\r\x1b[K" {
		t.Errorf("%q", got)
	}
	for n, want := range map[int64]string{7: "7 B", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 29: "1.50 GiB"} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := used(&workload.Resources{Problem: "gone"}); got != "could not be watched: gone" {
		t.Error(got)
	}
	if got := used(&workload.Resources{Problem: "gone", Most: procs.Usage{Processes: 1}}); !strings.HasSuffix(got, "at last: gone") {
		t.Error(got)
	}
}

func TestDescriptorHint_SaysWhenTheLimitIsTooLow(t *testing.T) {
	if hint := descriptorHint(1, 4); hint != "" {
		t.Error(hint)
	}
	if hint := descriptorHint(1<<40, 2); !strings.Contains(hint, "raise it with ulimit -n") {
		t.Error(hint)
	}
}

func TestLoad_InterruptedBeforeItBegan(t *testing.T) {
	alone(t)
	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else its end is not noticed
		cancel()                           // as somebody who has waited for long enough
		<-r.Context().Done()
	}))
	t.Cleanup(silent.Close)
	var out, errs testkit.Buffer
	if code := run(ctx, []string{"load", silent.URL}, streams{out: &out, err: &errs}); code != exitError || out.String() != "" {
		t.Errorf("exit code %d, %s", code, errs.String())
	}
}
