package actors_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// still is a runtime whose clock stands and whose delays do not vary.
func still(t testing.TB, servers actortest.Dialer) (*actors.Runtime, *actortest.Recorder, *actortest.Clock) {
	t.Helper()
	clock := actortest.NewClock()
	r, rec := start(t, servers, func(o *actors.Options) { o.Clock, o.Jitter = clock, func() float64 { return 0.5 } })
	return r, rec, clock
}

// pass waits until a timer runs for d, and lets that pass.
func pass(t testing.TB, clock *actortest.Clock, d time.Duration) {
	t.Helper()
	actortest.Eventually(t, fmt.Sprintf("a timer of %v is armed", d), func() bool { return slices.Contains(clock.Pending(), fmt.Sprint(d)) })
	clock.Advance(d)
}

func of(c messages.Call, principal string) messages.Call {
	c.Principal.Name = principal
	return c
}

func TestPool_IdleConnectionsOfCallersGoThoseOfLivingSessionsStay(t *testing.T) {
	s := tallying()
	servers := actortest.Dialer{"a": s}
	r, _, clock := still(t, servers)
	spec := isolated("a", messages.IsolationClient, nil)
	apply(t, r, spec)
	connect(t, r, "a")
	session := call("a")
	session.Client = openClient(t, r)
	kept := counts(t, r, session)
	alice, bob := counts(t, r, of(call("a"), "alice")), counts(t, r, of(call("a"), "bob"))
	conns := s.Conns()
	sessions(t, r, 0)
	ttl := spec.Policy.PoolIdleTTL
	clock.Advance(ttl - time.Second)
	counts(t, r, of(call("a"), "bob")) // bob's is not idle for so long
	sessions(t, r, 0)
	actortest.Eventually(t, "alice's is closed", func() bool {
		if clock.Due(ttl / 8) {
			clock.Advance(time.Second)
		}
		return !conns[alice.Connection-1].IsOpen()
	})
	if !conns[bob.Connection-1].IsOpen() || !conns[kept.Connection-1].IsOpen() {
		t.Error("one that was used since, or that a client session owns, is closed, too")
	}
	actortest.Eventually(t, "bob's is closed", func() bool {
		clock.Advance(ttl / 8)
		return !conns[bob.Connection-1].IsOpen()
	})
	for range 16 {
		clock.Advance(ttl / 8)
	}
	if got := counts(t, r, session); got != (counted{kept.Connection, 2}) {
		t.Errorf("the client session found %+v", got)
	}
	if got := counts(t, r, of(call("a"), "alice")); got.Count != 1 {
		t.Errorf("alice found %+v", got)
	}
}

func TestPool_WhoFindsItFullIsToldAfterConnectionTimeoutAndNothingWasSent(t *testing.T) {
	s := tallying()
	servers := actortest.Dialer{"a": s}
	r, _, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) {
		s.Policy.PoolMax, s.Policy.ConnectionTimeout = 1, 20*time.Second
	}))
	connect(t, r, "a")
	counts(t, r, of(call("a"), "alice"))
	sessions(t, r, 0)
	bob := background(r, of(call("a"), "bob"))
	sessions(t, r, 1)
	pass(t, clock, 20*time.Second)
	out := <-bob
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if want := `server "a": no connection was free within 20s`; out.Failure.Message != want || out.Failure.After != 20*time.Second {
		t.Errorf("failure %+v, want %q", out.Failure, want)
	}
	if got := counts(t, r, of(call("a"), "alice")); got != (counted{1, 2}) {
		t.Errorf("alice found %+v", got)
	}
	if s.Attempts() != 1 {
		t.Errorf("%d connections were opened", s.Attempts())
	}
}

func TestPool_WhoFindsItFullIsServedAsSoonAsOneFreesUp(t *testing.T) {
	for name, free := range map[string]func(*testing.T, *actors.Runtime, *actortest.Clock, messages.ClientID){
		"its client session ends": func(t *testing.T, r *actors.Runtime, _ *actortest.Clock, id messages.ClientID) {
			if err := r.CloseClient(context.Background(), id, messages.Anonymous); err != nil {
				t.Fatal(err)
			}
		},
		"it becomes idle for too long, though its client lives": func(t *testing.T, _ *actors.Runtime, clock *actortest.Clock, _ messages.ClientID) {
			pass(t, clock, 5*time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := tallying()
			servers := actortest.Dialer{"a": s}
			r, _, clock := still(t, servers)
			apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) {
				s.Policy.PoolMax, s.Policy.PoolIdleTTL = 1, 15*time.Second // less than connection_timeout
			}))
			connect(t, r, "a")
			alice := call("a")
			alice.Client = openClient(t, r)
			counts(t, r, alice)
			sessions(t, r, 0)
			clock.Advance(10 * time.Second)
			bob := background(r, of(call("a"), "bob"))
			sessions(t, r, 1)
			free(t, r, clock, alice.Client)
			if out := <-bob; out.Failure != nil {
				t.Fatal(out.Failure)
			}
			if s.Most() != 1 || s.Attempts() != 2 {
				t.Errorf("%d connections at a time, %d in all", s.Most(), s.Attempts())
			}
		})
	}
}

// Callers of the modern era in whose names connections are opened have no
// session that ends: the next one does not wait for pool.idle_ttl.
func TestPool_AModernCallerThatIsDoneMakesRoomForTheNext(t *testing.T) {
	s := tallying()
	s.Peer = messages.Peer{Protocol: "2026-07-28", Modern: true}
	servers := actortest.Dialer{"a": s}
	r, _, _ := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) {
		s.Transport, s.Policy.PoolMax = messages.TransportStdio, 2
	}))
	connect(t, r, "a")
	for i := range 5 {
		c := call("a")
		c.Caller = messages.Caller{Mirror: true, Modern: true, Protocol: "2026-07-28", Info: fmt.Appendf(nil, `{"name":"client-%d"}`, i)}
		if first, again := counts(t, r, c), counts(t, r, c); again != (counted{first.Connection, 2}) {
			t.Errorf("client %d: %+v, then %+v", i, first, again)
		}
	}
	if s.Most() > 2 {
		t.Errorf("%d connections at a time", s.Most())
	}
}

// Two callers who bring headers of their own, one of whom never stops calling:
// the other has its turn.
func TestPool_AFullPoolIsSharedOutInTurn(t *testing.T) {
	s := tallying()
	servers := actortest.Dialer{"a": s}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) { s.Policy.PoolMax = 1 }))
	connect(t, r, "a")
	stop := make(chan struct{})
	var noisy sync.WaitGroup
	for range 32 {
		noisy.Go(func() {
			c := of(call("a"), "noisy")
			c.Caller.Headers = map[string]string{"X-Token": "noisy"}
			for {
				select {
				case <-stop:
					return
				default:
					r.Call(context.Background(), c, messages.Discard)
				}
			}
		})
	}
	actortest.Eventually(t, "the noisy one has a turn", func() bool { return s.Requests() > 10 })
	for _, token := range []string{"", "quiet"} {
		c := of(call("a"), "quiet")
		if token != "" {
			c.Caller.Headers = map[string]string{"X-Token": token}
		}
		for range 5 {
			if out := r.Call(context.Background(), c, messages.Discard); out.Failure != nil {
				t.Errorf("token %q: %v", token, out.Failure)
			}
		}
	}
	close(stop)
	noisy.Wait()
	if s.Most() != 1 {
		t.Errorf("%d connections at a time", s.Most())
	}
}

func TestPool_ADialThatIsRefusedForWhatACallerBringsConcernsOnlyThatCaller(t *testing.T) {
	s := tallying()
	s.Refuse = func(req link.DialRequest) error {
		if req.Caller.Headers["Authorization"] == "bad" {
			f := messages.Failf(messages.KindUnavailable, "a", `server "a": it answers 401`)
			f.Stale = true // which a dialer may say of the request that told it
			return f
		}
		return nil
	}
	servers := actortest.Dialer{"a": s}
	for _, isolation := range []messages.Isolation{messages.IsolationRequest, messages.IsolationClient, messages.IsolationShared} {
		t.Run(string(isolation), func(t *testing.T) {
			before := s.Attempts()
			r, rec := start(t, servers, nil)
			apply(t, r, isolated("a", isolation, func(s *messages.ServerSpec) { s.Transport = messages.TransportHTTP }))
			connect(t, r, "a")
			with := func(token string) messages.Call {
				c := call("a")
				c.Caller.Headers = map[string]string{"Authorization": token}
				return c
			}
			out := r.Call(context.Background(), with("bad"), messages.Discard)
			wantKind(t, out, messages.KindUnavailable, messages.SentNo)
			if !strings.Contains(out.Failure.Message, "it answers 401") {
				t.Errorf("the reason is %q", out.Failure.Message)
			}
			counts(t, r, with("good"))
			counts(t, r, call("a"))
			if got := status(t, r, "a"); got.State != messages.StateConnected || got.Reason != "" || got.Breaker.Failures != 0 {
				t.Errorf("status %+v", got)
			}
			if n := len(actortest.Of[messages.ConnectFailed](rec)) + len(actortest.Of[messages.PoolGrowthFailed](rec)); n != 0 {
				t.Errorf("the server as such counts as failed, %d times", n)
			}
			refused := 0
			for range 10 {
				if r.Call(context.Background(), with("bad"), messages.Discard).Failure != nil {
					refused++
				}
			}
			if refused != 10 {
				t.Errorf("%d of 10 were refused", refused)
			}
			if n := s.Attempts() - before; n > 40 {
				t.Errorf("%d dials for 13 calls", n)
			}
		})
	}
}

// growing is a server that takes its first connections and refuses others until
// it is mended.
type growing struct {
	*actortest.Server
	mended atomic.Bool
}

func growingAfter(first int) *growing {
	g := &growing{Server: tallying()}
	g.Dial = func(_ context.Context, attempt int) error {
		if attempt > first && !g.mended.Load() {
			return errors.New("too many open files")
		}
		return nil
	}
	return g
}

func TestPool_GrowthThatFailsConcernsThoseWhoNeedItUntilItIsMended(t *testing.T) {
	s := growingAfter(1)
	servers := actortest.Dialer{"a": s.Server}
	r, rec, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	alice := of(call("a"), "alice")
	counts(t, r, alice)
	sessions(t, r, 0)
	bob := background(r, of(call("a"), "bob"))
	for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second} {
		if e := actortest.Await[messages.PoolGrowthFailed](t, rec, i+1, nil); e.Wait != wait || !strings.Contains(e.Reason, "too many open files") {
			t.Errorf("%+v, want %v", e, wait)
		}
		if got := counts(t, r, alice); got.Connection != 1 {
			t.Errorf("alice: %+v", got)
		}
		actortest.Eventually(t, "the status says why", func() bool {
			s := status(t, r, "a")
			return s.State == messages.StateConnected && strings.Contains(s.Reason, "too many open files")
		})
		pass(t, clock, wait)
	}
	out := <-bob
	wantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if out.Failure.RetryAfter != 8*time.Second || !strings.Contains(out.Failure.Message, "too many open files") {
		t.Errorf("%+v", out.Failure)
	}
	if got := counts(t, r, alice); got != (counted{1, 4}) {
		t.Errorf("alice: %+v", got)
	}
	if n := len(actortest.Of[messages.StateChanged](rec)); n != 2 { // connecting, connected
		t.Errorf("%d changes of state", n)
	}
	bob = background(r, of(call("a"), "bob")) // the next attempt is his, too
	sessions(t, r, 1)
	s.mended.Store(true)
	pass(t, clock, 8*time.Second)
	if out := <-bob; out.Failure != nil {
		t.Fatal(out.Failure)
	}
	actortest.Eventually(t, "the status is as before", func() bool {
		clock.Advance(time.Second)
		return status(t, r, "a").Reason == ""
	})
}

func TestPool_WhatNobodyNeedsAnyMoreIsNoProblem(t *testing.T) {
	s := growingAfter(1)
	servers := actortest.Dialer{"a": s.Server}
	r, rec, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	counts(t, r, of(call("a"), "alice"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { r.Call(ctx, of(call("a"), "bob"), messages.Discard); close(done) }()
	actortest.Await[messages.PoolGrowthFailed](t, rec, 1, nil)
	cancel()
	<-done
	actortest.Eventually(t, "the status says no more that it could not grow", func() bool {
		clock.Advance(time.Second)
		return status(t, r, "a").Reason == ""
	})
	if n := s.Attempts(); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

// Sixteen dials that fail together are one failure: the delay does not jump to
// its cap, and nobody is turned away after the first.
func TestPool_DialsThatFailTogetherFailOnce(t *testing.T) {
	s := growingAfter(1)
	servers := actortest.Dialer{"a": s.Server}
	r, rec, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) { s.Transport = messages.TransportHTTP }))
	connect(t, r, "a")
	counts(t, r, of(call("a"), "alice"))
	var calls []chan messages.Outcome
	for i := range 16 {
		calls = append(calls, background(r, of(call("a"), fmt.Sprint(i))))
	}
	sessions(t, r, 16)
	actortest.Await[messages.PoolGrowthFailed](t, rec, 1, nil)
	s.mended.Store(true)
	pass(t, clock, 2*time.Second)
	for _, done := range calls {
		if out := <-done; out.Failure != nil {
			t.Fatal(out.Failure)
		}
	}
	if all := actortest.Of[messages.PoolGrowthFailed](rec); len(all) != 1 {
		t.Errorf("%d failures: %+v", len(all), all)
	}
}

func TestPool_ASpareThatDiesAgainAndAgainMeetsGrowingDelays(t *testing.T) {
	s := tallying()
	servers := actortest.Dialer{"a": s}
	r, rec, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) { s.Policy.PoolMin = 2 }))
	connect(t, r, "a")
	for i, wait := range []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second} {
		actortest.Eventually(t, "there are two", func() bool { return unused(s) == 2 })
		s.Last().Break()
		if e := actortest.Await[messages.PoolGrowthFailed](t, rec, i+1, nil); e.Wait != wait {
			t.Fatalf("%+v, want %v", e, wait)
		}
		if n := s.Attempts(); n != 2+i {
			t.Errorf("%d attempts before the delay is over", n)
		}
		pass(t, clock, wait)
		actortest.Eventually(t, "it is opened again", func() bool { return s.Attempts() == 3+i })
	}
	// One that has served is no bad start any more.
	actortest.Eventually(t, "there are two", func() bool { return s.Open() == 2 })
	for range 3 {
		counts(t, r, call("a"))
	}
	sessions(t, r, 0)
	actortest.Eventually(t, "there are two", func() bool { return s.Open() == 2 && unused(s) == 2 })
	s.Last().Break()
	if e := actortest.Await[messages.PoolGrowthFailed](t, rec, 5, nil); e.Wait != 2*time.Second {
		t.Errorf("%+v, want 2s", e)
	}
	if n := len(actortest.Of[messages.StateChanged](rec)); n != 2 {
		t.Errorf("%d changes of state", n)
	}
}

func TestPool_OneOfManyThatIsLostConcernsItsCallersOnly(t *testing.T) {
	s := hanging()
	servers := actortest.Dialer{"a": s}
	r, rec := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	calls := map[string]chan messages.Outcome{}
	for i, who := range []string{"alice", "bob", "eve"} {
		c := of(call("a"), who)
		c.Request.Name = "hang"
		calls[who] = background(r, c)
		actortest.Eventually(t, "the call is with the server", func() bool { return s.Last() != nil && s.Last().Number == i+1 && s.Last().InFlight.Load() == 1 })
	}
	s.Conns()[1].Break()
	wantKind(t, <-calls["bob"], messages.KindUnavailable, messages.SentUnknown)
	for _, who := range []string{"alice", "eve"} {
		select {
		case out := <-calls[who]:
			t.Errorf("%s was answered %+v", who, out)
		default:
		}
	}
	if out := r.Call(context.Background(), of(call("a"), "bob"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
	actortest.Eventually(t, "the status shows one failure", func() bool { return status(t, r, "a").Breaker.Failures <= 1 })
	actortest.Eventually(t, "the status shows three connections", func() bool {
		s := status(t, r, "a")
		return s.State == messages.StateConnected && s.Connections == 3
	})
	actortest.Eventually(t, "the loss is told", func() bool { return len(actortest.Of[messages.LinkLost](rec)) > 0 })
	if lost, states := actortest.Of[messages.LinkLost](rec), actortest.Of[messages.StateChanged](rec); len(lost) != 1 || len(states) != 2 {
		t.Errorf("%+v, %+v", lost, states)
	}
	s.Conns()[0].Break()
	s.Conns()[2].Break()
	wantKind(t, <-calls["alice"], messages.KindUnavailable, messages.SentUnknown)
	wantKind(t, <-calls["eve"], messages.KindUnavailable, messages.SentUnknown)
}

// With nothing open, whoever waits does not wait for the end of a delay that
// was meant for further connections.
func TestPool_WithNothingOpenACallIsWorthAnAttempt(t *testing.T) {
	s := growingAfter(1)
	s.Do = hanging().Do
	servers := actortest.Dialer{"a": s.Server}
	r, rec, _ := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationRequest, nil))
	connect(t, r, "a")
	f := fly(t, r, servers, 1, nil) // takes the one
	actortest.Await[messages.PoolGrowthFailed](t, rec, 1, nil)
	f.cancels["a"][0]()
	actortest.Eventually(t, "nothing is open", func() bool { return s.Open() == 0 })
	s.mended.Store(true)
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
}

func TestPool_MinIsKeptOpenFromTheStart(t *testing.T) {
	for _, isolation := range []messages.Isolation{messages.IsolationRequest, messages.IsolationClient, messages.IsolationShared} {
		s := tallying()
		servers := actortest.Dialer{"a": s}
		r, _, clock := still(t, servers)
		spec := isolated("a", isolation, func(s *messages.ServerSpec) { s.Policy.PoolMin = 5 })
		apply(t, r, spec)
		connect(t, r, "a")
		actortest.Eventually(t, "all are there", func() bool { return s.Open() == 5 })
		for range 10 {
			clock.Advance(spec.Policy.PoolIdleTTL)
		}
		counts(t, r, call("a"))
		sessions(t, r, 0)
		actortest.Eventually(t, "all are there", func() bool {
			clock.Advance(time.Second)
			return s.Open() == 5 && status(t, r, "a").Connections == 5
		})
	}
}

// The catalog is read on a temporary connection while all are busy; when the
// last one goes and no other can be opened, what it read is of a time gone by.
func TestPool_AReadingThatOutlivesTheLastConnectionIsNobodys(t *testing.T) {
	fail, read := make(chan struct{}), make(chan struct{})
	var reading atomic.Bool
	s := hanging()
	s.Dial = func(ctx context.Context, attempt int) error {
		if attempt != 2 { // the spare
			return nil
		}
		select {
		case <-fail:
			return errors.New("too many open files")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	s.List = func(string, string) messages.Outcome {
		if s.Attempts() > 1 {
			reading.Store(true)
			<-read
		}
		return messages.Outcome{Result: []byte(`{"tools":[{"name":"echo"}]}`)}
	}
	servers := actortest.Dialer{"a": s}
	r, rec, clock := still(t, servers)
	apply(t, r, isolated("a", messages.IsolationRequest, nil))
	connect(t, r, "a")
	f := fly(t, r, servers, 1, nil)
	actortest.Eventually(t, "the spare is being opened", func() bool { return s.Attempts() == 2 })
	first := s.Conns()[0]
	clock.Advance(time.Second)
	first.Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	actortest.Eventually(t, "the catalog is being read", reading.Load)
	f.cancels["a"][0]()
	actortest.Eventually(t, "its connection is closed", func() bool { return !first.IsOpen() })
	close(fail)
	actortest.Await[messages.ConnectFailed](t, rec, 1, nil)
	close(read)
	pass(t, clock, 2*time.Second)
	actortest.Await(t, rec, 2, func(e messages.StateChanged) bool { return e.New == messages.StateConnected })
	if restarts := actortest.Of[messages.ActorRestarted](rec); len(restarts) != 0 {
		t.Errorf("%v", restarts)
	}
}
