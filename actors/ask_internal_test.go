package actors

import (
	"context"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

func runtimeOf(t *testing.T) *Runtime {
	t.Helper()
	r := New(Options{Dialer: actortest.Dialer{}, Limits: messages.DefaultLimits()})
	t.Cleanup(func() { r.Close() })
	return r
}

// An actor that fails behind its answer says so, too, and a client cancels what
// has just ended. Whoever has the asker by then must not hear of it.
func TestAsker_WhatComesLateReachesNobodyElse(t *testing.T) {
	r := runtimeOf(t)
	a := r.newAsker(new(actor.PID))
	late := a.pid
	r.spare(a)
	if next := r.newAsker(new(actor.PID)); next != a {
		t.Fatal("the asker was not spared")
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	q := &request{begin: messages.BeginRequest{RequestID: "1"}, cancel: cancel}
	q.pid.RequestId = a.pid.RequestId
	a.request.Store(q)
	r.system.Root.Send(late, messages.CancelRequest{RequestID: "1", Reason: "of another"})
	for range cap(a.replies) {
		r.system.Root.Send(late, &messages.Outcome{Failure: messages.Failf(messages.KindInternal, "", "of another")})
	}
	r.system.Root.Send(a.pid, messages.Synced{})
	if m, err := r.next(t.Context(), a, r.root); m != any(messages.Synced{}) || err != nil {
		t.Errorf("%#v, %v", m, err)
	}
	if ctx.Err() != nil {
		t.Errorf("cancelled: %v", context.Cause(ctx))
	}
	r.system.Root.Send(a.pid, messages.CancelRequest{RequestID: "1", Reason: "mine"})
	if ctx.Err() == nil {
		t.Error("its own request is not cancelled")
	}
	a.replies <- said{turn: a.pid.RequestId - 1} // it came while the asker changed hands
	r.system.Root.Send(a.pid, messages.Synced{})
	if m, _ := r.next(t.Context(), a, r.root); m != any(messages.Synced{}) {
		t.Errorf("%#v", m)
	}
	a.release()
}

func TestAsker_OfARequestThatIsEndedTwiceIsGivenBackOnce(t *testing.T) {
	r := runtimeOf(t)
	id, err := r.OpenClient(t.Context(), messages.ClientSpec{})
	if err != nil {
		t.Fatal(err)
	}
	begun, err := r.BeginRequest(id, messages.Anonymous, "1", func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	begun.End()
	begun.End()
	all := map[*asker]bool{}
	for range len(r.spared) {
		a := r.newAsker(new(actor.PID))
		if all[a] {
			t.Error("an asker has two owners")
		}
		all[a] = true
	}
}
