package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestCall_PrintsTheResult(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		name, stdin string
		args        []string
		code        int
		out, err    string
	}{
		{"text", "", []string{"call", "demo.echo", `{"text":"hi"}`}, exitOK, "hi\n", "built-in demo"},
		{"without its server, there being one", "", []string{"call", "echo", `{"text":"hi"}`}, exitOK, "hi\n", ""},
		{"raw, the flag behind", "", []string{"call", "demo.add", `{"a":1,"b":2}`, "--json"}, exitOK, `"structuredContent":{"sum":3}`, ""},
		{"raw, the flag in front", "", []string{"call", "--json", "demo.add", `{"a":1,"b":2}`}, exitOK, `"structuredContent":{"sum":3}`, ""},
		{"arguments on stdin", "{\"text\": \"one two\"}\n", []string{"call", "demo.echo", "-"}, exitOK, "one two\n", ""},
		{"with progress in the log", "", []string{"call", "demo.countdown", `{"from":2,"interval_ms":20}`, "--log-level", "info"}, exitOK, "Liftoff!\n", "notifications/progress"},
		{"an error of the tool", "", []string{"call", "demo.random", `{"low":2,"high":1}`}, exitError, "is below low", ""},
		{"an unknown tool", "", []string{"call", "demo.fly"}, exitError, "", `server "demo" has no tool "fly"; it has "add", "countdown", "echo"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mcpx(t, c.stdin, c.args...)
			if got.code != c.code || !strings.Contains(got.out, c.out) || !strings.Contains(got.err, c.err) || c.out == "" && got.out != "" {
				t.Errorf("exit code %d, want %d\nstdout: %swant %s\nstderr: %swant %s", got.code, c.code, got.out, c.out, got.err, c.err)
			}
		})
	}
}

func TestCall_StartsOnlyTheServerItNeeds(t *testing.T) {
	alone(t)
	config := demoConfig(t, "", "a.b", "a")
	write(t, "mcpx.json", strings.Replace(config, `{"a.b"`, `{"trap": {"command": "/bin/sh", "args": ["-c", "touch started; cat"]}, "a.b"`, 1))
	got := mcpx(t, "", "call", "a.b.echo", `{"text":"hi"}`, "--log-level", "info", "--log-format", "json")
	if got.code != exitOK || got.out != "hi\n" {
		t.Errorf("%+v", got)
	}
	if !strings.Contains(got.err, `"server":"a.b"`) || strings.Contains(got.err, `"server":"a"`) || strings.Contains(got.err, `"server":"trap"`) {
		t.Errorf("not only a.b was started:\n%s", got.err)
	}
	if got := mcpx(t, "", "call", "c.echo"); got.code != exitError || !strings.Contains(got.err, `with one of the servers "a", "a.b", "trap"`) {
		t.Errorf("%+v", got)
	}
}

func TestCall_ACommandThatDoesNotExistFailsAtOnce(t *testing.T) {
	alone(t)
	for _, args := range [][]string{
		{"call", "x", "--", "no-such-program-anywhere"},
		{"tools", "--", "no-such-program-anywhere"},
		{"check", "--", "no-such-program-anywhere"},
		{"check", "--connect", "--", "no-such-program-anywhere"},
	} {
		got := mcpx(t, "", args...)
		if got.code != exitError || !strings.Contains(got.err, "no-such-program-anywhere") || got.out != "" && got.out != "[]\n" {
			t.Errorf("%v: %+v", args, got)
		}
	}
}

func TestReadArguments_TooMuchOnStdinIsRefused(t *testing.T) {
	endless := io.LimitReader(blanks{}, 1<<40)
	if _, err := readArguments(endless, []string{"-"}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
	if _, err := readArguments(broken{}, []string{"-"}); err == nil || !strings.Contains(err.Error(), "stdin") {
		t.Errorf("got %v", err)
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestTools_ListsEveryServer(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "beta", "alpha"))
	got := mcpx(t, "", "tools")
	if got.code != exitOK || !strings.HasPrefix(got.out, "alpha\n  ") || !strings.Contains(got.out, "\nbeta\n") ||
		!strings.Contains(got.out, "  random(high, low, count?)") || !strings.Contains(got.out, "Draw random whole numbers") {
		t.Errorf("%+v", got)
	}
	got = mcpx(t, "", "tools", "beta", "--json")
	var list []struct {
		Server, Name string
		InputSchema  map[string]any `json:"input_schema"`
	}
	if err := json.Unmarshal([]byte(got.out), &list); err != nil || len(list) != 6 || list[0].Server != "beta" || list[0].InputSchema["type"] != "object" {
		t.Errorf("%+v: %v", got, err)
	}
	if got := mcpx(t, "", "tools", "gamma"); got.code != exitError || !strings.Contains(got.err, `there is no server "gamma"; there are: "alpha", "beta"`) {
		t.Errorf("%+v", got)
	}
}

func TestParameters_OfAnySchema(t *testing.T) {
	for schema, want := range map[string]string{
		`{"properties":{"b":{},"a":{},"z":true},"required":["z","b"]}`: "b, z, a?",
		`{"type":"object"}`: "", `true`: "…", ``: "…",
	} {
		if got := parameters(json.RawMessage(schema)); got != want {
			t.Errorf("%s: got %q, want %q", schema, got, want)
		}
	}
}

func TestStdio_ServesOneClientUntilItsInputEnds(t *testing.T) {
	alone(t)
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	errs := &testkit.Buffer{}
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{"stdio", "--log-level", "info", "--log-format", "json"}, streams{in: in, out: out, err: errs})
		out.Close()
	}()
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	// ask sends a request and returns its answer; notifications pass by.
	ask := func(id int, method, params string) string {
		t.Helper()
		if _, err := io.WriteString(stdin, rpc(id, method, params)+"\n"); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			var m struct {
				ID     int `json:"id"`
				Method string
			}
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				t.Fatalf("stdout holds something else than messages: %q", lines.Text())
			}
			if m.Method == "" && m.ID == id {
				return lines.Text()
			}
		}
		t.Fatalf("no answer to %s (%v)\n%s", method, lines.Err(), errs)
		return ""
	}

	hello := ask(1, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`)
	if !strings.Contains(hello, `"name":"mcpx"`) {
		t.Errorf("initialize: %s", hello)
	}
	if _, err := io.WriteString(stdin, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	id := 1
	actortest.Eventually(t, "the demo is in the directory", func() bool {
		id++
		return strings.Contains(ask(id, "tools/list", `{}`), "word_count")
	})
	answer := ask(id+1, "tools/call", `{"name":"exec","arguments":{"server_name":"demo","tool_name":"echo","arguments":{"text":"through stdio"}}}`)
	if !strings.Contains(answer, "through stdio") {
		t.Errorf("exec: %s", answer)
	}
	stdin.Close()
	for lines.Scan() {
		t.Logf("after the end of input: %s", lines.Text())
	}
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d\n%s", got, errs)
	}
	if !strings.Contains(errs.String(), "All MCP connections closed") {
		t.Errorf("it did not close in good order:\n%s", errs)
	}
}
