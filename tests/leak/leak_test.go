package leak

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { Main(m) }

// tests are those of a package.
type tests func() int

func (t tests) Run() int { return t() }

func TestMain_WaitsForAGoroutineThatEndsLate(t *testing.T) {
	const late = time.Second // goleak alone would have given up
	code := patient{TestingM: tests(func() int {
		go func() { <-time.After(late) }()
		return 0
	})}.Run()
	if left := goleak.Find(); code != 0 || left != nil {
		t.Errorf("code %d, left: %v", code, left)
	}
}

func TestMain_DoesNotWaitBehindATestThatHasFailed(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	if code := (patient{TestingM: tests(func() int {
		go func() { <-end }() // for which it would wait for a minute
		return 3
	})}).Run(); code != 3 {
		t.Errorf("code %d", code)
	}
}
