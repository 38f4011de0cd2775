package upstream

import (
	"math"
	"testing"
	"time"
)

func TestRate_FollowsASteadyStreamAndForgetsIt(t *testing.T) {
	var r rate
	if got := r.per(noon); got != 0 {
		t.Errorf("before anything happened: %v", got)
	}
	now := noon
	for range 2000 {
		now = now.Add(20 * time.Millisecond)
		r.happened(now)
	}
	if got := r.per(now); math.Abs(got-50) > 2 {
		t.Errorf("%v per second, want about 50", got)
	}
	if got := r.per(now.Add(memory)); math.Abs(got-50/math.E) > 1 {
		t.Errorf("%v per second after %v of silence, want about a third", got, memory)
	}
	if got := r.per(now.Add(time.Hour)); got > 1e-6 {
		t.Errorf("%v per second after an hour", got)
	}
}

func TestRate_ABurstCountsAsWhatItIsOverItsMemory(t *testing.T) {
	var r rate
	for range 100 {
		r.happened(noon)
	}
	if got := r.per(noon); math.Abs(got-10) > 1e-9 {
		t.Errorf("%v per second, want 100 in %v", got, memory)
	}
}

func TestRate_SaysWhenToComeBackWithinBounds(t *testing.T) {
	var steady rate
	for range 40 { // 4 per second
		steady.happened(noon)
	}
	for _, tc := range []struct {
		name        string
		r           rate
		n           int
		least, most time.Duration
		want        time.Duration
	}{
		{"nothing has ever happened", rate{}, 3, time.Second, time.Minute, time.Minute},
		{"at that pace", steady, 8, time.Second, time.Minute, 2 * time.Second},
		{"not less", steady, 1, time.Second, time.Minute, time.Second},
		{"not more", steady, 4000, time.Second, time.Minute, time.Minute},
		{"bounds that cross: the least", steady, 4000, time.Second, time.Millisecond, time.Second},
		{"so many that it would overflow", steady, math.MaxInt, time.Second, time.Minute, time.Minute},
	} {
		if got := tc.r.until(tc.n, noon, tc.least, tc.most); got.Round(time.Millisecond) != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
