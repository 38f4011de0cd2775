package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

// formatsByNumber is what the fuzzer chooses from.
var formatsByNumber = []string{"", ".json", ".yaml", ".toml"}

// FuzzLoad holds what is true whatever stands in a file of any format: no
// panic, the same result twice, an error for each refusal, messages of one line
// without the secrets of the environment, servers that are complete, and what
// is printed loads again as the same configuration.
func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"testdata/good/", "testdata/bad/", "testdata/print/"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".golden" || e.Name() == "alias_bomb.yaml" { // which costs as much as all others
				continue
			}
			data, err := os.ReadFile(dir + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(max(slices.Index(formatsByNumber, filepath.Ext(e.Name())), 0)), data)
		}
	}
	for _, document := range tomlRules {
		f.Add(uint8(3), []byte(document))
	}
	const secret = "sk-8f2a-secret-of-the-environment"
	environ := []string{"TOKEN=" + secret, "HOME=/h", "EMPTY="}
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		path := "f" + formatsByNumber[int(format)%len(formatsByNumber)]
		opts := LoadOptions{Path: path, Data: append([]byte{}, data...), Environ: environ}
		cfg, problems := Load(opts)
		again, problemsAgain := Load(opts)
		if !reflect.DeepEqual(cfg, again) || !reflect.DeepEqual(problems, problemsAgain) {
			t.Errorf("two loads differ:\n%s\n%s", problems, problemsAgain)
		}
		if cfg == nil && !problems.HasErrors() {
			t.Error("refused without an error")
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			text := p.String()
			if strings.Contains(text, secret) && !strings.Contains(string(data), secret) {
				t.Errorf("a message holds a secret: %s", text)
			}
			if strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("a message holds a control character: %q", text)
			}
			if p.File != path || p.Line > lines || p.Line > 0 && p.Column < 1 {
				t.Errorf("a place outside of the file: %s", text)
			}
		}
		if cfg == nil {
			return
		}
		complete(t, cfg)
		// Tools of a server that is left out may look like those of another one.
		if got := loadAgain(t, cfg.render()); !problems.HasErrors() && !reflect.DeepEqual(bare(got), bare(cfg)) {
			t.Errorf("printed:\n%s\nwant %+v\ngot  %+v", cfg.render(), bare(cfg), bare(got))
		}
	})
}

func complete(t *testing.T, cfg *Config) {
	names := map[string]bool{}
	for _, s := range cfg.Servers {
		if s.Name == "" || names[s.Name] {
			t.Errorf("name %q", s.Name)
		}
		names[s.Name] = true
		switch s.Transport {
		case messages.TransportStdio:
			if s.Command == "" || s.URL != "" || s.Headers != nil {
				t.Errorf("%+v", s)
			}
		case messages.TransportHTTP, messages.TransportSSE:
			if s.URL == "" || s.Command != "" || s.Args != nil || s.Env != nil {
				t.Errorf("%+v", s)
			}
		default:
			t.Errorf("transport %q", s.Transport)
		}
		p := s.Policy
		if p.MaxConcurrency < 1 || p.MaxQueue < 0 || p.RetryAttempts < 1 || p.RetryDelay < 0 || p.RetryDelayMax < p.RetryDelay ||
			p.ConnectionTimeout <= 0 || p.RequestTimeout <= 0 || p.RequestTimeoutMax <= 0 || p.SSEReadTimeout <= 0 || p.DrainTimeout < 0 || p.KillAfter < 0 {
			t.Errorf("policy %+v", p)
		}
		if !s.Exclusive && p.PoolMin > s.EffectivePoolMax() || p.PoolMin < 0 || p.PoolMax < 0 || p.PoolIdleTTL < 0 ||
			p.BreakerFailures < 0 || p.BreakerOpenFor < 0 || p.CacheTTL < 0 {
			t.Errorf("policy %+v", p)
		}
	}
	for name, v := range fields(t, cfg.Limits) {
		if n, ok := v.(float64); !ok || n < 1 {
			t.Errorf("limit %s is %v", name, v)
		}
	}
	for name, key := range cfg.APIKeys {
		if name == "" || key == "" {
			t.Errorf("key %q of %q", key, name)
		}
	}
}
