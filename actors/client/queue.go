package client

import (
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// queue holds notifications that wait for a stream to fetch them.
type queue struct{ waiting []messages.Notification }

func (q *queue) empty() bool { return len(q.waiting) == 0 }

// add appends n and returns how many of the oldest it dropped for that. A
// notification without parameters that waits already is not added again: it
// would say nothing new.
func (q *queue) add(n messages.Notification, bound int) (dropped int) {
	if n.Params == nil && n.Reply == nil {
		for _, w := range q.waiting {
			if w.Method == n.Method && w.Params == nil {
				return 0
			}
		}
	}
	q.waiting = append(q.waiting, n)
	if over := len(q.waiting) - bound; over > 0 {
		for _, lost := range q.waiting[:over] {
			if lost.Reply != nil {
				lost.Reply(messages.Answer{})
			}
		}
		q.waiting = append(q.waiting[:0:0], q.waiting[over:]...)
		return over
	}
	return 0
}

// tell is add for a notification that a list has changed: one of that list that
// waits already is replaced, unless it says more.
func (q *queue) tell(n messages.Notification, bound int) (dropped int) {
	for i, w := range q.waiting {
		if w.Method == n.Method && w.Reply == nil {
			if n.Params != nil { // else it says less
				q.waiting[i] = n
			}
			return 0
		}
	}
	return q.add(n, bound)
}

// asks tells whether a question is among them.
func (q *queue) asks() bool {
	return slices.ContainsFunc(q.waiting, func(n messages.Notification) bool { return n.Reply != nil })
}

// refuse answers the questions among them.
func (q *queue) refuse() {
	q.waiting = slices.DeleteFunc(q.waiting, func(n messages.Notification) bool {
		if n.Reply != nil {
			n.Reply(messages.Answer{})
		}
		return n.Reply != nil
	})
}

func (q *queue) take() []messages.Notification {
	taken := q.waiting
	q.waiting = nil
	return taken
}
