// Package faults_test proves isolation, supervision and cleanup with real
// processes, real HTTP and the real binary. Every figure is printed; what is
// asserted is that it happened, and the bounds that are promised. What counts
// goroutines, descriptors or the heap runs alone; everything else runs behind
// that and in parallel.
package faults_test

import (
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) {
	puppet.Main() // the binary of this package is its own upstream server
	leak.Main(m)
}
