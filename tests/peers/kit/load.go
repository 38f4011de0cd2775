package kit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/workload"
)

// Load runs `mcpx load` in a folder and returns the report of its one run. That
// requests fail is no error.
func Load(mcpx, dir string, args ...string) (*workload.Report, error) {
	var r struct {
		Runs []*workload.Report `json:"runs"`
	}
	if err := loadInto(&r, mcpx, dir, append([]string{"--max-errors", "100"}, args...)); err != nil {
		return nil, err
	}
	if len(r.Runs) != 1 {
		return nil, fmt.Errorf("mcpx load wrote a report of %d runs, want one", len(r.Runs))
	}
	if r.Runs[0].Requests == 0 {
		return nil, fmt.Errorf("mcpx load had no answer at all: %+v", r.Runs[0].Faults)
	}
	return r.Runs[0], nil
}

// Hold runs `mcpx load --sessions`.
func Hold(mcpx, dir string, args ...string) (*workload.Held, error) {
	r := new(workload.Held)
	return r, loadInto(r, mcpx, dir, args)
}

func loadInto(report any, mcpx, dir string, args []string) error {
	folder, err := os.MkdirTemp("", "mcpx-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "load.json")
	cmd := exec.Command(mcpx, append([]string{"load", "--quiet", "--out", out}, args...)...)
	cmd.Dir, cmd.Env = dir, testkit.Environment(folder)
	said, err := cmd.CombinedOutput()
	raw, missing := os.ReadFile(out) // what failed is in it as well
	if missing != nil {
		return fmt.Errorf("mcpx load %s: %w\n%s", strings.Join(args, " "), err, said)
	}
	if err := json.Unmarshal(raw, report); err != nil {
		return fmt.Errorf("the report of mcpx load: %w", err)
	}
	return nil
}
