package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// score is what one scenario of the official suite counted.
type score struct{ passed, failed, warnings int }

var scored = regexp.MustCompile(`(?m)^[✓✗] (\S+): (\d+) passed, (\d+) failed(?:, (\d+) warnings)?$`)

// scoresIn reads the suite's summary.
func scoresIn(out []byte) map[string]score {
	scores := map[string]score{}
	for _, m := range scored.FindAllSubmatch(out, -1) {
		number := func(i int) int { n, _ := strconv.Atoi(string(m[i])); return n }
		scores[string(m[1])] = score{number(2), number(3), number(4)}
	}
	return scores
}

// conformance runs the official suite of a revision against an endpoint. It
// ends no test: it may be called beside it.
func conformance(t *testing.T, url, revision string) map[string]score {
	t.Helper()
	bin, script, err := node("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
	if err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience*6)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, script, "server", "--url", url, "--requirements", revision, "--timeout", "120000", "-o", dir)
	cmd.Dir, cmd.Env = dir, testkit.Environment(dir)
	out, _ := cmd.CombinedOutput() // it exits with 1 when anything failed: the scores say what
	scores := scoresIn(out)
	if len(scores) < 30 || ctx.Err() != nil {
		t.Errorf("the suite did not come to its end (%d scenarios):\n%s", len(scores), out)
	}
	return scores
}

// Through a transparent endpoint no scenario of the official suite does worse
// than with its server directly, whichever transport leads to that, and whether
// the era is declared or found out. The long form does that three times in a row.
func TestConformance_NothingIsWorseThanWithTheServerDirectly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		revision string
		flags    []string
	}{
		{v20251125, []string{"-stateless=false"}},
		{modern, nil},
	} {
		t.Run(c.revision, func(t *testing.T) {
			t.Parallel()
			url := startFixture(t, c.flags...)
			servers := map[string]any{
				"over-http":  map[string]any{"url": url},
				"over-stdio": map[string]any{"command": fixture(t)},
			}
			if testkit.Long() {
				servers["over-http-declared"] = map[string]any{"url": url, "protocol": c.revision}
				servers["over-stdio-declared"] = map[string]any{"command": fixture(t), "protocol": c.revision}
			}
			g := serve(t, servers)
			table := "| run | to the server | scenarios | passed | failed | worse |\n|---|---|---|---|---|---|\n"
			for run := range rounds() {
				names := slices.Sorted(maps.Keys(servers))
				scores := make([]map[string]score, len(names))
				var direct map[string]score
				var running sync.WaitGroup // most of the time the suite waits
				running.Go(func() { direct = conformance(t, url, c.revision) })
				for i, server := range names {
					running.Go(func() { scores[i] = conformance(t, g.URL+"/"+server, c.revision) })
				}
				running.Wait()
				table += row(run+1, "directly", direct, 0)
				for i, server := range names {
					table += row(run+1, server, scores[i], worse(t, direct, scores[i]))
				}
			}
			conformanceReport.Add(t, c.revision, "%s", table)
		})
	}
}

// conformanceReport is written in the long form only.
var conformanceReport = testkit.Report{Title: "What others wrote, directly and through mcpx: the official suite 0.2.0-alpha.12 and clients"}

func row(run int, to string, scores map[string]score, worse int) string {
	sum := total(scores)
	return fmt.Sprintf("| %d | %s | %d | %d | %d | %d |\n", run, to, len(scores), sum.passed, sum.failed, worse)
}

// rounds is how often in a row a suite has to come out the same.
func rounds() int {
	if testkit.Long() {
		return 3
	}
	return 1
}

// worse counts the scenarios that are worse than they were directly.
func worse(t *testing.T, direct, through map[string]score) (n int) {
	t.Helper()
	for name, want := range direct {
		got, ran := through[name]
		if !ran || got.failed > want.failed || got.passed < want.passed {
			t.Errorf("%s: %+v; directly %+v", name, got, want)
			n++
		}
	}
	return n
}

func total(scores map[string]score) (sum score) {
	for _, s := range scores {
		sum.passed, sum.failed = sum.passed+s.passed, sum.failed+s.failed
	}
	return sum
}
