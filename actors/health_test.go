package actors_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

func health(t testing.TB, r *actors.Runtime, server string) messages.Health {
	t.Helper()
	s, ok := r.Status(server)
	if !ok {
		t.Fatalf("no status of %q", server)
	}
	return s.Health
}

// pingable answers pings as answer says, and hangs on the tool "hang".
func pingable(answer func(ctx context.Context, c *actortest.Conn) messages.Outcome) *actortest.Server {
	return &actortest.Server{Do: func(ctx context.Context, c *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		switch {
		case req.Method == "ping" || req.Method == "server/discover":
			return answer(ctx, c)
		case req.Name == "hang":
			return c.Hang(ctx)
		}
		return messages.Outcome{Result: req.Params}
	}}
}

func TestHealth_FollowsTheOutcomesOfCallsWithoutAnyProbe(t *testing.T) {
	var pings, broken atomic.Int64
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { pings.Add(1); return messages.Outcome{} })
	do := s.Do
	s.Do = func(ctx context.Context, c *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
		if broken.Load() == 1 {
			return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindTimeout, Sent: messages.SentUnknown, Message: "no answer"}}
		}
		return do(ctx, c, req, sink)
	}
	clock := actortest.NewClock()
	r, rec := start(t, actortest.Dialer{"a": s}, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	if h := health(t, r, "a"); h.Status != messages.Healthy || !h.LastSuccess.Equal(clock.Now()) {
		t.Fatalf("connected, but %+v", h)
	}
	broken.Store(1)
	for i := range 2 {
		r.Call(context.Background(), call("a"), messages.Discard)
		actortest.Eventually(t, "the failure counts", func() bool { return health(t, r, "a").ConsecutiveFailures == i+1 })
		if h := health(t, r, "a"); (h.Status == messages.Unhealthy) != (i == 1) {
			t.Errorf("after %d failures: %+v", i+1, h)
		}
	}
	if e := actortest.Await(t, rec, 1, func(e messages.HealthChanged) bool { return e.New == messages.Unhealthy }); e.State != messages.StateConnected {
		t.Errorf("%+v", e)
	}
	broken.Store(0)
	clock.Advance(time.Minute)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Eventually(t, "one success makes it healthy", func() bool {
		h := health(t, r, "a")
		return h.Status == messages.Healthy && h.ConsecutiveFailures == 0 && h.LastError == "no answer" && h.LastCheck.Equal(clock.Now())
	})
	if pings.Load() != 0 {
		t.Errorf("%d probes, though none was asked for", pings.Load())
	}
}

func TestHealth_AnErrorOfTheServersOwnIsASignOfLife(t *testing.T) {
	s := &actortest.Server{Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome {
		return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUpstream, Code: -32601, Message: "what?"}}
	}}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	for range 3 {
		r.Call(context.Background(), call("a"), messages.Discard)
	}
	if h, err := r.CheckHealth(context.Background(), "a"); err != nil || h.Status != messages.Healthy {
		t.Errorf("%+v, %v", h, err)
	}
}

func TestHealth_OnDemandUsesTheIdleConnectionAndATemporaryOneWhenItIsBusy(t *testing.T) {
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { return messages.Outcome{} })
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	if _, err := r.CheckHealth(context.Background(), "a"); err != nil || s.Attempts() != 1 {
		t.Errorf("idle: %v, %d connections made", err, s.Attempts())
	}
	f := fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	if _, err := r.CheckHealth(context.Background(), "a"); err != nil || s.Attempts() != 2 {
		t.Errorf("busy: %v, %d connections made", err, s.Attempts())
	}
	actortest.Eventually(t, "the temporary one is closed", func() bool { return s.Open() == 1 })
	f.cancels["a"][0]()
	wantKind(t, <-f.results["a"][0], messages.KindCancelled, messages.SentUnknown)
}

func TestHealth_AnExclusiveServerIsNeverConnectedTwiceToBeChecked(t *testing.T) {
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { return messages.Outcome{} })
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Exclusive = true
	apply(t, r, spec)
	connect(t, r, "a")
	fly(t, r, actortest.Dialer{"a": s}, 1, nil)
	if _, err := r.CheckHealth(context.Background(), "a"); err != nil || s.Attempts() != 1 {
		t.Errorf("%v, %d connections made", err, s.Attempts())
	}
}

func TestHealth_AProbeThatIsNeverAnsweredTimesOutAndTheServerBecomesUnhealthy(t *testing.T) {
	s := pingable(func(ctx context.Context, c *actortest.Conn) messages.Outcome {
		out := c.Hang(ctx)
		out.Failure.Kind = messages.KindTimeout
		return out
	})
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Policy.HealthCheckTimeout = 10 * time.Millisecond
	apply(t, r, spec)
	connect(t, r, "a")
	for i := range 2 {
		h, err := r.CheckHealth(context.Background(), "a")
		if err == nil || h.ConsecutiveFailures != i+1 || h.LastError != "Timeout after 10ms" {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if h := health(t, r, "a"); h.Status != messages.Unhealthy {
		t.Errorf("%+v", h)
	}
	if n := len(actortest.Of[messages.HealthCheckFailed](rec)); n != 2 {
		t.Errorf("%d failed checks were told, want 2", n)
	}
}

func TestHealth_PeriodicProbesRunWhenSwitchedOnAndFollowTheConnection(t *testing.T) {
	var pings atomic.Int64
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { pings.Add(1); return messages.Outcome{} })
	clock := actortest.NewClock()
	r, _ := start(t, actortest.Dialer{"a": s}, func(o *actors.Options) { o.Clock = clock })
	spec := actortest.Spec("a")
	spec.Policy.HealthCheckEnabled, spec.Policy.HealthCheckInterval = true, 30*time.Second
	apply(t, r, spec)
	connect(t, r, "a")
	for i := range 3 {
		actortest.Eventually(t, "the next probe ran", func() bool {
			clock.Advance(30 * time.Second)
			return int(pings.Load()) > i
		})
	}
	s.Last().Break()
	actortest.Eventually(t, "the new connection is probed", func() bool {
		clock.Advance(30 * time.Second)
		return s.Attempts() >= 2 && pings.Load() > 3 // an attempt may take longer than its time
	})
}

// Whoever asks for a look does not start another series of periodic ones.
func TestHealth_LooksOnDemandDoNotAddUpToPeriodicOnes(t *testing.T) {
	var pings atomic.Int64
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { pings.Add(1); return messages.Outcome{} })
	r, _, clock := still(t, actortest.Dialer{"a": s})
	spec := actortest.Spec("a")
	spec.Policy.HealthCheckEnabled, spec.Policy.HealthCheckInterval = true, 30*time.Second
	apply(t, r, spec)
	connect(t, r, "a")
	for range 6 { // at 0, 5, … 25 s
		if _, err := r.CheckHealth(context.Background(), "a"); err != nil {
			t.Fatal(err)
		}
		clock.Advance(5 * time.Second)
	}
	before := pings.Load()
	for range 12 { // a minute
		clock.Advance(5 * time.Second)
		if err := r.Connect(context.Background(), "a"); err != nil { // it has seen what was due
			t.Fatal(err)
		}
		sessions(t, r, 0)
		actortest.Eventually(t, "no probe runs", func() bool { return len(paths(r, "h")) == 0 })
	}
	if n := pings.Load() - before; n < 1 || n > 2 {
		t.Errorf("%d probes in a minute, of one each 30 s", n)
	}
}

func TestHealth_OfAServerThatIsAwayAndComesBack(t *testing.T) {
	var mended atomic.Bool
	s := pingable(func(context.Context, *actortest.Conn) messages.Outcome { return messages.Outcome{} })
	s.Dial = func(context.Context, int) error {
		if mended.Load() {
			return nil
		}
		return errors.New("connection refused")
	}
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Policy.RetryAttempts = 1
	apply(t, r, spec)
	if err := r.Connect(context.Background(), "a"); err == nil {
		t.Fatal("connected")
	}
	before := health(t, r, "a") // of one attempt, or two: Connect may come during the first or after it
	if _, err := r.CheckHealth(context.Background(), "a"); err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("%v", err)
	}
	if h := health(t, r, "a"); h.Status != messages.Unhealthy || h.ConsecutiveFailures != before.ConsecutiveFailures+1 {
		t.Errorf("%+v", h)
	}
	mended.Store(true)
	if h, err := r.CheckHealth(context.Background(), "a"); err != nil || h.Status != messages.Healthy {
		t.Errorf("%+v, %v", h, err)
	}
	// What the probe found out connects the server, long before its window ends.
	actortest.Await(t, rec, 1, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
	if _, err := r.Disconnect(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.CheckHealth(context.Background(), "a"); err == nil {
		t.Error("a disconnected server was found healthy")
	}
	if _, err := r.CheckHealth(context.Background(), "nobody"); err == nil {
		t.Error("an unknown server was found healthy")
	}
}

func TestHealth_After(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	h := messages.Health{}.After("x", now, 2)
	if h.Status != messages.HealthUnknown || h.ConsecutiveFailures != 1 || !h.LastSuccess.IsZero() {
		t.Errorf("%+v", h)
	}
	if h = h.After("y", now, 2); h.Status != messages.Unhealthy || h.LastError != "y" {
		t.Errorf("%+v", h)
	}
	if h = h.After("", now, 2); h.Status != messages.Healthy || h.ConsecutiveFailures != 0 || h.LastError != "y" {
		t.Errorf("%+v", h)
	}
	if h = h.After("z", now, 0); h.Status != messages.Unhealthy {
		t.Errorf("a threshold of nothing is one: %+v", h)
	}
}
