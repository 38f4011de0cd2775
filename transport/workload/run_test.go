package workload_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload"
)

// takes is a server whose every answer takes a while.
func takes(d time.Duration) *puppet {
	return &puppet{do: func(ctx context.Context, _ int, _ messages.Request) messages.Outcome {
		select {
		case <-time.After(d):
			return good()
		case <-ctx.Done():
			kind := messages.KindCancelled
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				kind = messages.KindTimeout
			}
			return messages.Outcome{Failure: messages.Failf(kind, "", "given up")}
		}
	}}
}

func near(got, want time.Duration) bool { // three digits
	return got >= want-want/500-time.Microsecond && got <= want+want/500+time.Microsecond
}

func TestClosedLoop_AsksAgainWhenItHasBeenAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, workload.Plan{
			Target: takes(10 * time.Millisecond), Steps: calling(t), Clients: 4, InFlight: 2,
			Warmup: time.Second, Duration: 2 * time.Second,
		})
		// 8 at a time, each 100 times a second; what the warm-up asked does not count.
		if r.Requests != 1600 || r.Errors != 0 || r.Throughput < 795 || r.Throughput > 800 {
			t.Errorf("%d requests, %d errors, %v/s", r.Requests, r.Errors, r.Throughput)
		}
		if !near(r.Latency.P50, 10*time.Millisecond) || !near(r.Latency.Max, 10*time.Millisecond) || r.Late+r.Dropped != 0 || r.Open || r.CutOff {
			t.Errorf("%+v", r)
		}
	})
}

func TestOpenLoop_LatenciesCountFromTheAppointment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		p := &puppet{do: func(context.Context, int, messages.Request) messages.Outcome {
			// From the second second on nothing is answered, for a second.
			if at := time.Since(start); at >= time.Second && at < 2*time.Second {
				time.Sleep(2*time.Second - at)
			}
			time.Sleep(time.Millisecond)
			return good()
		}}
		r := run(t, workload.Plan{Target: p, Steps: calling(t), Clients: 4, Rate: 100, Duration: 10 * time.Second})
		if r.Requests != 1000 || r.Dropped != 0 {
			t.Fatalf("%d requests, %d dropped", r.Requests, r.Dropped)
		}
		// 100 appointments fell into that second, evenly: a tenth of all waited,
		// up to the whole of it, although only four requests saw the stall.
		if r.Latency.Max < 990*time.Millisecond || r.Latency.P99 < 890*time.Millisecond || r.Latency.P99 > 920*time.Millisecond || !near(r.Latency.P50, time.Millisecond) {
			t.Errorf("%+v", r.Latency)
		}
		// The four did begin in time.
		if r.Late < 90 || r.Late > 100 || r.LateMost < 900*time.Millisecond {
			t.Errorf("%d late, by up to %v", r.Late, r.LateMost)
		}
		if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "began late") }) {
			t.Errorf("no warning: %q", r.Warnings)
		}
	})
}

func TestOpenLoop_WhatNeverBeganIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Two clients can do 20 a second; 100 are wanted.
		r := run(t, workload.Plan{Target: takes(100 * time.Millisecond), Steps: calling(t), Clients: 2, Rate: 100, Duration: 5 * time.Second})
		if r.Requests+r.Dropped != 500 || r.Requests < 98 || r.Requests > 102 {
			t.Errorf("%d requests, %d dropped", r.Requests, r.Dropped)
		}
		if r.Latency.Max < 3900*time.Millisecond || r.Throughput > 21 {
			t.Errorf("%+v", r)
		}
		if !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "never began") }) {
			t.Errorf("no warning: %q", r.Warnings)
		}
	})
}

func TestOpenLoop_ClientsTakeTurnsAndAllRequestsDiffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var asked []string
		start := time.Now()
		p := &puppet{do: func(_ context.Context, client int, req messages.Request) messages.Outcome {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, fmt.Sprintf("%v %d %s", time.Since(start), client, req.Params))
			return good()
		}}
		run(t, workload.Plan{Target: p, Steps: calling(t), Clients: 3, InFlight: 2, Rate: 10, Requests: 5})
		want := []string{
			`0s 0 {"name":"echo","arguments":{"n":0}}`, `100ms 1 {"name":"echo","arguments":{"n":1}}`, `200ms 2 {"name":"echo","arguments":{"n":2}}`,
			`300ms 0 {"name":"echo","arguments":{"n":3}}`, `400ms 1 {"name":"echo","arguments":{"n":4}}`,
		}
		if !slices.Equal(asked, want) {
			t.Errorf("asked %q", asked)
		}
	})
}

func TestQuota_IsMetExactlyAndTheWarmupIsNotPartOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		p := takes(time.Millisecond)
		inner := p.do
		p.do = func(ctx context.Context, client int, req messages.Request) messages.Outcome {
			asked.Add(1)
			return inner(ctx, client, req)
		}
		r := run(t, workload.Plan{Target: p, Steps: calling(t), Clients: 7, InFlight: 3, Warmup: 100 * time.Millisecond, Requests: 1000})
		if warm := int64(21 * 100); r.Requests != 1000 || asked.Load() != 1000+warm {
			t.Errorf("%d measured, %d asked", r.Requests, asked.Load())
		}
		if r.Measured < 45*time.Millisecond || r.Measured > 60*time.Millisecond {
			t.Errorf("measured for %v", r.Measured)
		}
	})
}

func TestTimeout_EndsARequestAndNotTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		slow, quick := takes(time.Hour), takes(time.Millisecond)
		p := &puppet{do: func(ctx context.Context, client int, req messages.Request) messages.Outcome {
			if n.Add(1)%10 == 0 {
				return slow.do(ctx, client, req)
			}
			return quick.do(ctx, client, req)
		}}
		r := run(t, workload.Plan{Target: p, Steps: calling(t), Clients: 1, Requests: 100, Timeout: time.Second})
		if r.Errors != 10 || len(r.Faults) != 1 || r.Faults[0].Fault != "timeout, sent no" || r.Faults[0].Example != "given up" {
			t.Errorf("%+v", r.Faults)
		}
		if !near(r.Latency.Max, time.Second) || r.ErrorShare() != 0.1 { // who waited in vain has waited
			t.Errorf("%+v", r.Latency)
		}
	})
}

func TestMixedMethods_HaveHistogramsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{do: func(_ context.Context, _ int, req messages.Request) messages.Outcome {
			if req.Method == "ping" {
				time.Sleep(time.Millisecond)
				return messages.Outcome{Result: []byte(`{}`)}
			}
			time.Sleep(5 * time.Millisecond)
			return good()
		}}
		steps := append(calling(t), workload.Step{Method: "ping", Weight: 3})
		r := run(t, workload.Plan{Target: p, Steps: steps, Clients: 2, Requests: 400})
		if c, p := r.Methods["tools/call"], r.Methods["ping"]; c.Count != 100 || p.Count != 300 || !near(c.P50, 5*time.Millisecond) || !near(p.P50, time.Millisecond) {
			t.Errorf("%+v", r.Methods)
		}
		if r.Histogram().TotalCount() != 400 || r.Histograms()["ping"].TotalCount() != 300 {
			t.Error("the histograms are not those of the figures")
		}
	})
}

func TestPause_IsKeptAfterEachAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, workload.Plan{Target: takes(10 * time.Millisecond), Steps: calling(t), Clients: 1, Pause: 90 * time.Millisecond, Duration: time.Second})
		if r.Requests != 10 {
			t.Errorf("%d requests", r.Requests)
		}
	})
}

func TestStop_LetsWhatIsInFlightEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, err := workload.Start(t.Context(), workload.Plan{Target: takes(time.Minute), Steps: calling(t), Clients: 3, Timeout: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if r.Begun() {
			t.Error("nobody has had an answer")
		}
		r.Stop()
		report := r.Wait()
		if !r.Begun() {
			t.Error("everybody has had an answer")
		}
		if good, bad := r.Answers(); good != 3 || bad != 0 || report.Requests != 3 || !report.CutOff {
			t.Errorf("%d answers, %d others, %+v", good, bad, report)
		}
	})
}

func TestInterrupted_WhatWasInFlightCountsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := takes(10 * time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		r, err := workload.Start(ctx, workload.Plan{Target: p, Steps: calling(t), Clients: 3, Rate: 3, InFlight: 2, Duration: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second + 5*time.Millisecond) // in the middle of one
		cancel()
		report := r.Wait()
		if report.Requests != 30 || report.Errors != 0 || !report.CutOff || report.Measured > 11*time.Second || report.Dropped != 0 {
			t.Errorf("%+v", report)
		}
		if p.closed != 3 {
			t.Errorf("%d of 3 sessions were closed", p.closed)
		}
	})
}
