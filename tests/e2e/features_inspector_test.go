package e2e_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// What the MCP Inspector's command line asks of server-everything, and of the
// protocol's fixture where it speaks the modern era.
var inspections = struct{ legacy, more, modern [][]string }{
	legacy: [][]string{
		{"tools/list"},
		{"tools/call", "--tool-name", "get-annotated-message", "--tool-args-json", `{"messageType":"error","includeImage":true}`},
		{"resources/read", "--uri", "demo://resource/static/document/features.md"},
		{"prompts/get", "--prompt-name", "args-prompt", "--prompt-args", "city=Paris"},
	},
	more: [][]string{
		{"tools/call", "--tool-name", "get-structured-content", "--tool-args-json", `{"location":"Chicago"}`},
		{"tools/call", "--tool-name", "nobody", "--tool-args-json", "{}"},
		{"resources/list"},
		{"resources/templates/list"},
		{"resources/read", "--uri", "demo://nowhere"},
		{"prompts/list"},
		{"prompts/get", "--prompt-name", "nobody"},
		{"logging/setLevel", "--log-level", "warning"},
	},
	modern: [][]string{
		{"tools/list"},
		{"tools/call", "--tool-name", "test_multiple_content_types", "--tool-args-json", "{}"},
		{"tools/call", "--tool-name", "test_error_handling", "--tool-args-json", "{}"},
		{"resources/list"},
		{"resources/templates/list"},
		{"resources/read", "--uri", "test://static-binary"},
		{"prompts/list"},
		{"prompts/get", "--prompt-name", "test_prompt_with_image"},
	},
}

func TestFeatures_TheInspectorFindsWhatItFindsWithoutMcpx(t *testing.T) {
	t.Parallel()
	all := everyWay(t)
	path, url := fixture(t), startFixture(t)
	g := serve(t, map[string]any{"fixture": map[string]any{"url": url}, "fixture-process": map[string]any{"command": path}})
	modernWays := map[string][]string{
		"http": {"http", g.URL + "/fixture"}, "a process": {"http", g.URL + "/fixture-process"},
	}
	type group struct {
		name, era string
		asks      [][]string
		direct    []string
		through   map[string][]string
	}
	groups := []group{{"modern, the fixture", modern, inspections.modern, []string{"http", url}, modernWays}}
	if testkit.Long() {
		asks := slices.Concat(inspections.legacy, inspections.more)
		for upstream, direct := range all.direct {
			through := map[string][]string{}
			for transport, w := range all.over[upstream] {
				through[transport] = w.args
			}
			for _, era := range []string{"legacy", "auto"} {
				groups = append(groups, group{era + ", " + upstream, era, asks, direct.args, through})
			}
		}
	} else {
		groups[0].asks = groups[0].asks[:2]
		groups = append(groups,
			group{"auto, http", "auto", inspections.legacy, all.direct["http"].args, map[string][]string{"http": all.over["http"]["http"].args}},
			group{"legacy, a process", "legacy", inspections.legacy[1:3], all.direct["process"].args, map[string][]string{
				"sse": all.over["process"]["sse"].args, "stdio": all.over["process"]["stdio"].args,
			}})
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			era := strings.Replace(g.era, modern, "modern", 1)
			var mu sync.Mutex
			found := map[string][]string{}
			look := func(way string, target []string) {
				all := make([]string, len(g.asks))
				for i, ask := range g.asks {
					all[i] = inspect(t, era, target, ask)
				}
				mu.Lock()
				defer mu.Unlock()
				found[way] = all
			}
			var running sync.WaitGroup
			running.Go(func() { look("", g.direct) })
			for way, target := range g.through {
				running.Go(func() { look(way, target) })
			}
			running.Wait()
			table := "| through mcpx | commands | different |\n|---|---|---|\n"
			for way := range g.through {
				different := 0
				for i, ask := range g.asks {
					if got, want := found[way][i], found[""][i]; got != want {
						different++
						t.Errorf("over %s, %v: %s\ndirectly %s", way, ask, got, want)
					}
				}
				table += fmt.Sprintf("| over %s | %d | %d |\n", way, len(g.asks), different)
			}
			conformanceReport.Add(t, "Inspector 2.12: "+g.name, "%s", table)
		})
	}
}

// inspect runs the Inspector once and returns what it printed, and how it ended
// where that was not well.
func inspect(t *testing.T, era string, target, ask []string) string {
	t.Helper()
	args := slices.Concat([]string{"node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js", "--cli"}, target[1:],
		[]string{"--transport", target[0], "--protocol-era", era, "--format", "json", "--method"}, ask)
	out, problem := script(t, args...)
	var said any
	if err := json.Unmarshal(out, &said); err != nil {
		// Errors it tells on stderr, among what a process says there.
		if at := strings.LastIndex(problem, `{"error":`); at < 0 || json.NewDecoder(strings.NewReader(problem[at:])).Decode(&said) != nil {
			t.Errorf("the Inspector, %s: %v: %s%s", era, ask, out, problem)
		}
	}
	problem, _, _ = strings.Cut(problem, "\n")
	return string(marshal(t, said)) + problem
}
