package workload_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload"
)

func TestBarrier_NobodyAsksBeforeAllSessionsAreOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var early atomic.Int64
		p := &puppet{}
		p.open = func(int) error {
			time.Sleep(time.Millisecond)
			return nil
		}
		p.do = func(context.Context, int, messages.Request) messages.Outcome {
			if len(p.opened) < 100 {
				early.Add(1)
			}
			return good()
		}
		var phases []workload.Phase
		r := run(t, workload.Plan{
			Target: p, Steps: calling(t), Clients: 100, Opening: 3, Requests: 1000, Tick: 10 * time.Millisecond,
			Progress: func(p workload.Progress) { phases = append(phases, p.Phase) },
		})
		if early.Load() > 0 || r.Requests != 1000 || len(p.opened) != 100 || p.closed != 100 {
			t.Errorf("%d early, %d requests, %d opened, %d closed", early.Load(), r.Requests, len(p.opened), p.closed)
		}
		slices.Sort(p.opened)
		if len(slices.Compact(p.opened)) != 100 {
			t.Error("two clients have the same number")
		}
		if len(phases) == 0 || phases[0] != workload.PhaseOpening {
			t.Errorf("phases %v", phases)
		}
	})
}

func TestOpening_WhatFailsIsSaidAndNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("connection refused")
		p := &puppet{open: func(client int) error {
			if client == 17 {
				return gone
			}
			return nil
		}}
		_, err := workload.Start(t.Context(), workload.Plan{Target: p, Steps: calling(t), Clients: 50, Opening: 4})
		var open *workload.OpenError
		if !errors.As(err, &open) || !errors.Is(err, gone) || !strings.Contains(err.Error(), "1 of 50 sessions could not be opened; the first said: connection refused") {
			t.Errorf("%v", err)
		}
		if p.closed != len(p.opened) || len(p.opened) < 17 {
			t.Errorf("%d opened, %d closed", len(p.opened), p.closed)
		}
		p.open = func(int) error { return gone }
		if _, err := workload.Start(t.Context(), workload.Plan{Target: p, Steps: calling(t), Clients: 1}); err == nil || err.Error() != "connection refused" {
			t.Errorf("of one client: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errors.New("enough"))
		if _, err := workload.Start(ctx, workload.Plan{Target: p, Steps: calling(t), Clients: 1}); err == nil || err.Error() != "enough" {
			t.Errorf("cut off before it began: %v", err)
		}
	})
}

func TestLostSession_IsOpenedAnewAndCosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := takes(10 * time.Millisecond)
		var refuse atomic.Bool
		p.open = func(int) error {
			if refuse.Load() {
				return messages.Failf(messages.KindUnavailable, "", "not yet")
			}
			return nil
		}
		r, err := workload.Start(t.Context(), workload.Plan{Target: p, Steps: calling(t), Clients: 2, InFlight: 2, Duration: 20 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.mu.Lock()
		p.live[0].lose()
		p.mu.Unlock()
		time.Sleep(time.Second)
		p.mu.Lock()
		refuse.Store(true)
		for _, s := range p.live {
			s.lose()
		}
		p.mu.Unlock()
		time.Sleep(5 * time.Second)
		refuse.Store(false)
		report := r.Wait()
		if report.Reopened != 3 {
			t.Errorf("%d sessions were opened anew", report.Reopened)
		}
		// Who cannot come in tries at growing intervals, up to a second.
		if report.Errors < 12 || report.Errors > 80 || report.Faults[0].Fault != "unavailable, sent no" {
			t.Errorf("%+v", report.Faults)
		}
		if p.closed != len(p.opened) {
			t.Errorf("%d opened, %d closed", len(p.opened), p.closed)
		}
	})
}

func TestHold_CountsStreamsAndAsksEachSessionForASignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := takes(time.Millisecond)
		p.do = func(_ context.Context, client int, req messages.Request) messages.Outcome {
			if req.Method != "tools/list" || client == 3 {
				return messages.Outcome{Failure: messages.Failf(messages.KindTimeout, "", "silence")}
			}
			return messages.Outcome{Result: []byte(`{"tools":[]}`)}
		}
		go func() {
			time.Sleep(30 * time.Second)
			p.mu.Lock()
			defer p.mu.Unlock()
			p.live[5].lose()
		}()
		h, err := workload.Hold(t.Context(), workload.Plan{Target: p, Steps: []workload.Step{{Method: "tools/list"}}, Clients: 10}, time.Minute, false)
		if err != nil {
			t.Fatal(err)
		}
		if h.Sessions != 10 || h.For != time.Minute || h.Lost != 1 || h.Answered != 8 || len(h.Faults) != 1 || h.CutOff || h.Errors(false) != 2 {
			t.Errorf("%+v", h)
		}
		if h.Errors(true) != 12 || h.PerSession() != 0 { // no stream was ever opened
			t.Errorf("%d errors, %d bytes for each", h.Errors(true), h.PerSession())
		}
		if p.closed != 10 {
			t.Errorf("%d closed", p.closed)
		}
	})
}

func TestHold_EndsEarlyWhenItIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		p := takes(time.Millisecond)
		h, err := workload.Hold(ctx, workload.Plan{Target: p, Steps: calling(t), Clients: 4, Tick: time.Second, Progress: func(workload.Progress) {}}, time.Hour, false)
		if err != nil || !h.CutOff || h.For != 10*time.Second || h.Answered != 4 || p.closed != 4 {
			t.Errorf("%+v %v", h, err)
		}
	})
}

func TestPlan_WhatMakesNoSenseIsSaid(t *testing.T) {
	good := workload.Plan{Target: takes(0), Steps: calling(t), Clients: 1}
	for want, change := range map[string]func(*workload.Plan){
		"nothing is to be asked": func(p *workload.Plan) { p.Steps = nil },
		"from 1 to":              func(p *workload.Plan) { p.Clients = 0 },
		"at most 10000 each":     func(p *workload.Plan) { p.InFlight = 20000 },
		"requests per second":    func(p *workload.Plan) { p.Rate = -1 },
		"a number is negative":   func(p *workload.Plan) { p.Requests = -1 },
		"exclude each other":     func(p *workload.Plan) { p.Rate, p.Pause = 1, 1 },
		"number is negative":     func(p *workload.Plan) { p.Steps[0].Weight = -1 },
	} {
		plan := good
		plan.Steps = slices.Clone(good.Steps)
		change(&plan)
		if _, err := workload.Start(t.Context(), plan); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
