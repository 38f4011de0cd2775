package upstream

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// waiter is a session that waits for a credit, for a connection, or for both.
type waiter struct {
	pid       *actor.PID
	principal string
	isolation messages.Isolation
	client    messages.ClientID // empty when there is none
	key       string            // messages.Call.SessionKey; only under the policy client
	dial      string            // messages.Caller.DialKey
	caller    messages.Caller
	of        *kind // while it is in a queue
}

// queue holds those who wait: in order of arrival for each principal, the
// principals in turn, so that one who sends a thousand calls delays another by
// one call and not by a thousand.
type queue struct {
	lines []*line // of principals who wait, whose turn it is first
	size  int
	kinds map[need]*kind
	round uint64 // of those in which kinds were gone through
}

// need is what a waiter needs of a connection: of two waiters with the same one,
// what serves one serves the other.
type need struct {
	isolation messages.Isolation
	key, dial string
}

func (w *waiter) need() need { return need{w.isolation, w.key, w.dial} }

// kind are the waiters of one need: thousands that wait for a credit mostly are
// of one kind.
type kind struct {
	need
	caller messages.Caller // of one of them
	size   int
	round  uint64 // in which it was met last
}

func (q *queue) counted(w *waiter) {
	if w.of = q.kinds[w.need()]; w.of == nil {
		w.of = &kind{need: w.need(), caller: w.caller}
		if q.kinds == nil {
			q.kinds = map[need]*kind{}
		}
		q.kinds[w.of.need] = w.of
	}
	w.of.size++
	q.size++
}

func (q *queue) gone(w *waiter) {
	q.size--
	if w.of.size--; w.of.size == 0 {
		delete(q.kinds, w.of.need)
	}
}

// eachKind goes through the kinds of those who wait, in the order in which the
// first of each has its turn.
func (q *queue) eachKind(f func(*kind)) {
	q.round++
	left := len(q.kinds)
	for _, l := range q.lines {
		for _, w := range l.waiting {
			if left == 0 {
				return
			}
			if w.of.round == q.round {
				continue
			}
			w.of.round = q.round
			left--
			f(w.of)
		}
	}
}

type line struct {
	principal string
	waiting   []*waiter
}

func (q *queue) line(principal string) int {
	return slices.IndexFunc(q.lines, func(l *line) bool { return l.principal == principal })
}

func (q *queue) push(w *waiter) {
	i := q.line(w.principal)
	if i < 0 {
		i = len(q.lines)
		q.lines = append(q.lines, &line{principal: w.principal})
	}
	q.lines[i].waiting = append(q.lines[i].waiting, w)
	q.counted(w)
}

// take removes and returns the next one that can be served, nil when none can.
// Whoever had a turn comes behind all others who wait by then; whoever was
// passed over keeps its place.
func (q *queue) take(can func(*waiter) bool) *waiter {
	for i, l := range q.lines {
		for at, w := range l.waiting {
			if !can(w) {
				continue
			}
			if q.cut(i, at) {
				q.lines = append(slices.Delete(q.lines, i, i+1), l)
			}
			return w
		}
	}
	return nil
}

// remove forgets a waiter; it tells whether there was one.
func (q *queue) remove(pid *actor.PID, principal string) bool {
	i := q.line(principal)
	if i < 0 {
		return false
	}
	at := slices.IndexFunc(q.lines[i].waiting, func(w *waiter) bool { return w.pid.Id == pid.Id })
	if at < 0 {
		return false
	}
	q.cut(i, at)
	return true
}

// cut removes one waiter, and its line with the last; it tells whether the line
// is still there.
func (q *queue) cut(i, at int) bool {
	l := q.lines[i]
	q.gone(l.waiting[at])
	l.waiting = slices.Delete(l.waiting, at, at+1)
	if len(l.waiting) == 0 {
		q.lines = slices.Delete(q.lines, i, i+1)
		return false
	}
	return true
}

// displace makes room in a full queue for one more of principal: the newest of
// the longest line goes, if that line is longer than the newcomer's would
// become. nil: the newcomer has no better claim than anybody else.
func (q *queue) displace(principal string) *waiter {
	own, longest := 0, -1
	for i, l := range q.lines {
		if l.principal == principal {
			own = len(l.waiting)
		}
		if longest < 0 || len(l.waiting) > len(q.lines[longest].waiting) {
			longest = i
		}
	}
	if longest < 0 || len(q.lines[longest].waiting) <= own+1 {
		return nil
	}
	at := len(q.lines[longest].waiting) - 1
	w := q.lines[longest].waiting[at]
	q.cut(longest, at)
	return w
}

// drop removes and returns those for whom match holds; it is nobody's turn.
func (q *queue) drop(match func(*waiter) bool) []*waiter {
	var dropped []*waiter
	for _, l := range q.lines {
		l.waiting = slices.DeleteFunc(l.waiting, func(w *waiter) bool {
			if !match(w) {
				return false
			}
			dropped = append(dropped, w)
			q.gone(w)
			return true
		})
	}
	q.lines = slices.DeleteFunc(q.lines, func(l *line) bool { return len(l.waiting) == 0 })
	return dropped
}
