package e2e_test

import (
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// serve runs `mcpx serve` for one test, with a configuration of its own; it
// returns when all of its servers are connected.
func serve(t *testing.T, servers map[string]any, settings ...map[string]any) *testkit.Gateway {
	t.Helper()
	g := testkit.ServeConfig(t, testkit.Config(servers, settings...))
	if err := g.AwaitServers(len(servers)); err != nil {
		t.Fatal(err)
	}
	return g
}
