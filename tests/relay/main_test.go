// Package relay_test proves that nothing is lost between a client and a server
// that speak through a transparent endpoint: the real binary stands between
// clients and servers of which every byte is the test's own.
package relay_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

// program is the puppets as a program of their own, which starts faster than
// this one.
var program string

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
	return w.M.Run()
}
