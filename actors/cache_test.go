package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// keeping is a server whose results are kept for a minute.
func keeping(change func(*messages.ServerSpec)) messages.ServerSpec {
	return isolated("a", messages.IsolationShared, func(s *messages.ServerSpec) {
		s.Policy.PoolMax, s.Policy.CacheTTL = 1, time.Minute
		if change != nil {
			change(s)
		}
	})
}

// numbered answers each call of a tool that reads with another number.
func numbered() *actortest.Server {
	var n atomic.Int64
	return &actortest.Server{List: hinting, Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome {
		return messages.Outcome{Result: fmt.Appendf(nil, `{"n":%d}`, n.Add(1))}
	}}
}

func reading(n int) messages.Call {
	c := calling("tools/call", "reads")
	c.Request.Params = fmt.Appendf(nil, `{"name":"reads","arguments":{"n":%d}}`, n)
	return c
}

// answered makes a call and returns its result, and whether it was kept.
func answered(t testing.TB, r *actors.Runtime, c messages.Call) (string, bool) {
	t.Helper()
	out := r.Call(context.Background(), c, messages.Discard)
	if out.Failure != nil {
		t.Fatal(out.Failure)
	}
	return string(out.Result), out.Cached
}

func TestCache_KeepsWhatReadsForItsTime(t *testing.T) {
	s := numbered()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, keeping(func(s *messages.ServerSpec) {
		s.CacheTools = map[string]time.Duration{"sets": time.Hour, "adds": time.Hour}
	}))
	connect(t, r, "a")
	clock.Advance(time.Second)
	for i, tc := range []struct {
		name   string
		c      messages.Call
		after  time.Duration // passes before
		want   int
		cached bool
	}{
		{"first asked", reading(1), 0, 1, false},
		{"asked again", reading(1), 0, 1, true},
		{"at its last moment", reading(1), time.Minute - 1, 1, true},
		{"past its time", reading(1), 1, 2, false},
		{"again", reading(1), 0, 2, true},
		{"other arguments", reading(2), 0, 3, false},
		{"another principal", of(reading(1), "alice"), 0, 4, false},
		{"who asks again", of(reading(1), "alice"), 0, 4, true},
		{"the first principal", reading(1), 0, 2, true},
		{"a tool with a time of its own", calling("tools/call", "sets"), 0, 5, false},
		{"which is longer", calling("tools/call", "sets"), 59 * time.Minute, 5, true},
		{"a tool that says nothing of itself", calling("tools/call", "adds"), 0, 6, false},
		{"is called each time", calling("tools/call", "adds"), 0, 7, false},
		{"not a tool", calling("resources/read", "file:///a"), 0, 8, false},
		{"is asked each time", calling("resources/read", "file:///a"), 0, 9, false},
	} {
		clock.Advance(tc.after)
		result, cached := answered(t, r, tc.c)
		if want := fmt.Sprintf(`{"n":%d}`, tc.want); result != want || cached != tc.cached {
			t.Errorf("%d, %s: %s, kept %v; want %s, %v", i, tc.name, result, cached, want, tc.cached)
		}
	}
	var shown messages.CacheStatus
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the status shows %+v, timers %v", shown, clock.Pending())
		}
	})
	actortest.Eventually(t, "the status shows it", func() bool {
		if clock.Due(time.Second) { // in a minute nothing is kept any more
			clock.Advance(time.Second)
		}
		shown = status(t, r, "a").Cache
		// An answer may overtake its being kept: who asks at once joins then.
		return shown.Hits+shown.Joined == 6 && shown.Misses == 5 && shown.Entries >= 1 && shown.Bytes > 0
	})
}

func TestCache_KeepsOnlyWholeResults(t *testing.T) {
	for name, out := range map[string]messages.Outcome{
		"an error of the server":      {Failure: &messages.Failure{Kind: messages.KindUpstream, Server: "a", Sent: messages.SentDone, Code: -32000, Message: "no"}},
		"a result that is an error":   {Result: json.RawMessage(`{"isError":true,"content":[]}`)},
		"a result that asks for more": {Result: json.RawMessage(`{"resultType":"input_required","requestState":"x"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			s := &actortest.Server{List: hinting, Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome { return out }}
			r, _ := start(t, actortest.Dialer{"a": s}, nil)
			apply(t, r, keeping(nil))
			connect(t, r, "a")
			for range 3 {
				got := r.Call(context.Background(), reading(1), messages.Discard)
				if got.Cached || string(got.Result) != string(out.Result) {
					t.Errorf("%+v", got)
				}
				sessions(t, r, 0)
			}
			if n := s.Requests(); n != 3 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestCache_ForgetsWhenTheServersListsChange(t *testing.T) {
	s := numbered()
	var more atomic.Bool
	s.List = func(method, cursor string) messages.Outcome {
		if more.Load() {
			return messages.Outcome{Result: []byte(`{"tools":[{"name":"reads","annotations":{"readOnlyHint":true}},{"name":"new"}]}`)}
		}
		return hinting(method, cursor)
	}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, keeping(nil))
	connect(t, r, "a")
	for range 2 {
		if got, _ := answered(t, r, reading(1)); got != `{"n":1}` {
			t.Fatalf("%s", got)
		}
		sessions(t, r, 0)
	}
	more.Store(true)
	s.Last().Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	actortest.Await[messages.CatalogChanged](t, rec, 2, nil)
	if got, cached := answered(t, r, reading(1)); got != `{"n":2}` || cached {
		t.Errorf("%s, kept %v", got, cached)
	}
}

// gated is a server that answers a call when the test says how.
type gated struct {
	*actortest.Server
	answers chan messages.Outcome
}

func newGated() *gated {
	g := &gated{Server: &actortest.Server{List: hinting}, answers: make(chan messages.Outcome)}
	g.Do = func(ctx context.Context, c *actortest.Conn, _ messages.Request, _ messages.Sink) messages.Outcome {
		select {
		case out := <-g.answers:
			return out
		case <-ctx.Done():
		case <-c.Lost():
		}
		return c.Hang(ctx)
	}
	return g
}

// crowd makes n equal calls and waits until all have a session and the first is
// with the server.
func (g *gated) crowd(t *testing.T, r *actors.Runtime, n int, shape func(i int, c *messages.Call)) (results []chan messages.Outcome, cancels []context.CancelFunc) {
	t.Helper()
	for i := range n {
		ctx, cancel := context.WithCancel(context.Background())
		t.Cleanup(cancel)
		c := reading(1)
		if shape != nil {
			shape(i, &c)
		}
		done := make(chan messages.Outcome, 1)
		go func() { done <- r.Call(ctx, c, messages.Discard) }()
		results, cancels = append(results, done), append(cancels, cancel)
		if n <= 10 || i == 0 || i == n-1 {
			sessions(t, r, i+1) // one after the other
		}
		if i == 0 {
			actortest.Eventually(t, "the first is with the server", func() bool { return g.Requests() == 1 })
		}
	}
	return results, cancels
}

func TestFlight_EqualCallsAtTheSameTimeAreOneCall(t *testing.T) {
	for name, out := range map[string]messages.Outcome{
		"a result":                  {Result: json.RawMessage(`{"n":1}`)},
		"a result that is an error": {Result: json.RawMessage(`{"isError":true}`)},
		"an error of the server":    {Failure: &messages.Failure{Kind: messages.KindUpstream, Server: "a", Sent: messages.SentDone, Code: -32000, Message: "no"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGated()
			r, _ := start(t, actortest.Dialer{"a": g.Server}, nil)
			apply(t, r, keeping(nil))
			connect(t, r, "a")
			results, _ := g.crowd(t, r, 50, nil)
			g.answers <- out
			for i, done := range results {
				got := <-done
				if string(got.Result) != string(out.Result) || (got.Failure == nil) != (out.Failure == nil) || got.Cached != (i > 0) {
					t.Errorf("call %d: %+v", i, got)
				}
			}
			if n := g.Requests(); n != 1 {
				t.Errorf("%d requests", n)
			}
			sessions(t, r, 0)
			actortest.Eventually(t, "the status shows it", func() bool {
				c := status(t, r, "a").Cache
				return c.Joined == 49 && c.Misses == 1 && c.Hits == 0
			})
		})
	}
}

func TestFlight_AQuestionIsForItsCallerAndTheOthersAsk(t *testing.T) {
	g := newGated()
	r, _ := start(t, actortest.Dialer{"a": g.Server}, nil)
	apply(t, r, keeping(nil))
	connect(t, r, "a")
	results, _ := g.crowd(t, r, 5, nil)
	g.answers <- messages.Outcome{Result: json.RawMessage(`{"resultType":"input_required","requestState":"1"}`)}
	if out := <-results[0]; string(out.Result) != `{"resultType":"input_required","requestState":"1"}` {
		t.Errorf("%+v", out)
	}
	actortest.Eventually(t, "the others are with the server, side by side", func() bool { return g.Last().InFlight.Load() == 4 })
	for i := range 4 {
		g.answers <- messages.Outcome{Result: fmt.Appendf(nil, `{"resultType":"input_required","requestState":"%d"}`, i+2)}
	}
	seen := map[string]bool{}
	for _, done := range results[1:] {
		out := <-done
		if seen[string(out.Result)] || out.Cached {
			t.Errorf("%+v, another's", out)
		}
		seen[string(out.Result)] = true
	}
}

func TestFlight_NeverAcrossPrincipals(t *testing.T) {
	g := newGated()
	r, _ := start(t, actortest.Dialer{"a": g.Server}, nil)
	apply(t, r, keeping(nil))
	connect(t, r, "a")
	results, _ := g.crowd(t, r, 6, func(i int, c *messages.Call) { c.Principal.Name = fmt.Sprint(i % 3) })
	actortest.Eventually(t, "one of each is with the server", func() bool { return g.Last().InFlight.Load() == 3 })
	for range 3 {
		g.answers <- messages.Outcome{Result: json.RawMessage(`{}`)}
	}
	for _, done := range results {
		if out := <-done; out.Failure != nil {
			t.Error(out.Failure)
		}
	}
	if n := g.Requests(); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// The one that calls goes away in each of the ways there are: the next one
// calls, and its answer is everybody's.
func TestFlight_WhenTheLeaderGoesTheNextOneLeads(t *testing.T) {
	for name, tc := range map[string]struct {
		end  func(t *testing.T, r *actors.Runtime, g *gated, clock *actortest.Clock, cancel context.CancelFunc)
		kind messages.Kind
	}{
		"it gives up": {func(_ *testing.T, _ *actors.Runtime, _ *gated, _ *actortest.Clock, cancel context.CancelFunc) {
			cancel()
		}, messages.KindCancelled},
		"it is stopped": {func(t *testing.T, r *actors.Runtime, _ *gated, _ *actortest.Clock, _ context.CancelFunc) {
			if err := r.Kill(firstSession(r)); err != nil {
				t.Fatal(err)
			}
		}, messages.KindUnavailable},
		"it has a bug": {func(t *testing.T, r *actors.Runtime, _ *gated, _ *actortest.Clock, _ context.CancelFunc) {
			if err := r.Crash(firstSession(r), "a bug"); err != nil {
				t.Fatal(err)
			}
		}, messages.KindInternal},
		"its own time is over": {func(_ *testing.T, _ *actors.Runtime, _ *gated, clock *actortest.Clock, _ context.CancelFunc) {
			clock.Advance(5 * time.Second)
		}, messages.KindTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGated()
			r, _, clock := still(t, actortest.Dialer{"a": g.Server})
			apply(t, r, keeping(nil))
			connect(t, r, "a")
			results, cancels := g.crowd(t, r, 10, func(i int, c *messages.Call) {
				if i == 0 {
					c.Timeout = 5 * time.Second
				}
			})
			tc.end(t, r, g, clock, cancels[0])
			wantKind(t, <-results[0], tc.kind, messages.SentUnknown)
			actortest.Eventually(t, "the next is with the server", func() bool { return g.Requests() == 2 && g.Last().InFlight.Load() == 1 })
			g.answers <- messages.Outcome{Result: json.RawMessage(`{"n":2}`)}
			for i, done := range results[1:] {
				if out := <-done; string(out.Result) != `{"n":2}` || out.Cached != (i > 0) {
					t.Errorf("call %d: %+v", i+1, out)
				}
			}
			sessions(t, r, 0)
			if got, cached := answered(t, r, reading(1)); got != `{"n":2}` || !cached {
				t.Errorf("later: %s, kept %v", got, cached)
			}
		})
	}
}

// firstSession returns the path of the session that was started first.
func firstSession(r *actors.Runtime) string {
	first := ""
	for _, p := range paths(r, "s") {
		if first == "" || len(p) < len(first) || len(p) == len(first) && p < first {
			first = p
		}
	}
	return first
}

func TestFlight_FollowersHaveTheirOwnDeadlinesAndMayGiveUp(t *testing.T) {
	g := newGated()
	r, _, clock := still(t, actortest.Dialer{"a": g.Server})
	apply(t, r, keeping(func(s *messages.ServerSpec) {
		s.Policy.ConnectionTimeout, s.Policy.MaxQueue, s.Policy.MaxConcurrency = 10*time.Second, 4, 1
	}))
	connect(t, r, "a")
	results, cancels := g.crowd(t, r, 5, func(i int, c *messages.Call) {
		if i == 1 {
			c.Timeout = 20 * time.Second
		}
	})
	out := r.Call(context.Background(), reading(1), messages.Discard)
	wantKind(t, out, messages.KindOverloaded, messages.SentNo) // as many wait as may
	// Those who wait for an answer take no places of those who wait for the server.
	for range 4 {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go r.Call(ctx, calling("tools/call", "adds"), messages.Discard)
	}
	sessions(t, r, 9)
	cancels[2]()
	wantKind(t, <-results[2], messages.KindCancelled, messages.SentNo)
	clock.Advance(20 * time.Second) // past connection_timeout, too, which is not theirs
	out = <-results[1]
	wantKind(t, out, messages.KindTimeout, messages.SentNo)
	if out.Failure.After != 20*time.Second {
		t.Errorf("%+v", out.Failure)
	}
	sessions(t, r, 3)
	again := background(r, reading(1))
	sessions(t, r, 4)
	clock.Advance(40 * time.Second) // the leader's minute is over, and the others' with it
	for _, i := range []int{0, 3, 4} {
		// Who has just been asked to lead waits for a connection.
		if f := (<-results[i]).Failure; f == nil || f.Kind != messages.KindTimeout && f.Kind != messages.KindUnavailable {
			t.Errorf("call %d: %+v", i, f)
		}
	}
	// The last one came later and leads now, with what is left of its minute.
	actortest.Eventually(t, "it is with the server", func() bool { return g.Last().InFlight.Load() == 1 })
	pass(t, clock, 20*time.Second)
	wantKind(t, <-again, messages.KindTimeout, messages.SentUnknown)
}

// A server that does not answer does not get the same call from one follower
// after the other when its breaker is open.
func TestFlight_TheNextOneAsksTheBreaker(t *testing.T) {
	g := newGated()
	r, _, clock := still(t, actortest.Dialer{"a": g.Server})
	apply(t, r, keeping(func(s *messages.ServerSpec) { s.Policy.BreakerFailures = 1 }))
	connect(t, r, "a")
	first, _ := g.crowd(t, r, 1, nil)
	clock.Advance(30 * time.Second)
	var later []chan messages.Outcome
	for i := range 5 {
		later = append(later, background(r, reading(1)))
		sessions(t, r, i+2)
	}
	clock.Advance(30 * time.Second)
	wantKind(t, <-first[0], messages.KindTimeout, messages.SentUnknown)
	for _, done := range later {
		wantKind(t, <-done, messages.KindUnavailable, messages.SentNo)
	}
	if n := g.Requests(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestFlight_EndsWithTheServer(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, r *actors.Runtime, g *gated){
		"disconnect": func(t *testing.T, r *actors.Runtime, _ *gated) {
			go func() { _, _ = r.Disconnect(context.Background(), "a") }()
		},
		"crash": func(t *testing.T, r *actors.Runtime, _ *gated) {
			if err := r.Kill(upstreamPath(t, r, "a")); err != nil {
				t.Error(err)
			}
		},
		"close": func(_ *testing.T, r *actors.Runtime, _ *gated) { go r.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGated()
			r, _ := start(t, actortest.Dialer{"a": g.Server}, func(o *actors.Options) { o.Limits.CloseTimeout = 4 * time.Second })
			apply(t, r, keeping(func(s *messages.ServerSpec) {
				s.Policy.DrainTimeout, s.Policy.KillAfter = 50*time.Millisecond, time.Second
			}))
			connect(t, r, "a")
			results, _ := g.crowd(t, r, 20, nil)
			end(t, r, g)
			served := make(chan struct{})
			defer close(served)
			go func() { // by whoever comes next
				for {
					select {
					case g.answers <- messages.Outcome{Result: json.RawMessage(`{}`)}:
					case <-served:
						return
					}
				}
			}()
			for i, done := range results {
				out := <-done
				if out.Failure != nil && out.Failure.Kind != messages.KindUnavailable {
					t.Errorf("call %d: %+v", i, out.Failure)
				}
			}
		})
	}
}
