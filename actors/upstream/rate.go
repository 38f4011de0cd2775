package upstream

import (
	"math"
	"time"
)

// memory is how long a rate remembers: what happened so long ago counts for
// about a third.
const memory = 10 * time.Second

// rate is how often something happens, per second, the recent past counting
// most.
type rate struct {
	value float64
	at    time.Time
}

func (r *rate) happened(now time.Time) {
	r.value = r.per(now) + 1/memory.Seconds()
	r.at = now
}

// per returns the rate per second.
func (r *rate) per(now time.Time) float64 {
	if r.at.IsZero() {
		return 0
	}
	return r.value * math.Exp(-now.Sub(r.at).Seconds()/memory.Seconds())
}

// until says how long n more of it will take, within bounds.
func (r *rate) until(n int, now time.Time, least, most time.Duration) time.Duration {
	per := r.per(now)
	if per <= 0 || float64(n)/per > most.Seconds() {
		return max(least, most)
	}
	return max(least, time.Duration(float64(n)/per*float64(time.Second)))
}
