package config

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// canary stands in every secret of the fixtures: no message may hold it.
const canary = "canary"

var fixtureEnv = []string{"HOME=/home/u", "TOKEN=sk-canary-token", "PORT=9000", "YES=yes", "EMPTY="}

func fixtures(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("testdata", dir))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".golden" {
			files = append(files, filepath.Join("testdata", dir, e.Name()))
		}
	}
	if len(files) == 0 {
		t.Fatalf("no fixtures in %s", dir)
	}
	return files
}

// load reads a fixture; its problems name the file without its folder.
func load(t *testing.T, path string) (*Config, Problems) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Load(LoadOptions{Path: filepath.Base(path), Data: data, Environ: fixtureEnv})
}

func TestLoad_GoodFilesGiveTheirServersAndKeys(t *testing.T) {
	for _, path := range fixtures(t, "good") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, problems := load(t, path)
			if cfg == nil || problems.HasErrors() {
				t.Fatalf("a good file was refused:\n%s", problems)
			}
			if strings.Contains(problems.String(), canary) {
				t.Errorf("a message holds a secret:\n%s", problems)
			}
			golden(t, path+".golden", problems.String()+difference(t, cfg))
		})
	}
}

func TestLoad_BadFilesTellEveryProblemWithItsPlaceAtOnce(t *testing.T) {
	for _, path := range fixtures(t, "bad") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			cfg, problems := load(t, path)
			if !problems.HasErrors() || problems.Err() == nil {
				t.Fatalf("no errors:\n%s", problems)
			}
			if strings.Contains(problems.String(), canary) {
				t.Errorf("a message holds a secret:\n%s", problems)
			}
			rest := "refused as a whole\n"
			if cfg != nil {
				rest = "left:"
				for _, s := range cfg.Servers {
					rest += " " + s.Name
				}
				rest += "\n"
			}
			golden(t, path+".golden", problems.String()+rest)
		})
	}
}

// difference renders what a configuration says beyond the defaults.
func difference(t *testing.T, cfg *Config) string {
	t.Helper()
	got, base := fields(t, *cfg), fields(t, defaults().Config)
	strip(got, base)
	delete(got, "Policy")
	fresh := fields(t, defaults().spec.Policy)
	policy := fields(t, cfg.Policy)
	strip(policy, fresh)
	if len(policy) > 0 {
		got["Policy"] = policy
	}
	if servers, ok := got["Servers"].([]any); ok {
		for _, s := range servers {
			server := s.(map[string]any)
			own := server["Policy"].(map[string]any)
			strip(own, fields(t, cfg.Policy))
			if reflect.DeepEqual(server["Forwarding"], got["Forwarding"]) || reflect.DeepEqual(server["Forwarding"], base["Forwarding"]) {
				delete(server, "Forwarding")
			}
			for name, v := range server {
				if v == nil || v == "" || v == false || name == "Protocol" && v == "auto" || name == "Policy" && len(own) == 0 {
					delete(server, name)
				}
			}
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(got); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func fields(t *testing.T, v any) map[string]any {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// strip removes what is equal in base, one level deep and the next.
func strip(m, base map[string]any) {
	for name, v := range m {
		if inner, ok := v.(map[string]any); ok {
			if b, ok := base[name].(map[string]any); ok {
				strip(inner, b)
				if len(inner) == 0 {
					delete(m, name)
				}
				continue
			}
		}
		if reflect.DeepEqual(v, base[name]) {
			delete(m, name)
		}
	}
}
