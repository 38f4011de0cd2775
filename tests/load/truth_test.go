package load_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// An upstream that answers nothing for a second makes a hundred requests wait
// that were to begin then, on average half a second. A generator that waits
// with it would see the few that were on their way.
func TestOpenLoop_TheStallOfASecondStandsInTheP99(t *testing.T) {
	t.Parallel()
	up := null(t, "--stall-after", "1s", "--stall-for", "1s")
	r := start(t, up.URL, "--rate", "100", "--clients", "4", "--warmup", "0s", "--duration", "4s")
	m := r.end()
	got := m.only(t)
	if m.code != 0 || got.Requests+got.Dropped != 400 || got.Errors != 0 || !got.Open {
		t.Fatalf("exit code %d\n%s\n%s", m.code, m.out, m.err)
	}
	// Of the 400, 100 fell into the second; what was to begin in its first
	// tenth has waited for at least nine tenths: ten requests, and the p99 leaves four.
	if got.Latency.P99 < 850*time.Millisecond || got.Latency.Max < 950*time.Millisecond || got.Latency.P90 < 400*time.Millisecond {
		t.Errorf("%+v\n%s", got.Latency, m.out)
	}
	// The four clients waited for their answers, and began what else was due late.
	if got.Late+got.Dropped < 80 || !r.warned(m, "began late") {
		t.Errorf("%d late, %d dropped\n%s", got.Late, got.Dropped, m.out)
	}

	// In the closed loop a stall is one slow answer per client. That is what it
	// is for, and why it is not for this.
	again := null(t, "--stall-after", "500ms", "--stall-for", "1s")
	closed := load(t, 0, again.URL, "--clients", "1", "--warmup", "0s", "--duration", "3s", "--pause", "5ms")
	if c := closed.only(t); c.Latency.Max < 950*time.Millisecond || c.Open || c.Late != 0 {
		t.Errorf("%+v\n%s", c.Latency, closed.out)
	}
}

func TestErrors_WithStatus200AreErrors(t *testing.T) {
	t.Parallel()
	for errs, kind := range map[string]string{"rpc": "JSON-RPC error", "tool": "tool error", "status": "unavailable"} {
		up := null(t, "--error-rate", "0.25", "--errors", errs)
		m := load(t, 3, up.URL, "--requests", "400", "--warmup", "0s", "--clients", "4")
		got := m.only(t)
		if got.Requests != 400 || got.Errors != 100 || len(got.Faults) != 1 || !strings.HasPrefix(got.Faults[0].Fault, kind) || got.Faults[0].Example == "" {
			t.Errorf("%s: %d requests, %d errors, %+v", errs, got.Requests, got.Errors, got.Faults)
		}
		if !strings.Contains(m.out, "100, 25 %") || !strings.Contains(m.out, kind) || !strings.Contains(m.err, "25 % of the requests failed, and --max-errors is 0") {
			t.Errorf("%s:\n%s\n%s", errs, m.out, m.err)
		}
		// Throughput is of what was good.
		if most := 300 / got.Measured.Seconds() * 1.01; got.Throughput > most {
			t.Errorf("%s: %v per second of at most %v", errs, got.Throughput, most)
		}
	}
}

func TestErrors_AnAnswerThatIsNotTheExpectedOneIsOne(t *testing.T) {
	t.Parallel()
	up := null(t)
	m := load(t, 3, up.URL, "--requests", "50", "--expect", "no such text {{seq}}", "--warmup", "0s")
	if got := m.only(t); got.Errors != 50 || got.Faults[0].Fault != "unexpected answer" {
		t.Errorf("%+v", got.Faults)
	}
}

// A generator that is held up for a second was not there when requests were to
// begin: their latencies show it, and it must say that this was its own doing.
func TestOverloadedGenerator_SaysSo(t *testing.T) {
	t.Parallel()
	up := null(t)
	r := start(t, up.URL, "--rate", "50", "--clients", "8", "--warmup", "0s", "--duration", "5s")
	r.await("measuring")
	if err := r.p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if !testkit.Until(func() bool { return stopped(r.p.Pid()) }) {
		t.Fatal("it does not stop")
	}
	<-time.After(1100 * time.Millisecond) // it is the length of the stop that is measured
	if err := r.p.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	m := r.end()
	got := m.only(t)
	if g := got.Generator; g.HeldUpMost < time.Second || g.HeldUp < g.HeldUpMost {
		t.Errorf("%+v", g)
	}
	if !r.warned(m, "the generator is overloaded or was stopped") {
		t.Errorf("it does not say so:\n%s", m.out)
	}
	if got.Latency.Max < 900*time.Millisecond || got.Late < 40 {
		t.Errorf("%d late, %+v", got.Late, got.Latency)
	}
}

func stopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") T ")
}

// Two clients whose answers take 100 ms can do forty requests in two seconds;
// of two hundred the others never begin, and nobody may believe that they were quick.
func TestOpenLoop_WhatTheTargetCannotTakeIsCountedAsDropped(t *testing.T) {
	t.Parallel()
	up := null(t, "--delay", "100ms")
	r := start(t, up.URL, "--rate", "100", "--clients", "2", "--warmup", "0s", "--duration", "2s")
	m := r.end()
	got := m.only(t)
	if m.code != 0 || got.Requests+got.Dropped != 200 || got.Requests > 42 || got.Requests < 2 {
		t.Errorf("exit code %d, %d requests, %d dropped", m.code, got.Requests, got.Dropped)
	}
	if !r.warned(m, "never began") || !strings.Contains(m.out, "never began") {
		t.Errorf("no warning:\n%s", m.out)
	}
	if got.Latency.Max < time.Second || got.Latency.Min < 100*time.Millisecond {
		t.Errorf("%+v", got.Latency)
	}
}

func TestWarmup_IsNotMeasured(t *testing.T) {
	t.Parallel()
	// All of the stall lies in the warm-up.
	up := null(t, "--stall-for", "1s", "--stall-after", "1ms")
	m := load(t, 0, up.URL, "--rate", "100", "--clients", "4", "--in-flight", "8", "--warmup", "3s", "--duration", "1s")
	if got := m.only(t); got.Requests+got.Dropped != 100 {
		t.Errorf("%+v", got)
	}
}

func TestInterrupt_PrintsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	up := null(t)
	r := start(t, up.URL, "--duration", "1h", "--warmup", "0s", "--pause", "1ms")
	r.await("measuring")
	if err := r.p.Signal(os.Interrupt.(syscall.Signal)); err != nil {
		t.Fatal(err)
	}
	m := r.end()
	if got := m.only(t); m.code != 0 || got.Requests == 0 || got.Errors != 0 || !got.CutOff || !strings.Contains(m.out, "requests") {
		t.Errorf("exit code %d\n%s\n%s", m.code, m.out, m.err)
	}
}
