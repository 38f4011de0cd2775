package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// way is one way to a server: what a driver is told about it.
type way struct {
	name string
	args []string
}

// ways are those to server-everything as a process and over HTTP: directly, and
// through a transparent endpoint over each transport.
type ways struct {
	direct map[string]way            // by upstream
	over   map[string]map[string]way // by upstream and the client's transport
}

func everyWay(t *testing.T) ways {
	t.Helper()
	bin, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	process, err := npmServer("everything", nil, "stdio")
	if err != nil {
		t.Fatal(err)
	}
	// Some clients end no session before they go; each keeps a process.
	process["pool"] = map[string]any{"max": 64}
	url := shared(t).upstream
	servers := map[string]any{"process": process, "http": map[string]any{"url": url}}
	g := serve(t, servers)
	base := strings.TrimSuffix(g.URL, "/mcp")
	w := ways{map[string]way{
		"process": {"", append([]string{"stdio", process["command"].(string)}, process["args"].([]string)...)},
		"http":    {"", []string{"http", url}},
	}, map[string]map[string]way{}}
	for upstream, server := range servers {
		config := writeConfig(t, t.TempDir(), map[string]any{upstream: server})
		w.over[upstream] = map[string]way{
			"http":  {"over http to " + upstream, []string{"http", base + "/mcp/" + upstream}},
			"sse":   {"over sse to " + upstream, []string{"sse", base + "/sse/" + upstream}},
			"stdio": {"over stdio to " + upstream, []string{"stdio", bin, "stdio", "--endpoint", upstream, config}},
		}
	}
	return w
}

// Whatever the clients of others can do with server-everything, they do through
// a transparent endpoint, too, and no step comes out differently. The long form
// takes every way to it.
func TestFeatures_EveryStepComesOutAsItDoesWithoutMcpx(t *testing.T) {
	t.Parallel()
	all := everyWay(t)
	remote, err := npm("node_modules", "mcp-remote", "dist", "proxy.js")
	if err != nil {
		t.Fatal(err)
	}
	// mcp-remote is a server over stdio that stands for one over HTTP.
	throughRemote := func(w way) way {
		return way{w.name, []string{"stdio", all.direct["process"].args[1], remote, w.args[1], "--allow-http"}}
	}
	type group struct {
		name, driver string
		args         []string
		direct       way
		ways         []way
	}
	// Over HTTP the SDK takes an error for no answer, comes back for it, and gets
	// from the server what it has had before: directly it therefore uses a pipe.
	over := all.over
	groups := []group{
		{"SDK 1.32", "features-v1.mjs", nil, all.direct["process"], []way{over["http"]["http"], over["process"]["sse"], over["process"]["stdio"]}},
		{"client 2.4, auto", "features-v2.mjs", []string{"auto"}, all.direct["http"], []way{over["http"]["http"]}},
		{"client 2.4, legacy", "features-v2.mjs", []string{"legacy"}, all.direct["process"], []way{over["process"]["stdio"]}},
		{"mcp-remote", "features-v1.mjs", nil, throughRemote(all.direct["http"]), []way{throughRemote(over["http"]["http"])}},
	}
	if testkit.Long() {
		for i := range groups {
			groups[i].ways = nil
		}
		for _, upstream := range slices.Sorted(maps.Keys(over)) {
			groups[0].ways = append(groups[0].ways, slices.Collect(maps.Values(over[upstream]))...)
			for i := range groups[1:3] {
				groups[1+i].ways = append(groups[1+i].ways, over[upstream]["http"], over[upstream]["stdio"])
			}
			groups[3].ways = append(groups[3].ways, throughRemote(over[upstream]["http"]))
		}
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			outcomes := make([]map[string]any, 1+len(g.ways))
			var running sync.WaitGroup
			for i, w := range append([]way{g.direct}, g.ways...) {
				running.Go(func() { outcomes[i] = stepsOf(t, g.driver, slices.Concat(g.args, w.args)...) })
			}
			running.Wait()
			table := "| through mcpx | steps | different |\n|---|---|---|\n"
			// What the SDK takes up again of a stream, when it is busy, is not always
			// the same: then a second look says what else may come out.
			direct := sync.OnceValue(func() map[string]any { return stepsOf(t, g.driver, slices.Concat(g.args, g.direct.args)...) })
			for i, w := range g.ways {
				through := outcomes[1+i]
				different := differentSteps(t, outcomes[0], through)
				if len(different) > 0 {
					again := differentSteps(t, direct(), through)
					different = slices.DeleteFunc(different, func(name string) bool { return !slices.Contains(again, name) })
				}
				for _, name := range different {
					t.Errorf("%s, %s: %s\ndirectly %s", w.name, name, marshal(t, through[name]), marshal(t, outcomes[0][name]))
				}
				table += fmt.Sprintf("| %s | %d | %d |\n", w.name, len(through), len(different))
			}
			conformanceReport.Add(t, "Features of server-everything: "+g.name, "%s", table)
		})
	}
}

// differentSteps are those that come out in another way than directly.
func differentSteps(t *testing.T, direct, through map[string]any) (names []string) {
	t.Helper()
	for name, want := range direct {
		wanted, got := marshal(t, want), marshal(t, through[name])
		if bytes.Contains(wanted, []byte("not in time")) {
			t.Errorf("directly, %s: %s", name, wanted)
		}
		if !bytes.Equal(got, wanted) {
			names = append(names, name)
		}
	}
	if len(direct) < 40 || len(through) != len(direct) {
		t.Errorf("%d steps; directly %d", len(through), len(direct))
	}
	return names
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v) // the members of objects in one order
	if err != nil {
		t.Error(err)
	}
	return text
}

// stepsOf runs a driver to its end and returns what it printed. It ends no test:
// it may be called beside it.
func stepsOf(t *testing.T, driver string, args ...string) (steps map[string]any) {
	t.Helper()
	out, problem := script(t, append([]string{"drivers/" + driver}, args...)...)
	if err := json.Unmarshal(out, &steps); problem != "" || err != nil {
		t.Errorf("%s %v: %s (%v)\n%s", driver, args, problem, err, out)
	}
	return steps
}

// script runs one below tests/npm, and tells what was wrong with it.
func script(t *testing.T, args ...string) (out []byte, problem string) {
	t.Helper()
	bin, path, err := node(args[0])
	if err != nil {
		return nil, err.Error()
	}
	var stdout testkit.Buffer
	dir := t.TempDir()
	cmd := exec.Command(bin, append([]string{path}, args[1:]...)...)
	cmd.Dir, cmd.Env, cmd.Stdout = dir, testkit.Environment(dir), &stdout
	p, err := testkit.Start(cmd)
	if err != nil {
		return nil, err.Error()
	}
	late := time.NewTimer(3 * testkit.Patience) // its steps have a patience of their own
	defer late.Stop()
	select {
	case <-p.Exited:
	case <-late.C:
		p.Kill()
	}
	if err := p.Err(); err != nil {
		problem = err.Error() + "\n" + p.Errs.String()
	}
	return []byte(stdout.String()), problem
}
