// Package isolation_test proves with real processes and real HTTP who shares a
// session of an upstream with whom, that a fresh one costs no waiting, and that
// a server that is sick or slow costs nobody else anything. Figures are printed
// and, with MCPX_REPORTS, written into isolation.md in that folder.
package isolation_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

// program is the puppets as a program of their own.
var program string

var report = &testkit.Report{Title: "Isolation: who shares what, and what it costs"}

func TestMain(m *testing.M) {
	puppet.Main() // this binary is its own puppets, too
	leak.Main(withProgram{m})
}

type withProgram struct{ *testing.M }

func (w withProgram) Run() int {
	path, remove, err := testkit.BuildPuppet()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	program = path
	code := w.M.Run()
	if err := report.Write("isolation.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
