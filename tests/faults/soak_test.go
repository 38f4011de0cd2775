package faults_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// Ten thousand calls over four kinds of servers, every twentieth of them given
// up half-way: afterwards nothing more is held than before, and after the close
// nothing more than before the start.
func TestSoak_TenThousandCallsLeaveNothingBehind(t *testing.T) {
	const calls, callers, giveUp = 10_000, 32, 20
	legacy, modern := legacyHTTP(t), modernHTTP(t)
	h := open(t, nil)
	start := h.holds()
	servers := []string{"stdio-legacy", "stdio-modern", "http-legacy", "http-modern"}
	h.connect(h.stdio(servers[0], "plain"), h.stdio(servers[1], "modern"), h.http(servers[2], legacy), h.http(servers[3], modern))
	run := func(n int) (results, cancelled int64) {
		var next, done, gone atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					c := toolCall(servers[i%int64(len(servers))], "echo", int(i))
					if i%giveUp == 0 {
						c.Server = servers[i/giveUp%int64(len(servers))]
						gone.Add(soakCancelled(h, c))
						continue
					}
					out := h.Call(context.Background(), c, messages.Discard)
					if out.Failure == nil && contains(out.Result, fmt.Sprintf(`"t%d"`, i)) {
						done.Add(1)
					} else {
						t.Errorf("call %d: %s %+v", i, out.Result, out.Failure)
					}
				}
			})
		}
		wg.Wait()
		return done.Load(), gone.Load()
	}

	run(2 * callers * len(servers)) // connections that are kept are there from now on
	settled := func() bool { return len(h.paths("s")) == 0 }
	actortest.Eventually(t, "no session is left", settled)
	before := h.holds()
	begun := time.Now()
	results, cancelled := run(calls)
	took := time.Since(begun)
	if results != calls-calls/giveUp || cancelled != calls/giveUp {
		t.Errorf("%d results and %d cancelled of %d calls", results, cancelled, calls)
	}
	actortest.Eventually(t, "no session is left", settled)
	// Connections may come and go by a few with the weather; what leaks does so per call.
	const slack = callers
	var after holdings
	actortest.Eventually(t, "nothing has grown with the calls", func() bool {
		after = h.holds()
		return after.goroutines <= before.goroutines+slack && after.descriptors <= before.descriptors+slack && after.processes == before.processes
	})
	h.Close()
	h.nothingLeft()
	var closed holdings
	actortest.Eventually(t, "all is given back", func() bool { closed = h.holds(); return closed.within(start) })
	t.Logf("%d calls of %d callers in %v (%.0f/s on %d processors, puppets included): %d results, %d cancelled, 0 errors",
		calls, callers, took.Round(time.Millisecond), calls/took.Seconds(), runtime.GOMAXPROCS(0), results, cancelled)
	t.Logf("before the start: %v", start)
	t.Logf("before the calls: %v", before)
	t.Logf("after the calls:  %v", after)
	t.Logf("after the close:  %v (the heap: puppets keep a record of every request)", closed)
}

// soakCancelled makes a call that nobody answers and gives it up; it counts 1
// when that is what the caller hears.
func soakCancelled(h *house, c messages.Call) int64 {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c = toolCall(c.Server, "sleep", 0)
	// Given up as soon as it may have been sent, or a moment later.
	time.AfterFunc(time.Millisecond, cancel)
	out := h.Call(ctx, c, messages.Discard)
	if out.Failure != nil && out.Failure.Kind == messages.KindCancelled {
		return 1
	}
	h.t.Errorf("a call given up: %s %+v", out.Result, out.Failure)
	return 0
}
