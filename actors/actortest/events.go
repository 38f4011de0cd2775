package actortest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// Patience is how long a test waits for an event that must come. It is only
// used up when the event does not.
const Patience = time.Minute

// Recorder keeps every event of a runtime.
type Recorder struct {
	mu     sync.Mutex
	events []messages.Event
	more   chan struct{}
}

// Record subscribes to a runtime until the test ends.
func Record(t testing.TB, r interface {
	Subscribe(f func(messages.Event)) (cancel func())
},
) *Recorder {
	t.Helper()
	rec := &Recorder{more: make(chan struct{})}
	t.Cleanup(r.Subscribe(func(e messages.Event) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.events = append(rec.events, e)
		close(rec.more)
		rec.more = make(chan struct{})
	}))
	return rec
}

// Events returns what was recorded so far.
func (rec *Recorder) Events() []messages.Event {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return append([]messages.Event(nil), rec.events...)
}

// Of returns the recorded events of one type.
func Of[T messages.Event](rec *Recorder) []T {
	var found []T
	for _, e := range rec.Events() {
		if t, ok := e.(T); ok {
			found = append(found, t)
		}
	}
	return found
}

// Await waits until n events of type T satisfy the condition (nil: any) and returns the n-th.
func Await[T messages.Event](t testing.TB, rec *Recorder, n int, condition func(T) bool) T {
	t.Helper()
	timeout := time.After(Patience)
	for {
		rec.mu.Lock()
		more := rec.more
		seen := 0
		for _, e := range rec.events {
			if m, ok := e.(T); ok && (condition == nil || condition(m)) {
				if seen++; seen == n {
					rec.mu.Unlock()
					return m
				}
			}
		}
		rec.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			var none T
			t.Fatalf("no %d. event %T within %v; seen: %v", n, none, Patience, rec.Events())
			return none
		}
	}
}

// Eventually waits until the condition holds. It is for what has no event of
// its own: counters of the test, the registry.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for pause := time.Millisecond; !condition(); pause = min(2*pause, 50*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", Patience, what)
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}

// Clock stands still until it is advanced.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*timer]struct{}
}

type timer struct {
	clock *Clock
	at    time.Time
	f     func()
}

// NewClock returns a clock that shows some fixed time.
func NewClock() *Clock {
	return &Clock{now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), timers: map[*timer]struct{}{}}
}

// Now implements kit.Clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements kit.Clock.
func (c *Clock) AfterFunc(d time.Duration, f func()) kit.Timer {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{clock: c, at: c.now.Add(d), f: f}
	c.timers[t] = struct{}{}
	return t
}

// Stop implements kit.Timer.
func (t *timer) Stop() bool {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	_, pending := t.clock.timers[t]
	delete(t.clock.timers, t)
	return pending
}

// Advance moves the time and runs what has become due, each in its own goroutine.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	for t := range c.timers {
		if !t.at.After(c.now) {
			delete(c.timers, t)
			go t.f()
		}
	}
}

// Due tells whether a timer runs out within d. An actor that is slow arms none
// meanwhile: who advances the clock only then does not leave it behind.
func (c *Clock) Due(d time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.timers {
		if t.at.Sub(c.now) <= d {
			return true
		}
	}
	return false
}

// Pending returns the delays of the pending timers, as texts.
func (c *Clock) Pending() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []string
	for t := range c.timers {
		all = append(all, fmt.Sprint(t.at.Sub(c.now)))
	}
	return all
}
