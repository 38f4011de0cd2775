package actors_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// subscribing runs a Subscribe that has to wait, until the context ends.
func subscribing(ctx context.Context, c *reader, uris ...string) <-chan *messages.Failure {
	refused := make(chan *messages.Failure, 1)
	go func() {
		_, f := c.r.SubscribeResources(ctx, messages.Subscribe{
			By:   messages.Subscriber{Client: c.id, Stream: c.stream},
			Call: messages.Call{Server: "lib", Principal: alice, Caller: messages.Caller{Mirror: true, Modern: true}},
			URIs: uris,
		})
		refused <- f
	}()
	return refused
}

func TestSubscribe_WhoWaitsForAConnectionIsToldThatThereIsNone(t *testing.T) {
	l := newLibrary(true)
	var mended atomic.Bool
	dialled := make(chan struct{}, 16)
	l.Dial = func(context.Context, int) error {
		dialled <- struct{}{}
		if mended.Load() {
			return nil
		}
		return errors.New("connection refused")
	}
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	spec := l.spec()
	spec.Policy.RetryDelayMax = spec.Policy.RetryDelay
	apply(t, r, spec)
	c := newReader(t, r, "a")
	if _, f := c.subscribe("a"); f == nil || f.Kind != messages.KindUnavailable {
		t.Errorf("%v", f)
	}
	if _, f := r.SubscribeResources(t.Context(), messages.Subscribe{Call: messages.Call{Server: "nobody"}}); f == nil || f.Kind != messages.KindUnknownUpstream {
		t.Errorf("%v", f)
	}
	// An attempt follows at once for whoever asks again.
	mended.Store(true)
	if granted, f := c.subscribe("a"); f != nil || !slices.Equal(granted, []string{"a"}) {
		t.Errorf("granted %v, %v", granted, f)
	}
}

func TestSubscribe_IsGivenUpBeforeThereIsAConnection(t *testing.T) {
	l := newLibrary(true)
	hold := make(chan struct{})
	l.Dial = func(ctx context.Context, _ int) error {
		select {
		case <-hold:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	apply(t, r, l.spec())
	by := func(c *reader) messages.Subscriber { return messages.Subscriber{Client: c.id, Stream: c.stream} }

	// By the stream that asked: all of it, or what is left.
	one := newReader(t, r, "a", "b")
	refused := subscribing(t.Context(), one, "a", "b")
	part := newReader(t, r, "c", "d")
	granted := subscribing(t.Context(), part, "c", "d")
	cancelled, cancel := context.WithCancel(t.Context())
	gone := subscribing(cancelled, newReader(t, r, "e"), "e")
	closed := newReader(t, r, "f")
	late := subscribing(t.Context(), closed, "f")
	// They are on their way: what is sent behind them finds them.
	actortest.Eventually(t, "all are waiting", func() bool {
		r.UnsubscribeResources(messages.Unsubscribe{By: by(one), Server: "lib"})
		r.UnsubscribeResources(messages.Unsubscribe{By: by(part), Server: "lib", URIs: []string{"d"}})
		select {
		case f := <-refused:
			return f != nil && f.Kind == messages.KindCancelled
		default:
			return false
		}
	})
	cancel()
	if f := <-gone; f == nil || f.Kind != messages.KindCancelled {
		t.Errorf("%v", f)
	}
	if err := r.CloseClient(t.Context(), closed.id, alice); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if f := <-late; f == nil {
		t.Error("granted to a session that is gone")
	}
	if f := <-granted; f != nil {
		t.Error(f)
	}
	actortest.Eventually(t, "the rest is asked for", func() bool { return l.listens() == "[c]" || l.listens() == "[c d]" })
	r.UnsubscribeResources(messages.Unsubscribe{By: by(part), Server: "nobody"})
}

// A session that ends while it is asked says so to who waits.
func TestSubscribe_TheSessionEndsBeforeItGrants(t *testing.T) {
	asked := make(chan struct{}, 1)
	server := &actortest.Server{Do: func(ctx context.Context, c *actortest.Conn, _ messages.Request, _ messages.Sink) messages.Outcome {
		asked <- struct{}{}
		return c.Hang(ctx)
	}}
	server.Peer.Modern = true
	r, _ := start(t, actortest.Dialer{"lib": server}, nil)
	apply(t, r, (&library{}).spec())
	c := newReader(t, r, "a")
	for name, end := range map[string]func() error{
		"the connection breaks": func() error { server.Last().Break(); return nil },
		"a bug":                 func() error { return r.Crash(paths(r, "w")[0], "a bug") },
	} {
		refused := subscribing(t.Context(), c, "a")
		<-asked
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if f := <-refused; f == nil || f.Kind != messages.KindUnavailable {
			t.Errorf("%s: %v", name, f)
		}
	}
	// Given up while it is asked, it is not asked any longer.
	ctx, cancel := context.WithCancel(t.Context())
	refused := subscribing(ctx, c, "a")
	<-asked
	cancel()
	if f := <-refused; f == nil || f.Kind != messages.KindCancelled {
		t.Errorf("%v", f)
	}
	actortest.Eventually(t, "its server is told", func() bool { return server.Last().InFlight.Load() == 0 })
}
