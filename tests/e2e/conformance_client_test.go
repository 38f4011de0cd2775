package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// What the official suite wants of clients, with mcpx as the client. Of those
// who sign in nothing is asked of it: it is no OAuth client.
func TestConformance_AsAClientOfTheSuitesServers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		revision string
		want     []string // scored by the suite's own requirements, and one that came later
	}{
		{v20251125, []string{"initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry", "json-schema-2020-12-preservation"}},
		{modern, []string{
			"tools_call", "request-metadata", "sep-2322-client-request-state", "http-standard-headers", "http-custom-headers",
			"http-invalid-tool-headers", "json-schema-ref-no-deref", "json-schema-2020-12-preservation",
		}},
	} {
		for _, door := range []string{"http", "stdio"} {
			t.Run(c.revision+", "+door, func(t *testing.T) {
				t.Parallel()
				table := "| run | scenarios | passed | failed |\n|---|---|---|---|\n"
				for run := range rounds() {
					scores := conformanceOfClient(t, door, c.revision)
					maps.DeleteFunc(scores, func(name string, _ score) bool { return strings.HasPrefix(name, "auth/") })
					sum := total(scores)
					table += fmt.Sprintf("| %d | %d | %d | %d |\n", run+1, len(scores), sum.passed, sum.failed)
					if got := slices.Sorted(maps.Keys(scores)); !slices.Equal(got, slices.Sorted(slices.Values(c.want))) {
						t.Errorf("the suite ran %v", got)
					}
					for name, s := range scores {
						if s.failed > 0 || s.warnings > 0 || s.passed == 0 {
							t.Errorf("%s: %+v", name, s)
						}
					}
				}
				conformanceReport.Add(t, "mcpx as the client: "+c.revision+", used over "+door, "%s", table)
			})
		}
	}
}

// conformanceOfClient runs the client half of the suite with this binary as the
// client; see drive.
func conformanceOfClient(t *testing.T, door, revision string) map[string]score {
	t.Helper()
	bin, script, err := node("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	mcpx, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	builtTool(t, "everything-client")
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience*6)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, script, "client", "--command", self, "--requirements", revision, "--timeout", "120000", "-o", dir)
	cmd.Env = append(testkit.Environment(dir), envDriver+"="+door, "MCPX_BINARY="+mcpx)
	out, _ := cmd.CombinedOutput() // it exits with 1 when anything failed: the scores say what
	scores := scoresIn(out)
	// A client that ends badly may have passed: it says here if mcpx did.
	if len(scores) == 0 || ctx.Err() != nil || bytes.Contains(out, []byte("Client exited with code")) {
		t.Fatalf("the suite did not come to a good end (%d scenarios):\n%s", len(scores), out)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", out)
		}
	})
	return scores
}
