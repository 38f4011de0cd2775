package upstream

import (
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// What happens to a breaker that opens after 3 failures for 10 s, step by step.
func TestBreaker_GoesThroughItsStates(t *testing.T) {
	const openFor = 10 * time.Second
	type step struct {
		do    string // "fail", "succeed", "ask" (a call comes), "end NAME", "wait"
		d     time.Duration
		pass  bool   // ask
		trial string // ask: the name of the call; set when it is the trial
		state messages.BreakerState
	}
	const closed, open, half = messages.BreakerClosed, messages.BreakerOpen, messages.BreakerHalfOpen
	fail, succeed := func(s messages.BreakerState) step { return step{do: "fail", state: s} }, step{do: "succeed", state: closed}
	ask := func(pass bool, trial string, s messages.BreakerState) step {
		return step{do: "ask", pass: pass, trial: trial, state: s}
	}
	wait := func(d time.Duration, s messages.BreakerState) step { return step{do: "wait", d: d, state: s} }
	end := func(name string, s messages.BreakerState) step { return step{do: "end", trial: name, state: s} }
	for _, tc := range []struct {
		name  string
		most  int
		steps []step
	}{
		{"fewer in a row than it takes", 3, []step{fail(closed), fail(closed), ask(true, "", closed)}},
		{"a success in between begins anew", 3, []step{fail(closed), fail(closed), succeed, fail(closed), fail(closed), ask(true, "", closed)}},
		{"so many in a row open it", 3, []step{fail(closed), fail(closed), fail(open), ask(false, "", open)}},
		{"nothing ever opens one without a number", 0, []step{fail(closed), fail(closed), fail(closed), fail(closed), ask(true, "", closed)}},
		{"it stays open to its last moment", 1, []step{fail(open), wait(openFor-time.Nanosecond, open), ask(false, "", open)}},
		{"then one call tries, and the others are refused", 1, []step{
			fail(open), wait(openFor, open), ask(true, "s1", half), ask(false, "", half), wait(time.Hour, half), ask(false, "", half),
		}},
		{"its success closes it", 1, []step{fail(open), wait(openFor, open), ask(true, "s1", half), succeed, end("s1", closed), ask(true, "", closed)}},
		{"its failure opens it again, for the whole time", 1, []step{
			fail(open), wait(openFor, open), ask(true, "s1", half), fail(open), end("s1", open),
			wait(openFor-1, open), ask(false, "", open), wait(1, open), ask(true, "s2", half),
		}},
		{"one failure is enough then", 3, []step{fail(closed), fail(closed), fail(open), wait(openFor, open), ask(true, "s1", half), fail(open)}},
		{"a trial that ends without a verdict lets the next one try", 1, []step{
			fail(open), wait(openFor, open), ask(true, "s1", half), end("s9", half), ask(false, "", half), end("s1", half), ask(true, "s2", half),
		}},
		{"failures of calls from before do not prolong it", 1, []step{fail(open), wait(openFor/2, open), fail(open), wait(openFor/2, open), ask(true, "s1", half)}},
		{"a success of a call from before closes it, too", 1, []step{fail(open), succeed, ask(true, "", closed)}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			var b breaker
			for i, s := range tc.steps {
				switch s.do {
				case "fail":
					b.failed(now, "no answer", tc.most, openFor)
				case "succeed":
					b.succeeded()
				case "wait":
					now = now.Add(s.d)
				case "end":
					b.ended(s.trial)
				case "ask":
					pass, trial := b.admits(now)
					if pass != s.pass || trial != (s.trial != "") {
						t.Fatalf("step %d: pass %v, trial %v", i, pass, trial)
					}
					if trial {
						b.trial = s.trial
					}
					if !pass && b.wait(now) < time.Second {
						t.Errorf("step %d: come back in %v", i, b.wait(now))
					}
				}
				if got := b.status().State; got != s.state {
					t.Fatalf("after step %d (%s): %s, want %s", i, s.do, got, s.state)
				}
			}
		})
	}
}

func TestBreaker_SaysHowLongItStaysOpen(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var b breaker
	if s := b.status(); s != (messages.BreakerStatus{State: messages.BreakerClosed}) {
		t.Errorf("at first: %+v", s)
	}
	b.failed(now, "no answer", 1, 10*time.Second)
	if s := b.status(); s.Failures != 1 || !s.Until.Equal(now.Add(10*time.Second)) {
		t.Errorf("open: %+v", s)
	}
	for after, want := range map[time.Duration]time.Duration{0: 10 * time.Second, 7 * time.Second: 3 * time.Second, 9900 * time.Millisecond: time.Second} {
		if got := b.wait(now.Add(after)); got != want {
			t.Errorf("after %v: come back in %v, want %v", after, got, want)
		}
	}
	b.succeeded()
	if s := b.status(); s.Failures != 0 || !s.Until.IsZero() {
		t.Errorf("closed: %+v", s)
	}
}
