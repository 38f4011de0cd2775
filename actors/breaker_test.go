package actors_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// breakers returns the changes of a breaker so far, as "closed>open".
func breakers(rec *actortest.Recorder) []string {
	var all []string
	for _, e := range actortest.Of[messages.BreakerChanged](rec) {
		all = append(all, string(e.Old)+">"+string(e.New))
	}
	return all
}

// onOne is a server whose calls all share one connection.
func onOne(change func(*messages.ServerSpec)) messages.ServerSpec {
	spec := isolated("a", messages.IsolationShared, change)
	spec.Policy.PoolMax = 1
	return spec
}

// silent makes n calls that nobody answers, and lets their time pass.
func silent(t *testing.T, r *actors.Runtime, s *actortest.Server, clock *actortest.Clock, n int) {
	t.Helper()
	f := fly(t, r, actortest.Dialer{"a": s}, n, nil)
	sessions(t, r, n)
	clock.Advance(time.Minute)
	for _, done := range f.results["a"] {
		wantKind(t, <-done, messages.KindTimeout, messages.SentUnknown)
	}
	sessions(t, r, 0)
}

func TestBreaker_OpensTriesAndCloses(t *testing.T) {
	s := hanging()
	r, rec, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, onOne(func(s *messages.ServerSpec) {
		s.Policy.MaxConcurrency, s.Policy.ConnectionTimeout = 5, 2*time.Minute
	}))
	connect(t, r, "a")
	f := fly(t, r, actortest.Dialer{"a": s}, 5, nil)
	waits := background(r, call("a"))
	sessions(t, r, 6)
	clock.Advance(time.Minute)
	for _, done := range f.results["a"] {
		wantKind(t, <-done, messages.KindTimeout, messages.SentUnknown)
	}
	// Whoever waits may be served by a credit that comes back before the breaker
	// knows, or is refused; whoever comes later is refused.
	if out := <-waits; out.Failure != nil {
		wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	}
	sessions(t, r, 0)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure == nil {
		silent(t, r, s, clock, 5) // the one that waited was a success
	}
	e := actortest.Await(t, rec, 1, func(e messages.BreakerChanged) bool { return e.New == messages.BreakerOpen })
	if e.Server != "a" || e.Failures != 5 || e.OpenFor != 10*time.Second {
		t.Errorf("%+v", e)
	}
	before := s.Requests()
	out := r.Call(context.Background(), call("a"), messages.Discard)
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if out.Failure.RetryAfter != 10*time.Second || !strings.Contains(out.Failure.Message, "did not answer tools/call within 1m0s") {
		t.Errorf("%+v", out.Failure)
	}
	actortest.Eventually(t, "the status shows it", func() bool {
		b := status(t, r, "a").Breaker
		return b.State == messages.BreakerOpen && b.Until.Equal(clock.Now().Add(10*time.Second))
	})
	if s := status(t, r, "a"); s.State != messages.StateConnected {
		t.Errorf("status %+v", s)
	}
	clock.Advance(10 * time.Second)

	// One call tries; the others are refused, with a second's patience.
	trial := fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	out = r.Call(context.Background(), call("a"), messages.Discard)
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if out.Failure.RetryAfter != time.Second {
		t.Errorf("%+v", out.Failure)
	}
	clock.Advance(time.Minute)
	wantKind(t, <-trial.results["a"][0], messages.KindTimeout, messages.SentUnknown)
	actortest.Eventually(t, "it failed: open again", func() bool { return status(t, r, "a").Breaker.State == messages.BreakerOpen })
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	if n := s.Requests(); n != before+1 {
		t.Errorf("%d requests instead of the one that tried", n-before)
	}
	clock.Advance(10 * time.Second)
	sessions(t, r, 0)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Eventually(t, "it succeeded: closed", func() bool {
		b := status(t, r, "a").Breaker
		return b.State == messages.BreakerClosed && b.Failures == 0
	})
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	// The success of the one that waited may have come behind the fifth failure.
	got := strings.TrimPrefix(strings.Join(breakers(rec), " "), "closed>open open>closed ")
	if got != "closed>open open>half-open half-open>open open>half-open half-open>closed" {
		t.Errorf("%s", got)
	}
}

func TestBreaker_RefusesThoseWhoWaitWhenItOpens(t *testing.T) {
	s := hanging()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, onOne(func(s *messages.ServerSpec) {
		s.Policy.MaxConcurrency, s.Policy.BreakerFailures, s.Policy.ConnectionTimeout = 2, 1, time.Hour
	}))
	connect(t, r, "a")
	fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	clock.Advance(30 * time.Second)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	refused := make(chan messages.Outcome, 6)
	hang := func() {
		if out := r.Call(ctx, calling("tools/call", "hang"), messages.Discard); ctx.Err() == nil {
			refused <- out
		}
	}
	go hang()
	actortest.Eventually(t, "both are with the server", func() bool { return s.Last().InFlight.Load() == 2 })
	for range 5 {
		go hang()
	}
	sessions(t, r, 7)
	clock.Advance(30 * time.Second) // the first fails; the second still has time
	for range 4 {                   // one may have got the credit of the first
		wantKind(t, <-refused, messages.KindUnavailable, messages.SentNo)
	}
	actortest.Eventually(t, "the fifth is refused or with the server", func() bool { return len(refused) == 1 || s.Last().InFlight.Load() == 2 })
	if n := s.Last().InFlight.Load(); n < 1 {
		t.Error("one in flight was given up, too")
	}
	cancel()
	sessions(t, r, 0)
}

func TestBreaker_ALostConnectionIsOneFailureHoweverManyCallsWereOnIt(t *testing.T) {
	for range 10 { // whoever is faster: the calls or the link
		s := hanging()
		r, rec := start(t, actortest.Dialer{"a": s}, nil)
		apply(t, r, onOne(func(*messages.ServerSpec) {}))
		connect(t, r, "a")
		serveOne(t, r)
		f := fly(t, r, actortest.Dialer{"a": s}, 64, nil)
		s.Last().Break()
		for _, done := range f.results["a"] {
			wantKind(t, <-done, messages.KindUnavailable, messages.SentUnknown)
		}
		actortest.Eventually(t, "it counts", func() bool { return status(t, r, "a").Breaker.Failures == 1 })
		sessions(t, r, 0)
		if err := r.Connect(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
		if b := status(t, r, "a").Breaker; b.Failures != 1 || len(breakers(rec)) != 0 {
			t.Errorf("%+v, %v", b, breakers(rec))
		}
		r.Close()
	}
}

func TestBreaker_DoesNotBlameTheServerForWhatCallersDo(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *actors.Runtime, *actortest.Clock, flight){
		"their own short timeouts": func(_ *testing.T, _ *actors.Runtime, clock *actortest.Clock, _ flight) {
			clock.Advance(5 * time.Second)
		},
		"they give up": func(_ *testing.T, _ *actors.Runtime, _ *actortest.Clock, f flight) {
			for _, cancel := range f.cancels["a"] {
				cancel()
			}
		},
		"they are stopped": func(t *testing.T, r *actors.Runtime, _ *actortest.Clock, _ flight) {
			for _, path := range paths(r, "s") {
				if err := r.Kill(path); err != nil {
					t.Error(err)
				}
			}
		},
		"they have a bug": func(t *testing.T, r *actors.Runtime, _ *actortest.Clock, _ flight) {
			for _, path := range paths(r, "s") {
				if err := r.Crash(path, "a bug"); err != nil {
					t.Error(err)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hanging()
			r, rec, clock := still(t, actortest.Dialer{"a": s})
			apply(t, r, onOne(func(s *messages.ServerSpec) { s.Policy.BreakerFailures = 1 }))
			connect(t, r, "a")
			f := fly(t, r, actortest.Dialer{"a": s}, 8, func(c *messages.Call) { c.Timeout = 5 * time.Second })
			sessions(t, r, 8)
			end(t, r, clock, f)
			for _, done := range f.results["a"] {
				if out := <-done; out.Failure == nil {
					t.Errorf("answered %s", out.Result)
				}
			}
			sessions(t, r, 0)
			if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
				t.Error(out.Failure)
			}
			if got := breakers(rec); len(got) != 0 {
				t.Errorf("%v", got)
			}
		})
	}
}

func TestBreaker_ATrialThatEndsWithoutAVerdictLetsTheNextOneTry(t *testing.T) {
	s := hanging()
	r, rec, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, onOne(func(s *messages.ServerSpec) { s.Policy.BreakerFailures = 1 }))
	connect(t, r, "a")
	silent(t, r, s, clock, 1)
	actortest.Await(t, rec, 1, func(e messages.BreakerChanged) bool { return e.New == messages.BreakerOpen })
	clock.Advance(10 * time.Second)
	trial := fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	trial.cancels["a"][0]()
	wantKind(t, <-trial.results["a"][0], messages.KindCancelled, messages.SentUnknown)
	sessions(t, r, 0)
	// To open a connection asks the server for nothing.
	if _, f := r.Open(context.Background(), call("a")); f != nil {
		t.Fatal(f)
	}
	sessions(t, r, 0)
	if got := status(t, r, "a").Breaker.State; got != messages.BreakerHalfOpen {
		t.Errorf("after a trial that asked for nothing: %s", got)
	}
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Await(t, rec, 1, func(e messages.BreakerChanged) bool { return e.New == messages.BreakerClosed })
}

// An answer that says nothing (502, a reset) on a connection that is not lost
// counts each time; an error of the server's own is a success.
func TestBreaker_CountsWhatTheServerDoesNotAnswer(t *testing.T) {
	var kind atomic.Int32
	s := &actortest.Server{Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome {
		return messages.Outcome{Failure: &messages.Failure{Kind: messages.Kind(kind.Load()), Server: "a", Sent: messages.SentUnknown, Message: "it answers 502"}}
	}}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(*messages.ServerSpec) {}))
	connect(t, r, "a")
	for _, k := range slices.Concat(
		slices.Repeat([]messages.Kind{messages.KindUnavailable}, 4), []messages.Kind{messages.KindUpstream},
		slices.Repeat([]messages.Kind{messages.KindUnavailable}, 4)) {
		kind.Store(int32(k))
		wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), k, messages.SentUnknown)
	}
	if got := breakers(rec); len(got) != 0 {
		t.Errorf("after 4, a success, and 4: %v", got)
	}
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentUnknown)
	actortest.Await(t, rec, 1, func(e messages.BreakerChanged) bool { return e.New == messages.BreakerOpen })
	if n := s.Requests(); n != 10 {
		t.Errorf("%d requests", n)
	}
}
