package actors_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// eater is a sink that takes long results in pieces.
type eater struct {
	got  strings.Builder
	slow func() // called with each piece
}

func (e *eater) Notify(messages.Notification) error { return nil }
func (e *eater) Take([]byte, int64) bool            { return true }

func (e *eater) Pass(piece []byte) error {
	e.got.Write(piece)
	if e.slow != nil {
		e.slow()
	}
	return nil
}

// passing is a server that answers in pieces who takes them, and ends as end says.
func passing(pieces int, end func(ctx context.Context, c *actortest.Conn) messages.Outcome) *actortest.Server {
	return &actortest.Server{List: hinting, Do: func(ctx context.Context, c *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
		to, ok := sink.(messages.Taker)
		if !ok || !to.Take([]byte("{"), -1) {
			return messages.Outcome{Result: req.Params}
		}
		for range pieces {
			if ctx.Err() != nil {
				return c.Hang(ctx)
			}
			if err := to.Pass([]byte("piece ")); err != nil {
				return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindCancelled, Server: "a", Sent: messages.SentUnknown}}
			}
		}
		return end(ctx, c)
	}}
}

func TestPassage_AResultInPiecesReachesWhoTakesItAndNobodyElse(t *testing.T) {
	s := passing(3, func(context.Context, *actortest.Conn) messages.Outcome { return messages.Outcome{Taken: true} })
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(*messages.ServerSpec) {}))
	connect(t, r, "a")
	e := new(eater)
	if out := r.Call(context.Background(), reading(1), e); out.Failure != nil || !out.Taken || out.Result != nil || e.got.String() != "piece piece piece " {
		t.Errorf("%+v, %q", out, e.got.String())
	}
	if out := r.Call(context.Background(), reading(1), messages.Discard); out.Failure != nil || out.Taken || out.Result == nil {
		t.Errorf("%+v", out)
	}
	sessions(t, r, 0)
}

// choosy is an eater that may have had enough.
type choosy struct {
	eater
	takes bool
}

func (c *choosy) Takes() bool { return c.takes }

// An answer is looked through before it is offered: in vain, where nobody takes it.
func TestPassage_NothingIsOfferedToWhoTakesNothing(t *testing.T) {
	offered := make(chan bool, 1)
	s := &actortest.Server{List: hinting, Do: func(_ context.Context, _ *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
		_, ok := sink.(messages.Taker)
		offered <- ok
		return messages.Outcome{Result: req.Params}
	}}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(*messages.ServerSpec) {}))
	connect(t, r, "a")
	for name, tc := range map[string]struct {
		sink    messages.Sink
		offered bool
	}{
		"no taker":                   {messages.Discard, false},
		"a taker":                    {new(eater), true},
		"a taker that takes it":      {&choosy{takes: true}, true},
		"a taker that takes nothing": {&choosy{}, false},
	} {
		if out := r.Call(context.Background(), reading(1), tc.sink); out.Failure != nil || <-offered != tc.offered {
			t.Errorf("%s: %+v", name, out)
		}
	}
	sessions(t, r, 0)
}

// What is kept for others, and what others wait for, is needed whole.
func TestPassage_AResultThatMayBeKeptComesWhole(t *testing.T) {
	s := passing(1, func(context.Context, *actortest.Conn) messages.Outcome { return messages.Outcome{Taken: true} })
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, keeping(nil))
	connect(t, r, "a")
	for _, kept := range []bool{false, true} {
		e := new(eater)
		if out := r.Call(context.Background(), reading(1), e); out.Taken || out.Result == nil || out.Cached != kept || e.got.Len() > 0 {
			t.Errorf("%+v, %q; kept %v", out, e.got.String(), kept)
		}
		sessions(t, r, 0)
	}
}

// A part of the result is out: to make the call again would mean another one.
func TestPassage_ACallThatBreaksMidwayIsNotMadeAgain(t *testing.T) {
	s := passing(2, func(ctx context.Context, c *actortest.Conn) messages.Outcome {
		c.Break()
		return c.Hang(ctx)
	})
	r, rec := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, onOne(func(*messages.ServerSpec) {}))
	connect(t, r, "a")
	e := new(eater)
	out := r.Call(context.Background(), reading(1), e)
	wantKind(t, out, messages.KindUnavailable, messages.SentUnknown)
	if n := s.Requests(); n != 1 || len(actortest.Of[messages.CallRetried](rec)) != 0 || e.got.String() != "piece piece " {
		t.Errorf("%d requests, %q", n, e.got.String())
	}
}

// The time that a caller takes for a piece is not its server's; the time in which
// the server says nothing is, and the call as a whole has its end.
func TestPassage_TheDeadlineIsTheServers(t *testing.T) {
	for name, tc := range map[string]struct {
		pieces int
		each   time.Duration // takes the caller
		last   time.Duration // takes the server, for the end
		fails  bool
	}{
		"a slow caller":            {3, 6 * time.Second, 0, false},
		"a server that stalls":     {1, 0, 10 * time.Second, true},
		"both, beyond any measure": {4, 6 * time.Second, time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := actortest.NewClock()
			s := passing(tc.pieces, func(ctx context.Context, c *actortest.Conn) messages.Outcome {
				if tc.last > 0 {
					clock.Advance(tc.last)
					// The session may arm its timer only now, having heard of the pieces late.
					actortest.Eventually(t, "the call is given up", func() bool {
						clock.Advance(time.Second)
						return ctx.Err() != nil
					})
					return c.Hang(ctx)
				}
				return messages.Outcome{Taken: true}
			})
			r, _ := start(t, actortest.Dialer{"a": s}, func(o *actors.Options) { o.Clock = clock })
			apply(t, r, onOne(func(s *messages.ServerSpec) {
				s.Policy.RequestTimeout, s.Policy.RequestTimeoutMax = 10*time.Second, 25*time.Second
			}))
			connect(t, r, "a")
			e := &eater{slow: func() { clock.Advance(tc.each) }}
			out := r.Call(context.Background(), reading(1), e)
			if tc.fails {
				wantKind(t, out, messages.KindTimeout, messages.SentUnknown)
			} else if out.Failure != nil {
				t.Error(out.Failure)
			}
			sessions(t, r, 0)
		})
	}
}
