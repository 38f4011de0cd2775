package upstream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// house is what an upstream stands in: a parent that counts its reports, and a
// door that does the I/O of the calls.
type house struct {
	system   *actor.ActorSystem
	upstream *actor.PID
	door     *actor.PID
	reports  atomic.Int64
	ready    chan struct{}
	outcomes chan messages.Outcome
	tasks    *kit.Tasks
	ids      atomic.Uint64
}

func newHouse(t *testing.T, spec messages.ServerSpec, server *actortest.Server, clock kit.Clock) *house {
	t.Helper()
	h := &house{
		system: actor.NewActorSystem(
			actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
			actor.WithDeadLetterThrottleInterval(time.Millisecond)),
		ready: make(chan struct{}), outcomes: make(chan messages.Outcome, 1), tasks: &kit.Tasks{},
	}
	child := make(chan *actor.PID, 1)
	var once sync.Once
	config := Config{
		Env:    &kit.Env{Clock: clock, Jitter: func() float64 { return 0.5 }, Tasks: h.tasks, Limits: messages.DefaultLimits()},
		Dialer: actortest.Dialer{spec.Name: server}, Spec: spec, Generation: 1, IDs: new(atomic.Uint64),
	}
	parent := h.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			pid, err := ctx.SpawnNamed(Props(config), kit.UpstreamName(spec.Name, 1))
			if err != nil {
				t.Error(err)
			}
			child <- pid
		case messages.StatusReport:
			if h.reports.Add(1); m.Status.State == messages.StateConnected {
				once.Do(func() { close(h.ready) })
			}
		}
	}))
	h.upstream = <-child
	h.door = h.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *link.Lease:
			h.tasks.Go(func() {
				out := m.Do(messages.Request{Method: "tools/call", Name: "echo"}, spec.Name, messages.Discard)
				m.Session.Tell(&session.Finished{Outcome: out})
			}, func(reason string) { t.Error(reason) })
		case *messages.Outcome:
			h.outcomes <- *m
		}
	}))
	t.Cleanup(func() {
		for _, pid := range []*actor.PID{parent, h.door} {
			if err := h.system.Root.StopFuture(pid).Wait(); err != nil {
				t.Error(err)
			}
		}
		if !h.tasks.Wait(time.Now().Add(actortest.Patience)) || server.Open() != 0 {
			t.Errorf("%d connections are left", server.Open())
		}
		h.system.Shutdown()
	})
	return h
}

// call makes one call and waits for its outcome.
func (h *house) call(admit *messages.Admit) messages.Outcome {
	admit.ID = h.ids.Add(1)
	h.system.Root.RequestWithCustomSender(h.upstream, admit, h.door)
	return <-h.outcomes
}

func TestReports_CallsDoNotCostOneEach(t *testing.T) {
	for _, isolation := range []messages.Isolation{perRequest, perClient, shared} {
		for _, kept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, results kept: %v", isolation, kept), func(t *testing.T) {
				spec := actortest.Spec("a")
				spec.Policy.Isolation = isolation
				h := newHouse(t, spec, &actortest.Server{}, actortest.NewClock()) // no time passes
				<-h.ready
				before := h.reports.Load()
				for i := range 1000 {
					admit := &messages.Admit{Call: messages.Call{Server: "a", Request: messages.Request{Method: "tools/call", Name: "echo"}}}
					if kept {
						admit.Cache = messages.CacheKey{Key: fmt.Sprint(i % 900), TTL: time.Minute}
					}
					if out := h.call(admit); out.Failure != nil {
						t.Fatal(out.Failure)
					}
				}
				if n := h.reports.Load() - before; n > 10 {
					t.Errorf("%d reports for 1000 calls", n)
				}
			})
		}
	}
}

// So do calls that fail: the server is known to be sick by then.
func TestReports_FailuresDoNotCostOneEach(t *testing.T) {
	spec := actortest.Spec("a")
	spec.Policy.BreakerFailures = 0 // nothing stops them
	server := &actortest.Server{Do: func(context.Context, *actortest.Conn, messages.Request, messages.Sink) messages.Outcome {
		return messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUnavailable, Server: "a", Sent: messages.SentUnknown, Message: "it answers 502"}}
	}}
	h := newHouse(t, spec, server, actortest.NewClock())
	<-h.ready
	before := h.reports.Load()
	for range 1000 {
		if out := h.call(&messages.Admit{Call: messages.Call{Server: "a"}}); out.Failure == nil {
			t.Fatal("served")
		}
	}
	if n := h.reports.Load() - before; n > 10 {
		t.Errorf("%d reports for 1000 failures", n)
	}
}
