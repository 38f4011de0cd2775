package upstream

import (
	"time"

	"github.com/mcpx/mcpx/messages"
)

// breaker refuses the calls of a connected server that does not do its work: it
// spares the callers the wait, and the server the load.
//
//	closed ──failures in a row──▶ open ──open_for──▶ half-open ──success──▶ closed
//	                               ▲                    │
//	                               └──────failure───────┘
//
// While it is half open one call tries; the others are refused. What a lost
// connection costs is the connection's matter: it counts as one failure,
// however many calls were on it.
type breaker struct {
	state    messages.BreakerState // zero counts as closed
	failures int                   // in a row
	why      string                // the last of them, for people
	until    time.Time             // open: from when one call may try
	trial    string                // half open: the session that tries; empty when none does
}

// admits tells whether a call may pass now, and whether it is the trial.
func (b *breaker) admits(now time.Time) (pass, trial bool) {
	switch b.state {
	case messages.BreakerOpen:
		if now.Before(b.until) {
			return false, false
		}
		b.state = messages.BreakerHalfOpen
		return true, true
	case messages.BreakerHalfOpen:
		return b.trial == "", b.trial == ""
	case messages.BreakerClosed:
	}
	return true, false
}

// wait says how long a refused caller had better wait.
func (b *breaker) wait(now time.Time) time.Duration {
	return max(b.until.Sub(now), time.Second)
}

// succeeded notes that the server answered.
func (b *breaker) succeeded() {
	*b = breaker{state: messages.BreakerClosed}
}

// failed notes that it did not, and why. most is the number of failures in a row that
// open the breaker; 0 never does.
func (b *breaker) failed(now time.Time, why string, most int, openFor time.Duration) {
	b.failures++
	b.why = why
	if most == 0 || b.state == messages.BreakerOpen {
		return
	}
	if b.state == messages.BreakerHalfOpen || b.failures >= most {
		b.state, b.until, b.trial = messages.BreakerOpen, now.Add(openFor), ""
	}
}

// ended notes that a session is over, whether or not it learnt anything.
func (b *breaker) ended(session string) {
	if b.trial == session {
		b.trial = ""
	}
}

func (b *breaker) status() messages.BreakerStatus {
	s := messages.BreakerStatus{State: b.state, Failures: b.failures}
	if s.State == "" {
		s.State = messages.BreakerClosed
	}
	if s.State == messages.BreakerOpen {
		s.Until = b.until
	}
	return s
}
