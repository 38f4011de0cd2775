package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// Long tells whether tests run in the long form that proves figures
// (MCPX_PROVE is set, see `make prove`): elsewhere the machine may be busy with
// anything, and what is measured is printed and not judged.
func Long() bool { return os.Getenv("MCPX_PROVE") != "" }

// Report collects what tests have found out.
type Report struct {
	Title string

	mu       sync.Mutex
	sections []string
}

// Add prints a section and keeps it. The text is Markdown.
func (r *Report) Add(t testing.TB, heading, format string, args ...any) {
	t.Helper()
	text := strings.TrimSpace(fmt.Sprintf(format, args...))
	t.Log(heading + "\n" + text)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sections = append(r.sections, "## "+heading+"\n\n"+text+"\n")
}

// Write writes what was collected into a file in the folder MCPX_REPORTS; it
// does nothing where that is not set or nothing was collected.
func (r *Report) Write(file string) error {
	dir := os.Getenv("MCPX_REPORTS")
	r.mu.Lock()
	defer r.mu.Unlock()
	if dir == "" || len(r.sections) == 0 {
		return nil
	}
	form := "the short form of `make test`: the machine was busy, figures are printed and not judged"
	if Long() {
		form = "the long form of `make prove`"
	}
	head := fmt.Sprintf("# %s\n\n%s; %s, %s/%s, %d cores, %s\n\n", r.Title, form,
		time.Now().UTC().Format(time.RFC3339), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	return os.WriteFile(filepath.Join(dir, file), []byte(head+strings.Join(r.sections, "\n")), 0o644)
}
