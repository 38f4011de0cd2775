package link

import (
	"context"
	"sync"
	"time"
)

// Scope is a context that whoever holds it can end, and that may live inside of
// what it is the context of: there are three in each call, and those of package
// context cost several allocations each when somebody waits for their end. The zero
// Scope is ready. It must not be copied.
//
// Its Err is the cause of its end, so context.Cause finds that, too.
type Scope struct {
	// Values, if set, has the values of this context.
	Values context.Context

	mu    sync.Mutex //nolint:forbidigo // guards what the goroutines of one call share
	err   error
	done  chan struct{}
	first *Watch // of a list that changes no more when the scope has ended
}

// Watch is told of the end of one context. It lives inside of what wants to know,
// so it costs no allocation where that context is a Scope. The zero Watch is
// ready, for once.
type Watch struct {
	to         Ender
	scope      *Scope
	prev, next *Watch
	noted      bool
	stop       func() bool // where the context is no Scope
}

// Ender is what a Watch tells: on the goroutine that ends a Scope, so it must not block.
type Ender interface{ Ended() }

// Begin watches over ctx. It tells of a Scope that has ended already before it
// returns.
func (w *Watch) Begin(ctx context.Context, to Ender) {
	s := scopeOf(ctx)
	if s == nil {
		w.stop = context.AfterFunc(ctx, to.Ended)
		return
	}
	if w.to = to; !s.note(w) {
		to.Ended()
	}
}

// End ends the watch; it tells whether that prevented it from telling. Begin has
// returned.
func (w *Watch) End() bool {
	switch {
	case w.stop != nil:
		return w.stop()
	case w.scope == nil:
		return false
	}
	return w.scope.forget(w)
}

// Cancel ends it; nil means context.Canceled. Only the first time counts. It
// tells whoever watches it, the last one first.
func (s *Scope) Cancel(cause error) {
	if cause == nil {
		cause = context.Canceled
	}
	s.mu.Lock()
	if s.err != nil {
		s.mu.Unlock()
		return
	}
	s.err = cause
	if s.done != nil {
		close(s.done)
	}
	w := s.first
	s.mu.Unlock()
	for w != nil {
		next := w.next // it may be used no more when it has been told
		w.to.Ended()
		w = next
	}
}

// scopeOf returns the Scope that ctx is, or that ctx embeds; nil where it is none.
func scopeOf(ctx context.Context) *Scope {
	if s, ok := ctx.(interface{ itself() *Scope }); ok {
		return s.itself()
	}
	return nil
}

func (s *Scope) itself() *Scope { return s }

// note keeps w; false where the scope has ended.
func (s *Scope) note(w *Watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return false
	}
	w.scope, w.noted, w.next = s, true, s.first
	if s.first != nil {
		s.first.prev = w
	}
	s.first = w
	return true
}

func (s *Scope) forget(w *Watch) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || !w.noted {
		return false
	}
	if w.next != nil {
		w.next.prev = w.prev
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		s.first = w.next
	}
	w.prev, w.next, w.noted = nil, nil, false
	return true
}

// called is a Watch of a function.
type called struct {
	Watch
	f func()
}

// Ended implements Ender.
func (c *called) Ended() { c.f() }

// AfterFunc calls f when the scope ends, on the goroutine that ends it: f must
// not block. stop prevents that, and tells whether it did. Of a scope that has
// ended it calls f on a goroutine of its own: package context, which makes use of
// this method, holds a lock meanwhile that f takes.
func (s *Scope) AfterFunc(f func()) (stop func() bool) {
	c := &called{f: f}
	if c.to = c; !s.note(&c.Watch) {
		go f()
	}
	return c.End
}

// Done implements context.Context.
func (s *Scope) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil {
		s.done = make(chan struct{})
		if s.err != nil {
			close(s.done)
		}
	}
	return s.done
}

// Err implements context.Context: nil, or why it has ended.
func (s *Scope) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Deadline implements context.Context: there is none.
func (s *Scope) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Value implements context.Context.
func (s *Scope) Value(key any) any {
	if s.Values == nil {
		return nil
	}
	return s.Values.Value(key)
}

// AfterFunc is context.AfterFunc without a goroutine and without a context of
// its own where ctx is a Scope: f must not block. Of a Scope that has ended it
// calls f before it returns.
func AfterFunc(ctx context.Context, f func()) (stop func() bool) {
	if s := scopeOf(ctx); s != nil {
		c := &called{f: f}
		c.Begin(s, c)
		return c.End
	}
	return context.AfterFunc(ctx, f)
}
