package config

import (
	"reflect"
	"strings"
	"testing"
)

// updated loads a first and a second text, and says what becomes of the servers
// and which keys would need a new start.
func updated(t *testing.T, before, after string) (servers, kept, fixed string, ok bool) {
	t.Helper()
	first, problems := Load(LoadOptions{Path: "f", Data: []byte(before), Environ: []string{}})
	if first == nil {
		t.Fatal(problems)
	}
	second, problems := Load(LoadOptions{Path: "f", Data: []byte(after), Environ: []string{}})
	u, ok := first.Update(first.Servers, second, problems)
	var all []string
	for _, s := range u.Servers {
		all = append(all, s.Name+"="+s.Command)
	}
	return strings.Join(all, " "), strings.Join(u.Kept, " "), strings.Join(u.Fixed, " "), ok
}

func TestUpdate_KeepsWhatRunsWhereTheNewIsWrong(t *testing.T) {
	const before = `{"mcpServers": {"a": {"command": "1"}, "b": {"command": "1"}, "c": {"command": "1"}}}`
	for name, c := range map[string]struct{ after, servers, kept string }{
		"changed, removed, added":          {`{"mcpServers": {"a": {"command": "2"}, "c": {"command": "1"}, "d": {"command": "2"}}}`, "a=2 c=1 d=2", ""},
		"one is wrong":                     {`{"mcpServers": {"a": {"command": "2"}, "b": {"type": "pigeon"}, "c": {"command": "2"}}}`, "a=2 c=2 b=1", "b"},
		"one is wrong several times":       {`{"mcpServers": {"b": {"type": "pigeon", "max_queue": -1}}}`, "b=1", "b"},
		"one that did not run is wrong":    {`{"mcpServers": {"a": {"command": "2"}, "new": {}}}`, "a=2", ""},
		"one stands twice, the first wins": {`{"mcpServers": {"a": {"command": "2"}, "a": {"command": "3"}}}`, "a=2", ""},
		"nothing is left":                  {`{}`, "", ""},
	} {
		if servers, kept, fixed, ok := updated(t, before, c.after); !ok || servers != c.servers || kept != c.kept || fixed != "" {
			t.Errorf("%s: %q kept %q fixed %q %t", name, servers, kept, fixed, ok)
		}
	}
	for name, after := range map[string]string{
		"no JSON": `{`, "a wrong top": `{"port": "x", "mcpServers": {"a": {"command": "2"}}}`,
		"a server without a name": `{"mcp_servers": [{"command": "2"}], "mcpServers": {"a": {"command": "2"}}}`,
	} {
		if servers, _, _, ok := updated(t, before, after); ok || servers != "" {
			t.Errorf("%s changes something: %s", name, servers)
		}
	}
}

func TestUpdate_NamesWhatNeedsANewStart(t *testing.T) {
	const servers = `"mcpServers": {"a": {"command": "x"}}}`
	for member, want := range map[string]string{
		`"host": "::1", "port": 9000,`: "host port", `"api_key": "k",`: "api_key", `"api_keys": {"ci": "k"},`: "api_keys",
		`"limits": {"depth": 5, "client_sessions": 10000},`: "limits.depth", `"log_level": "debug", "hot_reload": true,`: "hot_reload log_level",
		`"path_prefix": "/t", "openapi": {"name": "n"},`: "path_prefix openapi.name", `"allowed_origins": ["https://a"],`: "allowed_origins",
		`"request_timeout": 5, "isolation": "shared", "pool": {"max": 3}, "disabled_tools": ["a.b"], "client_header_forwarding": {"enabled": true},`: "",
		`"port": 8000,`: "",
	} {
		if _, _, fixed, ok := updated(t, `{`+servers, `{`+member+servers); !ok || fixed != want {
			t.Errorf("%s: %q, want %q", member, fixed, want)
		}
	}
}

func TestUpdate_LeavesWhatItWasGivenAlone(t *testing.T) {
	first, _ := Load(LoadOptions{Path: "f", Data: []byte(`{"mcpServers": {"a": {"command": "1"}}}`), Environ: []string{}})
	second, problems := Load(LoadOptions{Path: "f", Data: []byte(`{"mcpServers": {"b": {"command": "1"}, "a": {}}}`), Environ: []string{}})
	again, _ := Load(LoadOptions{Path: "f", Data: []byte(`{"mcpServers": {"b": {"command": "1"}, "a": {}}}`), Environ: []string{}})
	if u, ok := first.Update(first.Servers, second, problems); !ok || len(u.Servers) != 2 || !reflect.DeepEqual(second, again) {
		t.Errorf("%+v", second)
	}
}
