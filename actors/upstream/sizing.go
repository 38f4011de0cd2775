package upstream

import (
	"math"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// load is what decides how many sessions a server's pool should hold. It
// counts the sessions that are opened in one way.
type load struct {
	isolation messages.Isolation
	stateless bool // the connections hold no state: one serves everybody
	otherwise bool // opened for particular callers: none is kept ready

	min, max int // of the whole pool
	atOnce   int // sessions being opened at a time: a start-up storm would slow down every one of them

	open      int // of the whole pool, spares included
	opening   int // of the whole pool
	closing   int // of the whole pool: on its way out, but still there
	spare     int // open and used by nobody yet
	spareSoon int // being opened
	wanted    int // callers who wait for a session of their own
	reserved  int // callers who wait for sessions that are opened in another way
	busiest   int // shared: requests on the least busy session
	most      int // shared: requests on one session from which on another is worth it; 0 without a session

	rate    float64       // calls per second
	startUp time.Duration // of one session
}

// spares says how many unused sessions should be ready. Under request, those
// that will be used up while a new one starts, with room for the usual
// variation of arrivals, and always one. Elsewhere the first session is the
// only one that anybody needs before he asks.
func (l load) spares() int {
	if l.otherwise {
		return 0
	}
	if l.isolation == messages.IsolationRequest && !l.stateless {
		mean := l.rate * l.startUp.Seconds()
		return 1 + int(math.Ceil(mean+2*math.Sqrt(mean)))
	}
	if l.open-l.spare+l.opening-l.spareSoon == 0 {
		return 1
	}
	return 0
}

// grow says how many sessions to open now: for those who wait, and, where that
// leaves room to the others who wait, for those who will come.
func (l load) grow() int {
	room := min(l.max-l.open-l.opening-l.closing, l.atOnce-l.opening)
	need := l.wanted - l.spare - l.spareSoon
	ready := need + l.spares()
	if l.isolation == messages.IsolationShared && !l.stateless && l.most > 0 && l.opening == 0 && l.busiest >= l.most {
		ready = max(ready, 1)
	}
	if !l.otherwise {
		ready = max(ready, l.min-l.open-l.opening)
	}
	return max(0, min(room, max(need, min(ready, room-l.reserved))))
}

// surplus says how many unused sessions may go when they have been idle for
// long enough.
func (l load) surplus() int {
	return max(0, min(l.spare-l.spares(), l.open+l.opening-l.min))
}
