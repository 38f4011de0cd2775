package faults_test

import (
	"slices"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
)

// victim is the one call of 64 that ends before its time.
type victim struct {
	testkit.Pending
	path  string
	clock *actortest.Clock
}

// callDeadline is that of the victim alone; the others' is later.
const callDeadline = 30 * time.Second

var endings = []struct {
	name string
	kind messages.Kind
	end  func(h *testkit.House, v victim) error
}{
	{"killed by its path", messages.KindUnavailable, func(h *testkit.House, v victim) error { return h.Kill(v.path) }},
	{"cancelled by its client", messages.KindCancelled, func(_ *testkit.House, v victim) error { v.Cancel(); return nil }},
	{"past its deadline", messages.KindTimeout, func(_ *testkit.House, v victim) error { v.clock.Advance(callDeadline); return nil }},
	{"panic inside it", messages.KindInternal, func(h *testkit.House, v victim) error { return h.Crash(v.path, "a bug") }},
}

// One session of 64 in flight over two servers ends, in four ways, against four
// kinds of servers: exactly its upstream request is cancelled, its caller is
// answered, its credit is back, and the other 63 complete.
func TestSession_EndsAloneAmong64(t *testing.T) {
	t.Parallel()
	for i, u := range upstreams {
		for _, e := range endings {
			t.Run(u.name+", "+e.name, func(t *testing.T) {
				clock := actortest.NewClock()
				h := testkit.Open(t, func(o *actors.Options) { o.Clock = clock })
				a, b := u.open(h, "a"), upstreams[(i+2)%len(upstreams)].open(h, "b") // of the other transport
				const perServer = 32
				for _, s := range []*messages.ServerSpec{&a.spec, &b.spec} {
					s.Policy.MaxConcurrency, s.Policy.ConnectionTimeout = perServer, 2*callDeadline
				}
				h.ServeAll(a.spec, b.spec)

				// The victim begins alone, so that its path is known.
				c := testkit.ToolCall("a", "hold", 0)
				if e.kind == messages.KindTimeout {
					c.Timeout = callDeadline
				}
				v := victim{Pending: h.Start(c, 0), clock: clock}
				actortest.Eventually(t, "the first call is with its server", func() bool { return len(a.asked()) == 1 })
				v.path = h.Paths("s")[0]
				var others []testkit.Pending
				for n := 1; n < 2*perServer; n++ {
					server := "a"
					if n >= perServer {
						server = "b"
					}
					others = append(others, h.Start(testkit.ToolCall(server, "hold", n), n))
				}
				actortest.Eventually(t, "64 calls are in flight", func() bool {
					return len(a.asked()) == perServer && len(b.asked()) == perServer
				})
				// One more than the first server takes: it waits for a credit.
				others = append(others, h.Start(testkit.ToolCall("a", "hold", 64), 64))
				actortest.Eventually(t, "one more call waits", func() bool { return len(h.Paths("s")) == 65 })

				begun := time.Now()
				if err := e.end(h, v); err != nil {
					t.Fatal(err)
				}
				out := v.Outcome(t)
				took := time.Since(begun)
				testkit.WantKind(t, out, e.kind, messages.SentUnknown)
				id := a.asked()[0]
				actortest.Eventually(t, "its server is told", func() bool { return slices.Equal(a.given(), []string{id}) })
				actortest.Eventually(t, "its credit is taken by the call that waited", func() bool { return a.asked()[64] != "" })
				for _, p := range others {
					if p.Answered() {
						t.Errorf("call %d was answered as well: %+v", p.N, p.Outcome(t))
					}
				}

				a.release()
				b.release()
				done := 0
				for _, p := range others {
					if out := p.Outcome(t); answerOf(p.N)(out) {
						done++
					} else {
						t.Errorf("call %d: %s %+v", p.N, out.Result, out.Failure)
					}
				}
				actortest.Eventually(t, "no session is left", func() bool { return len(h.Paths("s")) == 0 })
				h.Close()
				if got := a.given(); !slices.Equal(got, []string{id}) {
					t.Errorf("cancelled at its server: %v, want %s alone", got, id)
				}
				want := 0
				if u.notified {
					want = 1
				}
				if a.notices() != want || b.notices() != 0 || len(b.given()) != 0 {
					t.Errorf("notifications/cancelled: %d and %d, want %d and none; given up at the other server: %v",
						a.notices(), b.notices(), want, b.given())
				}
				wantStopped(t, h, e.kind == messages.KindInternal, v.path)
				t.Logf("answered %q, sent %q after %v; cancelled upstream: request %s of %d; completed: %d others and, on its credit, call 64",
					out.Failure.Kind, out.Failure.Sent, took.Round(10*time.Microsecond), id, perServer, done-1)
			})
		}
	}
}

// wantStopped checks the supervision: nothing restarted, and stopped what panicked.
func wantStopped(t *testing.T, h *testkit.House, panicked bool, path string) {
	t.Helper()
	if restarts := actortest.Of[messages.ActorRestarted](h.Events); len(restarts) != 0 {
		t.Errorf("restarted: %v", restarts)
	}
	var stopped, want []string
	for _, e := range actortest.Of[messages.ActorStopped](h.Events) {
		stopped = append(stopped, e.Path)
	}
	if panicked {
		want = []string{path}
	}
	if !slices.Equal(stopped, want) {
		t.Errorf("stopped: %v, want %v", stopped, want)
	}
}
