package faults_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// good asks the good server, which must answer whatever else happens.
func (p *program) good() {
	p.t.Helper()
	if answer := p.call("good", "echo", `{"text":"still here"}`); !strings.Contains(answer, "still here") {
		p.t.Errorf("the good server was disturbed: %s\n%s", answer, p.Errs)
	}
}

// told is what a failed call says, without the names of what there is instead.
func told(t *testing.T, answer string) string {
	t.Helper()
	var m struct {
		Result struct {
			Content []struct{ Text string }
			IsError bool
		}
	}
	var f struct{ Error, Kind, Sent string }
	if err := json.Unmarshal([]byte(answer), &m); err != nil || !m.Result.IsError || len(m.Result.Content) != 1 {
		t.Fatalf("no failed call: %s (%v)", answer, err)
	}
	if err := json.Unmarshal([]byte(m.Result.Content[0].Text), &f); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	text, _, _ := strings.Cut(f.Error, " Available: ")
	return fmt.Sprintf("%s, sent %s: %s", f.Kind, f.Sent, text)
}

// Everything that can be wrong with a server, beside one that is right, in one
// process: each is told to whoever calls it, and the good one answers between
// any two of them.
func TestBadInput_ABadServerCostsItsOwnCallersOnly(t *testing.T) {
	t.Parallel()
	mark := testkit.NewMark()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>Welcome</html>")
	}))
	t.Cleanup(page.Close)
	nowhere, mail := puppethttp.Nowhere(t), legacyHTTP(t)
	mail.Always("server/discover", puppethttp.Garbage)
	mail.Always("initialize", puppethttp.Garbage)
	impatient := func(server map[string]any) map[string]any {
		server["connection_timeout"] = 2
		return server
	}
	text := testkit.Config(map[string]any{
		"good":      testkit.PuppetServer(mark, "plain"),
		"mute":      impatient(testkit.PuppetServer(mark, "mute")),
		"greeter":   impatient(testkit.PuppetServer(mark, "greeter")),
		"dying":     testkit.PuppetServer(mark, "exit", "no licence"),
		"crash":     testkit.PuppetServer(mark, "crash"),
		"overlong":  testkit.PuppetServer(mark, "overlong", "200000"),
		"deep":      testkit.PuppetServer(mark, "deep", "300"),
		"ghost":     map[string]any{"command": "no-such-program"},
		"nodir":     map[string]any{"command": "sleep", "args": []string{"600"}, "cwd": "/no/such/dir"},
		"text":      map[string]any{"command": "./mcpx.json"},
		"page":      map[string]any{"url": page.URL, "type": "http"},
		"nowhere":   map[string]any{"url": nowhere, "type": "http"},
		"mail":      map[string]any{"url": mail.URL, "type": "http"},
		"pigeon":    map[string]any{"type": "pigeon", "command": "coo"},
		"unset":     map[string]any{"command": "sleep", "args": []string{"${NOT_SET_ANYWHERE}"}},
		"typo":      map[string]any{"comand": "sleep"},
		"extra":     map[string]any{"command": "no-such-program", "nickname": "x"},
		"disabled":  map[string]any{"command": "sleep", "enabled": false},
		"new\nline": map[string]any{"command": "sleep"},
	}, map[string]any{
		"retry_attempts": 1, "kill_after": 1, "colour": "blue",
		"limits": map[string]any{"message_bytes": 100_000, "stderr_tail": 5},
	})
	calls := []struct{ server, tool, want string }{
		{"mute", "echo", `unavailable, sent no: server "mute" is not connected: it did not answer initialize in time`},
		{"greeter", "echo", `unavailable, sent no: server "greeter" is not connected: it did not answer initialize in time`},
		{"dying", "echo", `unavailable, sent no: server "dying" is not connected: it exited with status 7; its stderr ends with: warming up | cannot start: no licence`},
		{"ghost", "echo", `unavailable, sent no: server "ghost" is not connected: command "no-such-program" not found in PATH; install it or give its full path`},
		{"nodir", "echo", `unavailable, sent no: server "nodir" is not connected: its cwd "/no/such/dir" does not exist`},
		{"text", "echo", `unavailable, sent no: server "text" is not connected: command "./mcpx.json" is not executable; chmod +x it`},
		{"page", "echo", `unavailable, sent no: server "page" is not connected: it answered initialize with content type "text/html" instead of JSON or an event stream: <html>Welcome</html>`},
		{"nowhere", "echo", `unavailable, sent no: server "nowhere" is not connected: connection refused by NOWHERE: is the server running?`},
		{"mail", "echo", `unavailable, sent no: server "mail" is not connected: initialize: MAIL does not speak HTTP (or only with TLS): check its url`},
		{"pigeon", "echo", `unknown_upstream, sent no: Server 'pigeon' not found.`},
		{"unset", "echo", `unknown_upstream, sent no: Server 'unset' not found.`},
		{"typo", "echo", `unknown_upstream, sent no: Server 'typo' not found.`},
		{"disabled", "echo", `unknown_upstream, sent no: Server 'disabled' not found.`},
		{"nobody", "echo", `unknown_upstream, sent no: Server 'nobody' not found.`},
		{"good", "no-such-tool", `unknown_tool, sent no: Tool 'no-such-tool' not found on server 'good'.`},
		{"overlong", "first", `upstream_error, sent done: server "overlong": message too large: its answer to tools/call exceeds limits.message_bytes (100000 bytes)`},
		{"deep", "deep", `upstream_error, sent done: server "deep": its answer to tools/call is malformed: parse error: at byte 308: nested too deep (at most 256 levels)`},
		{"crash", "crash", `unavailable, sent unknown: server "crash" exited with status 3; its stderr ends with: fatal: out of cheese`},
	}
	logged := []string{
		`mcpx.json:L:C: warning: colour: unknown key, ignored`,
		`mcpx.json:L:C: warning: limits.stderr_tail: unknown key, ignored`,
		`mcpx.json:L:C: warning: Server 'extra': nickname: unknown key, ignored`,
		`mcpx.json:L:C: Server 'new\nline': the name of a server must not hold control characters`,
		`mcpx.json:L:C: Server 'pigeon': unknown type 'pigeon', must be 'stdio' or 'http'`,
		`mcpx.json:L:C: Server 'typo': stdio type requires 'command' field`,
		`mcpx.json:L:C: warning: Server 'typo': comand: unknown key, ignored; did you mean "command"?`,
		`mcpx.json:L:C: Server 'unset': args[0]: environment variable NOT_SET_ANYWHERE is not set (${NOT_SET_ANYWHERE:-default} would give it a default)`,
		`stderr: mcpx: on stdout, and no message (parse error: at byte 0: unexpected "W", want a value): Welcome! Type help for help.`,
	}
	places := strings.NewReplacer(host(nowhere), "NOWHERE", host(mail.URL), "MAIL")
	for name, run := range map[string]func(*testing.T, string) *program{
		"over HTTP":  serve,
		"over stdio": overStdio,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			p := run(t, text)
			p.good()
			for _, c := range calls {
				got := places.Replace(told(t, p.call(c.server, c.tool, "{}")))
				if c.server == "mute" || c.server == "greeter" { // the rest is details
					got, _, _ = strings.Cut(got, " (connection_timeout")
				}
				if got != c.want {
					t.Errorf("%s.%s is answered\n%s\nwant\n%s", c.server, c.tool, got, c.want)
				}
				p.good()
			}
			for _, want := range logged {
				actortest.Eventually(t, "in the log: "+want, func() bool { return p.logged()[want] })
			}
			if t.Failed() {
				t.Logf("the log:\n%s", p.Errs)
			}
		})
	}
	t.Cleanup(func() {
		actortest.Eventually(t, "no process is left", func() bool { return len(puppet.Marked(mark)) == 0 })
	})
}

// host is the address in the URL of a puppet.
func host(url string) string {
	return strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/mcp")
}

var position = regexp.MustCompile(`^mcpx\.json:\d+:\d+`)

// logged returns the messages of the log, positions in the file left out.
func (p *program) logged() map[string]bool {
	p.t.Helper()
	lines, others := p.Log()
	for _, line := range others {
		p.t.Errorf("not a line of the log: %s", line)
	}
	all := map[string]bool{}
	for _, l := range lines {
		all[position.ReplaceAllString(l.Text("message"), "mcpx.json:L:C")] = true
	}
	return all
}
