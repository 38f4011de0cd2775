package actors_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// counting answers each call with its number, when gate lets it (nil: at once).
type counting struct {
	calls atomic.Int64
	gate  chan struct{}
}

func (c *counting) server() *actortest.Server {
	return &actortest.Server{Do: func(ctx context.Context, conn *actortest.Conn, _ messages.Request, _ messages.Sink) messages.Outcome {
		n := c.calls.Add(1)
		if c.gate != nil {
			select {
			case <-c.gate:
			case <-ctx.Done():
				return conn.Hang(ctx)
			}
		}
		return messages.Outcome{Result: fmt.Appendf(nil, `{"call":%d}`, n)}
	}}
}

func startOnce(t *testing.T, s *counting, change func(*actors.Options)) *actors.Runtime {
	t.Helper()
	r, _ := start(t, actortest.Dialer{"a": s.server()}, change)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	return r
}

func wantCall(t *testing.T, what string, out messages.Outcome, n int, kept bool) {
	t.Helper()
	if want := fmt.Sprintf(`{"call":%d}`, n); string(out.Result) != want || out.Cached != kept {
		t.Errorf("%s: %s %v cached %v, want %s cached %v", what, out.Result, out.Err(), out.Cached, want, kept)
	}
}

func TestCallOnce_ManyAtATimeMakeOneCall(t *testing.T) {
	s := &counting{gate: make(chan struct{})}
	r := startOnce(t, s, nil)
	const callers = 20
	outcomes := make(chan messages.Outcome, callers)
	for range callers {
		go func() { outcomes <- r.CallOnce(context.Background(), "k", call("a"), messages.Discard) }()
	}
	actortest.Eventually(t, "the call reached the server", func() bool { return s.calls.Load() == 1 })
	// Whoever comes before the answer waits for it, whoever comes after finds it.
	close(s.gate)
	first := 0
	for range callers {
		out := <-outcomes
		if !out.Cached {
			first++
		}
		wantCall(t, "a caller", out, 1, out.Cached)
	}
	if n := s.calls.Load(); n != 1 || first != 1 {
		t.Errorf("%d calls, %d of them first", n, first)
	}
	wantCall(t, "later", r.CallOnce(context.Background(), "k", call("a"), messages.Discard), 1, true)
}

func TestCallOnce_AnotherRequestIsAnotherCall(t *testing.T) {
	s := &counting{}
	r := startOnce(t, s, nil)
	ctx := context.Background()
	wantCall(t, "first", r.CallOnce(ctx, "k", call("a"), messages.Discard), 1, false)
	wantCall(t, "another key", r.CallOnce(ctx, "k2", call("a"), messages.Discard), 2, false)
	of := call("a")
	of.Principal.Name = "bob"
	wantCall(t, "another principal", r.CallOnce(ctx, "k", of, messages.Discard), 3, false)

	other := call("a")
	other.Request.Params = []byte(`{"name":"echo","arguments":{"n":2}}`)
	out := r.CallOnce(ctx, "k", other, messages.Discard)
	wantKind(t, out, messages.KindInvalidArgs, messages.SentNo)
	if out.Failure.Server != "a" || !strings.Contains(out.Failure.Message, "Idempotency-Key") {
		t.Errorf("%+v", out.Failure)
	}
	headed := call("a")
	headed.Caller.Headers = map[string]string{"X-User": "eve"}
	wantKind(t, r.CallOnce(ctx, "k", headed, messages.Discard), messages.KindInvalidArgs, messages.SentNo)
	if n := s.calls.Load(); n != 3 {
		t.Errorf("%d calls", n)
	}
}

func TestCallOnce_AnswersAreKeptForATimeAndNoLonger(t *testing.T) {
	clock := actortest.NewClock()
	s := &counting{}
	r := startOnce(t, s, func(o *actors.Options) { o.Clock = clock })
	ctx := context.Background()
	// Asked twice: the second answer says that the first one has been noted.
	wantCall(t, "first", r.CallOnce(ctx, "k", call("a"), messages.Discard), 1, false)
	wantCall(t, "noted", r.CallOnce(ctx, "k", call("a"), messages.Discard), 1, true)
	clock.Advance(5 * time.Minute)
	wantCall(t, "the second key", r.CallOnce(ctx, "later", call("a"), messages.Discard), 2, false)
	wantCall(t, "noted, too", r.CallOnce(ctx, "later", call("a"), messages.Discard), 2, true)
	clock.Advance(5*time.Minute - time.Second)
	wantCall(t, "in time", r.CallOnce(ctx, "k", call("a"), messages.Discard), 1, true)
	clock.Advance(time.Second)
	actortest.Eventually(t, "the first answer is forgotten", func() bool {
		return !r.CallOnce(ctx, "k", call("a"), messages.Discard).Cached
	})
	wantCall(t, "the second one is not", r.CallOnce(ctx, "later", call("a"), messages.Discard), 2, true)
}

func TestCallOnce_WhatWasNotSentIsNotKept(t *testing.T) {
	s := &counting{}
	up := atomic.Bool{}
	server := s.server()
	server.Dial = func(context.Context, int) error {
		if !up.Load() {
			return fmt.Errorf("connection refused")
		}
		return nil
	}
	r, _ := start(t, actortest.Dialer{"a": server}, nil)
	spec := actortest.Spec("a")
	spec.Policy.RetryAttempts = 1
	apply(t, r, spec)
	wantKind(t, r.CallOnce(context.Background(), "k", call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	up.Store(true)
	connect(t, r, "a")
	wantCall(t, "when it is back", r.CallOnce(context.Background(), "k", call("a"), messages.Discard), 1, false)
}

func TestCallOnce_AFailureThatMayHaveHappenedIsKept(t *testing.T) {
	var calls atomic.Int64
	r, _ := start(t, actortest.Dialer{"a": {Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome {
		calls.Add(1)
		return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindTimeout, Server: "a", Sent: messages.SentUnknown, Message: "no answer"}}
	}}}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	for range 2 {
		wantKind(t, r.CallOnce(context.Background(), "k", call("a"), messages.Discard), messages.KindTimeout, messages.SentUnknown)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestCallOnce_ACallerThatLeavesTakesNothingWithIt(t *testing.T) {
	s := &counting{gate: make(chan struct{})}
	r := startOnce(t, s, nil)
	leaving, leave := context.WithCancel(context.Background())
	first, waits, stays := make(chan messages.Outcome, 1), make(chan messages.Outcome, 1), make(chan messages.Outcome, 1)
	go func() { first <- r.CallOnce(leaving, "k", call("a"), messages.Discard) }()
	actortest.Eventually(t, "the call reached the server", func() bool { return s.calls.Load() == 1 })
	go func() { waits <- r.CallOnce(leaving, "k", call("a"), messages.Discard) }()
	go func() { stays <- r.CallOnce(context.Background(), "k", call("a"), messages.Discard) }()
	leave()
	wantKind(t, <-waits, messages.KindCancelled, messages.SentNo)
	close(s.gate)
	wantCall(t, "who made it", <-first, 1, false)
	wantCall(t, "who stayed", <-stays, 1, true)
	wantCall(t, "who comes back", r.CallOnce(context.Background(), "k", call("a"), messages.Discard), 1, true)
	if n := s.calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
}

func TestCallOnce_TooManyAtATimeAreRefusedAndOldAnswersGiveWay(t *testing.T) {
	s := &counting{gate: make(chan struct{}, 8)}
	r := startOnce(t, s, func(o *actors.Options) { o.Limits.IdempotencyKeys = 2 })
	ctx := context.Background()
	running := make(chan messages.Outcome, 2)
	for i := range 2 {
		go func() { running <- r.CallOnce(ctx, fmt.Sprint(i), call("a"), messages.Discard) }()
	}
	actortest.Eventually(t, "both run", func() bool { return s.calls.Load() == 2 })
	out := r.CallOnce(ctx, "2", call("a"), messages.Discard)
	wantKind(t, out, messages.KindOverloaded, messages.SentNo)
	if out.Failure.RetryAfter <= 0 {
		t.Errorf("it does not say when to come back: %+v", out.Failure)
	}
	for range 4 {
		s.gate <- struct{}{}
	}
	<-running
	<-running
	wantCall(t, "the third", r.CallOnce(ctx, "2", call("a"), messages.Discard), 3, false)
	wantCall(t, "the third is kept", r.CallOnce(ctx, "2", call("a"), messages.Discard), 3, true)
}

func TestCallOnce_KeptAnswersAreBoundedInBytes(t *testing.T) {
	s := &counting{}
	r := startOnce(t, s, func(o *actors.Options) { o.Limits.IdempotencyBytes = 2 * len(`{"call":1}`) })
	ctx := context.Background()
	for i, key := range []string{"1", "2", "3"} {
		wantCall(t, key, r.CallOnce(ctx, key, call("a"), messages.Discard), i+1, false)
	}
	wantCall(t, "the newest", r.CallOnce(ctx, "3", call("a"), messages.Discard), 3, true)
	wantCall(t, "the one before", r.CallOnce(ctx, "2", call("a"), messages.Discard), 2, true)
	wantCall(t, "the oldest", r.CallOnce(ctx, "1", call("a"), messages.Discard), 4, false)
}

func TestCallOnce_ACrashOfTheKeeperLosesNoCaller(t *testing.T) {
	s := &counting{gate: make(chan struct{})}
	r := startOnce(t, s, nil)
	ctx := context.Background()
	first, waits := make(chan messages.Outcome, 1), make(chan messages.Outcome, 1)
	go func() { first <- r.CallOnce(ctx, "k", call("a"), messages.Discard) }()
	actortest.Eventually(t, "the call reached the server", func() bool { return s.calls.Load() == 1 })
	keeper := paths(r, "once#")[0]
	go func() { waits <- r.CallOnce(ctx, "k", call("a"), messages.Discard) }()
	if err := r.Crash(keeper, "test"); err != nil {
		t.Fatal(err)
	}
	close(s.gate)
	// It waited with the keeper that crashed, or came to the next one and is the first there.
	if out := <-waits; out.Failure != nil && (out.Failure.Kind != messages.KindInternal || out.Failure.Sent != messages.SentUnknown) {
		t.Errorf("who waited: %+v", out.Failure)
	}
	wantCall(t, "who made it", <-first, 1, false)
	actortest.Eventually(t, "the keeper has a successor", func() bool {
		out := r.CallOnce(ctx, "new", call("a"), messages.Discard)
		now := paths(r, "once#")
		return out.Failure == nil && len(now) == 1 && now[0] != keeper
	})
}

func TestCallOnce_ClosingAnswersEverybody(t *testing.T) {
	s := &counting{gate: make(chan struct{})}
	r := startOnce(t, s, func(o *actors.Options) { o.Limits.CloseTimeout = 5 * time.Second })
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out := r.CallOnce(context.Background(), "k", call("a"), messages.Discard); out.Failure == nil {
				t.Errorf("%s", out.Result)
			}
		})
	}
	actortest.Eventually(t, "the call reached the server", func() bool { return s.calls.Load() == 1 })
	r.Close()
	wg.Wait()
	wantKind(t, r.CallOnce(context.Background(), "k", call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
}
