package actors_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

func TestCall_ReturnsTheUpstreamsOwnBytes(t *testing.T) {
	r, _ := start(t, actortest.Dialer{"fs": {}}, nil)
	apply(t, r, actortest.Spec("fs"))
	out := r.Call(context.Background(), call("fs"), messages.Discard)
	if got := string(out.Result); got != string(call("fs").Request.Params) {
		t.Fatalf("result %s, failure %v", got, out.Failure)
	}
}

func TestCall_NamesWhatExistsWhenTheServerIsUnknown(t *testing.T) {
	r, _ := start(t, actortest.Dialer{"fs": {}, "db": {}}, nil)
	apply(t, r, actortest.Spec("fs"), actortest.Spec("db"))
	out := r.Call(context.Background(), call("fsx"), messages.Discard)
	wantKind(t, out, messages.KindUnknownUpstream, messages.SentNo)
	if got := strings.Join(out.Failure.Available, " "); got != "db fs" {
		t.Errorf("available %q", got)
	}
}

func TestCall_RefusesDisabledServersAndTools(t *testing.T) {
	r, _ := start(t, actortest.Dialer{"fs": {}, "off": {}}, nil)
	fs, off := actortest.Spec("fs"), actortest.Spec("off")
	fs.DisabledTools, off.Disabled = []string{"echo"}, true
	apply(t, r, fs, off)
	wantKind(t, r.Call(context.Background(), call("fs"), messages.Discard), messages.KindForbidden, messages.SentNo)
	wantKind(t, r.Call(context.Background(), call("off"), messages.Discard), messages.KindForbidden, messages.SentNo)
	if f := r.Allowed(messages.Anonymous, "fs", "other"); f != nil {
		t.Errorf("another tool of the server: %v", f)
	}
	if s, _ := r.Status("off"); !s.Disabled || s.State != messages.StateDisconnected {
		t.Errorf("status of a disabled server: %+v", s)
	}
	if got := r.Directory().Servers; len(got) != 1 || got[0] != "fs" {
		t.Errorf("the directory lists %v", got)
	}
}

// flight starts n calls of the tool "hang" on each server and waits until all
// are with their upstreams.
type flight struct {
	results map[string][]chan messages.Outcome
	cancels map[string][]context.CancelFunc
}

func fly(t *testing.T, r *actors.Runtime, servers actortest.Dialer, n int, shape func(*messages.Call)) flight {
	t.Helper()
	f := flight{map[string][]chan messages.Outcome{}, map[string][]context.CancelFunc{}}
	for name, s := range servers {
		for range n {
			ctx, cancel := context.WithCancel(context.Background())
			t.Cleanup(cancel)
			done := make(chan messages.Outcome, 1)
			c := call(name)
			c.Request.Name = "hang"
			if shape != nil {
				shape(&c)
			}
			go func() { done <- r.Call(ctx, c, messages.Discard) }()
			f.results[name] = append(f.results[name], done)
			f.cancels[name] = append(f.cancels[name], cancel)
		}
		actortest.Eventually(t, "all calls are with "+name, func() bool {
			return s.Last() != nil && int(s.Last().InFlight.Load()) == n
		})
	}
	return f
}

// The four ways in which one session of many ends: by its path, by its client,
// by its deadline, by a bug in it. Exactly its upstream request is cancelled,
// its caller is answered, its credit is back, and the others complete.
func TestSession_EndsAloneAmong64(t *testing.T) {
	const perServer = 32
	for _, tc := range []struct {
		name string
		kind messages.Kind
		end  func(t *testing.T, r *actors.Runtime, f flight, path string)
	}{
		{"killed by its path", messages.KindUnavailable, func(t *testing.T, r *actors.Runtime, _ flight, path string) {
			if err := r.Kill(path); err != nil {
				t.Fatal(err)
			}
		}},
		{"panic inside it", messages.KindInternal, func(t *testing.T, r *actors.Runtime, _ flight, path string) {
			if err := r.Crash(path, "a bug"); err != nil {
				t.Fatal(err)
			}
		}},
		{"cancelled by its client", messages.KindCancelled, func(_ *testing.T, _ *actors.Runtime, f flight, _ string) {
			f.cancels["a"][0]()
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			servers := actortest.Dialer{"a": hanging(), "b": hanging()}
			r, rec := start(t, servers, nil)
			a, b := actortest.Spec("a"), actortest.Spec("b")
			a.Policy.MaxConcurrency, b.Policy.MaxConcurrency = perServer, perServer
			apply(t, r, a, b)
			connect(t, r, "a", "b")
			f := fly(t, r, servers, perServer, nil)
			sessions := paths(r, "s")
			if len(sessions) != 2*perServer {
				t.Fatalf("%d sessions live, want %d", len(sessions), 2*perServer)
			}
			victim := ""
			for _, p := range sessions {
				if strings.Contains(p, "upstream:a#") {
					victim = p
					break
				}
			}
			tc.end(t, r, f, victim)

			// Somebody on a was answered, and nobody else.
			out := first(t, f.results["a"])
			wantKind(t, out, tc.kind, messages.SentUnknown)
			actortest.Eventually(t, "its request is cancelled upstream", func() bool { return servers["a"].Last().Cancelled.Load() == 1 })
			// Its credit is back: the server was full, and takes one more call.
			if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
				t.Errorf("the credit did not come back: %v", out.Failure)
			}
			if got := len(paths(r, "s")); got != 2*perServer-1 {
				t.Errorf("%d sessions live, want %d", got, 2*perServer-1)
			}
			if n := servers["b"].Last().Cancelled.Load(); n != 0 {
				t.Errorf("%d requests of the other server were cancelled", n)
			}
			// The others complete: the servers go away under them, typed.
			servers["a"].Last().Break()
			servers["b"].Last().Break()
			if n := rest(t, f); n != 2*perServer-1 {
				t.Errorf("%d others were answered, want %d", n, 2*perServer-1)
			}
			for _, e := range actortest.Of[messages.ActorRestarted](rec) {
				t.Errorf("restarted: %v", e)
			}
			if stops := actortest.Of[messages.ActorStopped](rec); tc.kind == messages.KindInternal && (len(stops) != 1 || stops[0].Path != victim) {
				t.Errorf("stopped: %v, want %s", stops, victim)
			}
		})
	}
}

func first(t *testing.T, results []chan messages.Outcome) messages.Outcome {
	t.Helper()
	got := make(chan messages.Outcome, 1)
	actortest.Eventually(t, "one call is answered", func() bool {
		for _, c := range results {
			select {
			case out := <-c:
				got <- out
				return true
			default:
			}
		}
		return false
	})
	return <-got
}

func rest(t *testing.T, f flight) int {
	t.Helper()
	n := 0
	actortest.Eventually(t, "the others are answered", func() bool {
		for _, results := range f.results {
			for _, c := range results {
				select {
				case <-c:
					n++
				default:
				}
			}
		}
		return n >= 63
	})
	return n
}

func TestSession_DeadlineAnswersTimeoutAndCancelsTheRequest(t *testing.T) {
	servers := actortest.Dialer{"a": hanging()}
	clock := actortest.NewClock()
	r, _ := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	f := fly(t, r, servers, 2, nil)
	short := make(chan messages.Outcome, 1)
	go func() {
		c := call("a")
		c.Request.Name, c.Timeout = "hang", 5*time.Second
		short <- r.Call(context.Background(), c, messages.Discard)
	}()
	actortest.Eventually(t, "three calls are in flight", func() bool { return servers["a"].Last().InFlight.Load() == 3 })
	clock.Advance(5 * time.Second)
	out := <-short
	wantKind(t, out, messages.KindTimeout, messages.SentUnknown)
	if want := `server "a" did not answer tools/call within 5s`; out.Failure.Message != want {
		t.Errorf("message %q, want %q", out.Failure.Message, want)
	}
	if n := servers["a"].Last().Cancelled.Load(); n != 1 {
		t.Errorf("%d requests were cancelled, want 1", n)
	}
	clock.Advance(55 * time.Second)
	for _, done := range f.results["a"] {
		wantKind(t, <-done, messages.KindTimeout, messages.SentUnknown)
	}
}

func TestSession_ProgressExtendsTheDeadlineUpToTheAbsoluteOne(t *testing.T) {
	tick := make(chan struct{})
	servers := actortest.Dialer{"a": {Do: func(ctx context.Context, c *actortest.Conn, _ messages.Request, sink messages.Sink) messages.Outcome {
		for {
			select {
			case <-tick:
				if err := sink.Notify(messages.Notification{Method: "notifications/progress"}); err != nil {
					return messages.Outcome{Failure: messages.Failf(messages.KindInternal, "a", "%v", err)}
				}
				tick <- struct{}{}
			case <-ctx.Done():
				return c.Hang(ctx)
			}
		}
	}}}
	clock := actortest.NewClock()
	r, _ := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	spec := actortest.Spec("a")
	spec.Policy.RequestTimeout, spec.Policy.RequestTimeoutMax = 10*time.Second, 25*time.Second
	apply(t, r, spec)
	connect(t, r, "a")
	done := make(chan messages.Outcome, 1)
	go func() { done <- r.Call(context.Background(), call("a"), messages.Discard) }()
	actortest.Eventually(t, "in flight", func() bool { return servers["a"].Last().InFlight.Load() == 1 })
	for range 2 { // 9 s and 18 s: past the first deadline, kept alive by progress
		clock.Advance(9 * time.Second)
		tick <- struct{}{}
		<-tick
	}
	select {
	case out := <-done:
		t.Fatalf("ended in spite of progress: %+v", out.Failure)
	default:
	}
	clock.Advance(7 * time.Second) // 25 s: the absolute one
	wantKind(t, <-done, messages.KindTimeout, messages.SentUnknown)
}

func TestCall_APanicOfTheLinkOrTheSinkFailsThatCallOnly(t *testing.T) {
	servers := actortest.Dialer{"a": {Do: func(_ context.Context, _ *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
		if req.Name == "crash" {
			panic("bug in the link")
		}
		_ = sink.Notify(messages.Notification{Method: "notifications/message"})
		return messages.Outcome{Result: req.Params}
	}}}
	r, rec := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"))
	c := call("a")
	c.Request.Name = "crash"
	wantKind(t, r.Call(context.Background(), c, messages.Discard), messages.KindInternal, messages.SentUnknown)
	bad := messages.SinkFunc(func(messages.Notification) error { panic("bug in the front") })
	wantKind(t, r.Call(context.Background(), call("a"), bad), messages.KindInternal, messages.SentUnknown)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	if n := len(actortest.Of[messages.ActorStopped](rec)); n != 0 {
		t.Errorf("%d actors were stopped", n)
	}
}

func TestCall_OverflowIsAnsweredAtOnceAndTheQueueIsServedInOrder(t *testing.T) {
	release := make(chan struct{})
	var mu sync.Mutex
	var served []string
	servers := actortest.Dialer{"a": {Do: func(_ context.Context, _ *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		<-release
		mu.Lock()
		defer mu.Unlock()
		served = append(served, req.Name)
		return messages.Outcome{Result: req.Params}
	}}}
	r, _ := start(t, servers, nil)
	spec := actortest.Spec("a")
	spec.Policy.MaxConcurrency, spec.Policy.MaxQueue = 1, 3
	apply(t, r, spec)
	connect(t, r, "a")
	var wg sync.WaitGroup
	for i := range 4 {
		c := call("a")
		c.Request.Name = fmt.Sprint(i)
		wg.Go(func() {
			if out := r.Call(context.Background(), c, messages.Discard); out.Failure != nil {
				t.Error(out.Failure)
			}
		})
		actortest.Eventually(t, "the call has its session", func() bool { return len(paths(r, "s")) == i+1 })
	}
	out := r.Call(context.Background(), call("a"), messages.Discard)
	wantKind(t, out, messages.KindOverloaded, messages.SentNo)
	if out.Failure.RetryAfter <= 0 {
		t.Error("an overloaded answer says when to come back")
	}
	close(release)
	wg.Wait()
	if got := strings.Join(served, " "); got != "0 1 2 3" {
		t.Errorf("served %s, want the order of arrival", got)
	}
}

func TestCall_ACallerWhoGivesUpWhileWaitingFreesItsPlace(t *testing.T) {
	servers := actortest.Dialer{"a": hanging()}
	r, _ := start(t, servers, nil)
	spec := actortest.Spec("a")
	spec.Policy.MaxConcurrency, spec.Policy.MaxQueue = 1, 1
	apply(t, r, spec)
	connect(t, r, "a")
	f := fly(t, r, servers, 1, nil)
	ctx, cancel := context.WithCancel(context.Background())
	waiting := make(chan messages.Outcome, 1)
	go func() { waiting <- r.Call(ctx, call("a"), messages.Discard) }()
	actortest.Eventually(t, "it waits", func() bool { return len(paths(r, "s")) == 2 })
	cancel()
	wantKind(t, <-waiting, messages.KindCancelled, messages.SentNo)
	next := make(chan messages.Outcome, 1)
	go func() { next <- r.Call(context.Background(), call("a"), messages.Discard) }()
	actortest.Eventually(t, "the next one waits in its place", func() bool { return len(paths(r, "s")) == 2 })
	f.cancels["a"][0]()
	if out := <-next; out.Failure != nil {
		t.Error(out.Failure)
	}
}

func TestCall_TellsTheCausesOfItsContext(t *testing.T) {
	servers := actortest.Dialer{"a": hanging()}
	r, _ := start(t, servers, nil)
	apply(t, r, actortest.Spec("a"))
	connect(t, r, "a")
	c := call("a")
	c.Request.Name = "hang"

	ctx, cancel := context.WithCancelCause(context.Background())
	done := make(chan messages.Outcome, 1)
	go func() { done <- r.Call(ctx, c, messages.Discard) }()
	actortest.Eventually(t, "in flight", func() bool { return servers["a"].Last().InFlight.Load() == 1 })
	cancel(messages.Failf(messages.KindCancelled, "", "cancelled: not needed any more"))
	out := <-done
	wantKind(t, out, messages.KindCancelled, messages.SentUnknown)
	if out.Failure.Message != "cancelled: not needed any more" || out.Failure.Server != "a" {
		t.Errorf("failure %+v", out.Failure)
	}

	past, cancelPast := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancelPast()
	out = r.Call(past, c, messages.Discard)
	wantKind(t, out, messages.KindTimeout, messages.SentNo)
	if err := out.Err(); !errors.Is(err, out.Failure) {
		t.Errorf("Err() is %v", err)
	}
}
