package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

// loadAgain loads what was printed, in an environment that says nothing.
func loadAgain(t *testing.T, printed string) *Config {
	t.Helper()
	cfg, problems := Load(LoadOptions{Path: "printed.jsonc", Data: []byte(printed), Environ: []string{}})
	if cfg == nil || problems.HasErrors() {
		t.Fatalf("what was printed does not load:\n%s\n%s", problems, printed)
	}
	return cfg
}

// bare is a configuration without where it is from.
func bare(cfg *Config) *Config {
	c := *cfg
	c.path, c.text, c.origins, c.secrets = "", digest{}, origins{}, nil
	return &c
}

func TestPrint_LoadsAgainAsTheSameConfiguration(t *testing.T) {
	for _, path := range fixtures(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, _ := load(t, path)
			printed := cfg.render()
			if got := loadAgain(t, printed); !reflect.DeepEqual(bare(got), bare(cfg)) {
				t.Errorf("printed:\n%s\nwant %+v\ngot  %+v", printed, bare(cfg), bare(got))
			}
			if twice := loadAgain(t, printed).render(); comment.ReplaceAllString(twice, "") != comment.ReplaceAllString(printed, "") {
				t.Errorf("printed once:\n%s\nprinted again:\n%s", printed, twice)
			}
		})
	}
}

// comment matches those of Print, which stand at the end of a line, where no
// fixture has a string with their beginning in it.
var comment = regexp.MustCompile(`(?m)(^ *| )// .*$`)

func TestPrint_SaysWhereEachValueComesFrom(t *testing.T) {
	for _, file := range []string{"origins.yaml", "origins.toml", "origins.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", "print", file))
		if err != nil {
			t.Fatal(err)
		}
		cfg, problems := Load(LoadOptions{
			Path: file, Data: data,
			Environ: []string{
				"LOG_LEVEL=debug", "MCPX_LIMITS__DEPTH=7", "MCPX_API_KEY=canary-key", "MCPX_MAX_QUEUE=5", "MCPX_PORT=1",
				"HOME=/home/u", "GITHUB_TOKEN=canary-token", "ONE=1", "SHORT_TOKEN=x",
			},
			Flags:       map[string]any{"port": "9000", "allowed_hosts": []string{"A.example"}, "limits.client_idle": "1h30m"},
			CommandLine: &CommandLine{Words: []string{"https://canary:canary-pw@example.com/mcp?key=canary-q&a=${b}"}, Headers: map[string]string{"X-Key": "canary-h"}},
		})
		if cfg == nil || problems.HasErrors() {
			t.Fatal(problems)
		}
		var out bytes.Buffer
		if err := cfg.Print(&out); err != nil {
			t.Fatal(err)
		}
		if text := strings.ReplaceAll(out.String(), "https://canary:", ""); strings.Contains(text, canary) {
			t.Errorf("%s: a secret is shown:\n%s", file, text)
		}
		golden(t, filepath.Join("testdata", "print", file+".golden"), out.String())
	}
}

// JSON with comments knows no trailing commas, though mcpx reads them.
func TestPrint_IsJSONButForItsComments(t *testing.T) {
	for _, path := range fixtures(t, "good") {
		cfg, _ := load(t, path)
		var out bytes.Buffer
		if err := cfg.Print(&out); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.ContainsFunc(strings.TrimSuffix(line, "\n"), func(r rune) bool { return r < ' ' || r == 0x7f }) {
				t.Errorf("%s: a control character in %q", path, line)
			}
		}
		if text := comment.ReplaceAllString(out.String(), ""); !json.Valid([]byte(text)) {
			t.Errorf("%s: no JSON:\n%s", path, text)
		}
	}
}

// Every key that has an effect can be printed and read back, whatever its type.
func TestPrint_KnowsEveryKey(t *testing.T) {
	fresh := defaults()
	for _, k := range keys {
		if k.set == nil || k.scope&inTop == 0 {
			continue
		}
		text := `{"` + strings.ReplaceAll(k.name, ".", `": {"`) + `": ` + other(t, k, k.get(fresh)) + strings.Repeat("}", strings.Count(k.name, ".")+1)
		cfg, problems := Load(LoadOptions{Path: "f.json", Data: []byte(text), Environ: []string{}})
		if k.name == "ssl_certfile" || k.name == "ssl_keyfile" {
			continue // only together
		}
		if cfg == nil {
			t.Errorf("%s: %s", text, problems)
			continue
		}
		printed := cfg.render()
		if !strings.Contains(printed, "// f.json:1:") {
			t.Errorf("%s is not printed:\n%s", text, printed)
		}
		if got := loadAgain(t, printed); !reflect.DeepEqual(bare(got), bare(cfg)) {
			t.Errorf("%s comes back as %+v", text, got)
		}
	}
}

// other is JSON of a value that is not the default.
func other(t *testing.T, k *key, v any) string {
	t.Helper()
	switch v := v.(type) {
	case bool:
		return fmt.Sprint(!v)
	case int:
		return fmt.Sprint(v + 1)
	case time.Duration:
		return fmt.Sprintf("%q", v+1500*time.Millisecond)
	case []string:
		if strings.HasPrefix(k.name, "client_header_forwarding.") {
			return `["X-A"]`
		}
		return `["https://a.example"]`
	case map[string]string:
		return `{"a": "b"}`
	case string:
		if words, ok := k.kind.(choice); ok {
			return fmt.Sprintf("%q", words[len(words)-1])
		}
		if k.name == "state_key" {
			return `"` + strings.Repeat("A", 43) + `="`
		}
		return `"error"`
	}
	t.Fatalf("%s has a value of type %T, which Print cannot write", k.name, v)
	return ""
}

func TestPrint_NamesAndValuesCannotLeaveTheirQuotes(t *testing.T) {
	name := `a"b\ // c`
	cfg, problems := Load(LoadOptions{
		Path: "dir\n\x1b[31m/f.json", Environ: []string{"V=${HOME} $${X} \x7f\u0085\u202e <&>\n"},
		Data: []byte(`{"mcpServers": {"a\"b\\ // c": {"command": "x", "args": ["${V}", "$${Y}"]}}}`),
	})
	if cfg == nil {
		t.Fatal(problems)
	}
	printed := cfg.render()
	for _, bad := range []string{"\x1b", "\x7f", "\u0085", "\u202e"} {
		if strings.Contains(printed, bad) {
			t.Errorf("%q is printed:\n%q", bad, printed)
		}
	}
	got := loadAgain(t, printed)
	if len(got.Servers) != 1 || got.Servers[0].Name != name || !reflect.DeepEqual(got.Servers[0].Args, cfg.Servers[0].Args) {
		t.Errorf("%s\ngave %+v", printed, got.Servers)
	}
}

func TestPrint_DurationsAreShortAndExact(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Second: "1s", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Hour + time.Second: "1h0m1s",
		1500 * time.Millisecond: "1.5s", 20 * time.Second: "20s", 10 * time.Second: "10s", 100 * time.Hour: "100h", 250 * time.Microsecond: "250µs",
	} {
		got := shortSpan(d)
		if back, err := time.ParseDuration(got); got != want || err != nil || back != d {
			t.Errorf("%s: %s", d, got)
		}
	}
}
