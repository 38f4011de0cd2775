package upstream

import (
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

func TestDecide_DoublesVariesAndIsCapped(t *testing.T) {
	p := messages.DefaultPolicy() // 3 attempts, 2 s doubling up to 60 s
	for _, tc := range []struct {
		fails  int
		jitter float64
		wait   time.Duration
		gaveUp bool
	}{
		{1, 0.5, 2 * time.Second, false},
		{1, 0, 1600 * time.Millisecond, false},
		{1, 0.999999, 2399999200 * time.Nanosecond, false},
		{2, 0.5, 4 * time.Second, false},
		{3, 0.5, 8 * time.Second, true},
		{5, 0.5, 32 * time.Second, true},
		{6, 0.5, 60 * time.Second, true},
		{6, 0.9, 60 * time.Second, true}, // never past the cap
		{6, 0, 48 * time.Second, true},   // 60 s less 20 %: the cap still spreads
		{31, 0.5, 60 * time.Second, true},
		{1 << 30, 0.5, 60 * time.Second, true}, // no overflow
	} {
		if got := decide(tc.fails, p, tc.jitter); got.wait.Round(time.Nanosecond) != tc.wait || got.gaveUp != tc.gaveUp {
			t.Errorf("decide(%d, jitter %v) = %+v, want %v, gave up %v", tc.fails, tc.jitter, got, tc.wait, tc.gaveUp)
		}
	}
	p.RetryAttempts = 1
	if got := decide(1, p, 0.5); !got.gaveUp {
		t.Error("a burst of one attempt is over after one failure")
	}
}
