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
	first *func() // of one that waits there is nearly always one
	more  map[*func()]struct{}
}

// Cancel ends it; nil means context.Canceled. Only the first time counts. It
// calls what AfterFunc has noted.
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
	first, more := s.first, s.more
	s.first, s.more = nil, nil
	s.mu.Unlock()
	if first != nil {
		(*first)()
	}
	for f := range more {
		(*f)()
	}
}

// AfterFunc calls f when the scope ends, on the goroutine that ends it: f must
// not block. stop prevents that, and tells whether it did. Of a scope that has
// ended it calls f on a goroutine of its own: package context, which makes use of
// this method, holds a lock meanwhile that f takes.
func (s *Scope) AfterFunc(f func()) (stop func() bool) {
	return s.whenOver(f, func() { go f() })
}

// whenOver notes f, or calls late where the scope has ended.
func (s *Scope) whenOver(f, late func()) (stop func() bool) {
	key := &f
	s.mu.Lock()
	switch {
	case s.err != nil:
		s.mu.Unlock()
		late()
		return func() bool { return false }
	case s.first == nil:
		s.first = key
	default:
		if s.more == nil {
			s.more = map[*func()]struct{}{}
		}
		s.more[key] = struct{}{}
	}
	s.mu.Unlock()
	return func() bool { return s.forget(key) }
}

func (s *Scope) forget(key *func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == key {
		s.first = nil
		return true
	}
	_, there := s.more[key]
	delete(s.more, key)
	return there
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
	if s, ok := ctx.(interface {
		whenOver(f, late func()) (stop func() bool)
	}); ok {
		return s.whenOver(f, f)
	}
	return context.AfterFunc(ctx, f)
}
