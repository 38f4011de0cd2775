package actors_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// begin starts a call, whose outcome comes on the channel.
func begin(t *testing.T, r *actors.Runtime, ctx context.Context, c messages.Call, sink messages.Sink) <-chan messages.Outcome {
	t.Helper()
	told := make(chan messages.Outcome, 2) // it must come once
	if !r.Start(ctx, c, sink, func(out messages.Outcome) { told <- out }) {
		t.Fatal("the call was not started")
	}
	return told
}

func hang() messages.Call {
	c := call("fs")
	c.Request.Name = "hang"
	return c
}

func outcomeOf(t *testing.T, told <-chan messages.Outcome) messages.Outcome {
	t.Helper()
	select {
	case out := <-told:
		return out
	case <-time.After(actortest.Patience):
		t.Fatal("no outcome")
		return messages.Outcome{}
	}
}

func TestStart_ReturnsTheUpstreamsOwnBytesAfterItsNotifications(t *testing.T) {
	r, _ := start(t, actortest.Dialer{"fs": {Do: func(_ context.Context, _ *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
		for range 3 {
			if err := sink.Notify(messages.Notification{Method: "notifications/progress"}); err != nil {
				t.Error(err)
			}
		}
		return messages.Outcome{Result: req.Params}
	}}}, nil)
	apply(t, r, actortest.Spec("fs"))
	for range 5 { // an errand is used again
		heard := 0 // unguarded: the race detector looks
		out := outcomeOf(t, begin(t, r, t.Context(), call("fs"), messages.SinkFunc(func(messages.Notification) error { heard++; return nil })))
		if string(out.Result) != string(call("fs").Request.Params) || heard != 3 {
			t.Fatalf("result %s, failure %v, %d notifications", out.Result, out.Failure, heard)
		}
	}
}

func TestStart_LeavesToCallWhatIsNotSimple(t *testing.T) {
	r, _ := start(t, actortest.Dialer{"fs": {}, "web": {}, "off": {}}, nil)
	fs, web, off := actortest.Spec("fs"), actortest.Spec("web"), actortest.Spec("off")
	fs.DisabledTools, off.Disabled = []string{"hang"}, true
	web.Transport, web.Command, web.URL = messages.TransportHTTP, "", "http://127.0.0.1:1/"
	apply(t, r, fs, web, off)
	over, end := context.WithCancel(t.Context())
	end()
	for name, c := range map[string]messages.Call{"unknown": call("nobody"), "a disabled tool": hang(), "http": call("web"), "disabled": call("off"), "ended": call("fs")} {
		ctx := t.Context()
		if name == "ended" {
			ctx = over
		}
		if r.Start(ctx, c, messages.Discard, func(messages.Outcome) { t.Errorf("%s: told", name) }) {
			t.Errorf("%s: started", name)
		}
	}
}

// Each way in which one of many ends: it is told so, once, and the others go on
// until their connection breaks.
func TestStart_OneOfManyEndsAlone(t *testing.T) {
	const many = 32
	for _, tc := range []struct {
		name string
		kind messages.Kind
		end  func(r *actors.Runtime, path string, cancel context.CancelFunc) error
	}{
		{"killed by its path", messages.KindUnavailable, func(r *actors.Runtime, path string, _ context.CancelFunc) error { return r.Kill(path) }},
		{"panic inside its session", messages.KindInternal, func(r *actors.Runtime, path string, _ context.CancelFunc) error { return r.Crash(path, "a bug") }},
		{"cancelled by its client", messages.KindCancelled, func(_ *actors.Runtime, _ string, cancel context.CancelFunc) error { cancel(); return nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := hanging()
			r, _ := start(t, actortest.Dialer{"fs": server}, nil)
			spec := actortest.Spec("fs")
			spec.Policy.MaxConcurrency = many
			apply(t, r, spec)
			connect(t, r, "fs")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			one := begin(t, r, ctx, hang(), messages.Discard)
			actortest.Eventually(t, "it is with the server", func() bool { return server.Last().InFlight.Load() == 1 })
			path := paths(r, "s")[0]
			var others []<-chan messages.Outcome
			for range many - 1 {
				others = append(others, begin(t, r, t.Context(), hang(), messages.Discard))
			}
			actortest.Eventually(t, "all are with the server", func() bool { return server.Last().InFlight.Load() == many })
			if err := tc.end(r, path, cancel); err != nil {
				t.Fatal(err)
			}
			wantKind(t, outcomeOf(t, one), tc.kind, messages.SentUnknown)
			actortest.Eventually(t, "its request is cancelled", func() bool { return server.Last().Cancelled.Load() == 1 })
			if out := outcomeOf(t, begin(t, r, t.Context(), call("fs"), messages.Discard)); out.Failure != nil {
				t.Errorf("its credit is not back: %v", out.Failure)
			}
			server.Last().Break()
			for _, other := range others {
				wantKind(t, outcomeOf(t, other), messages.KindUnavailable, messages.SentUnknown)
			}
			for _, told := range append(others, one) {
				if len(told) != 0 {
					t.Error("told twice")
				}
			}
		})
	}
}

func TestStart_TheDeadlineIsToldWhenTheServerHasHeardOfIt(t *testing.T) {
	server := hanging()
	r, _ := start(t, actortest.Dialer{"fs": server}, nil)
	apply(t, r, actortest.Spec("fs"))
	connect(t, r, "fs")
	c := hang()
	c.Timeout = time.Millisecond
	wantKind(t, outcomeOf(t, begin(t, r, t.Context(), c, messages.Discard)), messages.KindTimeout, messages.SentUnknown)
	if n := server.Last().Cancelled.Load(); n != 1 { // not before its I/O has ended
		t.Errorf("%d requests were cancelled", n)
	}
}

func TestStart_WhatWasNotSentIsMadeAgain(t *testing.T) {
	var calls atomic.Int64
	r, _ := start(t, actortest.Dialer{"fs": {Start: func(_ *actortest.Conn, req messages.Request, _ messages.Sink, done func(messages.Outcome)) {
		calls.Add(1)
		done(messages.Outcome{Failure: &messages.Failure{Kind: messages.KindUnavailable, Server: "fs", Sent: messages.SentNo, Stale: true, Message: "gone"}})
	}}}, nil)
	apply(t, r, actortest.Spec("fs"))
	out := outcomeOf(t, begin(t, r, t.Context(), call("fs"), messages.Discard)) // made again by Call, whose way is Do
	if out.Failure != nil || calls.Load() != 1 {
		t.Errorf("%v after %d starts", out.Failure, calls.Load())
	}
}

func TestStart_APanicOfTheConnectionAndATwofoldEndCostThisCallOnly(t *testing.T) {
	how := "panic"
	r, _ := start(t, actortest.Dialer{"fs": {Start: func(_ *actortest.Conn, req messages.Request, _ messages.Sink, done func(messages.Outcome)) {
		if how == "panic" {
			panic("a bug in the connection")
		}
		done(messages.Outcome{Result: req.Params})
		done(messages.Outcome{Failure: messages.Failf(messages.KindInternal, "fs", "again")})
	}}}, nil)
	apply(t, r, actortest.Spec("fs"))
	connect(t, r, "fs")
	out := outcomeOf(t, begin(t, r, t.Context(), call("fs"), messages.Discard))
	wantKind(t, out, messages.KindInternal, messages.SentUnknown)
	if !strings.Contains(out.Failure.Message, "a bug in the connection") {
		t.Errorf("it is told as %s", out.Failure.Message)
	}
	how = "twice"
	told := begin(t, r, t.Context(), call("fs"), messages.Discard)
	if out := outcomeOf(t, told); out.Failure != nil {
		t.Error(out.Failure)
	}
	if out := outcomeOf(t, begin(t, r, t.Context(), call("fs"), messages.Discard)); out.Failure != nil || len(told) != 0 {
		t.Errorf("%v; told again %d times", out.Failure, len(told))
	}
}

// Whatever happens to the actors between, each call is told how it ended, once.
func TestStart_InAStormEachIsToldOnce(t *testing.T) {
	server := hanging()
	r, _ := start(t, actortest.Dialer{"fs": server}, nil)
	spec := actortest.Spec("fs")
	spec.Policy.MaxConcurrency, spec.Policy.BreakerFailures = 64, 0
	apply(t, r, spec)
	connect(t, r, "fs")
	const rounds, each = 12, 24
	var told, twice atomic.Int64
	begun := int64(0)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		for i := range each {
			c := hang()
			if i%3 == 0 {
				c = call("fs")
			}
			var once atomic.Bool
			if r.Start(ctx, c, messages.Discard, func(messages.Outcome) {
				if once.Swap(true) {
					twice.Add(1)
				}
				told.Add(1)
			}) {
				begun++
			}
		}
		switch round % 4 {
		case 0:
			_ = r.Crash(upstreamPath(t, r, "fs"), "a bug")
		case 1:
			server.Last().Break()
		case 2:
			for _, path := range paths(r, "s") {
				_ = r.Kill(path)
			}
		}
		cancel()
		actortest.Eventually(t, fmt.Sprintf("round %d: %d calls are told", round, begun), func() bool { return told.Load() == begun })
	}
	if twice.Load() != 0 {
		t.Errorf("%d were told twice", twice.Load())
	}
	actortest.Eventually(t, "no request is left", func() bool { return server.Last().InFlight.Load() == 0 })
	if begun < rounds*each/2 {
		t.Errorf("only %d were started", begun)
	}
}

// Nothing tells a mailbox's messages that their actor has stopped: that is found out.
func TestStart_AnUpstreamThatDiesWithTheCallInItsMailboxIsNoticed(t *testing.T) {
	dialling, resume := make(chan struct{}), make(chan struct{})
	server := &actortest.Server{Dial: func(ctx context.Context, attempt int) error {
		if attempt > 1 {
			return nil
		}
		close(dialling)
		select {
		case <-resume:
			return errors.New("it does not start")
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	r, _ := start(t, actortest.Dialer{"fs": server}, nil)
	apply(t, r, actortest.Spec("fs"))
	<-dialling
	told := begin(t, r, t.Context(), call("fs"), messages.Discard) // waits for the connection
	if err := r.Crash(upstreamPath(t, r, "fs"), "a bug"); err != nil {
		t.Fatal(err)
	}
	close(resume)
	if out := outcomeOf(t, told); out.Failure != nil && out.Failure.Sent != messages.SentNo {
		t.Errorf("%+v", out.Failure)
	}
}
