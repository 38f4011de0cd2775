package actors_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// What the actors cost: one call through door, upstream, session and a link
// that answers at once, beside the same call on the link alone.

// benchmarked runs a server whose calls nothing holds back.
func benchmarked(b *testing.B, change func(*messages.ServerSpec)) (*actors.Runtime, *actortest.Server) {
	b.Helper()
	s := &actortest.Server{Forget: true, List: hinting}
	r := actors.New(actors.Options{Dialer: actortest.Dialer{"a": s}, Limits: messages.DefaultLimits()})
	b.Cleanup(func() { r.Close() })
	spec := actortest.Spec("a")
	spec.Policy.MaxConcurrency = 1 << 20
	change(&spec)
	apply(b, r, spec)
	connect(b, r, "a")
	return r, s
}

func BenchmarkCall(b *testing.B) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := call("a")
	b.Run("actors", func(b *testing.B) {
		r, _ := benchmarked(b, func(*messages.ServerSpec) {})
		b.ReportAllocs()
		for b.Loop() {
			if out := r.Call(ctx, c, messages.Discard); out.Failure != nil {
				b.Fatal(out.Failure)
			}
		}
	})
	b.Run("actors-parallel", func(b *testing.B) {
		r, _ := benchmarked(b, func(*messages.ServerSpec) {})
		parallel(b, r, func(int) messages.Call { return c })
	})
	b.Run("link-alone", func(b *testing.B) {
		_, s := benchmarked(b, func(*messages.ServerSpec) {})
		conn := s.Last()
		b.ReportAllocs()
		for b.Loop() {
			if out := conn.Do(ctx, c.Request, new(link.SentFlag), messages.Discard); out.Failure != nil {
				b.Fatal(out.Failure)
			}
		}
	})
}

// What a call costs that nobody waits for, and the same as a request of a client session.
func BenchmarkStart(b *testing.B) {
	ctx, c := &link.Scope{}, call("a")
	server := &actortest.Server{Forget: true, List: hinting, Start: func(_ *actortest.Conn, req messages.Request, _ messages.Sink, done func(messages.Outcome)) {
		done(messages.Outcome{Result: req.Params})
	}}
	r := actors.New(actors.Options{Dialer: actortest.Dialer{"a": server}, Limits: messages.DefaultLimits()})
	defer r.Close()
	spec := actortest.Spec("a")
	spec.Transport, spec.Policy.MaxConcurrency = messages.TransportStdio, 1<<20
	apply(b, r, spec)
	connect(b, r, "a")
	start := func(b *testing.B) {
		ended := false
		if !r.Start(ctx, c, messages.Discard, func(out messages.Outcome) { ended = out.Failure == nil }) || !ended {
			b.Fatal("it did not end at once")
		}
	}
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			start(b)
		}
	})
	id, err := r.OpenClient(b.Context(), messages.ClientSpec{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("request", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			begun, err := r.BeginRequest(id, messages.Anonymous, "7", ctx.Cancel)
			if err != nil {
				b.Fatal(err)
			}
			start(b)
			begun.End()
		}
	})
}

// What the policies cost, with connections that open and close at once: 32
// callers, who share a pool of 8.
func BenchmarkIsolation(b *testing.B) {
	for _, isolation := range []messages.Isolation{messages.IsolationShared, messages.IsolationClient, messages.IsolationRequest} {
		b.Run(string(isolation), func(b *testing.B) {
			r, _ := benchmarked(b, func(s *messages.ServerSpec) { s.Policy.Isolation = isolation })
			parallel(b, r, func(n int) messages.Call { return of(call("a"), string(rune('a'+n%8))) })
		})
	}
	b.Run("kept results", func(b *testing.B) {
		r, _ := benchmarked(b, func(s *messages.ServerSpec) { s.Policy.CacheTTL = time.Hour })
		parallel(b, r, func(n int) messages.Call { return of(reading(n%8), "a") })
	})
}

// parallel makes calls from 32 goroutines; call returns that of the n-th.
func parallel(b *testing.B, r *actors.Runtime, call func(n int) messages.Call) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(max(1, 32/runtime.GOMAXPROCS(0)))
	var callers atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		c := call(int(callers.Add(1)))
		for pb.Next() {
			if out := r.Call(context.Background(), c, messages.Discard); out.Failure != nil {
				b.Error(out.Failure)
			}
		}
	})
}
