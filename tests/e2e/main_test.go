// Package e2e_test proves the real binary against real clients and servers that
// others have written, and against raw ones where every byte counts.
package e2e_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
)

func TestMain(m *testing.M) {
	puppet.Main() // this binary is its own puppets
	if door := os.Getenv(envDriver); door != "" {
		if err := drive(door, os.Args[len(os.Args)-1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leak.Main(withHouse{m})
}

// withHouse ends what the tests share before leaks are looked for. That it ends
// well is a test like any other.
type withHouse struct{ *testing.M }

func (w withHouse) Run() int {
	code := w.M.Run()
	if err := house.close(); err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: ending the shared gateway: %v\n", err)
		code = 1
	}
	if testkit.Long() {
		if err := conformanceReport.Write("conformance.md"); err != nil {
			fmt.Fprintf(os.Stderr, "FAIL: %v\n", err)
			code = 1
		}
	}
	return code
}

// await receives what must come.
func await[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	late := time.NewTimer(testkit.Patience)
	defer late.Stop()
	select {
	case v, ok := <-from:
		if !ok {
			t.Fatalf("%s: the stream has ended", what)
		}
		return v
	case <-late.C:
		t.Fatalf("not in time: %s", what)
	}
	panic("unreachable")
}
