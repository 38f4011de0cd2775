package actors_test

import (
	"context"
	"errors"
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

func TestReload_DoesNotDropCallsOfUnchangedServersAndFinishesThoseOfChangedOnes(t *testing.T) {
	servers := actortest.Dialer{"same": hanging(), "changed": hanging(), "removed": hanging(), "added": {}}
	r, _ := start(t, servers, nil)
	same, changed, removed := actortest.Spec("same"), actortest.Spec("changed"), actortest.Spec("removed")
	apply(t, r, same, changed, removed)
	connect(t, r, "same", "changed", "removed")
	f := fly(t, r, actortest.Dialer{"same": servers["same"], "changed": servers["changed"]}, 1, nil)
	sameWas, changedWas := upstreamPath(t, r, "same"), upstreamPath(t, r, "changed")

	changed.Args = []string{"--new"}
	d := apply(t, r, same, changed, actortest.Spec("added"))
	if got := fmt.Sprintf("%v %v %v %v", d.Added, d.Changed, d.Removed, d.Unchanged); got != "[added] [changed] [removed] [same]" {
		t.Errorf("difference %s", got)
	}
	actortest.Eventually(t, "the new generation is connected and serves", func() bool {
		s, _ := r.Status("changed")
		return servers["changed"].Attempts() == 2 && s.State == messages.StateConnected && len(paths(r, "upstream:changed#")) == 2 &&
			!strings.HasSuffix(changedWas, fmt.Sprintf("#%d", s.Generation))
	})
	if out := r.Call(context.Background(), call("changed"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	if got := upstreamPath(t, r, "same"); got != sameWas || servers["same"].Attempts() != 1 {
		t.Errorf("the unchanged server became %s, was %s", got, sameWas)
	}
	actortest.Eventually(t, "the removed server is gone", func() bool {
		_, known := r.Status("removed")
		return !known && servers["removed"].Open() == 0 && len(paths(r, "upstream:removed#")) == 0
	})
	wantKind(t, r.Call(context.Background(), call("removed"), messages.Discard), messages.KindUnknownUpstream, messages.SentNo)
	// The call in flight on the old generation was not disturbed, and ends it when it ends.
	select {
	case out := <-f.results["changed"][0]:
		t.Fatalf("the call of the changed server ended: %+v", out.Failure)
	default:
	}
	f.cancels["changed"][0]()
	wantKind(t, <-f.results["changed"][0], messages.KindCancelled, messages.SentUnknown)
	actortest.Eventually(t, "the old generation is gone", func() bool {
		return len(paths(r, "upstream:changed#")) == 1 && servers["changed"].Open() == 1
	})
}

func TestReload_TheOldServesOnWhileTheNewDoesNotConnect(t *testing.T) {
	servers := actortest.Dialer{"a": {Dial: func(_ context.Context, n int) error {
		if n > 1 && n < 5 {
			return errors.New("no such command")
		}
		return nil
	}}}
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	spec := actortest.Spec("a")
	spec.Policy.RetryAttempts = 1
	apply(t, r, spec)
	connect(t, r, "a")
	was := upstreamPath(t, r, "a")
	spec.Args = []string{"--broken"}
	apply(t, r, spec)
	actortest.Await[messages.ConnectFailed](t, rec, 1, nil)
	actortest.Eventually(t, "the status says why", func() bool {
		s, _ := r.Status("a")
		return s.State == messages.StateConnected && strings.Contains(s.Notice, "no such command")
	})
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	// Changed once more, to something that connects.
	spec.Args = []string{"--mended"}
	apply(t, r, spec)
	actortest.Eventually(t, "the mended one serves alone", func() bool {
		clock.Advance(time.Minute)
		s, _ := r.Status("a")
		now := paths(r, "upstream:a#")
		return s.State == messages.StateConnected && s.Notice == "" && len(now) == 1 && now[0] != was
	})
}

func TestReload_AnExclusiveServerIsDrainedFirst(t *testing.T) {
	var open, most atomic.Int64
	s := &actortest.Server{}
	s.Dial = func(context.Context, int) error {
		most.Store(max(most.Load(), open.Add(1)))
		return nil
	}
	s.Close = func(context.Context) error { open.Add(-1); return nil }
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	spec := actortest.Spec("a")
	spec.Exclusive = true
	apply(t, r, spec)
	connect(t, r, "a")
	for i := range 3 {
		spec.Args = []string{fmt.Sprint(i)}
		apply(t, r, spec)
		actortest.Eventually(t, "connected anew", func() bool {
			st, _ := r.Status("a")
			return st.State == messages.StateConnected && s.Attempts() == i+2
		})
	}
	if n := most.Load(); n != 1 {
		t.Errorf("%d connections at once, want one ever", n)
	}
}

func TestReload_EnablesAndDisables(t *testing.T) {
	servers := actortest.Dialer{"a": {}}
	r, _ := start(t, servers, nil)
	on, off := actortest.Spec("a"), actortest.Spec("a")
	off.Disabled = true
	apply(t, r, off)
	if servers["a"].Attempts() != 0 {
		t.Error("a disabled server was connected")
	}
	apply(t, r, on)
	connect(t, r, "a")
	apply(t, r, off)
	actortest.Eventually(t, "closed", func() bool { return servers["a"].Open() == 0 && len(paths(r, "upstream:a#")) == 0 })
	wantKind(t, r.Call(context.Background(), call("a"), messages.Discard), messages.KindForbidden, messages.SentNo)
}

func TestReload_UnderLoadNoCallFails(t *testing.T) {
	servers := actortest.Dialer{"same": {}, "changed": {}}
	r, _ := start(t, servers, nil)
	same, changed := actortest.Spec("same"), actortest.Spec("changed")
	apply(t, r, same, changed)
	connect(t, r, "same", "changed")
	stop := make(chan struct{})
	var done, failed atomic.Int64
	var wg sync.WaitGroup
	for _, name := range []string{"same", "changed", "same", "changed"} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if out := r.Call(context.Background(), call(name), messages.Discard); out.Failure != nil {
					failed.Add(1)
					t.Errorf("%s: %v (%v, sent %v)", name, out.Failure, out.Failure.Kind, out.Failure.Sent)
				}
				done.Add(1)
			}
		})
	}
	for i := range 20 {
		changed.Args = []string{fmt.Sprint(i)}
		apply(t, r, same, changed)
		before := done.Load()
		actortest.Eventually(t, "calls go on and the reload is through", func() bool {
			return done.Load() > before+50 && servers["changed"].Attempts() == i+2 && servers["changed"].Open() == 1
		})
	}
	close(stop)
	wg.Wait()
	t.Logf("%d calls during 20 reloads, %d failed", done.Load(), failed.Load())
}

func TestClose_ThreeAtOnceUnderLoadWithOneHungAndOneFailing(t *testing.T) {
	hung, failing := hanging(), hanging()
	hung.Close = func(ctx context.Context) error {
		killed := time.NewTimer(100 * time.Millisecond) // of kill_after, most is for a machine that is busy
		defer killed.Stop()
		select {
		case <-ctx.Done():
			return errors.New("nobody was killed")
		case <-killed.C:
			return errors.New("ignored end of input and SIGTERM; killed")
		}
	}
	failing.Close = func(context.Context) error { return errors.New("DELETE answered 500") }
	servers := actortest.Dialer{"hung": hung, "failing": failing, "ok": hanging()}
	limits := messages.DefaultLimits()
	limits.CloseTimeout = 12 * time.Second
	r, rec := start(t, servers, func(o *actors.Options) { o.Limits = limits })
	var specs []messages.ServerSpec
	for name := range servers {
		s := actortest.Spec(name)
		s.Policy.KillAfter = 10 * time.Second // which leaves one for calls in flight, that never end
		specs = append(specs, s)
	}
	apply(t, r, specs...)
	connect(t, r, "hung", "failing", "ok")
	f := fly(t, r, servers, 4, nil)
	id, err := r.OpenClient(context.Background(), messages.ClientSpec{})
	if err != nil {
		t.Fatal(err)
	}

	began := time.Now()
	reports := make(chan messages.CloseReport, 3)
	for range 3 {
		go func() { reports <- r.Close() }()
	}
	for range 3 {
		report := <-reports
		if report.Closed != 1 || len(report.Errors) != 2 ||
			!strings.Contains(report.Errors["hung"], "killed") || !strings.Contains(report.Errors["failing"], "500") {
			t.Errorf("report %+v", report)
		}
	}
	t.Logf("three closes took %v of %v", time.Since(began).Round(time.Millisecond), limits.CloseTimeout)
	for _, results := range f.results {
		for _, done := range results {
			wantKind(t, <-done, messages.KindUnavailable, messages.SentUnknown)
		}
	}
	again := time.Now()
	if report := r.Close(); report.Closed != 1 {
		t.Errorf("the fourth report %+v", report)
	}
	t.Logf("a fourth took %v", time.Since(again))
	if _, err := r.CheckClient(id, messages.Anonymous); err == nil {
		t.Error("a client session outlived the close")
	}
	if len(r.Statuses()) != 0 || len(r.Directory().Servers) != 0 || r.Connected() != 0 {
		t.Errorf("left: %v", r.Statuses())
	}
	wantKind(t, r.Call(context.Background(), call("ok"), messages.Discard), messages.KindUnavailable, messages.SentNo)
	if n := len(actortest.Of[messages.ClosedAll](rec)); n != 1 {
		t.Errorf("closed %d times", n)
	}
}

func TestClose_AnActorThatDoesNotCloseInTimeIsStoppedAndNamed(t *testing.T) {
	release := make(chan struct{})
	stuck := &actortest.Server{Close: func(context.Context) error { <-release; return nil }}
	limits := messages.DefaultLimits()
	limits.CloseTimeout = time.Second
	r, rec := start(t, actortest.Dialer{"stuck": stuck}, func(o *actors.Options) { o.Limits = limits })
	apply(t, r, actortest.Spec("stuck"))
	connect(t, r, "stuck")
	go func() {
		actortest.Await[messages.ClosedAll](t, rec, 1, nil)
		close(release)
	}()
	report := r.Close()
	if !strings.Contains(report.Errors["stuck"], "stopped by force") {
		t.Errorf("report %+v", report)
	}
}

func TestClose_OfAnEmptyRuntimeAndTwice(t *testing.T) {
	r, _ := start(t, actortest.Dialer{}, nil)
	for range 2 {
		if report := r.Close(); report.Closed != 0 || len(report.Errors) != 0 {
			t.Errorf("report %+v", report)
		}
	}
	if _, err := r.OpenClient(context.Background(), messages.ClientSpec{}); err == nil {
		t.Error("a session was opened after the close")
	}
}
