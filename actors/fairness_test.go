package actors_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// The calls of "loud" fill the waiting list; those of others have their turn.
func TestFairness_WhoFillsTheWaitingListDelaysAnotherByOneCall(t *testing.T) {
	turns := make(chan string)
	s := &actortest.Server{Do: func(_ context.Context, _ *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		turns <- req.Name
		return messages.Outcome{Result: req.Params}
	}}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(s *messages.ServerSpec) { s.Policy.MaxConcurrency = 1 }))
	connect(t, r, "a")
	n := 0
	send := func(principal string) {
		background(r, of(calling("tools/call", principal), principal))
		n++
		sessions(t, r, n)
	}
	for range 12 {
		send("loud")
	}
	for _, quiet := range []string{"q", "p", "q"} {
		send(quiet)
	}
	var order strings.Builder
	for range n {
		order.WriteString((<-turns)[:1])
	}
	// The first was with the server before anybody waited.
	if got := order.String(); got != "llqplqlllllllll" {
		t.Errorf("served %s", got)
	}
	sessions(t, r, 0)
}

func TestFairness_InAFullListTheNewestOfTheLongestLineGivesWay(t *testing.T) {
	s := hanging()
	r, _, clock := still(t, actortest.Dialer{"a": s})
	apply(t, r, onOne(func(s *messages.ServerSpec) { s.Policy.MaxConcurrency, s.Policy.MaxQueue = 1, 4 }))
	connect(t, r, "a")
	for range 40 { // 4 per second over the last ten
		if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
			t.Fatal(out.Failure)
		}
	}
	sessions(t, r, 0)
	f := fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	var loud []chan messages.Outcome
	for i := range 4 {
		loud = append(loud, background(r, of(call("a"), "loud")))
		sessions(t, r, i+2)
	}
	overloaded := func(out messages.Outcome) {
		t.Helper()
		wantKind(t, out, messages.KindOverloaded, messages.SentNo)
		// Four who wait and itself, at four per second.
		if got := out.Failure.RetryAfter.Round(time.Millisecond); got != 1250*time.Millisecond {
			t.Errorf("come back in %v", got)
		}
	}
	overloaded(r.Call(context.Background(), of(call("a"), "loud"), messages.Discard))
	quiet := background(r, of(call("a"), "quiet"))
	overloaded(<-loud[3])
	more := background(r, of(call("a"), "quiet"))
	overloaded(<-loud[2])
	// Two each: nobody has a better claim.
	for _, principal := range []string{"loud", "quiet"} {
		out := r.Call(context.Background(), of(call("a"), principal), messages.Discard)
		wantKind(t, out, messages.KindOverloaded, messages.SentNo)
		if !strings.Contains(out.Failure.Message, "1 calls in flight and 4 waiting") {
			t.Errorf("%s", out.Failure.Message)
		}
	}
	// What a caller waits for that nothing is known of.
	clock.Advance(time.Hour)
	f.cancels["a"][0]()
	for _, done := range []chan messages.Outcome{loud[0], loud[1], quiet, more} {
		if f := (<-done).Failure; f != nil && f.Kind != messages.KindUnavailable {
			t.Error(f)
		}
	}
}

// A list that is full of callers who wait for connections that cannot be had
// keeps nobody from the connection that he has.
func TestFairness_WhoHasAConnectionIsServedWhileOthersWaitForOne(t *testing.T) {
	s := growingAfter(1)
	r, rec, _ := still(t, actortest.Dialer{"a": s.Server})
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) { s.Policy.MaxQueue = 3 }))
	connect(t, r, "a")
	counts(t, r, of(call("a"), "alice"))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for range 3 {
		go r.Call(ctx, of(call("a"), "bob"), messages.Discard)
	}
	actortest.Await[messages.PoolGrowthFailed](t, rec, 1, nil)
	sessions(t, r, 3)
	if got := counts(t, r, of(call("a"), "alice")); got != (counted{1, 2}) {
		t.Errorf("alice: %+v", got)
	}
	wantKind(t, r.Call(context.Background(), of(call("a"), "bob"), messages.Discard), messages.KindOverloaded, messages.SentNo)
}

func TestFairness_OverloadedAnswersOfAnUnknownPaceSayAMinuteAtMost(t *testing.T) {
	s := hanging()
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(s *messages.ServerSpec) {
		s.Policy.MaxConcurrency, s.Policy.MaxQueue, s.Policy.RequestTimeout = 1, 0, 20*time.Second
	}))
	connect(t, r, "a")
	fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	out := r.Call(context.Background(), call("a"), messages.Discard)
	wantKind(t, out, messages.KindOverloaded, messages.SentNo)
	if out.Failure.RetryAfter != 20*time.Second {
		t.Errorf("come back in %v", out.Failure.RetryAfter)
	}
}
