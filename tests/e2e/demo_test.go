package e2e_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

func TestDemo_AFreshStartServesIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	g, err := testkit.Serve(dir) // just `mcpx serve`; the default port or the next free one
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := g.AwaitServers(1); err != nil {
		t.Fatal(err)
	}
	if tree := testkit.Descendants(g.Pid()); len(tree) != 2 {
		t.Errorf("its processes are %v, not the demo and its guard", tree)
	}
	for _, said := range []string{"No configuration found", "built-in demo server", `{"mcpServers": {`} {
		if !strings.Contains(g.Errs.String(), said) {
			t.Errorf("it did not say %q:\n%s", said, g.Errs)
		}
	}
	if !strings.HasPrefix(g.URL, "http://127.0.0.1:80") { // 8000, or one of the next hundred
		t.Errorf("it listens at %s", g.URL)
	}
	for _, revision := range []string{v20251125, modern} {
		c := dialHTTP(t, g.URL, revision)
		if tools := listedTools(t, result(t, c, "tools/list", `{}`)); !strings.Contains(tools["inspect"], "word_count") || !strings.Contains(tools["resources"], "demo://guide") {
			t.Errorf("%s: the directory is %v", revision, tools)
		}
		if sum := execute(t, c, "demo", "add", `{"a":19,"b":23}`).text(t); sum != "sum: 42" { // {"sum":42} as TOON
			t.Errorf("%s: the sum is %q", revision, sum)
		}
		if guide := call(t, c, "resources", `{"server_name":"demo","uri":"demo://guide"}`).text(t); !strings.Contains(guide, "mcpx.json") {
			t.Errorf("%s: the guide is %q", revision, guide)
		}
		r := c.request(t, "tools/call", fmt.Sprintf(`{"_meta":{"progressToken":7},"name":"exec","arguments":%s}`,
			execution("demo", "countdown", `{"from":3,"interval_ms":20}`)))
		if steps, _ := progressOf(t, r.notes, "7"); !slices.Equal(steps, []float64{0, 1, 2}) {
			t.Errorf("%s: the countdown reports %v (%s%s)", revision, steps, r.Result, r.Error)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), "cov") }) {
		t.Errorf("it left %v in its directory (%v)", left, err)
	}
}
