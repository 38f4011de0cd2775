package config

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

// FuzzLoad holds what is true whatever stands in a file: no panic, the same
// result twice, an error for each refusal, messages of one line without the
// secrets of the environment, and servers that are complete.
func FuzzLoad(f *testing.F) {
	for _, dir := range []string{"testdata/good/", "testdata/bad/"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			f.Fatal(err)
		}
		for _, e := range entries {
			data, err := os.ReadFile(dir + e.Name())
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	const secret = "sk-8f2a-secret-of-the-environment"
	environ := []string{"TOKEN=" + secret, "HOME=/h", "EMPTY="}
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := LoadOptions{Path: "f", Data: append([]byte{}, data...), Environ: environ}
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
			if p.File != "f" || p.Line > lines || p.Line > 0 && p.Column < 1 {
				t.Errorf("a place outside of the file: %s", text)
			}
		}
		if cfg != nil {
			complete(t, cfg)
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
