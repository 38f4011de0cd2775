package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFind_TakesTheFirstFileThatIsThere(t *testing.T) {
	cwd, user := t.TempDir(), t.TempDir()
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string) {
		t.Helper()
		if got, warnings := Find(cwd, user); got != want || len(warnings) > 0 {
			t.Errorf("got %q, want %q; %s", got, want, warnings)
		}
	}
	expect("")
	third := filepath.Join(user, "mcpx", "mcpx.json")
	write(third)
	expect(third)
	if path, _ := Find(cwd, ""); path != "" {
		t.Error("found something without a user's directory")
	}
	second := filepath.Join(cwd, ".mcp.json")
	write(second)
	expect(second)
	first := filepath.Join(cwd, "mcpx.json")
	if err := os.Mkdir(first, 0o755); err != nil {
		t.Fatal(err)
	}
	expect(second) // a directory of that name is no configuration
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	// What is there and cannot be read is not passed over.
	if err := os.Symlink("mcpx.json", first); err != nil {
		t.Fatal(err)
	}
	expect(first)
	if cfg, problems := Load(LoadOptions{Path: first, Environ: []string{}}); cfg != nil || !strings.Contains(problems.String(), "mcpx.json: cannot be read: ") {
		t.Error(problems)
	}
	write(filepath.Join(user, "plain"))
	if path, _ := Find(t.TempDir(), filepath.Join(user, "plain")); path != "" {
		t.Error("found a file below a file")
	}
}

func TestFind_OfSeveralFilesInOnePlaceOneCountsAndAWarningNamesTheOthers(t *testing.T) {
	for _, dir := range []string{"", "user/mcpx"} {
		for i, counts := range fileNames {
			cwd := t.TempDir()
			place := filepath.Join(cwd, dir)
			if err := os.MkdirAll(place, 0o755); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, name := range fileNames[i:] {
				path := filepath.Join(place, name)
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
				if name != counts {
					want = append(want, path+": warning: is not read: "+filepath.Join(place, counts)+" stands beside it and counts\n")
				}
			}
			path, warnings := Find(cwd, filepath.Join(cwd, "user"))
			if path != filepath.Join(place, counts) || warnings.String() != strings.Join(want, "") {
				t.Errorf("%s, got %s and\n%s", counts, path, warnings)
			}
		}
	}
}

func TestFind_AFileOfAnotherClientBesideOursNeedsNoWords(t *testing.T) {
	cwd := t.TempDir()
	for _, name := range []string{"mcpx.toml", ".mcp.json"} {
		if err := os.WriteFile(filepath.Join(cwd, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if path, warnings := Find(cwd, ""); filepath.Base(path) != "mcpx.toml" || len(warnings) > 0 {
		t.Error(path, warnings)
	}
}

func TestLoad_FilesThatCannotBeUsedSayWhy(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mcpx.json")
	large := filepath.Join(dir, "large.json")
	for path, data := range map[string]string{file: `{"mcpServers": {"a": {"command": "x"}}}`, large: `{"a": "` + strings.Repeat("x", maxFileBytes) + `"}`} {
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "missing.json"):     "there is no such file",
		"https://h/mcp":                        "there is no such file; the URL of a server stands behind --",
		dir:                                    "is a directory: name the file in it",
		filepath.Join(file, "below-file.json"): "cannot be read: not a directory",
		large:                                  "is larger than 2 MiB",
		"":                                     "",
		file:                                   "",
	} {
		cfg, problems := Load(LoadOptions{Path: path, Environ: []string{}})
		if want != "" {
			want = path + ": " + want + "\n"
		}
		if got := problems.String(); got != want || (cfg != nil) != (want == "") {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
