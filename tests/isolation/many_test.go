package isolation_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// What a crowd of servers is made of.
const (
	crowd, deadOnes, hangingOnes = 150, 20, 10
	healthyOnes                  = crowd - deadOnes - hangingOnes
)

// Half of each kind are processes, half are reached over HTTP; in the long form
// all that work are processes.
func TestMany_ListingIsAnsweredWhileTheDeadAndTheHangingConnect(t *testing.T) {
	processes := healthyOnes / 3
	if testkit.Long() {
		processes = healthyOnes
	}
	mark := testkit.NewMark()
	servers := map[string]any{}
	var overHTTP []*puppethttp.Puppet
	var healthy []string
	process := func(args ...string) map[string]any {
		return map[string]any{"command": program, "args": args, "env": map[string]string{puppet.EnvMark: mark}}
	}
	for i := range healthyOnes {
		name := fmt.Sprintf("healthy-%03d", i)
		healthy = append(healthy, name)
		if i < processes {
			servers[name] = process("plain")
			continue
		}
		p := puppethttp.Start(t, puppethttp.Options{})
		overHTTP = append(overHTTP, p)
		servers[name] = map[string]any{"url": p.URL}
	}
	for i := range deadOnes {
		servers[fmt.Sprintf("dead-%03d", i)] = []map[string]any{process("exit"), {"url": puppethttp.Nowhere(t)}}[i%2]
	}
	for i := range hangingOnes {
		servers[fmt.Sprintf("hanging-%03d", i)] = []map[string]any{process("mute"), {"url": puppethttp.Silent(t)}}[i%2]
	}

	begun := time.Now()
	g := testkit.ServeConfig(t, testkit.Config(servers))
	list := func() (names string, took time.Duration) {
		asked := time.Now()
		a, err := testkit.Ask(context.WithoutCancel(t.Context()), http.MethodPost, g.URL, testkit.Modern(1, "tools/list", "{}"), testkit.ModernHeaders("tools/list", ""))
		if err != nil || a.Status != http.StatusOK || !strings.Contains(a.Body, `"exec"`) {
			t.Fatalf("tools/list: HTTP %d %s %v\n%s", a.Status, a.Body, err, g.Errs)
		}
		return a.Body, time.Since(asked)
	}
	var took []time.Duration
	names, first := list()
	listed := time.Since(begun)
	ready := testkit.Until(func() bool {
		health, err := testkit.Ask(t.Context(), http.MethodGet, g.Path("/healthz"), "", nil)
		var each time.Duration
		names, each = list()
		took = append(took, each)
		return err == nil && strings.Contains(health.Body, fmt.Sprintf(`"servers":%d,"connected":%d}`, crowd, healthyOnes))
	})
	connected := time.Since(begun)
	if !ready {
		t.Fatalf("not all of %d healthy servers are connected\n%s", healthyOnes, g.Errs)
	}
	for _, name := range healthy {
		if !strings.Contains(names, name) {
			t.Errorf("%s is connected and not listed", name)
		}
	}
	// From memory: whoever lists asks nobody.
	for i, p := range overHTTP {
		if n := p.Count("tools/list"); n != 1 {
			t.Errorf("server %d over HTTP was asked for its tools %d times", i, n)
		}
	}
	for _, name := range []string{healthy[0], healthy[healthyOnes-1]} {
		if answer := g.Exec(t, name, "echo", `{"text":"hello"}`); !strings.Contains(answer, "hello") {
			t.Errorf("%s: %s", name, answer)
		}
	}

	memory := memoryOf(t, g.Pid())
	slowest := slices.Max(took)
	report.Add(t, "150 servers", "%d servers work (%d processes, %d over HTTP), %d are dead, %d hang.\n\n"+
		"- listening and listing %v after the start; the first list took %v, the slowest of %d while servers connected %v (median %v)\n"+
		"- all that work were connected after %v\n%s",
		healthyOnes, processes, healthyOnes-processes, deadOnes, hangingOnes,
		listed.Round(time.Millisecond), first.Round(100*time.Microsecond), len(took), slowest.Round(100*time.Microsecond), middle(took).Round(100*time.Microsecond),
		connected.Round(time.Millisecond), memory)
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if left := puppet.Marked(mark); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// memoryOf returns lines of a report on the memory of mcpx and its guards.
func memoryOf(t *testing.T, pid int) string {
	t.Helper()
	of := func(pid int) (rss, pss int, err error) {
		if rss, err = testkit.Memory(pid, "Rss"); err == nil {
			pss, err = testkit.Memory(pid, "Pss")
		}
		return rss, pss, err
	}
	rss, pss, err := of(pid)
	if err != nil {
		t.Fatal(err)
	}
	guards, guardsRSS, guardsPSS := 0, 0, 0
	for _, p := range testkit.Descendants(pid) {
		if p.Command == "mcpx-guard" && p.Parent == pid {
			if r, s, err := of(p.Pid); err == nil { // else its server was a dead one, and it has gone
				guards, guardsRSS, guardsPSS = guards+1, guardsRSS+r, guardsPSS+s
			}
		}
	}
	if guards == 0 {
		t.Fatal("there are no guards")
	}
	return fmt.Sprintf("- mcpx: RSS %.1f MiB, PSS %.1f MiB\n- %d guards: RSS %.2f MiB and PSS %.2f MiB each, PSS %.1f MiB together",
		float64(rss)/1024, float64(pss)/1024, guards, float64(guardsRSS)/1024/float64(guards), float64(guardsPSS)/1024/float64(guards), float64(guardsPSS)/1024)
}
