package actors_test

import (
	"context"
	"testing"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// What the actors cost: one call through door, upstream, session and a link
// that answers at once, beside the same call on the link alone.

func BenchmarkCall(b *testing.B) {
	servers := actortest.Dialer{"a": {}}
	r := actors.New(actors.Options{Dialer: servers, Limits: messages.DefaultLimits()})
	defer r.Close()
	spec := actortest.Spec("a")
	spec.Policy.MaxConcurrency = 1 << 20
	apply(b, r, spec)
	connect(b, r, "a")
	c := call("a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	b.Run("actors", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if out := r.Call(ctx, c, messages.Discard); out.Failure != nil {
				b.Fatal(out.Failure)
			}
		}
	})
	b.Run("actors-parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if out := r.Call(ctx, c, messages.Discard); out.Failure != nil {
					b.Error(out.Failure)
				}
			}
		})
	})
	b.Run("link-alone", func(b *testing.B) {
		conn := servers["a"].Last()
		b.ReportAllocs()
		for b.Loop() {
			if out := conn.Do(ctx, c.Request, new(link.SentFlag), messages.Discard); out.Failure != nil {
				b.Fatal(out.Failure)
			}
		}
	})
}
