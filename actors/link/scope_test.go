package link_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
)

func TestScope_IsAContextToWhoeverKnowsNoOther(t *testing.T) {
	why := errors.New("enough")
	s := &link.Scope{Values: context.WithValue(context.Background(), scopeKey{}, "value")}
	child, cancel := context.WithCancelCause(s)
	defer cancel(nil)
	called := make(chan struct{})
	context.AfterFunc(s, func() { close(called) })
	stopped := context.AfterFunc(s, func() { t.Error("it was stopped") })
	if !stopped() || stopped() {
		t.Error("stopping once, and once again")
	}
	if s.Err() != nil || child.Err() != nil || s.Value(scopeKey{}) != "value" {
		t.Errorf("%v, %v, %v", s.Err(), child.Err(), s.Value(scopeKey{}))
	}
	done := s.Done()
	s.Cancel(why)
	s.Cancel(errors.New("late"))
	<-done
	<-s.Done()
	<-child.Done()
	<-called
	if context.Cause(s) != why || context.Cause(child) != why {
		t.Errorf("causes %v, %v", context.Cause(s), context.Cause(child))
	}
	var zero link.Scope
	zero.Cancel(nil)
	<-zero.Done()
	if zero.Err() != context.Canceled || zero.Value(scopeKey{}) != nil {
		t.Error(zero.Err())
	}
	if _, ok := zero.Deadline(); ok {
		t.Error("it has a deadline")
	}
}

type scopeKey struct{}

func TestScope_CallsEachOnceUnlessStoppedInTime(t *testing.T) {
	for range 200 {
		var s link.Scope
		var called, prevented atomic.Int64
		var all sync.WaitGroup
		const n = 8
		for range n {
			all.Go(func() {
				var mine atomic.Int64
				stop := link.AfterFunc(&s, func() { mine.Add(1); called.Add(1) })
				if stop() {
					prevented.Add(1)
				}
				if mine.Load() > 1 {
					t.Error("called twice")
				}
			})
		}
		all.Go(func() { s.Cancel(nil) })
		all.Wait()
		if called.Load()+prevented.Load() != n {
			t.Fatalf("%d called, %d prevented, of %d", called.Load(), prevented.Load(), n)
		}
	}
	var ended link.Scope
	ended.Cancel(nil)
	called := false
	if stop := link.AfterFunc(&ended, func() { called = true }); !called || stop() {
		t.Error("after its end it calls at once")
	}
	ctx, cancel := context.WithCancel(context.Background())
	later := make(chan struct{})
	link.AfterFunc(ctx, func() { close(later) })
	cancel()
	<-later
}

// between is a scope that ends between two looks at it: whoever asks for its
// end gets a channel that is still open.
type between struct{ *link.Scope }

func (between) Done() <-chan struct{} { return make(chan struct{}) }

// Package context holds the lock of a new context while it hands us what ends
// that, which takes the lock.
func TestScope_MayEndWhileAContextIsMadeOfIt(t *testing.T) {
	why := errors.New("enough")
	var s link.Scope
	s.Cancel(why)
	made := make(chan context.Context, 1)
	go func() {
		child, cancel := context.WithCancel(between{&s})
		defer cancel()
		<-child.Done()
		made <- child
	}()
	select {
	case child := <-made:
		if context.Cause(child) != why {
			t.Errorf("cause %v", context.Cause(child))
		}
	case <-time.After(time.Minute):
		t.Fatal("context.WithCancel does not return")
	}
}

// teller counts how often it is told.
type teller struct {
	link.Watch
	told atomic.Int64
	once chan struct{}
}

func (w *teller) Ended() {
	if w.told.Add(1) == 1 {
		close(w.once)
	}
}

// holder is a context that lives inside of more, as the watch does.
type holder struct{ link.Scope }

func TestWatch_TellsOnceOfWhateverContextUnlessItIsOver(t *testing.T) {
	for name, begin := range map[string]func() (context.Context, func()){
		"a scope":            func() (context.Context, func()) { s := &link.Scope{}; return s, func() { s.Cancel(nil) } },
		"what holds a scope": func() (context.Context, func()) { s := &holder{}; return s, func() { s.Cancel(nil) } },
		"another context":    func() (context.Context, func()) { return context.WithCancel(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, end := begin()
			var all [5]teller
			for i := range all {
				all[i].once = make(chan struct{})
				all[i].Begin(ctx, &all[i])
			}
			for _, i := range []int{2, 0, 4} { // from the middle, and from both ends
				if !all[i].End() || all[i].End() {
					t.Errorf("%d: ended once, and once again", i)
				}
			}
			end()
			end()
			for _, i := range []int{1, 3} {
				<-all[i].once
				if all[i].End() {
					t.Errorf("%d was told", i)
				}
			}
			late := teller{once: make(chan struct{})}
			late.Begin(ctx, &late)
			<-late.once
			if late.End() {
				t.Error("it was told at once")
			}
			for i, want := range []int64{0, 1, 0, 1, 0} {
				if got := all[i].told.Load(); got != want {
					t.Errorf("%d was told %d times", i, got)
				}
			}
		})
	}
}
