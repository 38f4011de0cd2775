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
	url := shared(t).upstream
	servers := map[string]any{"process": process, "http": map[string]any{"url": url}}
	g := serve(t, servers)
	base, config := strings.TrimSuffix(g.URL, "/mcp"), writeConfig(t, t.TempDir(), servers)
	w := ways{map[string]way{
		"process": {"directly", append([]string{"stdio", process["command"].(string)}, process["args"].([]string)...)},
		"http":    {"directly", []string{"http", url}},
	}, map[string]map[string]way{}}
	for upstream := range servers {
		w.over[upstream] = map[string]way{
			"http":  {"over http", []string{"http", base + "/mcp/" + upstream}},
			"sse":   {"over sse", []string{"sse", base + "/sse/" + upstream}},
			"stdio": {"over stdio", []string{"stdio", bin, "stdio", "--endpoint", upstream, config}},
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
	over := all.over
	groups := []group{
		{"SDK 1.32, a process", "features-v1.mjs", nil, all.direct["process"], []way{over["process"]["sse"], over["process"]["stdio"]}},
		{"SDK 1.32, http", "features-v1.mjs", nil, all.direct["http"], []way{over["http"]["http"]}},
		{"client 2.4, auto, http", "features-v2.mjs", []string{"auto"}, all.direct["http"], []way{over["http"]["http"]}},
		{"client 2.4, legacy, a process", "features-v2.mjs", []string{"legacy"}, all.direct["process"], []way{over["process"]["stdio"]}},
		{"mcp-remote, http", "features-v1.mjs", nil, throughRemote(all.direct["http"]), []way{throughRemote(over["http"]["http"])}},
	}
	if testkit.Long() {
		groups = groups[4:]
		for upstream, direct := range all.direct {
			everyTransport := slices.Collect(maps.Values(over[upstream]))
			groups = append(groups, group{"SDK 1.32, " + upstream, "features-v1.mjs", nil, direct, everyTransport})
			for _, mode := range []string{"auto", "legacy"} {
				groups = append(groups, group{
					"client 2.4, " + mode + ", " + upstream, "features-v2.mjs", []string{mode}, direct,
					[]way{over[upstream]["http"], over[upstream]["stdio"]},
				})
			}
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
			for i, w := range g.ways {
				different := differentSteps(t, w.name, outcomes[0], outcomes[1+i])
				table += fmt.Sprintf("| %s | %d | %d |\n", w.name, len(outcomes[1+i]), different)
			}
			conformanceReport.Add(t, "Features of server-everything: "+g.name, "%s", table)
		})
	}
}

// differentSteps counts those that come out in another way than directly.
func differentSteps(t *testing.T, way string, direct, through map[string]any) (n int) {
	t.Helper()
	for name, want := range direct {
		wanted, got := marshal(t, want), marshal(t, through[name])
		if bytes.Contains(wanted, []byte("not in time")) {
			t.Errorf("directly, %s: %s", name, wanted)
		}
		if !bytes.Equal(got, wanted) {
			n++
			t.Errorf("%s, %s: %s\ndirectly %s", way, name, got, wanted)
		}
	}
	if len(direct) < 40 || len(through) != len(direct) {
		t.Errorf("%s: %d steps; directly %d", way, len(through), len(direct))
	}
	return n
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
