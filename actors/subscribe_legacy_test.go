package actors_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// Several legacy clients on the one session of an exclusive server.
func TestSubscribe_OnASessionThatAllShareIsCounted(t *testing.T) {
	l := newLibrary(false)
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	spec := actortest.Spec("lib")
	spec.Exclusive, spec.Policy.RetryDelay = true, 10*time.Millisecond
	apply(t, r, spec)
	subscribe := func(c *reader, uri string) *messages.Failure {
		_, f := r.SubscribeResources(t.Context(), messages.Subscribe{
			By: messages.Subscriber{Client: c.id}, URIs: []string{uri},
			Call: messages.Call{Server: "lib", Principal: alice, Client: c.id, Caller: messages.Caller{Mirror: true, Client: c.id}},
		})
		if f == nil {
			r.Remember(c.id, alice, messages.Request{Method: "resources/subscribe", Name: uri})
		}
		return f
	}
	unsubscribe := func(c *reader, uri string) {
		r.UnsubscribeResources(messages.Unsubscribe{By: messages.Subscriber{Client: c.id}, Server: "lib", URIs: []string{uri}})
		r.Remember(c.id, alice, messages.Request{Method: "resources/unsubscribe", Name: uri})
	}
	says := func(what ...string) {
		t.Helper()
		actortest.Eventually(t, strings.Join(what, ", "), func() bool { return slices.Equal(l.heard(), what) })
	}
	one, two, other := newReader(t, r), newReader(t, r), newReader(t, r)
	for _, c := range []*reader{one, two, one} {
		if f := subscribe(c, "a"); f != nil {
			t.Fatal(f)
		}
	}
	if f := subscribe(other, "b"); f != nil {
		t.Fatal(f)
	}
	said := []string{"resources/subscribe a[]", "resources/subscribe b[]"}
	says(said...)
	l.changes("a")
	one.hears("a")
	two.hears("a")
	l.changes("b")
	other.hears("b") // and not a

	unsubscribe(one, "a")
	unsubscribe(one, "nothing")
	l.changes("a")
	two.hears("a")
	says(said...)
	if err := r.CloseClient(t.Context(), two.id, alice); err != nil {
		t.Fatal(err)
	}
	said = append(said, "resources/unsubscribe a[]")
	says(said...)

	// While one is given back the next one waits, so that neither overtakes the other.
	if f := subscribe(one, "a"); f != nil {
		t.Fatal(f)
	}
	hold := make(chan struct{})
	l.mu.Lock()
	l.hold = hold
	l.mu.Unlock()
	unsubscribe(one, "a")
	said = append(said, "resources/subscribe a[]", "resources/unsubscribe a[]")
	says(said...)
	done := make(chan *messages.Failure, 1)
	go func() { done <- subscribe(one, "a") }()
	select {
	case f := <-done:
		t.Fatalf("answered before the former one was given back: %v", f)
	default:
	}
	l.mu.Lock()
	l.hold = nil
	l.mu.Unlock()
	close(hold)
	if f := <-done; f != nil {
		t.Fatal(f)
	}
	said = append(said, "resources/subscribe a[]")
	says(said...)

	// The next session is told what the old one knew.
	before := l.Last()
	before.Break()
	actortest.Eventually(t, "both are asked for again", func() bool {
		again := l.heard()[len(said):]
		slices.Sort(again)
		return slices.Equal(again, []string{"resources/subscribe a[]", "resources/subscribe b[]"})
	})
	other.hears("b") // it may have changed meanwhile
	l.changes("b")
	other.hears("b")

	// What the server refuses is refused to whoever asks.
	l.mu.Lock()
	l.error = &messages.Failure{Kind: messages.KindUpstream, Code: -32002, Message: "no such resource"}
	l.mu.Unlock()
	for _, c := range []*reader{one, other} {
		if f := subscribe(c, "missing"); f == nil || f.Code != -32002 {
			t.Errorf("%v", f)
		}
	}
}

// A client that only listens is not left alone when its session is lost.
func TestQuietClient_IsGivenAnotherSessionWithoutACall(t *testing.T) {
	for name, c := range map[string]struct {
		stream bool
		asked  []messages.Request
		want   bool
	}{
		"nothing is asked for":   {false, nil, false},
		"a stream is open":       {true, nil, true},
		"a level of logs is set": {false, []messages.Request{{Method: "logging/setLevel"}}, true},
		"it has a subscription":  {false, []messages.Request{{Method: "resources/subscribe", Name: "a"}}, true},
		"it had one":             {false, []messages.Request{{Method: "resources/subscribe", Name: "a"}, {Method: "resources/unsubscribe", Name: "a"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := &actortest.Server{}
			r, _ := start(t, actortest.Dialer{"one": server}, nil)
			apply(t, r, actortest.Spec("one"))
			id, err := r.OpenClient(t.Context(), messages.ClientSpec{Principal: alice, Endpoint: "one"})
			if err != nil {
				t.Fatal(err)
			}
			if c.stream {
				if _, err := r.OpenStream(id, alice, messages.StreamSpec{}); err != nil {
					t.Fatal(err)
				}
			}
			for _, req := range c.asked {
				r.Remember(id, alice, req)
			}
			peer := messages.Caller{Mirror: true, Client: id, Protocol: "2025-11-25"}
			if _, f := r.Open(t.Context(), messages.Call{Server: "one", Principal: alice, Client: id, Caller: peer}); f != nil {
				t.Fatal(f)
			}
			mine := server.Last()
			if mine.Request.Caller.Client != id {
				t.Fatal("the session is not its own")
			}
			mine.Break()
			if !c.want {
				// A call of another client finds the upstream done with the loss.
				if out := r.Call(t.Context(), call("one"), messages.Discard); out.Failure != nil {
					t.Fatal(out.Failure)
				}
				if last := server.Last(); last.Request.Caller.Client == id && last != mine {
					t.Error("another session was opened for nobody")
				}
				return
			}
			actortest.Eventually(t, "there is another session in its name", func() bool {
				last := server.Last()
				return last != mine && last.Request.Caller.Client == id
			})
			again := server.Last()
			if f := r.Call(t.Context(), messages.Call{Server: "one", Principal: alice, Client: id, Caller: peer, Request: call("one").Request}, messages.Discard).Failure; f != nil || again != server.Last() {
				t.Errorf("its next call did not find that session: %v", f)
			}
			if err := r.CloseClient(t.Context(), id, alice); err != nil {
				t.Fatal(err)
			}
			actortest.Eventually(t, "the session ended with its client", func() bool { return !again.IsOpen() })
		})
	}
}

func TestQuietClient_ASessionThatDiesAtOnceIsOpenedWithGrowingPauses(t *testing.T) {
	server := &actortest.Server{}
	var refused atomic.Bool
	server.Refuse = func(link.DialRequest) error {
		if refused.Load() {
			return errors.New("not now")
		}
		return nil
	}
	clock := actortest.NewClock()
	r, _ := start(t, actortest.Dialer{"one": server}, func(o *actors.Options) { o.Clock, o.Jitter = clock, func() float64 { return 0.5 } })
	spec := actortest.Spec("one")
	spec.Policy.RetryDelay, spec.Policy.RetryDelayMax = 2*time.Second, 4*time.Second
	apply(t, r, spec)
	id, err := r.OpenClient(t.Context(), messages.ClientSpec{Principal: alice, Endpoint: "one"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.OpenStream(id, alice, messages.StreamSpec{}); err != nil {
		t.Fatal(err)
	}
	peer := messages.Caller{Mirror: true, Client: id}
	if out := r.Call(t.Context(), messages.Call{Server: "one", Principal: alice, Client: id, Caller: peer, Request: call("one").Request}, messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	next := func(after *actortest.Conn) *actortest.Conn {
		t.Helper()
		actortest.Eventually(t, "the next session", func() bool { return server.Last() != after && server.Last().Request.Caller.Client == id })
		return server.Last()
	}
	conn := server.Last()
	conn.Break() // it was called: the next one comes at once
	conn = next(conn)
	// From here on nobody calls: each comes after a pause, however it was lost.
	waited := func(after *actortest.Conn) (*actortest.Conn, time.Duration) {
		t.Helper()
		var passed time.Duration
		actortest.Eventually(t, "the next session", func() bool {
			if last := server.Last(); last != after && last.Request.Caller.Client == id {
				return true
			}
			clock.Advance(time.Second)
			passed += time.Second
			return false
		})
		return server.Last(), passed
	}
	var passed time.Duration
	for range 3 {
		conn.Break()
		if conn, passed = waited(conn); passed < 2*time.Second {
			t.Errorf("it came after %v", passed)
		}
	}
	refused.Store(true)
	conn.Break()
	attempts := server.Attempts()
	actortest.Eventually(t, "it is tried again and again", func() bool {
		clock.Advance(time.Second)
		return server.Attempts() >= attempts+3
	})
	refused.Store(false)
	waited(conn)
}
