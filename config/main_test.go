package config

import (
	"flag"
	"os"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

var update = flag.Bool("update", false, "write golden files and LIMITS.md anew")

func TestMain(m *testing.M) { leak.Main(m) }

// golden compares with a file, or writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it anew), got:\n%s", path, got)
	}
}
