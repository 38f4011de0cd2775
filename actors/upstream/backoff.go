package upstream

import (
	"time"

	"github.com/mcpx/mcpx/messages"
)

// verdict is what follows a failed attempt to connect.
type verdict struct {
	wait   time.Duration // until the next attempt
	gaveUp bool          // the burst is over: the state is error, one attempt per window follows
}

// decide says what follows the fails-th failure in a row (fails >= 1): the
// delay doubles with each, varies by ±20 % so that servers that died together
// do not come back together, and is capped. jitter is in [0, 1).
func decide(fails int, p messages.Policy, jitter float64) verdict {
	wait := p.RetryDelayMax
	// 2^30 delays are beyond any cap; more would overflow.
	if shift := fails - 1; shift < 30 {
		wait = min(p.RetryDelay<<shift, p.RetryDelayMax)
	}
	wait = time.Duration(float64(wait) * (0.8 + 0.4*jitter))
	return verdict{wait: min(wait, p.RetryDelayMax), gaveUp: fails >= p.RetryAttempts}
}
