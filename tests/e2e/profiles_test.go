package e2e_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestProfiles_ReachTheSameToolsInTheirOwnWords(t *testing.T) {
	t.Parallel()
	servers := map[string]any{"every.thing": map[string]any{"url": shared(t).upstream}}
	for profile, p := range map[string]struct{ shows, runs, reads string }{
		"describe": {"describe", "call", "resources"},
		"invoke":   {"invoke", "invoke", "read"},
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			g := serve(t, servers, map[string]any{"profile": profile})
			for _, revision := range []string{v20251125, modern} {
				c := dialHTTP(t, g.URL, revision)
				tools := listedTools(t, result(t, c, "tools/list", `{}`))
				if !strings.Contains(tools[p.shows], "\n  - every.thing.get-sum(a, b): Returns the sum of two numbers") || !strings.Contains(tools[p.reads], "(demo://resource/") {
					t.Errorf("%s: the directories are %v", revision, tools)
				}
				if got := call(t, c, p.runs, `{"method":"every.thing.get-sum","arguments":{"a":19,"b":23}}`).text(t); got != "The sum of 19 and 23 is 42." {
					t.Errorf("%s: %q", revision, got)
				}
				if got := call(t, c, p.reads, `{"server_name":"every.thing","uri":"demo://resource/static/document/startup.md"}`).text(t); !strings.HasPrefix(got, "# ") {
					t.Errorf("%s: %.80q", revision, got)
				}
				var r toolResult
				decode(t, result(t, c, "tools/call", fmt.Sprintf(`{"name":%q,"arguments":{"method":"every.thing.get-sum","arguments":{}}}`, p.runs)), &r)
				var refused struct {
					Error  string
					Schema string `json:"tool_schema"`
				}
				if decode(t, json.RawMessage(r.text(t)), &refused); !r.IsError || refused.Error != "Argument validation failed: Missing required argument: 'a'" || !strings.HasPrefix(refused.Schema, "{a: number") {
					t.Errorf("%s: bad arguments: %+v", revision, refused)
				}
			}
		})
	}
}
