package messages

import "sync"

// Batch is what came together from one client: requests that are begun one right
// behind the other, so that what they have to write can be written together. The
// nil Batch is over.
//
// It is a matter of speed and of nothing else. Whoever began it ends it before it
// waits for anything, and a request that is begun later is simply not in it.
type Batch struct {
	// Answers is where the answers go. May be nil.
	Answers Holder

	mu    sync.Mutex
	over  bool
	later []func()
}

// Holder is what writes answers to a client, for those that have several: what
// they bring between Hold and Release is written together. It may be held by many at a time;
// whoever holds it waits for nothing.
type Holder interface {
	Hold()
	Release()
}

// Later sees to it that f is called once, at the end of the batch, on the goroutine that
// ends it: it must not block. false: it is over, and f is not called.
func (b *Batch) Later(f func()) bool {
	if b == nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.over {
		b.later = append(b.later, f)
	}
	return !b.over
}

// End ends the batch. Only the first time counts.
func (b *Batch) End() {
	if b == nil {
		return
	}
	b.mu.Lock()
	later := b.later
	b.later, b.over = nil, true
	b.mu.Unlock()
	for _, f := range later {
		f()
	}
}
