package actors_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

func TestUpstream_AServerThatNeverConnectsDelaysNobody(t *testing.T) {
	servers := actortest.Dialer{"ok": {}, "hangs": {Dial: func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return ctx.Err()
	}}}
	r, _ := start(t, servers, nil)
	apply(t, r, actortest.Spec("hangs"), actortest.Spec("ok"))
	if out := r.Call(context.Background(), call("ok"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Eventually(t, "the status shows the attempt", func() bool {
		s, _ := r.Status("hangs")
		return s.State == messages.StateConnecting && s.Attempt == 1
	})
	if _, err := r.Catalog(context.Background(), "ok"); err != nil {
		t.Error(err)
	}
}

func TestUpstream_ACallWaitsForTheConnectionAtMostConnectionTimeout(t *testing.T) {
	servers := actortest.Dialer{"a": {Dial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }}}
	clock := actortest.NewClock()
	r, _ := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	spec := actortest.Spec("a")
	spec.Policy.ConnectionTimeout = 20 * time.Second
	apply(t, r, spec)
	done := make(chan messages.Outcome, 1)
	go func() { done <- r.Call(context.Background(), call("a"), messages.Discard) }()
	actortest.Eventually(t, "the call waits", func() bool { return len(paths(r, "s")) == 1 })
	clock.Advance(20 * time.Second)
	wantKind(t, <-done, messages.KindUnavailable, messages.SentNo)
}

func TestUpstream_FailsAfterItsBurstAndRecoversWithTheNextCall(t *testing.T) {
	var mended atomic.Bool
	servers := actortest.Dialer{"a": {Dial: func(_ context.Context, n int) error {
		if mended.Load() {
			return nil
		}
		return fmt.Errorf("connection refused (%d)", n)
	}}}
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock, o.Jitter = clock, func() float64 { return 0.5 } })
	apply(t, r, actortest.Spec("a"))
	waiting := make(chan messages.Outcome, 1)
	go func() { waiting <- r.Call(context.Background(), call("a"), messages.Discard) }()
	actortest.Eventually(t, "the call waits", func() bool { return len(paths(r, "s")) == 1 })
	for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second} {
		e := actortest.Await[messages.ConnectFailed](t, rec, i+1, nil)
		if e.Attempt != i+1 || e.Of != 3 || e.Wait != wait || e.GaveUp {
			t.Errorf("%+v, want attempt %d/3 and %v", e, i+1, wait)
		}
		actortest.Eventually(t, "the next attempt is armed", func() bool { return strings.Contains(fmt.Sprint(clock.Pending()), wait.String()) })
		clock.Advance(wait)
	}
	last := actortest.Await[messages.ConnectFailed](t, rec, 3, nil)
	if !last.GaveUp || last.Wait != 8*time.Second {
		t.Errorf("%+v", last)
	}
	out := <-waiting
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if out.Failure.RetryAfter != 8*time.Second || !strings.Contains(out.Failure.Message, "connection refused (3)") {
		t.Errorf("failure %+v", out.Failure)
	}
	actortest.Eventually(t, "the status shows it", func() bool { s, _ := r.Status("a"); return s.State == messages.StateError })
	s, _ := r.Status("a")
	if s.Reason == "" || !s.NextAttempt.Equal(clock.Now().Add(8*time.Second)) {
		t.Errorf("status %+v", s)
	}
	// A call is worth one attempt at once; that the server is still broken is
	// told within that attempt, not after another burst.
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	if n := servers["a"].Attempts(); n != 4 {
		t.Errorf("%d attempts, want 4", n)
	}
	mended.Store(true)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Errorf("mended, but: %v", out.Failure)
	}
	actortest.Eventually(t, "the status shows it", func() bool {
		s, _ := r.Status("a")
		return s.State == messages.StateConnected && s.Reason == ""
	})
}

func TestUpstream_OneAttemptPerWindowFollowsByItself(t *testing.T) {
	var mended atomic.Bool
	servers := actortest.Dialer{"a": {Dial: func(context.Context, int) error {
		if mended.Load() {
			return nil
		}
		return errors.New("refused")
	}}}
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock, o.Jitter = clock, func() float64 { return 0.5 } })
	spec := actortest.Spec("a")
	spec.Policy.RetryAttempts = 1
	apply(t, r, spec)
	actortest.Await[messages.ConnectFailed](t, rec, 1, nil)
	actortest.Eventually(t, "armed", func() bool { return len(clock.Pending()) == 1 })
	mended.Store(true)
	clock.Advance(2 * time.Second)
	actortest.Await(t, rec, 1, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
}

func TestUpstream_KilledInMidCallAnswersAtOnceAndTheNextCallSucceeds(t *testing.T) {
	servers := actortest.Dialer{"a": hanging(), "b": hanging()}
	r, rec := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"), actortest.Spec("b"))
	connect(t, r, "a", "b")
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	f := fly(t, r, actortest.Dialer{"a": servers["a"]}, 1, nil)
	others := fly(t, r, actortest.Dialer{"b": servers["b"]}, 32, nil)
	servers["a"].Last().Break()
	out := <-f.results["a"][0]
	wantKind(t, out, messages.KindUnavailable, messages.SentUnknown)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Errorf("the next call: %v", out.Failure)
	}
	if e := actortest.Await[messages.LinkLost](t, rec, 1, nil); e.Server != "a" || !strings.Contains(e.Reason, "reset") {
		t.Errorf("%+v", e)
	}
	if n := servers["b"].Last().InFlight.Load(); n != 32 {
		t.Errorf("%d of 32 callers of the other server are still served", n)
	}
	for i := range others.results["b"] {
		select {
		case out := <-others.results["b"][i]:
			t.Errorf("a caller of the other server was answered %+v", out.Failure)
		default:
		}
	}
}

func TestUpstream_APanicIsOneRestartAndNobodyElseNotices(t *testing.T) {
	servers := actortest.Dialer{"a": hanging(), "b": hanging()}
	r, rec := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"), actortest.Spec("b"))
	connect(t, r, "a", "b")
	sibling := upstreamPath(t, r, "b")
	victim := upstreamPath(t, r, "a")
	f := fly(t, r, actortest.Dialer{"a": servers["a"]}, 8, nil)
	if err := r.Crash(victim, "a bug"); err != nil {
		t.Fatal(err)
	}
	for _, done := range f.results["a"] {
		wantKind(t, <-done, messages.KindUnavailable, messages.SentUnknown)
	}
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Errorf("after the restart: %v", out.Failure)
	}
	var told []string
	for _, e := range actortest.Of[messages.ActorRestarted](rec) {
		told = append(told, e.String())
	}
	if got := fmt.Sprint(told); got != "[restart "+victim+"]" {
		t.Errorf("supervision events %s", got)
	}
	if now := upstreamPath(t, r, "b"); now != sibling {
		t.Errorf("the sibling became %s, was %s", now, sibling)
	}
	if n := servers["b"].Attempts(); n != 1 {
		t.Errorf("the sibling connected %d times", n)
	}
	actortest.Eventually(t, "the former connection is closed", func() bool { return servers["a"].Open() == 1 })
}

func TestUpstream_PastItsRestartBudgetANewGenerationTakesOver(t *testing.T) {
	servers := actortest.Dialer{"a": {}}
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	first := upstreamPath(t, r, "a")
	for i := range 6 {
		if err := r.Crash(first, "a bug"); err != nil {
			t.Fatal(err)
		}
		if i < 5 {
			actortest.Await[messages.ActorRestarted](t, rec, i+1, nil)
		}
	}
	if e := actortest.Await[messages.ActorStopped](t, rec, 1, nil); e.Path != first {
		t.Errorf("stopped %s", e.Path)
	}
	if c, ok := r.Directory().Catalog("a"); !ok || len(c.Tools) != 1 {
		t.Error("the last catalog is lost")
	}
	actortest.Eventually(t, "the pause is armed", func() bool {
		clock.Advance(time.Second)
		now := paths(r, "upstream:a#")
		return len(now) == 1 && now[0] != first
	})
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
}

func TestUpstream_KilledByItsPathIsSucceededByANewGeneration(t *testing.T) {
	servers := actortest.Dialer{"a": hanging()}
	r, _ := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	f := fly(t, r, servers, 1, nil)
	was := upstreamPath(t, r, "a")
	if err := r.Kill(was); err != nil {
		t.Fatal(err)
	}
	wantKind(t, <-f.results["a"][0], messages.KindUnavailable, messages.SentUnknown)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	if now := upstreamPath(t, r, "a"); now == was {
		t.Error("the name was used twice")
	}
}

func TestLink_KilledOrCrashedIsReplaced(t *testing.T) {
	for name, end := range map[string]func(*actors.Runtime, string) error{
		"kill":  func(r *actors.Runtime, path string) error { return r.Kill(path) },
		"crash": func(r *actors.Runtime, path string) error { return r.Crash(path, "a bug") },
	} {
		t.Run(name, func(t *testing.T) {
			servers := actortest.Dialer{"a": hanging()}
			r, _ := start(t, servers, nil)
			apply(t, r, actortest.Spec("a"))
			connect(t, r, "a")
			if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
				t.Fatal(out.Failure)
			}
			f := fly(t, r, servers, 1, nil)
			was := paths(r, "l")
			if err := end(r, was[0]); err != nil {
				t.Fatal(err)
			}
			wantKind(t, <-f.results["a"][0], messages.KindUnavailable, messages.SentUnknown)
			if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
				t.Error(out.Failure)
			}
			actortest.Eventually(t, "one connection is open", func() bool { return servers["a"].Open() == 1 })
			if now := paths(r, "l"); len(now) != 1 || now[0] == was[0] {
				t.Errorf("links %v, was %v", now, was)
			}
		})
	}
}

func TestUpstream_ACrashLoopGrowsItsDelaysUntilSomebodyWasServed(t *testing.T) {
	servers := actortest.Dialer{"a": {}}
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock, o.Jitter = clock, func() float64 { return 0.5 } })
	apply(t, r, actortest.Spec("a"))
	for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second} {
		actortest.Await(t, rec, i+1, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
		servers["a"].Last().Break()
		if e := actortest.Await[messages.ConnectFailed](t, rec, i+1, nil); e.Wait != wait {
			t.Errorf("%+v, want %v", e, wait)
		}
		actortest.Eventually(t, "armed", func() bool { return strings.Contains(fmt.Sprint(clock.Pending()), wait.String()) })
		clock.Advance(wait)
	}
	actortest.Await(t, rec, 4, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Eventually(t, "the session has ended", func() bool { return len(paths(r, "s")) == 0 })
	servers["a"].Last().Break()
	actortest.Await(t, rec, 5, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
	if n := len(actortest.Of[messages.ConnectFailed](rec)); n != 3 {
		t.Errorf("a server that had served counts as failed: %d failures", n)
	}
}

func TestDisconnect_KeepsTheEntryAndCallsDoNotReconnect(t *testing.T) {
	servers := actortest.Dialer{"a": {}}
	r, rec := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"))
	actortest.Await(t, rec, 1, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
	connect(t, r, "a")
	if n := len(actortest.Of[messages.AlreadyConnected](rec)); n != 1 {
		t.Errorf("%d times already connected, want 1", n)
	}
	if was, err := r.Disconnect(context.Background(), "a"); !was || err != nil {
		t.Fatalf("disconnect: %v, %v", was, err)
	}
	if s, ok := r.Status("a"); !ok || s.State != messages.StateDisconnected || !s.Stale {
		t.Errorf("status %+v", s)
	}
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	if n := servers["a"].Attempts(); n != 1 || servers["a"].Open() != 0 {
		t.Errorf("%d attempts, %d open", n, servers["a"].Open())
	}
	if was, err := r.Disconnect(context.Background(), "a"); was || err != nil {
		t.Errorf("again: %v, %v", was, err)
	}
	if was, err := r.Disconnect(context.Background(), "nobody"); was || err != nil {
		t.Errorf("unknown: %v, %v", was, err)
	}
	if n := len(actortest.Of[messages.NotConnected](rec)); n != 2 {
		t.Errorf("%d times not connected, want 2", n)
	}
	connect(t, r, "a")
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	if r.Connected() != 1 {
		t.Errorf("%d connected", r.Connected())
	}
}

func TestDisconnect_DrainsAndTellsAFailingClose(t *testing.T) {
	s := hanging()
	s.Close = func(context.Context) error { return errors.New("DELETE answered 500") }
	servers := actortest.Dialer{"a": s}
	r, rec := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	f := fly(t, r, servers, 1, nil)
	type reply struct {
		was bool
		err error
	}
	done := make(chan reply, 2)
	for range 2 {
		go func() {
			was, err := r.Disconnect(context.Background(), "a")
			done <- reply{was, err}
		}()
	}
	actortest.Await(t, rec, 1, func(e messages.StateChanged) bool { return e.New == messages.StateDisconnected })
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	f.cancels["a"][0]()
	told := 0
	for range 2 {
		// One that comes when all is over finds nothing to disconnect.
		if d := <-done; d.was {
			told++
			if d.err == nil || !strings.Contains(d.err.Error(), "DELETE answered 500") {
				t.Errorf("disconnect told %v", d.err)
			}
		}
	}
	if told == 0 {
		t.Error("nobody was told")
	}
	if err := r.Connect(context.Background(), "a"); err != nil {
		t.Error(err)
	}
}

func TestDisconnect_WhileConnectingAndWhileFailed(t *testing.T) {
	servers := actortest.Dialer{
		"slow": {Dial: func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }},
		"dead": {Dial: func(context.Context, int) error { return errors.New("refused") }},
	}
	r, _ := start(t, servers, nil)
	dead := actortest.Spec("dead")
	dead.Policy.RetryAttempts = 1
	apply(t, r, actortest.Spec("slow"), dead)
	if err := r.Connect(context.Background(), "dead"); err == nil {
		t.Error("connecting a dead server succeeded")
	}
	for name := range servers {
		if was, err := r.Disconnect(context.Background(), name); !was || err != nil {
			t.Errorf("%s: %v, %v", name, was, err)
		}
		if s, _ := r.Status(name); s.State != messages.StateDisconnected {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
