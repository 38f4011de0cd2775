package e2e_test

import (
	"context"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
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

// conformance runs the official suite of a revision against an endpoint.
func conformance(t *testing.T, url, revision string) map[string]score {
	t.Helper()
	bin, script, err := node("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience*4)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, script, "server", "--url", url, "--requirements", revision, "-o", dir)
	cmd.Dir, cmd.Env = dir, testkit.Environment(dir)
	out, _ := cmd.CombinedOutput() // it exits with 1 when anything failed: the scores say what
	scores := scoresIn(out)
	if len(scores) < 30 || ctx.Err() != nil {
		t.Fatalf("the suite did not come to its end (%d scenarios):\n%s", len(scores), out)
	}
	return scores
}

// Through a transparent endpoint no scenario of the official suite does worse
// than with its server directly, whichever transport leads to that.
func TestConformance_NothingIsWorseThanWithTheServerDirectly(t *testing.T) {
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
			g := serve(t, map[string]any{
				"over-http":  map[string]any{"url": url},
				"over-stdio": map[string]any{"command": fixture(t)},
			})
			direct := conformance(t, url, c.revision)
			t.Logf("%s, directly: %s", c.revision, total(direct))
			for _, server := range []string{"over-http", "over-stdio"} {
				through := conformance(t, g.URL+"/"+server, c.revision)
				t.Logf("%s, %s: %s", c.revision, server, total(through))
				for name, want := range direct {
					got, ran := through[name]
					if !ran || got.failed > want.failed || got.passed < want.passed {
						t.Errorf("%s, %s: %s: %d passed, %d failed; directly %d and %d",
							c.revision, server, name, got.passed, got.failed, want.passed, want.failed)
					}
				}
			}
		})
	}
}

func total(scores map[string]score) string {
	var passed, failed int
	var bad []string
	for name, s := range scores {
		passed, failed = passed+s.passed, failed+s.failed
		if s.failed > 0 {
			bad = append(bad, name)
		}
	}
	return strconv.Itoa(len(scores)) + " scenarios, " + strconv.Itoa(passed) + " passed, " + strconv.Itoa(failed) + " failed " + strings.Join(bad, " ")
}
