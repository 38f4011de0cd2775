package faults_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// Five servers, each with a child that holds its pipes and a descendant that
// double-forked with setsid; the fifth and its relatives ignore SIGTERM, and it
// ignores the end of input. However mcpx ends, no process of theirs remains.
func TestProgram_HoweverItEndsNoProcessRemains(t *testing.T) {
	t.Parallel()
	const servers, each, killAfter = 5, 3, 2 * time.Second
	// Fifteen instrumented programs come up at once: on a busy machine that takes
	// longer than anybody waits by default, and is not what is tested.
	settings := map[string]any{"kill_after": killAfter.Seconds(), "connection_timeout": testkit.Patience.Seconds()}
	for _, tc := range []struct {
		name  string
		run   func(*testing.T, string) *program
		end   func(*program) error
		clean bool // it ends by itself, with 0
	}{
		{"serve, SIGTERM", serve, signalled(syscall.SIGTERM), true},
		{"serve, SIGKILL", serve, signalled(syscall.SIGKILL), false},
		{"stdio, SIGTERM", overStdio, signalled(syscall.SIGTERM), true},
		{"stdio, SIGKILL", overStdio, signalled(syscall.SIGKILL), false},
		{"stdio, end of input", overStdio, func(p *program) error { return p.In.Close() }, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mark := testkit.NewMark()
			t.Cleanup(func() { endMarked(mark) })
			all := map[string]any{}
			for i := range servers {
				args := []string{}
				if i == servers-1 {
					args = []string{"deaf", "stubborn"}
				}
				all[fmt.Sprintf("%s-%d", mark, i)] = testkit.PuppetServer(mark, "family", args...)
			}
			p := tc.run(t, testkit.Config(all, settings))
			for name := range all {
				if answer := p.call(name, "echo", `{"text":"here"}`); !strings.Contains(answer, "here") {
					t.Fatalf("%s answers %s", name, answer)
				}
			}
			if got := len(puppet.Marked(mark)); got != servers*each {
				t.Fatalf("%d processes of the servers live, want %d", got, servers*each)
			}
			if got := len(guards(t, mark)); got != servers {
				t.Fatalf("%d guards live, want %d", got, servers)
			}

			begun := time.Now()
			if err := tc.end(p); err != nil {
				t.Fatal(err)
			}
			actortest.Eventually(t, "no process remains", func() bool { return len(puppet.Marked(mark))+len(guards(t, mark)) == 0 })
			took := time.Since(begun)
			<-p.Exited
			if tc.clean && p.Err() != nil {
				t.Errorf("mcpx ended with %v\n%s", p.Err(), p.Errs)
			}
			t.Logf("%d processes of %d servers and their guards were gone after %v (kill_after %v)",
				servers*each, servers, took.Round(time.Millisecond), killAfter)
		})
	}
}

// endMarked ends what a failed test has proved to remain.
func endMarked(mark string) {
	for _, pid := range puppet.Marked(mark) {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may have gone meanwhile
	}
}

func signalled(sig syscall.Signal) func(*program) error {
	return func(p *program) error { return p.Signal(sig) }
}

// guards returns the pids of the living guards of servers that are named after a mark.
func guards(t *testing.T, mark string) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A zombie's reads as empty: it does not count.
		line, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if guardsOneOf(mark, line) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// guardsOneOf tells whether a command line is that of a guard of a server MARK-N.
// Marks are numbered: that of another test may begin with this one.
func guardsOneOf(mark string, line []byte) bool {
	return bytes.HasPrefix(line, []byte("mcpx-guard: "+mark+"-"))
}

func TestGuards_AreFoundByTheirOwnMark(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]bool{
		"mcpx-guard: testkit-77-1-0\x00": true, "mcpx-guard: testkit-77-1-12\x00": true,
		"mcpx-guard: testkit-77-12-0\x00": false, "mcpx-guard: testkit-771-1-0\x00": false, "sleep\x00testkit-77-1-0\x00": false, "": false,
	} {
		if got := guardsOneOf("testkit-77-1", []byte(line)); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

// One guard stands beside each process: what do 150 of them cost, and do they
// still end everything? The program is built as it is shipped, since the race
// detector's memory says nothing about a guard's.
func TestProgram_TheMemoryOf150Guards(t *testing.T) {
	t.Parallel()
	const servers = 150
	path := filepath.Join(t.TempDir(), "mcpx")
	build := exec.Command("go", "build", "-o", path, "github.com/mcpx/mcpx/cmd/mcpx")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", build, err, out)
	}
	mark := testkit.NewMark()
	t.Cleanup(func() { endMarked(mark) })
	all := map[string]any{}
	for i := range servers {
		all[fmt.Sprintf("%s-%d", mark, i)] = map[string]any{
			"command": "sleep", "args": []string{"600"}, "env": map[string]string{puppet.EnvMark: mark},
		}
	}
	begun := time.Now()
	dir := t.TempDir()
	config, err := testkit.WriteConfig(dir, testkit.Config(all, map[string]any{"protocol": "legacy", "connection_timeout": 120, "log_level": "error"}))
	if err != nil {
		t.Fatal(err)
	}
	g, err := testkit.ServeBinary(path, dir, config, "--port", "0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Kill)
	actortest.Eventually(t, "all servers run", func() bool { return len(puppet.Marked(mark)) == servers })
	started := time.Since(begun)

	var pss, rss, anonymous int
	pids := guards(t, mark)
	if len(pids) != servers {
		t.Errorf("%d guards, want %d", len(pids), servers)
	}
	for _, pid := range pids {
		pss += memory(t, pid, "Pss")
		rss += memory(t, pid, "Rss")
		anonymous += memory(t, pid, "Anonymous")
	}
	own := memory(t, g.Pid(), "Rss")

	begun = time.Now()
	g.Kill()
	actortest.Eventually(t, "no process remains", func() bool { return len(puppet.Marked(mark))+len(guards(t, mark)) == 0 })
	ended := time.Since(begun)
	t.Logf("%d guards: %.1f MiB Pss, %.1f MiB Rss (%.1f MiB of it anonymous), each %d KiB Pss, %d KiB Rss; mcpx itself %.1f MiB Rss",
		servers, float64(pss)/1024, float64(rss)/1024, float64(anonymous)/1024, pss/servers, rss/servers, float64(own)/1024)
	t.Logf("%d servers started in %v; all gone %v after SIGKILL of mcpx", servers, started.Round(time.Millisecond), ended.Round(time.Millisecond))
}

// memory is testkit.Memory of a process that lives.
func memory(t *testing.T, pid int, field string) int {
	t.Helper()
	kib, err := testkit.Memory(pid, field)
	if err != nil {
		t.Fatal(err)
	}
	return kib
}
