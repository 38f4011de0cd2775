package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/null"
)

func TestLoad_HoldsSessionsAndSaysWhatBecameOfThem(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "demo"))
	s := startServing(t, "mcpx.json", "--port", "0")
	got := mcpx(t, "", "load", s.url, "--sessions", "30", "--hold", "100ms", "--pid", fmt.Sprint(os.Getpid()), "--out", "held.json")
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{"30 opened in", "held for ", "30 when holding began, 30 at the end; 0 ended meanwhile", "30 answered, 0 were lost", "for each session"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if text, err := os.ReadFile("held.json"); err != nil || !strings.Contains(string(text), `"streams_left": 30`) {
		t.Errorf("%s %v", text, err)
	}

	// A server without event streams cannot hold what it does not open.
	up := nullServer(t, null.Options{})
	if got := mcpx(t, "", "load", up, "--sessions", "3", "--hold", "1ms", "--open-timeout", "3s", "-q"); got.code != exitErrors || !strings.Contains(got.out, "0 when holding began") {
		t.Errorf("%+v", got)
	}
}

func TestLoad_MeasuresAServerInThisProcess(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "demo"))
	got := mcpx(t, "", "load", "--config", "mcpx.json", "--tool", "add", "--args", `{"a": {{seq}}, "b": {{client}}}`, "--requests", "60", "--warmup", "0s",
		"--clients", "3", "--in-flight", "2", "--expect", "sum", "--kill-upstream", "every=1h,name=demo-server")
	if got.code != exitOK {
		t.Fatalf("%+v", got)
	}
	for _, want := range []string{"demo, in this process", "closed: 3 clients with 2 requests in flight each", "killed     0 processes", "CPU per request"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	one := mcpx(t, "", "load", "--config", "mcpx.json", "--tool", "add", "--args", `{"a": 1}`, "--clients", "1")
	if one.code != exitError || !strings.Contains(one.err, "do not fit the tool's schema") {
		t.Errorf("%+v", one)
	}
}

func TestLoad_TooManyErrorsEndWithACodeOfTheirOwn(t *testing.T) {
	alone(t)
	up := nullServer(t, null.Options{ErrorRate: 1})
	got := mcpx(t, "", "load", up, "--requests", "10", "--warmup", "0s", "--clients", "1", "--rate", "1000", "-q")
	if got.code != exitErrors || !strings.Contains(got.err, "100 % of the requests failed, and --max-errors is 0") || !strings.Contains(got.out, "open: 1000 per second by appointment, one client") {
		t.Errorf("%+v", got)
	}
	if text := exitWith(3).Error(); text != "exit code 3" {
		t.Error(text)
	}
}

// A session that cannot be opened ends it: it would not be what was asked for.
func TestLoad_ASessionTooMany(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, `"limits": {"client_sessions": 5}, `, "demo"))
	s := startServing(t, "mcpx.json", "--port", "0")
	got := mcpx(t, "", "load", s.url, "--era", "legacy", "--clients", "20", "--exec", "demo/echo", "--requests", "20", "-q")
	if got.code != exitError || !strings.Contains(got.err, "of 20 sessions could not be opened; the first said:") {
		t.Errorf("%+v", got)
	}
}

func TestKillUpstream_EndsTheOldestThatFitsAndNeverTheTarget(t *testing.T) {
	cmd := testkit.Command("/bin/sh", t.TempDir(), "-c", `/bin/sh -c 'echo ready; read -r line' victim; echo gone; read -r line`)
	p, err := testkit.StartPiped(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	expect := func(want string) {
		t.Helper()
		if line, err := p.Out.ReadString('\n'); err != nil || strings.TrimSpace(line) != want {
			t.Fatalf("%q %v, want %q", line, err, want)
		}
	}
	expect("ready")
	k, err := readKilling(fmt.Sprintf("every=5ms,name=victim,pid=%d", p.Pid()))
	if err != nil || k.every != 5*time.Millisecond {
		t.Fatal(k, err)
	}
	found, err := k.victims(nil)
	if err != nil || len(found) != 1 || found[0].Parent != p.Pid() {
		t.Fatalf("%v %v", found, err)
	}
	if of, err := (&killing{name: "victim"}).victims([]int{p.Pid(), found[0].Pid}); err != nil || len(of) != 0 {
		t.Errorf("a target is a victim: %v %v", of, err)
	}
	end := k.begin(&side{})
	expect("gone") // its parent goes on
	if !testkit.Until(func() bool { found, err := k.victims(nil); return err == nil && len(found) == 0 }) {
		t.Error("it lives")
	}
	if done := end(); len(done.Done) == 0 || !strings.Contains(done.Done[0].Command, "victim") || done.Done[0].Pid != found[0].Pid {
		t.Errorf("%+v", done)
	}
	if (*killing)(nil).begin(&side{})() != nil {
		t.Error("nobody was to be killed")
	}
}

func TestSide_SaysWhatItIs(t *testing.T) {
	for want, s := range map[string]*side{
		"a": {name: "a"},
		"a (a server without a name, 2025-11-25, stdio)": {name: "a", peer: messages.Peer{Protocol: "2025-11-25"}},
		"a (b 1, 2024-11-05, sse)":                       {name: "a", peer: messages.Peer{Protocol: "2024-11-05", Name: "b", Version: "1", Transport: messages.TransportSSE}},
	} {
		if got := s.described(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if n := (&side{process: true}); n.opening() != 8 || n.descriptors() != 4 || (&side{}).opening() != 64 || (&side{}).descriptors() != 2 {
		t.Error("processes are not opened like sessions")
	}
}
