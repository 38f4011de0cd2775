package e2e_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// fixture is the path of the protocol's own test server, which speaks both eras.
func fixture(t *testing.T) string {
	t.Helper()
	return builtTool(t, "everything-server")
}

// builtTool returns the path of what `make deps-tools` builds.
func builtTool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("bin/%s is missing; build it with `make deps-tools` (%v)", name, err)
	}
	return path
}

// startFixture runs it over HTTP until the test ends.
func startFixture(t *testing.T, flags ...string) (url string) {
	t.Helper()
	path, dir := fixture(t), t.TempDir()
	p, url, err := startListener(func(port string) *exec.Cmd {
		cmd := exec.Command(path, append(flags, "-http", "127.0.0.1:"+port)...)
		cmd.Dir, cmd.Env = dir, testkit.Environment(dir)
		return cmd
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return url
}

func TestFixture_InBothErasOverBothTransports(t *testing.T) {
	t.Parallel()
	path := fixture(t)
	latest, sessions := startFixture(t), startFixture(t, "-stateless=false")
	servers := map[string]any{
		"stdio":        map[string]any{"command": path},
		"stdio-legacy": map[string]any{"command": path, "protocol": "legacy"},
		"http":         map[string]any{"url": latest},
		"http-legacy":  map[string]any{"url": sessions, "protocol": "legacy"},
	}
	direct := map[string]client{"modern": dialHTTP(t, latest, modern), "legacy": dialHTTP(t, sessions, v20251125)}
	g := serve(t, servers)
	for _, c := range []client{dialHTTP(t, g.URL, v20251125), dialHTTP(t, g.URL, modern)} {
		for server := range servers {
			t.Run(c.version()+" client, "+server, func(t *testing.T) {
				era, revision := direct["modern"], modern
				if strings.HasSuffix(server, "legacy") {
					era, revision = direct["legacy"], v20251125
				}
				if found := fmt.Sprintf(`"server":%q,"protocol":%q`, server, revision); !strings.Contains(g.Errs.String(), found) {
					t.Errorf("mcpx did not find %s:\n%s", found, g.Errs)
				}
				for _, tool := range []string{"test_image_content", "test_audio_content", "test_embedded_resource", "test_multiple_content_types"} {
					got, want := execute(t, c, server, tool, `{}`).Content, call(t, era, tool, `{}`).Content
					if !slices.EqualFunc(got, want, sameBytes) {
						t.Errorf("%s: got %s\nthe server sends %s", tool, got, want)
					}
				}
				r := c.request(t, "tools/call", `{"_meta":{"progressToken":"p"},"name":"exec","arguments":`+execution(server, "test_tool_with_progress", `{}`)+`}`)
				if steps, _ := progressOf(t, r.notes, `"p"`); !slices.Equal(steps, []float64{0, 50, 100}) {
					t.Errorf("progress %v (%s%s)", steps, r.Result, r.Error)
				}
				for tool, says := range map[string]string{
					"test_error_handling": "this tool intentionally returns an error for testing",
					// Nothing is asked of our clients yet, in whichever way its era asks.
					"test_input_required_result_elicitation": map[string]string{
						modern: "asks for input", v20251125: "client does not support elicitation",
					}[revision],
				} {
					var r toolResult
					decode(t, result(t, c, "tools/call", `{"name":"exec","arguments":`+execution(server, tool, `{}`)+`}`), &r)
					var failure struct{ Error, Kind, Server, Sent string }
					decode(t, json.RawMessage(r.text(t)), &failure)
					if !r.IsError || !strings.Contains(failure.Error, says) || failure.Kind != "upstream_error" || failure.Server != server || failure.Sent != "done" {
						t.Errorf("%s: %+v", tool, failure)
					}
				}
			})
		}
	}
}
