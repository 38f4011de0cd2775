// Package leak is goleak with patience: goroutines that are about to end get as
// long as a busy machine needs to let them.
package leak

import (
	"time"

	"go.uber.org/goleak"
)

// patience is used up only when goroutines really stay. goleak itself waits for
// less than half a second.
const patience = time.Minute

// Main runs the tests of a package and ends the program, with an error when a
// test has failed or goroutines are left. It is what a TestMain ends with; the
// options are goleak's, but for Cleanup.
func Main(m goleak.TestingM, options ...goleak.Option) {
	goleak.VerifyTestMain(patient{m, options}, options...)
}

type patient struct {
	goleak.TestingM
	options []goleak.Option
}

// Run implements goleak.TestingM.
func (p patient) Run() int {
	code := p.TestingM.Run()
	if code != 0 {
		return code // a test that has failed may have left anything
	}
	for begun := time.Now(); goleak.Find(p.options...) != nil && time.Since(begun) < patience; {
		// Find waits.
	}
	return code
}
