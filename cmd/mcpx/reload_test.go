package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

// reloads are the fields of what the log says of each reload.
func (s *serving) reloads() (all []map[string]any) {
	for line := range strings.Lines(s.errs.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["message"] == "Configuration reloaded" {
			all = append(all, fields)
		}
	}
	return all
}

// reloaded waits for the next reload and returns what it changed.
func (s *serving) reloaded(n int) string {
	s.t.Helper()
	actortest.Eventually(s.t, fmt.Sprintf("reload %d", n), func() bool { return len(s.reloads()) >= n })
	r := s.reloads()[n-1]
	return fmt.Sprint("added ", r["added"], " changed ", r["changed"], " removed ", r["removed"], " unchanged ", r["unchanged"])
}

func (s *serving) logs(text string) {
	s.t.Helper()
	actortest.Eventually(s.t, "the log says "+text, func() bool { return strings.Contains(s.errs.String(), text) })
}

// connected waits until so many servers of so many are connected.
func (s *serving) connected(of, n int) {
	s.t.Helper()
	actortest.Eventually(s.t, fmt.Sprintf("%d of %d servers are connected", n, of), func() bool {
		_, body := s.get("/healthz")
		return strings.Contains(body, fmt.Sprintf(`"servers":%d,"connected":%d}`, of, n))
	})
}

// rename replaces a file as editors do.
func rename(t *testing.T, name, text string) {
	t.Helper()
	write(t, name+".new", text)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestReload_TheFileIsWatchedAndItsDifferenceApplied(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "same", "changes", "goes"))
	s := startServing(t, "mcpx.json", "--hot-reload", "--port", "0", "--log-format", "json")
	s.connected(3, 3)
	changed := strings.Replace(demoConfig(t, "", "same", "changes", "comes"), `"changes": {`, `"changes": {"max_queue": 5, `, 1)
	rename(t, "mcpx.json", changed)
	if got := s.reloaded(1); got != "added [comes] changed [changes] removed [goes] unchanged 1" {
		t.Error(got)
	}
	s.connected(3, 3)
	status, body := s.post(testkit.Modern(1, "tools/call", testkit.ExecParams("comes", "add", `{"a":20,"b":22}`)), "")
	if status != 200 || !strings.Contains(body, "42") {
		t.Errorf("the server that came does not answer: %d %s", status, body)
	}
	if _, body := s.post(testkit.Modern(2, "tools/call", testkit.ExecParams("goes", "add", `{"a":20,"b":22}`)), ""); strings.Contains(body, "42") {
		t.Errorf("the server that went answers: %s", body)
	}
	// Written in place it is noticed as well.
	write(t, "mcpx.json", demoConfig(t, "", "same"))
	if got := s.reloaded(2); got != "added [] changed [] removed [changes comes] unchanged 1" {
		t.Error(got)
	}
}

func TestReload_AVolumeOfKubernetesIsFollowed(t *testing.T) {
	alone(t)
	write(t, "..1/mcpx.json", demoConfig(t, `"hot_reload": true,`, "a"))
	for link, target := range map[string]string{"..data": "..1", "mcpx.json": filepath.Join("..data", "mcpx.json")} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	s := startServing(t, "--port", "0", "--log-format", "json")
	for n := 1; n < 3; n++ { // twice: the watch follows where the link leads
		version := fmt.Sprintf("..%d", n+1)
		write(t, version+"/mcpx.json", demoConfig(t, `"hot_reload": true,`, "a", fmt.Sprintf("b%d", n)))
		if err := os.Symlink(version, "..data_tmp"); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename("..data_tmp", "..data"); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(fmt.Sprintf("..%d", n)); err != nil {
			t.Fatal(err)
		}
		if got := s.reloaded(n); !strings.HasPrefix(got, fmt.Sprintf("added [b%d] changed []", n)) {
			t.Error(got)
		}
	}
}

func TestReload_AnInvalidFileChangesNothingAndSaysWhere(t *testing.T) {
	alone(t)
	good := demoConfig(t, "", "a", "b")
	write(t, "mcpx.json", good)
	s := startServing(t, "--hot-reload", "--port", "0", "--log-format", "json")
	s.connected(2, 2)
	for _, c := range []struct{ text, want string }{
		{"{\n  \"mcpServers\": {\n    \"a\": }\n}", "mcpx.json:3:10: "},
		{`{"port": "x", "mcpServers": {}}`, "mcpx.json:1:10: port: expected a whole number"},
		{`{"mcp_servers": [{"command": "x"}]}`, "a server in a list requires 'name' field"},
		{"", "is empty"},
	} {
		rename(t, "mcpx.json", c.text)
		s.logs(c.want)
	}
	if err := os.Remove("mcpx.json"); err != nil {
		t.Fatal(err)
	}
	s.logs("there is no such file")
	const said = "The configuration has errors; the old one goes on"
	actortest.Eventually(t, "each is refused", func() bool { return strings.Count(s.errs.String(), said) == 5 })
	s.connected(2, 2)
	status, body := s.post(testkit.Modern(1, "tools/call", testkit.ExecParams("b", "add", `{"a":20,"b":22}`)), "")
	if status != 200 || !strings.Contains(body, "42") || len(s.reloads()) > 0 {
		t.Errorf("the old configuration does not go on: %d %s", status, body)
	}
	// What is mended counts again.
	write(t, "mcpx.json", demoConfig(t, "", "a", "b", "c"))
	if got := s.reloaded(1); got != "added [c] changed [] removed [] unchanged 2" {
		t.Error(got)
	}
}

func TestReload_AServerWithErrorsGoesOnAsItWas(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a", "b"))
	s := startServing(t, "--hot-reload", "--port", "0", "--log-format", "json")
	s.connected(2, 2)
	rename(t, "mcpx.json", strings.Replace(demoConfig(t, "", "a", "c"), `"a": {`, `"a": {"max_queue": -1, `, 1))
	if got := s.reloaded(1); got != "added [c] changed [] removed [b] unchanged 1" {
		t.Error(got)
	}
	s.connected(2, 2)
	for _, want := range []string{`Server 'a': max_queue: must be at least 0`, "Servers with errors go on as they were", `"servers":["a"]`} {
		s.logs(want)
	}
}

func TestReload_WhatCannotChangeIsNamed(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a"))
	s := startServing(t, "--port", "0", "--log-format", "json")
	write(t, "mcpx.json", demoConfig(t, `"host": "0.0.0.0", "port": 1, "api_key": "hunter2", "log_level": "trace", "max_queue": 7,`, "a"))
	s.hup <- syscall.SIGHUP
	if got := s.reloaded(1); got != "added [] changed [a] removed [] unchanged 0" {
		t.Error(got)
	}
	// The port stands on the command line as well, which wins.
	s.logs("Takes effect when mcpx is started again: host, api_key, log_level")
	if strings.Contains(s.errs.String(), "hunter2") {
		t.Errorf("the key is in the log:\n%s", s.errs)
	}
	if status, _ := s.post(testkit.Modern(1, "tools/list", `{}`), ""); status != 200 {
		t.Errorf("the key is asked for all of a sudden: %d", status)
	}
}

func TestReload_AHangupReadsTheFileAndTheVariablesAgain(t *testing.T) {
	alone(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, ".env", "COMMAND=nowhere\n")
	write(t, "mcpx.json", `{"mcpServers": {"a": {"command": "${COMMAND}", "args": ["demo-server"]}}}`)
	s := startServing(t, "--env-path", ".env", "--port", "0", "--log-format", "json")
	write(t, ".env", "COMMAND="+self)
	s.hup <- syscall.SIGHUP
	if got := s.reloaded(1); got != "added [] changed [a] removed [] unchanged 0" {
		t.Error(got)
	}
	s.connected(1, 1)
	write(t, ".env", "COMMAND='open")
	s.hup <- syscall.SIGHUP
	s.logs(".env:1:1: COMMAND: the quote is never closed")
	s.connected(1, 1)
}

func TestReload_WithoutAFileThereIsNothingToWatch(t *testing.T) {
	alone(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := startServing(t, "--hot-reload", "--port", "0", "--log-format", "json", "--", self, "demo-server")
	s.logs("hot_reload has no effect: there is no configuration file to watch")
	s.hup <- syscall.SIGHUP
	if got := s.reloaded(1); got != "added [] changed [] removed [] unchanged 1" {
		t.Error(got)
	}
}

func TestReload_APipeIsNotReadTwice(t *testing.T) {
	alone(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.WriteString(w, demoConfig(t, "", "a")); err != nil {
		t.Fatal(err)
	}
	w.Close()
	s := startServing(t, fmt.Sprintf("/dev/fd/%d", r.Fd()), "--hot-reload", "--port", "0", "--log-format", "json")
	s.logs("hot_reload has no effect")
	s.hup <- syscall.SIGHUP
	s.logs("is no file that can be read again; the old configuration goes on")
	s.connected(1, 1)
}

func TestReload_OverStdioToo(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a"))
	in, stdin := io.Pipe()
	s := &serving{t: t, errs: &testkit.Buffer{}, code: make(chan int, 1)}
	go func() {
		s.code <- run(t.Context(), []string{"stdio", "--hot-reload", "--log-format", "json"}, streams{in: in, out: io.Discard, err: s.errs})
	}()
	s.logs(`"message":"Connected"`)
	rename(t, "mcpx.json", demoConfig(t, "", "a", "b"))
	if got := s.reloaded(1); got != "added [b] changed [] removed [] unchanged 1" {
		t.Error(got)
	}
	stdin.Close()
	if code := <-s.code; code != exitOK {
		t.Errorf("exit code %d\n%s", code, s.errs)
	}
}

func TestReloads_AHangupOfAClosedTerminalEndsTheProgram(t *testing.T) {
	received, end := make(chan os.Signal), make(chan os.Signal, 1)
	answers := make(chan bool)
	asked := reloads(received, end, func() bool { return <-answers })
	send := func(gone bool) {
		received <- syscall.SIGHUP
		answers <- gone
	}
	send(false)
	<-asked
	// Nobody is ready for the second and the third: one reload is good for both.
	send(false)
	send(false)
	send(true)
	<-end
	<-asked
	close(received)
	if left := len(asked) + len(end); left > 0 {
		t.Errorf("%d more", left)
	}
}

func TestFlags_EachStandsForAKeyThatExists(t *testing.T) {
	alone(t)
	var flags []string
	for flag := range configFlags {
		flags = append(flags, flag)
	}
	slices.Sort(flags)
	serve, _, err := newRoot(streams{}).Find([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range flags {
		if serve.Flags().Lookup(flag) == nil {
			t.Errorf("serve has no --%s", flag)
		}
	}
}
