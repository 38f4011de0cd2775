package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestServe_WithoutAFileTheDemoAnswersAndSaysSo(t *testing.T) {
	alone(t)
	s := startServing(t, "--port", "0", "--log-format", "json")
	for _, want := range []string{"No configuration found", "built-in demo server", `{"mcpServers": {`, `"command": "npx"`} {
		if !strings.Contains(s.errs.String(), want) {
			t.Errorf("no %q in\n%s", want, s.errs)
		}
	}
	actortest.Eventually(t, "the demo is connected", func() bool {
		_, body := s.get("/healthz")
		return strings.Contains(body, `"connected":1`)
	})
	status, body := s.post(testkit.Modern(1, "tools/call", `{"name":"exec","arguments":{"server_name":"demo","tool_name":"add","arguments":{"a":20,"b":22}}}`), "")
	if status != http.StatusOK || !strings.Contains(body, "42") {
		t.Errorf("%d %s", status, body)
	}
	status, body = s.post(testkit.Modern(2, "tools/list", `{}`), "")
	if status != http.StatusOK || !strings.Contains(body, "word_count") {
		t.Errorf("the directory lacks the demo: %d %s", status, body)
	}
	if code := s.end(); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	for _, want := range []string{"Connecting to Stdio MCP Server", "Found 6 tools: [", "Closing all MCP connections", `"closed_count":1`} {
		if !strings.Contains(s.errs.String(), want) {
			t.Errorf("no %q in\n%s", want, s.errs)
		}
	}
}

func TestServe_StoppingLetsACallInFlightFinish(t *testing.T) {
	alone(t)
	s := startServing(t, "--port", "0", "--log-level", "warn")
	message := testkit.Modern(1, "tools/call",
		`{"name":"exec","arguments":{"server_name":"demo","tool_name":"countdown","arguments":{"from":4,"interval_ms":50}}}`)
	message = strings.Replace(message, `"_meta":{`, `"_meta":{"progressToken":"p",`, 1)
	resp := s.send(message, "")
	defer resp.Body.Close()
	events := bufio.NewScanner(resp.Body)
	for events.Scan() && !strings.Contains(events.Text(), "notifications/progress") {
		continue
	}
	// The first progress is here: the call is in flight, with three steps to go.
	code := s.end()
	var rest strings.Builder
	for events.Scan() {
		rest.WriteString(events.Text())
	}
	if code != exitOK || !strings.Contains(rest.String(), "Liftoff!") {
		t.Errorf("exit code %d (%v)\n%s\n%s", code, events.Err(), rest.String(), s.errs)
	}
}

func TestServe_KeysAreAskedForEverywhereButHealthz(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, `"api_keys": {"ci": "second-key"}, "log_level": "error",`, "a"))
	s := startServing(t, "mcpx.json", "--api-key", "first-key", "-p", "0")
	list := testkit.Modern(1, "tools/list", `{}`)
	for key, want := range map[string]int{"": 401, "wrong": 401, "first-key": 200, "second-key": 200} {
		if status, body := s.post(list, key); status != want {
			t.Errorf("key %q: %d, want %d: %s", key, status, want, body)
		}
	}
	status, body := s.get("/healthz")
	var health struct {
		Status  string
		Servers int
	}
	if err := json.Unmarshal([]byte(body), &health); err != nil || status != http.StatusOK || health.Status != "ok" || health.Servers != 1 {
		t.Errorf("healthz: %d %s", status, body)
	}
	if status, _ := s.get("/nothing"); status != http.StatusUnauthorized {
		t.Errorf("an unknown path without a key: %d", status)
	}
	if log := s.errs.String(); strings.Contains(log, "first-key") || strings.Contains(log, "second-key") {
		t.Errorf("a key is in the log:\n%s", log)
	}
}

func TestServe_AServerThatCannotStartDisturbsNoOther(t *testing.T) {
	alone(t)
	config := demoConfig(t, `"retry_attempts": 1, "log_format": "json",`, "good")
	write(t, "mcpx.json", strings.Replace(config, `{"good"`, `{"bad": {"command": "no-such-program-anywhere"}, "odd": {"type": "pigeon"}, "good"`, 1))
	s := startServing(t, "--port", "0")
	actortest.Eventually(t, "the good one is connected, the bad one has failed", func() bool {
		_, body := s.get("/healthz")
		return strings.Contains(body, `"connected":1`) && strings.Contains(s.errs.String(), "became unhealthy")
	})
	log := s.errs.String()
	for _, want := range []string{`"server":"odd"`, "pigeon", "no-such-program-anywhere"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
}

func TestApp_HasNoAddressBeforeItListensAndStopsTwice(t *testing.T) {
	alone(t)
	l := loadForTest(t, "serve", "--port", "0", "--log-level", "error")
	errs := &testkit.Buffer{}
	a := newApp(l, errs)
	if a.Addr() != nil {
		t.Errorf("got %v", a.Addr())
	}
	if err := a.Listen(); err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context(), l.Servers); err != nil {
		t.Fatal(err)
	}
	if a.Addr() == nil || !strings.HasSuffix(a.URL(), "/mcp") {
		t.Errorf("%v %s", a.Addr(), a.URL())
	}
	a.Stop()
	a.Stop()
	if err := <-a.failed; err != nil {
		t.Errorf("the listener ended with %v", err)
	}
}

// loadForTest loads what a command line of serve means.
func loadForTest(t *testing.T, args ...string) loaded {
	t.Helper()
	s := streams{in: strings.NewReader(""), out: &testkit.Buffer{}, err: &testkit.Buffer{}}
	root := newRoot(s)
	cmd, rest, err := root.Find(args)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	l, err := (&sourceFlags{}).load(cmd, s, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}
