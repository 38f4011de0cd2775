package isolation_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/testkit"
)

// spoilt is a server that does not work while a file exists.
type spoilt struct {
	messages.ServerSpec
	t    *testing.T
	file string
	book *ledger.Book
}

// crashLoop describes one: "broken" or "brittle", see the puppet "ledger".
func crashLoop(t *testing.T, h *testkit.House, how string) spoilt {
	t.Helper()
	s := spoilt{t: t, file: filepath.Join(t.TempDir(), "spoilt"), book: testkit.OpenLedger(t)}
	s.ServerSpec = h.Counter(program, s.book, "looping", how+"="+s.file)
	s.Protocol = "legacy" // one process per attempt: where the era is to be found out, an attempt may take three
	s.Policy.BreakerOpenFor = 500 * time.Millisecond
	s.Policy.RetryAttempts, s.Policy.RetryDelay, s.Policy.RetryDelayMax = 3, 100*time.Millisecond, 800*time.Millisecond
	return s
}

func (s spoilt) spoil() {
	s.t.Helper()
	if err := os.WriteFile(s.file, nil, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s spoilt) mend() {
	s.t.Helper()
	if err := os.Remove(s.file); err != nil {
		s.t.Fatal(err)
	}
}

// started counts the processes so far.
func (s spoilt) started() int {
	n := 0
	for _, e := range s.book.Entries() {
		if e.What == ledger.Started {
			n++
		}
	}
	return n
}

// timed are attempts, failed ones and how long mcpx said it would wait, in order.
type timed struct {
	mu       sync.Mutex
	attempts []time.Time
	failures []time.Time
	waits    []time.Duration
	gaveUp   []bool
}

func watch(t *testing.T, h *testkit.House) *timed {
	w := &timed{}
	t.Cleanup(h.Subscribe(func(e messages.Event) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, ok := e.(messages.Connecting); ok {
			w.attempts = append(w.attempts, time.Now())
		}
		if f, ok := e.(messages.ConnectFailed); ok {
			w.failures, w.waits, w.gaveUp = append(w.failures, time.Now()), append(w.waits, f.Wait), append(w.gaveUp, f.GaveUp)
		}
		if f, ok := e.(messages.PoolGrowthFailed); ok {
			w.failures, w.waits = append(w.failures, time.Now()), append(w.waits, f.Wait)
		}
	}))
	return w
}

// afterFailures waits for n failures.
func (w *timed) afterFailures(t *testing.T, n int) {
	t.Helper()
	actortest.Eventually(t, fmt.Sprintf("%d failures", n), func() bool { return w.failed() >= n })
}

// failed returns how many attempts have failed.
func (w *timed) failed() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.failures)
}

// wantGrowingDelays insists that what mcpx announced doubles up to the cap,
// varied by a fifth, and that it kept to it.
func (w *timed) wantGrowingDelays(t *testing.T, p messages.Policy) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	wait := p.RetryDelay
	for i, got := range w.waits {
		if got < wait*8/10 || got > min(wait*12/10, p.RetryDelayMax) {
			t.Errorf("after failure %d the wait is %v, want %v ± 20 %%", i+1, got, wait)
		}
		if i+1 < len(w.attempts) {
			if pause := w.attempts[i+1].Sub(w.failures[i]); pause < got-time.Millisecond { // of the clock's grain
				t.Errorf("attempt %d began %v after the failure before it, and was to wait for %v", i+2, pause, got)
			}
		}
		wait = min(2*wait, p.RetryDelayMax)
	}
	return strings.Trim(fmt.Sprint(round(w.waits)), "[]")
}

func round(all []time.Duration) []time.Duration {
	for i := range all {
		all[i] = all[i].Round(time.Millisecond)
	}
	return all
}

// One that dies at its start, and one that connects, lists its tools and dies.
func TestCrashLoop_ADyingServerIsStartedAtGrowingDelaysAndRecoversByItself(t *testing.T) {
	for how, reason := range map[string]string{"broken": "the disk is full", "brittle": "out of memory"} {
		t.Run(how, func(t *testing.T) {
			h := testkit.Open(t, nil)
			s, w := crashLoop(t, h, how), watch(t, h)
			s.spoil()
			h.Serve(s.ServerSpec)
			const failures = 6
			w.afterFailures(t, failures)
			began := s.started()
			if failed := w.failed(); began > failed+1 { // counted later: it goes on
				t.Errorf("%d processes were started for %d failures", began, failed)
			}
			// The state between two attempts; the event comes before its status.
			var status messages.Status
			actortest.Eventually(t, "the state is error", func() bool { status = h.StatusOf("looping"); return status.State == messages.StateError })
			if !strings.Contains(status.Reason, reason) || status.NextAttempt.IsZero() || status.NextAttempt.Before(status.Since) {
				t.Errorf("state %q since %v because of %q, next attempt at %v; want a reason that holds %q", status.State, status.Since, status.Reason, status.NextAttempt, reason)
			}
			delays := w.wantGrowingDelays(t, s.Policy)
			w.mu.Lock()
			if w.gaveUp[1] || !w.gaveUp[2] {
				t.Errorf("given up: %v, want it from attempt %d on", w.gaveUp, s.Policy.RetryAttempts)
			}
			w.mu.Unlock()

			// Whoever calls meanwhile is told; a brittle one may have heard him.
			out := h.Call(t.Context(), count("looping", 1, "impatient"), messages.Discard)
			if f := out.Failure; f == nil || f.Kind != messages.KindUnavailable {
				t.Errorf("the caller is told %s %+v", out.Result, f)
			} else if how == "broken" && (f.Sent != messages.SentNo || !strings.Contains(f.Message, reason)) {
				t.Errorf("the caller is told %q, sent %s", f.Message, f.Sent)
			}

			s.mend()
			mended := time.Now()
			connected := func() bool { return h.StatusOf("looping").State == messages.StateConnected }
			if how == "broken" { // a brittle one looks connected now and then
				actortest.Eventually(t, "it is connected, and nobody has called it", connected)
			}
			recovered := time.Since(mended)
			// The breaker may stay open a moment longer.
			actortest.Eventually(t, "a call is answered", func() bool {
				return h.Call(t.Context(), count("looping", 2, "patient"), messages.Discard).Failure == nil
			})
			if how == "brittle" {
				recovered = time.Since(mended)
			}
			actortest.Eventually(t, "it is connected", connected)
			report.Add(t, "A crash loop: "+how, "%d attempts, %d processes; the waits between them were %s (`retry_delay` %v, at most %v here). "+
				"State `error`, reason %q. It answered again %v after it was mended, with nobody's help.",
				failures, began, delays, s.Policy.RetryDelay, s.Policy.RetryDelayMax, status.Reason, recovered.Round(time.Millisecond))
		})
	}
}

// A server whose first process works and which cannot start another: those who
// have one go on, the attempts at more are at growing delays.
func TestCrashLoop_APoolThatCannotGrowTriesAtGrowingDelays(t *testing.T) {
	h := testkit.Open(t, nil)
	s, w := crashLoop(t, h, "broken"), watch(t, h)
	h.ServeAll(s.ServerSpec) // under client: one process, until a second caller comes
	ann, bob := count("looping", 1, "ann"), count("looping", 2, "bob")
	ann.Principal.Name, bob.Principal.Name = "ann", "bob"
	if got := counted(t, h.Call(t.Context(), ann, messages.Discard)); got.Count != 1 {
		t.Errorf("%+v", got)
	}
	s.spoil()
	out := h.Call(t.Context(), bob, messages.Discard)
	testkit.WantKind(t, out, messages.KindUnavailable, messages.SentNo)
	if !strings.Contains(out.Failure.Message, "the disk is full") {
		t.Errorf("the caller is told %q", out.Failure.Message)
	}
	w.afterFailures(t, s.Policy.RetryAttempts)
	w.mu.Lock()
	w.attempts = nil // attempts to grow have no event of their own
	w.mu.Unlock()
	delays := w.wantGrowingDelays(t, s.Policy)
	got := s.started()
	if failed := w.failed(); got > 1+failed+1 { // that of ann, and one that is being tried
		t.Errorf("%d processes for %d failures", got, failed)
	}
	status := h.StatusOf("looping")
	if status.State != messages.StateConnected || !strings.Contains(status.Reason, "the disk is full") {
		t.Errorf("state %q, reason %q", status.State, status.Reason)
	}
	if got := counted(t, h.Call(t.Context(), ann, messages.Discard)); got.Count != 2 {
		t.Errorf("who has a process: %+v", got)
	}
	s.mend()
	actortest.Eventually(t, "the second caller has one", func() bool {
		return h.Call(t.Context(), bob, messages.Discard).Failure == nil
	})
	report.Add(t, "A pool that cannot grow", "The first process works on, further ones die at their start: the waits between attempts were %s; the caller who needed one was told %q.",
		delays, out.Failure.Message)
}
