package faults_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
)

// Ten thousand calls over four kinds of servers, every twentieth of them given
// up half-way: afterwards nothing more is held than before, and after the close
// nothing more than before the start.
func TestSoak_TenThousandCallsLeaveNothingBehind(t *testing.T) {
	const calls, callers, giveUp = 10_000, 32, 20
	legacy, modern := legacyHTTP(t), modernHTTP(t)
	h := testkit.Open(t, nil)
	start := h.Holds()
	servers := []string{"stdio-legacy", "stdio-modern", "http-legacy", "http-modern"}
	specs := []messages.ServerSpec{h.Stdio(servers[0], "plain"), h.Stdio(servers[1], "modern"), h.HTTP(servers[2], legacy), h.HTTP(servers[3], modern)}
	for i := range specs {
		specs[i].Policy.PoolIdleTTL = idleTTL // what the load demanded goes with it
	}
	h.ServeAll(specs...)
	run := func(n int) (results, cancelled int64) {
		var next, done, gone atomic.Int64
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					c := testkit.ToolCall(servers[i%int64(len(servers))], "echo", int(i))
					if i%giveUp == 0 {
						c.Server = servers[i/giveUp%int64(len(servers))]
						gone.Add(soakCancelled(h, c))
						continue
					}
					out := h.Call(context.Background(), c, messages.Discard)
					if out.Failure == nil && strings.Contains(string(out.Result), fmt.Sprintf(`"t%d"`, i)) {
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
	settled := func() bool { return len(h.Paths("s")) == 0 }
	actortest.Eventually(t, "no session is left", settled)
	before := h.Holds()
	begun := time.Now()
	results, cancelled := run(calls)
	took := time.Since(begun)
	if results != calls-calls/giveUp || cancelled != calls/giveUp {
		t.Errorf("%d results and %d cancelled of %d calls", results, cancelled, calls)
	}
	actortest.Eventually(t, "no session is left", settled)
	// Connections may come and go by a few with the weather; what leaks does so per call.
	const slack = callers
	var after testkit.Holdings
	actortest.Eventually(t, "nothing has grown with the calls", func() bool {
		after = h.Holds()
		return after.Goroutines <= before.Goroutines+slack && after.Descriptors <= before.Descriptors+slack && after.Processes <= before.Processes
	})
	h.Close()
	h.NothingLeft()
	var closed testkit.Holdings
	actortest.Eventually(t, "all is given back", func() bool { closed = h.Holds(); return closed.Within(start) })
	t.Logf("%d calls of %d callers in %v (%.0f/s on %d processors, puppets included): %d results, %d cancelled, 0 errors",
		calls, callers, took.Round(time.Millisecond), calls/took.Seconds(), runtime.GOMAXPROCS(0), results, cancelled)
	t.Logf("before the start: %v", start)
	t.Logf("before the calls: %v", before)
	t.Logf("after the calls:  %v", after)
	t.Logf("after the close:  %v (the heap: puppets keep a record of every request)", closed)
}

// soakCancelled makes a call that nobody answers and gives it up; it counts 1
// when that is what the caller hears.
func soakCancelled(h *testkit.House, c messages.Call) int64 {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c = testkit.ToolCall(c.Server, "sleep", 0)
	// Given up as soon as it may have been sent, or a moment later.
	time.AfterFunc(time.Millisecond, cancel)
	out := h.Call(ctx, c, messages.Discard)
	if out.Failure != nil && out.Failure.Kind == messages.KindCancelled {
		return 1
	}
	h.T.Errorf("a call given up: %s %+v", out.Result, out.Failure)
	return 0
}
