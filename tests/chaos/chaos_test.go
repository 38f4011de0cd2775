package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/testkit"
)

// Calls through every door, of servers of all kinds, while processes are killed
// and stopped, connections break, sessions expire and the configuration changes.
// MCPX_SEED repeats a run, as far as it is up to chance and not to the clock.
func TestChaos_EveryCallIsAnsweredOnceAndNothingIsLeft(t *testing.T) {
	calls, rate := 1000, 125.0
	if testkit.Long() {
		calls, rate = 10_000, 180
	}
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MCPX_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MCPX_SEED=%d", seed)

	s := newScene(t)
	start := s.h.Holds()
	s.h.ServeAll(s.specs...)
	all, shut := doors(t, s.h)
	harm := &trouble{scene: s, random: rand.New(rand.NewPCG(seed, 0))}
	ctx, cancel := context.WithCancel(t.Context())
	var troubled sync.WaitGroup
	defer troubled.Wait()
	defer cancel()
	troubled.Go(func() { harm.make(ctx) })
	troubled.Go(func() { s.late.watch(ctx) })

	begun := time.Now()
	answers := s.work(seed, calls, rate, all)
	took := time.Since(begun)
	cancel()
	troubled.Wait()

	actortest.Eventually(t, "no session is left", func() bool { return len(s.h.Paths("s")) == 0 })
	shut()
	stopped := harm.stopAll() // a close must do without their help
	closing := time.Now()
	closed := s.h.Close()
	closeTook := time.Since(closing)
	if stopped == 0 || len(closed.Errors) > 0 {
		t.Errorf("with %d stopped processes, the close says %v", stopped, closed.Errors)
	}
	s.h.NothingLeft()
	var after testkit.Holdings
	actortest.Eventually(t, "all is given back", func() bool { after = s.h.Holds(); return after.Within(start) })
	for _, e := range s.h.Events.Events() {
		switch e.(type) { //nolint:gochecksumtype // what is looked for are bugs
		case messages.ActorRestarted, messages.ActorStopped:
			t.Errorf("an actor had a bug: %v", e)
		}
	}

	figures := s.judge(answers)
	report.Add(t, "Chaos", "%d calls in %v (%.0f/s) through three doors of %d servers, seed %d, under %s, all at random.\n\n%s"+
		"- before: %v\n- after: %v\n- close, with all %d processes stopped: %v, in good order", calls, took.Round(time.Millisecond), float64(calls)/took.Seconds(),
		len(s.specs), seed, harm, figures, start, after, stopped, closeTook.Round(time.Millisecond))
	for _, what := range []string{"SIGKILL", "SIGSTOP", "reload", "reset instead of the answer"} {
		if harm.did[what] == 0 {
			t.Errorf("there was no %s", what)
		}
	}
}

// work makes the calls, open loop, and returns their answers in the order of
// the calls.
func (s *scene) work(seed uint64, calls int, rate float64, doors []door) []answer {
	answers := make([]answer, calls)
	tools := []string{"count", "count", "count", "read", "put"}
	var wg sync.WaitGroup
	begun := time.Now()
	names := make([]string, 0, 2*len(s.specs))
	for _, spec := range s.specs { // specs change while we work; names do not
		names = append(names, spec.Name, spec.Name)
	}
	names = names[1:] // a process for each call: half as often
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range calls {
		a := ask{n: i + 1, server: names[random.IntN(len(names))], tool: tools[random.IntN(len(tools))]}
		enter := doors[random.IntN(len(doors))]
		<-time.After(time.Until(begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		wg.Go(func() {
			asked := time.Now()
			answers[i] = enter(a)
			answers[i].asked, answers[i].took = asked, time.Since(asked)
		})
	}
	wg.Wait()
	return answers
}

// allowed are the kinds of failures that such trouble may cause.
var allowed = []string{messages.KindUnavailable.String(), messages.KindTimeout.String(), messages.KindOverloaded.String()}

// judge holds the answers against each other and against what the servers have
// written down, and returns the figures.
func (s *scene) judge(answers []answer) string {
	t := s.h.T
	t.Helper()
	came := map[int][]ledger.Entry{}
	for _, e := range s.book.Entries() {
		if e.What == ledger.Called {
			came[e.N] = append(came[e.N], e)
		}
	}
	kinds, repeated, slowest := map[string]int{}, 0, time.Duration(0)
	for _, a := range answers {
		entries := came[a.n]
		wrong := func(format string, args ...any) {
			t.Errorf("call %d, %s of %s, %s: %s; the answer after %v: %s %s %s; its server's book: %+v",
				a.n, a.tool, a.server, a.who, fmt.Sprintf(format, args...), a.took, a.kind, a.sent, a.text, entries)
		}
		slowest = max(slowest, a.took)
		// What is done for a call is done by several goroutines, one after the other.
		if stood := s.late.within(a.asked, a.asked.Add(a.took)); a.took > deadline+slack+2*stood {
			wrong("it came after its deadline, and the machine kept us waiting for %v only", stood)
		}
		switch {
		case a.result != nil:
			kinds["results"]++
			if a.result.N != a.n {
				wrong("the answer is that of call %d", a.result.N)
			}
			if !slices.ContainsFunc(entries, func(e ledger.Entry) bool { return e.Session == a.result.Session }) {
				wrong("the session that answered has not been called")
			}
		case slices.Contains(allowed, a.kind):
			kinds[a.kind+", sent "+a.sent]++
			if a.sent == messages.SentNo.String() && len(entries) > 0 {
				wrong("it was sent")
			}
		default:
			wrong("no answer, or not of a kind that is allowed")
		}
		if len(entries) > 1 {
			repeated++
			if a.tool == "count" || len(entries) > 2 {
				wrong("it was called %d times", len(entries))
			}
		}
	}
	least := len(answers) / 10
	if testkit.Long() {
		least *= 5 // there the machine is not to blame
	}
	if kinds["results"] < least {
		t.Errorf("%d results of %d calls: there was more trouble than work", kinds["results"], len(answers))
	}
	s.judgeSessions()
	return fmt.Sprintf("- answers, exactly one for each call: %v\n- slowest answer %v, of a deadline of %v\n- calls that came twice, all of tools that say that they may: %d\n",
		kinds, slowest.Round(time.Millisecond), deadline, repeated)
}

// judgeSessions insists that the policies held all the time.
func (s *scene) judgeSessions() {
	calls, users := map[string]int{}, map[string]string{}
	for _, e := range s.book.Entries() {
		if e.What != ledger.Called {
			continue
		}
		session := e.Server + " " + e.Session
		calls[session]++
		switch e.Server {
		case "process-request", "http-request":
			if calls[session] > 1 {
				s.h.T.Errorf("%s has seen %d calls", session, calls[session])
			}
		case "process-client", "http-client":
			if was, known := users[session]; known && was != e.Who {
				s.h.T.Errorf("%s has seen %s and %s", session, was, e.Who)
			}
			users[session] = e.Who
		}
	}
}
