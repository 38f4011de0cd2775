package config

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/cost"
)

var places = regexp.MustCompile(`(?m)^\w+\.\w+(:\d+:\d+)?: |line \d+, column \d+`)

// withoutPlaces leaves what is said, in an order that does not depend on where it stands.
func withoutPlaces(said string) string {
	lines := strings.Split(places.ReplaceAllString(said, ""), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// The same configuration in three formats is the same configuration, and what
// is wrong with it is said in the same words.
func TestFormats_GiveTheSameServersAndTheSameWords(t *testing.T) {
	compared := 0
	for _, dir := range []string{"good", "bad"} {
		for _, path := range fixtures(t, dir) {
			stem, isJSON := strings.CutSuffix(path, ".json")
			if !isJSON || dir == "bad" && !slices.Contains([]string{"duplicate_keys", "duplicate_servers", "servers", "structure", "top_level"}, filepath.Base(stem)) {
				continue // those that are wrong as JSON
			}
			want, said := load(t, path)
			for _, ext := range []string{".yaml", ".toml"} {
				got, saidThere := load(t, stem+ext)
				if a, b := withoutPlaces(said.String()), withoutPlaces(saidThere.String()); a != b {
					t.Errorf("%s says\n%s\n%s says\n%s", path, a, stem+ext, b)
				}
				if (want == nil) != (got == nil) {
					t.Fatalf("%s and %s differ in whether they load", path, stem+ext)
				}
				if want != nil {
					if a, b := byName(t, want), byName(t, got); a != b {
						t.Errorf("%s gives\n%s\n%s gives\n%s", path, a, stem+ext, b)
					}
				}
				compared++
			}
		}
	}
	if compared < 2*16 {
		t.Errorf("only %d files compared", compared)
	}
}

// byName renders a configuration without the order of its servers: a table of
// TOML comes after the plain values.
func byName(t *testing.T, cfg *Config) string {
	t.Helper()
	sorted := *cfg
	sorted.Servers = slices.Clone(cfg.Servers)
	slices.SortFunc(sorted.Servers, func(a, b messages.ServerSpec) int { return strings.Compare(a.Name, b.Name) })
	return difference(t, &sorted)
}

func TestFormats_AreChosenByTheEndOfTheName(t *testing.T) {
	texts := map[string]string{
		"json": `{"mcpServers": {"a": {"command": "x"}}} // comment`,
		"yaml": "mcpServers: {a: {command: x}}",
		"toml": "mcpServers.a.command = 'x'",
	}
	for name, format := range map[string]string{
		"f.json": "json", "F.JSON": "json", "f.jsonc": "json", "f": "json", "/dev/fd/63": "json",
		"f.yaml": "yaml", "f.yml": "yaml", "f.json.YML": "yaml", "f.toml": "toml",
	} {
		for other, text := range texts {
			cfg, problems := Load(LoadOptions{Path: name, Data: []byte(text), Environ: []string{}})
			if loads := cfg != nil && len(problems) == 0; loads != (other == format) {
				t.Errorf("%s with %s: %s", name, other, problems)
			}
		}
	}
}

func TestFormats_AnUnknownNameIsTriedAsJSONAndSaysSo(t *testing.T) {
	const said = "read as JSON: its name ends in none of .json, .yaml, .yml and .toml"
	for name, want := range map[string]string{
		"f.conf": "f.conf: warning: " + said + "\n",
		"f":      "",
	} {
		if cfg, problems := Load(LoadOptions{Path: name, Data: []byte(`{"mcpServers": {"a": {"command": "x"}}}`), Environ: []string{}}); cfg == nil || problems.String() != want {
			t.Errorf("%s: %s", name, problems)
		}
	}
	cfg, problems := Load(LoadOptions{Path: "/dev/fd/63", Data: []byte("a: 1"), Environ: []string{}})
	if cfg != nil || !strings.Contains(problems.String(), said) {
		t.Errorf("a pipe that is no JSON: %s", problems)
	}
}

// JSON is YAML: whatever tree is written as JSON, both parsers see the same
// values at the same offsets.
func TestFormats_JSONReadAsYAMLGivesTheSameTreeAndPlaces(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		value := randomValue(rng, 4)
		data, err := json.MarshalIndent(value, "", strings.Repeat(" ", rng.IntN(2)))
		if err != nil {
			t.Fatal(err)
		}
		data = []byte(strings.ReplaceAll(string(data), `\u003c`, "<"))
		want, werr := jsonParser{}.parse(data)
		got, gerr := yamlParser{}.parse(data)
		if werr != nil || gerr != nil || !reflect.DeepEqual(plain(got), plain(want)) || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s\nas JSON %v %v\nas YAML %v %v", data, want, werr, got, gerr)
		}
	}
}

func randomValue(rng *rand.Rand, depth int) any {
	words := []string{"", "a", "no", "true", "null", "1", "ä☃𝄞", "a: b", "- x", "#", "*a", "&a", "!x", "<<", "%", "@", "`", "'", `"`, `\`, "\t", "\n", " ", "\u2028", "{", "]", ",", "${A}", "0123", "2025-01-01"}
	word := func() string {
		s := ""
		for range 1 + rng.IntN(3) {
			s += words[rng.IntN(len(words))]
		}
		return s
	}
	switch n := rng.IntN(8); {
	case n < 2 && depth > 0:
		list := []any{}
		for range rng.IntN(4) {
			list = append(list, randomValue(rng, depth-1))
		}
		return list
	case n < 5 && depth > 0:
		object := map[string]any{}
		for range 1 + rng.IntN(4) {
			object[word()] = randomValue(rng, depth-1)
		}
		return object
	case n == 5:
		return rng.IntN(2) == 0
	case n == 6:
		return (rng.Float64() - 0.5) * []float64{1, 1e3, 1e15, 1e30, 1e-9}[rng.IntN(5)]
	default:
		return word()
	}
}

// plain is the value of a tree without its places.
func plain(n node) any {
	switch n.kind {
	case listNode:
		list := []any{}
		for _, item := range n.items {
			list = append(list, plain(item))
		}
		return list
	case objectNode:
		object := map[string]any{}
		for _, m := range n.members {
			object[m.name] = plain(m.value)
		}
		return object
	case boolNode:
		return n.on
	case nullNode:
		return nil
	default:
		return fmt.Sprint(n.kind, n.text)
	}
}

// hostileFiles are each quadratic in a parser that looks back; n is about how
// many bytes they have.
var hostileFiles = map[string]func(n int) string{
	"brackets.yaml":   func(n int) string { return "a: " + upTo(n, "[") },
	"dashes.yaml":     func(n int) string { return upTo(n, "- ") },
	"questions.yaml":  func(n int) string { return upTo(n, "? ") },
	"comments.yaml":   func(n int) string { return upTo(n, "#\n") + "a: 1" },
	"comments2.yaml":  func(n int) string { return upTo(n, "a: 1 # b\n#c\n") },
	"one_line.yaml":   func(n int) string { return "{" + upTo(n, "é: [], ") + "}" },
	"items.yaml":      func(n int) string { return "a: [" + upTo(n, "1,") + "]" },
	"anchors.yaml":    func(n int) string { return "x: &a [" + upTo(n, "&a b,") + "]\ny: *a" },
	"aliases.yaml":    func(n int) string { return "x: &a b\ny: [" + upTo(n, "*a ,") + "]" },
	"late_alias.yaml": func(n int) string { return "x: [" + upTo(n/2, "é,") + "&a b, " + upTo(n/2, "*a ,") + "]" },
	"merges.yaml":     func(n int) string { return "x: &a {b: 1}\ny: {<<: [" + upTo(n, "*a ,") + "]}" },
	"chain.yaml":      func(n int) string { return "x0: &x0 {a: 1}\n" + chain(n/20) },
	"quotes.yaml":     func(n int) string { return upTo(n, `"a": "\x41"`+"\n") },
	"folded.yaml":     func(n int) string { return "a: >\n" + upTo(n, " a\n\n") },
	"plain.yaml":      func(n int) string { return "a: " + upTo(n, "a\n ") },
	"documents.yaml":  func(n int) string { return upTo(n, "---\n") },
	"tags.yaml":       func(n int) string { return upTo(n, "!!str ") },
	"long_key.yaml":   func(n int) string { return upTo(n, "a") },
	"one_line.json":   func(n int) string { return "{" + upTo(n, `"é": [], `) + "}" },
	"brackets.toml":   func(n int) string { return "a = " + upTo(n, "[") },
	"keys.toml":       func(n int) string { return upTo(n, "a=1\n") },
	"tables.toml":     func(n int) string { return upTo(n, "[a]\n") },
	"arrays.toml":     func(n int) string { return upTo(n, "[[a]]\n") },
	"dots.toml":       func(n int) string { return upTo(n, "a.") + "b = 1" },
	"one_line.toml":   func(n int) string { return "a = {" + upTo(n, `"é" = [], `) + "}" },
	"comments.toml":   func(n int) string { return "a = [" + upTo(n, "1, #\n") + "]" },
	"strings.toml":    func(n int) string { return `a = """` + upTo(n, `\`+"\n") + `"""` },
}

func upTo(n int, s string) string { return strings.Repeat(s, n/len(s)) }

func TestFormats_HostileFilesCostAsMuchAsTheyAreLong(t *testing.T) {
	// The collector runs between the measurements: in them its share would
	// depend more on when it happens to start than on the file.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	small := maxFileBytes / 32
	if cost.Instrumented() {
		small /= 16 // `make test` runs these without instruments too
	}
	for name, file := range hostileFiles {
		t.Run(name, func(t *testing.T) {
			load := func(n int) time.Duration {
				text := []byte(file(n))
				return cost.Of(t, 1, func() error {
					Load(LoadOptions{Path: name, Data: text, Environ: []string{}})
					return nil
				})
			}
			// What is quadratic costs 16 times as much. Noise only makes dearer: of several tries the least counts.
			base, dear := load(small), load(4*small)
			for range 4 {
				if dear <= 8*max(base, 4*time.Millisecond) {
					return
				}
				base, dear = min(base, load(small)), min(dear, load(4*small))
			}
			t.Errorf("%d bytes cost %s, four times as many %s", small, base, dear)
		})
	}
}

// chain writes n objects that each merge the one before.
func chain(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		fmt.Fprintf(&b, "x%d: &x%d {<<: *x%d}\n", i, i, i-1)
	}
	return b.String()
}

func TestPlaces_CountCharactersInLongLinesToo(t *testing.T) {
	text := strings.Repeat("é", 5000) + "\n" + strings.Repeat("a☃𝄞", 1000) + "\r\n\n"
	s := newSource("f", []byte(text))
	line, column := 1, 1
	n := 0
	for at, r := range text {
		if l, c := s.position(at); l != line || c != column {
			t.Fatalf("offset %d: %d:%d, want %d:%d", at, l, c, line, column)
		}
		if back := s.chars.offset(n); back != at {
			t.Fatalf("character %d begins at %d, not %d", n, at, back)
		}
		n++
		if column++; r == '\n' {
			line, column = line+1, 1
		}
	}
	if at := s.chars.offset(n + 5); at != len(text) {
		t.Errorf("behind the end: %d", at)
	}
	if l, c := s.position(1 << 30); l != line || c != column {
		t.Errorf("behind the end: %d:%d", l, c)
	}
}

func TestLoad_AFileOfTheLimitIsReadAndOneByteMoreIsNot(t *testing.T) {
	for _, ext := range []string{".json", ".yaml", ".toml"} {
		p, _ := parserFor(ext)
		head := strings.ReplaceAll(p.example(), "{}", "{ }")
		comment := map[string]string{".json": "//", ".yaml": " #", ".toml": "#"}[ext]
		path := filepath.Join(t.TempDir(), "f"+ext)
		for extra, want := range map[int]bool{0: true, 1: false} {
			text := head + comment + strings.Repeat("x", maxFileBytes-len(head)-len(comment)+extra)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg, problems := Load(LoadOptions{Path: path, Environ: []string{}})
			if (cfg != nil) != want || strings.Contains(problems.String(), "is larger than 2 MiB") == want {
				t.Errorf("%s with %d more: %.200s", ext, extra, problems)
			}
		}
	}
}
