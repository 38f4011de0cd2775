package kit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"time"
)

// Build builds a package of this module into a folder, as users have it: without
// race detector and coverage counters, and without cgo. The working directory is that of the repository.
func Build(dir, name, pkg string) (path string, err error) {
	path = filepath.Join(dir, name)
	build := exec.Command("go", "build", "-trimpath", "-o", path, pkg)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// Head begins a report: its title, and where and when it was made.
func Head(title string) string {
	return fmt.Sprintf("# %s\n\n%s, %s/%s, %d cores, %s", title,
		time.Now().UTC().Format(time.RFC3339), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
