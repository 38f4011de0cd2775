package dial

import (
	"encoding/json"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// pending is one request on the wire.
type pending struct {
	id       int64
	method   string
	token    json.RawMessage // the caller's progress token; nil when it wants no progress
	wantsLog bool            // a modern server may log for this request
	own      bool            // ours: the handshake, the subscription
	sent     *link.SentFlag

	done  chan messages.Outcome  // takes exactly one; unused when onEnd is set
	onEnd func(messages.Outcome) // runs on the reader; does not block
	notes ring
}

func (p *pending) end(out messages.Outcome) {
	if p.onEnd != nil {
		p.onEnd(out)
		return
	}
	p.done <- out // whoever took p out of the table is the only one here
}

// table is the requests in flight by their wire id. Its zero value is ready.
type table struct {
	mu     sync.Mutex
	last   int64
	open   map[int64]*pending
	closed bool
}

// add gives p its id; false when the table is closed.
func (t *table) add(p *pending) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.open == nil {
		t.open = map[int64]*pending{}
	}
	t.last++
	p.id = t.last
	t.open[p.id] = p
	return true
}

// take removes and returns a request: who gets it, ends it.
func (t *table) take(id int64) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.open[id]
	delete(t.open, id)
	return p
}

func (t *table) look(id int64) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[id]
}

// only returns the one request in flight that fits, nil when there is none or
// more than one.
func (t *table) only(fits func(*pending) bool) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var one *pending
	for _, p := range t.open {
		switch {
		case !fits(p):
		case one != nil:
			return nil
		default:
			one = p
		}
	}
	return one
}

// close takes all requests out; no further one can be added. first is false
// when it was closed before.
func (t *table) close() (rest map[int64]*pending, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest, first = t.open, !t.closed
	t.open, t.closed = nil, true
	return rest, first
}

// newPending returns a request that a caller waits for.
func newPending(method string, sent *link.SentFlag, notifications int) *pending {
	return &pending{
		method: method, sent: sent, done: make(chan messages.Outcome, 1),
		notes: ring{limit: max(1, notifications), wake: make(chan struct{}, 1)},
	}
}

// ring holds the notifications of one request until its caller takes them. The
// reader puts them in and never waits: beyond the limit the oldest is dropped.
type ring struct {
	limit int
	wake  chan struct{} // of capacity 1: one wake-up, however many there are

	mu    sync.Mutex
	items []messages.Notification
	head  int // the oldest, once the ring is full
}

// put reports whether one had to be dropped for it.
func (r *ring) put(n messages.Notification) (dropped bool) {
	r.mu.Lock()
	if dropped = len(r.items) == r.limit; dropped {
		r.items[r.head] = n
		r.head = (r.head + 1) % r.limit
	} else {
		r.items = append(r.items, n)
	}
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return dropped
}

// take empties the ring, oldest first.
func (r *ring) take() []messages.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.items
	if r.head > 0 {
		items = slices.Concat(r.items[r.head:], r.items[:r.head])
	}
	r.items, r.head = nil, 0
	return items
}
