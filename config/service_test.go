package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestPaths_BeginAndEndAsTheyAreCompared(t *testing.T) {
	for written, want := range map[string][2]string{
		"": {"/", ""}, "/": {"/", ""}, "//": {"/", ""}, "tools": {"/tools/", "/tools"}, "/tools": {"/tools/", "/tools"}, "/a/b-c_d.e~/": {"/a/b-c_d.e~/", "/a/b-c_d.e~"},
	} {
		cfg, said := try(t, fmt.Sprintf(`"path_prefix": %q, "root_path": %q`, written, written))
		if cfg == nil || cfg.PathPrefix != want[0] || cfg.RootPath != want[1] {
			t.Errorf("%q: %+v %s", written, cfg, said)
		}
	}
	for _, written := range []string{"/a//b", "/../etc", "/.hidden", "/a b", "/a?x", "/{id}", "/%2F", "http://h/x", "/é"} {
		const want = "expected a path such as /tools/ of letters, digits, '-', '.', '_' and '~'"
		_, said := try(t, fmt.Sprintf(`"path_prefix": %q, "root_path": %q`, written, written))
		if said != "path_prefix: "+want+"\nroot_path: "+want {
			t.Errorf("%q: %s", written, said)
		}
	}
}

func TestOrigins_AStarWithoutAKeyWarns(t *testing.T) {
	const want = "warning: allowed_origins: every web page that somebody opens here may call every tool, since no api_key is asked for"
	for member, warns := range map[string]bool{
		`"allowed_origins": ["*"]`: true, `"cors_allow_origins": ["https://a.example", "*"]`: true,
		`"allowed_origins": ["*"], "api_key": "k"`: false, `"cors_allow_origins": ["https://a.example"]`: false,
	} {
		if cfg, said := try(t, member); cfg == nil || said != "" != warns || warns && said != want {
			t.Errorf("%s: %s", member, said)
		}
	}
}

func TestForwarding_NamesAndBeginningsOfHeadersOnly(t *testing.T) {
	for pattern, want := range map[string]string{
		"X-User-*": "", "*": "", "authorization": "", "Cookie": "",
		"":       "expected the name of a header, or its beginning with a * behind it",
		"X-*-Id": "expected the name of a header, or its beginning with a * behind it",
		"**":     "expected the name of a header, or its beginning with a * behind it",
		"X: y":   "expected the name of a header, or its beginning with a * behind it",
		"Host":   "warning: Host is never forwarded: it belongs to the connection or to the protocol",
	} {
		_, said := try(t, fmt.Sprintf(`"client_header_forwarding": {"whitelist": [%q]}`, pattern))
		if said = strings.Replace(said, "client_header_forwarding.whitelist[0]: ", "", 1); said != want {
			t.Errorf("%q: %s", pattern, said)
		}
	}
	if _, said := try(t, `"client_header_forwarding": {"blacklist": ["Host"]}`); said != "" {
		t.Error(said)
	}
}

func TestForwarding_AServerChangesSingleKeysOfTheTop(t *testing.T) {
	cfg, problems := Load(LoadOptions{Path: "f", Environ: []string{"MCPX_CLIENT_HEADER_FORWARDING__BLACKLIST=X-Secret"}, Data: []byte(`{
		"client_header_forwarding": {"enabled": true, "whitelist": ["X-*"]},
		"mcpServers": {
			"all": {"url": "http://h/"},
			"off": {"url": "http://h/", "client_header_forwarding": {"enabled": false}},
			"own": {"url": "http://h/", "client_header_forwarding": {"blacklist": []}},
			"stdio": {"command": "x"}}}`)})
	if cfg == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	var got []messages.HeaderForwarding
	for _, s := range cfg.Servers {
		got = append(got, s.Forwarding)
	}
	if want := []messages.HeaderForwarding{
		{Enabled: true, Allow: []string{"X-*"}, Deny: []string{"X-Secret"}}, {Allow: []string{"X-*"}, Deny: []string{"X-Secret"}},
		{Enabled: true, Allow: []string{"X-*"}}, {},
	}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
}

func TestServerEnv_FillsReferencesAndReachesEveryProcess(t *testing.T) {
	opts := LoadOptions{
		Path: "f", Environ: []string{"A=ambient", "B=ambient"}, ServerEnv: map[string]string{"A": "flag", "C": "flag", "API_TOKEN": "canary"},
		Data: []byte(`{"mcpServers": {
			"one": {"command": "${A}", "args": ["${B}", "${API_TOKEN}"], "env": {"C": "own", "D": "own"}},
			"two": {"command": "x"},
			"far": {"url": "http://h/"}}}`),
		CommandLine: &CommandLine{Words: []string{"y"}, Env: map[string]string{"E": "line"}},
	}
	cfg, problems := Load(opts)
	if cfg == nil || len(problems) > 0 {
		t.Fatal(problems)
	}
	one := cfg.Servers[0]
	if got := fmt.Sprint(one.Command, one.Args, one.Env); got != "flag[ambient canary] map[A:flag API_TOKEN:canary C:own D:own]" {
		t.Error(got)
	}
	if got := fmt.Sprint(cfg.Servers[1].Env, cfg.Servers[2].Env, cfg.Servers[3].Env); got != "map[A:flag API_TOKEN:canary C:flag] map[] map[E:line]" {
		t.Error(got)
	}
	var out strings.Builder
	if err := cfg.Print(&out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, canary) || !strings.Contains(text, "from --env") || !strings.Contains(text, "// --env") {
		t.Errorf("printed:\n%s", text)
	}
	if got := loadAgain(t, cfg.render()); !reflect.DeepEqual(bare(got), bare(cfg)) {
		t.Errorf("comes back as %+v", got)
	}
}

func TestFlags_AreCalledByTheNamesTheyHave(t *testing.T) {
	opts := LoadOptions{
		Environ: []string{}, Flags: map[string]any{"allowed_origins": []string{"x"}, "openapi.name": "Tools"},
		FlagNames: map[string]string{"allowed_origins": "cors-allow-origins", "openapi.name": "name"},
	}
	if _, problems := Load(opts); problems.String() != "--cors-allow-origins[0]: expected an origin such as https://app.example.com, without a path\n" {
		t.Error(problems)
	}
	delete(opts.Flags, "allowed_origins")
	cfg, problems := Load(opts)
	if cfg == nil || cfg.Document.Name != "Tools" || !strings.Contains(cfg.render(), `"name": "Tools" // --name`) {
		t.Error(problems)
	}
}
