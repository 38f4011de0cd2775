package messages_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestBatch_WhatIsLeftToItsEndIsDoneOnceAndInOrder(t *testing.T) {
	var b messages.Batch
	var done []int
	for i := range 3 {
		if !b.Later(func() {
			done = append(done, i)
			if b.Later(func() { t.Error("left to an end that has been") }) {
				t.Error("still open while it ends")
			}
		}) {
			t.Fatal("over before its end")
		}
	}
	if len(done) != 0 {
		t.Error("done before the end")
	}
	b.End()
	b.End()
	if len(done) != 3 || done[0] != 0 || done[2] != 2 {
		t.Errorf("done %v", done)
	}
}

func TestBatch_NoneIsOver(t *testing.T) {
	var b *messages.Batch
	b.End()
	if b.Later(func() { t.Error("called") }) {
		t.Error("there is something to wait for")
	}
}

// Whoever was told that it will be done can rely on that, however close the end is.
func TestBatch_NothingIsLostAroundItsEnd(t *testing.T) {
	for range 100 {
		var b messages.Batch
		var promised, done atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 10 {
					if b.Later(func() { done.Add(1) }) {
						promised.Add(1)
					}
				}
			})
		}
		all.Go(b.End)
		all.Wait()
		if promised.Load() != done.Load() {
			t.Fatalf("%d promised, %d done", promised.Load(), done.Load())
		}
	}
}
