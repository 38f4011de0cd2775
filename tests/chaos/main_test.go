// Package chaos_test lets real processes and real connections die, stop and
// break at random while calls come through every door, and then reads the books.
package chaos_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

// program is the puppets as a program of their own.
var program string

var report = &testkit.Report{Title: "Chaos: what holds while everything breaks"}

func TestMain(m *testing.M) { leak.Main(withProgram{m}) }

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
	if err := report.Write("chaos.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
