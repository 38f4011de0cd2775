package testkit

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// BuildPuppet builds the puppets as a program of their own, which starts in a
// tenth of the time and memory of a test binary, and returns its path. Remove
// deletes it.
func BuildPuppet() (path string, remove func(), err error) {
	dir, remove, err := Folder("mcpx-puppet-")
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, "puppet")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/mcpx/mcpx/tests/fakes/puppet/cmd/puppet").CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("building the puppets: %w\n%s", err, out)
	}
	return path, remove, nil
}

// OpenLedger begins a ledger that is kept until the test ends.
func OpenLedger(t testing.TB) *ledger.Book {
	t.Helper()
	book, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = book.Close() })
	return book
}

// Counter describes a server that is a process of the given program of puppets
// and keeps a ledger; see puppet "ledger" for what more may be said of it.
func (h *House) Counter(program string, book *ledger.Book, name string, more ...string) messages.ServerSpec {
	s := h.Stdio(name, "")
	s.Command, s.Args = program, append([]string{"ledger", book.Path, name}, more...)
	delete(s.Env, puppet.EnvBehaviour)
	return s
}

// CounterServer is such a server of a configuration.
func CounterServer(program, mark string, book *ledger.Book, name string, more ...string) map[string]any {
	return map[string]any{
		"command": program, "args": slices.Concat([]string{"ledger", book.Path, name}, more),
		"env": map[string]string{puppet.EnvMark: mark},
	}
}
