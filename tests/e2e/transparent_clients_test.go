package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// What drivers/transparent.mjs does with server-everything works in the same way
// over every transport of a transparent endpoint.
func TestTransparent_TheTypeScriptSDKOverEveryTransport(t *testing.T) {
	t.Parallel()
	bin, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	everything, err := npmServer("everything", nil, "stdio")
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string]any{"other": puppetServer("grow"), "everything": everything}
	g := serve(t, servers)
	base := strings.TrimSuffix(g.URL, "/mcp")
	for transport, target := range map[string][]string{
		"http":  {base + "/mcp/everything"},
		"sse":   {base + "/sse/everything"},
		"stdio": {bin, "stdio", "--endpoint", "everything", writeConfig(t, t.TempDir(), servers)},
	} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			var f struct {
				Server, Asked           string
				Tools, Prompts, Refused int
				Sum, Long, Sampled      toolResult
				Progress                [][2]float64
				Errors                  []string
			}
			decode(t, run(t, t.TempDir(), nil, append([]string{"drivers/transparent.mjs", transport}, target...)...), &f)
			// 13, and one that needs sampling.
			if f.Server != "mcp-servers/everything" || f.Tools != 14 || f.Prompts != 4 || f.Refused != -32602 {
				t.Errorf("it found %+v", f)
			}
			if got := f.Sum.text(t); got != "The sum of 19 and 23 is 42." {
				t.Errorf("the sum: %q", got)
			}
			if !slices.Equal(f.Progress, [][2]float64{{1, 3}, {2, 3}, {3, 3}}) || !strings.Contains(f.Long.text(t), "completed") {
				t.Errorf("progress %v, then %+v", f.Progress, f.Long)
			}
			if !strings.Contains(f.Asked, "sample this") || !strings.Contains(f.Sampled.text(t), "a sample") {
				t.Errorf("asked %q, answered %+v", f.Asked, f.Sampled)
			}
			if len(f.Errors) > 0 {
				t.Errorf("the SDK complains: %v", f.Errors)
			}
		})
	}
}
