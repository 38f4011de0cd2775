package isolation_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
)

// A server that never answers, with all it may have in flight and in its queue,
// and more callers who come and are told so; and beside it another at 500
// requests per second.
func TestNeighbours_AHungServerWithAFullQueueCostsTheOthersNothing(t *testing.T) {
	const rate, latecomers = 500, 20 // per second
	h, book := testkit.Open(t, nil), testkit.OpenLedger(t)
	busy, hung := h.Counter(program, book, "busy"), h.Stdio("hung", "plain")
	pairs, seconds := 1, 1
	if testkit.Long() {
		pairs, seconds = 7, 2
	}
	busy.Policy.Isolation, hung.Policy.Isolation = messages.IsolationShared, messages.IsolationShared
	busy.Policy.MaxQueue = rate * seconds // a busy machine may be behind by all of them
	hung.Policy.MaxConcurrency, hung.Policy.MaxQueue = 4, 16
	h.ServeAll(busy, hung)

	failed := map[string]int{}
	load := func() (p95 time.Duration) {
		var mu sync.Mutex
		took := paced(rate, rate*seconds, func(n int) {
			if out := h.Call(t.Context(), count("busy", n, "busy"), messages.Discard); out.Failure != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[out.Failure.Error()]++
			}
		})
		return at(took, 0.95)
	}
	beside := func() time.Duration {
		release := fill(h, hung)
		defer release()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			paced(latecomers, latecomers*seconds, func(n int) {
				out := h.Call(t.Context(), testkit.ToolCall("hung", "sleep", n), messages.Discard)
				if out.Failure == nil || out.Failure.Kind != messages.KindOverloaded || out.Failure.Sent != messages.SentNo || out.Failure.RetryAfter <= 0 {
					t.Errorf("a call beyond the queue: %s %+v", out.Result, out.Failure)
				}
			})
		})
		return load()
	}
	load() // connections that are kept are there from now on
	var ratios []float64
	var table strings.Builder
	for pair := range pairs {
		var with, without time.Duration
		if pair%2 == 0 {
			without, with = load(), beside()
		} else {
			with, without = beside(), load()
		}
		ratios = append(ratios, float64(with)/float64(without))
		fmt.Fprintf(&table, "| %d | %v | %v | %.2f |\n", pair+1, without.Round(time.Microsecond), with.Round(time.Microsecond), ratios[pair])
	}
	if len(failed) > 0 {
		t.Errorf("callers of the other server: %v", failed)
	}
	ratio := middle(ratios)
	report.Add(t, "A server that hangs", "%d calls in flight and %d waiting at a server that never answers, %d more per second told that it is overloaded; another one at %d requests per second, "+
		"open loop, %d s, interleaved pairs: 0 errors. Median of the ratios of its p95: **%.2f** (target: at most 1.20).\n\n"+
		"| pair | p95 without | p95 beside it | ratio |\n|---|---|---|---|\n%s",
		hung.Policy.MaxConcurrency, hung.Policy.MaxQueue, latecomers, rate, seconds, ratio, table.String())
	if testkit.Long() && ratio > 1.2 {
		t.Errorf("p95 beside the hung server is %.2f of that without it, want at most 1.20", ratio)
	}
}

// fill keeps a server that does not answer as busy as it may be, and returns
// when it takes nobody more. Release gives all of it up.
func fill(h *testkit.House, s messages.ServerSpec) (release func()) {
	h.T.Helper()
	var held []testkit.Pending
	for n := range s.Policy.MaxConcurrency + s.Policy.MaxQueue {
		held = append(held, h.Start(testkit.ToolCall(s.Name, "sleep", n), n))
	}
	actortest.Eventually(h.T, "the queue is full", func() bool { return len(h.Paths("s")) == len(held) })
	return func() {
		for _, p := range held {
			p.Cancel()
		}
		for _, p := range held {
			if out := p.Outcome(h.T); out.Failure == nil || out.Failure.Kind != messages.KindCancelled {
				h.T.Errorf("call %d of the hung server: %s %+v", p.N, out.Result, out.Failure)
			}
		}
		actortest.Eventually(h.T, "all of it is over", func() bool { return len(h.Paths("s")) == 0 })
	}
}
