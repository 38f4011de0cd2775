package isolation_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// sequential is how many calls are made one after the other.
const sequential = 200

func TestRequest_EveryCallOverStdioHasAProcessOfItsOwn(t *testing.T) {
	h, book := testkit.Open(t, nil), testkit.OpenLedger(t)
	fresh, shared := h.Counter(program, book, "fresh"), h.Counter(program, book, "shared")
	fresh.Policy.Isolation, shared.Policy.Isolation = messages.IsolationRequest, messages.IsolationShared
	h.ServeAll(fresh, shared)

	took := freshEachTime(h, "fresh")
	wantOneCallEach(t, book, "fresh")
	capacity := sequential / took.Seconds()
	report.Add(t, "`request` over stdio", "%d calls, one after the other: %d processes, each of which has seen one call. "+
		"They took %v: the pool starts %.1f processes per second.", sequential, sequential, took.Round(time.Millisecond), capacity)
	fairPrice(h, book, capacity/2)
}

func TestRequest_EveryCallOverHTTPHasASessionOfItsOwn(t *testing.T) {
	h, book := testkit.Open(t, nil), testkit.OpenLedger(t)
	h.ServeAll(counterHTTP(h, book, "fresh", puppethttp.Legacy)) // request by default
	took := freshEachTime(h, "fresh")
	wantOneCallEach(t, book, "fresh")
	report.Add(t, "`request` over Streamable HTTP, 2025-11-25", "%d calls, one after the other: %d sessions, each of which has seen one call, in %v.",
		sequential, sequential, took.Round(time.Millisecond))
}

// As many callers come at once as sessions stand ready: by the server's own
// record of the order nobody waits for a handshake.
func TestRequest_NobodyWaitsForAHandshakeWhileSessionsStandReady(t *testing.T) {
	for over, server := range map[string]func(*testkit.House, *ledger.Book, string) messages.ServerSpec{
		"stdio": func(h *testkit.House, book *ledger.Book, name string) messages.ServerSpec {
			return h.Counter(program, book, name)
		},
		"Streamable HTTP": func(h *testkit.House, book *ledger.Book, name string) messages.ServerSpec {
			return counterHTTP(h, book, name, puppethttp.Legacy)
		},
	} {
		t.Run(over, func(t *testing.T) {
			h, book := testkit.Open(t, nil), testkit.OpenLedger(t)
			const servers, ready = 4, 6
			var specs []messages.ServerSpec
			for i := range servers {
				s := server(h, book, fmt.Sprintf("fresh-%d", i))
				s.Policy.Isolation, s.Policy.PoolMin = messages.IsolationRequest, ready
				specs = append(specs, s)
			}
			h.ServeAll(specs...)
			calls := 0
			for _, s := range specs { // a new server each time: until its first call the number in its status only grows
				actortest.Eventually(t, "the sessions stand ready", func() bool { return h.StatusOf(s.Name).Spares == ready })
				var burst []testkit.Pending
				for n := range ready {
					book.Note(ledger.Entry{What: ledger.Made, Server: s.Name, N: n})
					burst = append(burst, h.Start(count(s.Name, n, "burst"), n))
				}
				for _, c := range burst {
					if got := counted(t, c.Outcome(t)); got.Count != 1 || got.N != c.N {
						t.Errorf("call %d: %+v", c.N, got)
					}
				}
				calls += wantNoHandshakeWaitedFor(t, book, s.Name)
				wantOneCallEach(t, book, s.Name)
			}
			report.Add(t, "Waiting for a handshake over "+over, "%d bursts of as many calls as sessions stood ready (%d): "+
				"by the server's own record all %d calls came on sessions that were complete before the call was made.", servers, ready, calls)
		})
	}
}

// freshEachTime makes calls one after the other, each of which must be the
// first of its session and must not meet one that another has met.
func freshEachTime(h *testkit.House, server string) time.Duration {
	h.T.Helper()
	met := map[string]bool{}
	begun := time.Now()
	for n := range sequential {
		c := counted(h.T, h.Call(h.T.Context(), count(server, -n-1, "one"), messages.Discard))
		if c.Count != 1 || met[c.Session] {
			h.T.Fatalf("call %d is number %d of %s, which was met before: %t", n, c.Count, c.Session, met[c.Session])
		}
		met[c.Session] = true
	}
	return time.Since(begun)
}

// fairPrice compares request with shared at so many calls per second: pairs of
// runs, each of them an open loop, in turn the one and the other first.
func fairPrice(h *testkit.House, book *ledger.Book, rate float64) {
	h.T.Helper()
	pairs, seconds := 1, 1.5
	if testkit.Long() {
		pairs, seconds = 7, 3
	}
	run := func(server string, first int) (p50 time.Duration) {
		actortest.Eventually(h.T, "a session stands ready", func() bool { return spares(book, "fresh") > 0 })
		took := paced(rate, int(rate*seconds), func(n int) {
			if server == "fresh" {
				book.Note(ledger.Entry{What: ledger.Made, Server: "paced", N: first + n})
			}
			out := h.Call(h.T.Context(), count(server, first+n, "paced"), messages.Discard)
			if out.Failure != nil {
				h.T.Errorf("call %d of %s: %v", n, server, out.Failure)
			}
		})
		return middle(took)
	}
	var ratios []float64
	var table strings.Builder
	first := 1_000_000
	for pair := range pairs {
		p50 := map[string]time.Duration{}
		servers := []string{"fresh", "shared"}
		if pair%2 == 1 {
			servers = []string{"shared", "fresh"}
		}
		for _, server := range servers {
			p50[server] = run(server, first)
			first += 100_000
		}
		ratio := float64(p50["fresh"]) / float64(p50["shared"])
		ratios = append(ratios, ratio)
		fmt.Fprintf(&table, "| %d | %v | %v | %.2f |\n", pair+1, p50["fresh"].Round(time.Microsecond), p50["shared"].Round(time.Microsecond), ratio)
	}
	ratio := middle(ratios)
	waited, of := waitedForDial(book)
	report.Add(h.T, "The price of a process per call", "Open loop at half of what the pool can start, %.1f calls per second for %.1f s, interleaved pairs; %d of %d calls "+
		"under `request` found no process ready. Median of the ratios: **%.2f** (target: at most 1.25).\n\n"+
		"| pair | p50 request | p50 shared | ratio |\n|---|---|---|---|\n%s", rate, seconds, waited, of, ratio, table.String())
	if testkit.Long() && ratio > 1.25 {
		h.T.Errorf("p50 of request is %.2f of that of shared, want at most 1.25", ratio)
	}
	actortest.Eventually(h.T, "all sessions are over", func() bool { return len(h.Paths("s")) == 0 })
	for _, e := range actortest.Of[messages.PoolGrowthFailed](h.Events) {
		h.T.Errorf("the pool could not grow: %+v", e)
	}
	for _, e := range actortest.Of[messages.LinkLost](h.Events) {
		h.T.Errorf("a process was lost: %+v", e)
	}
}

// waitedForDial counts the paced calls that came on a process that had not
// said hello when the call was made.
func waitedForDial(book *ledger.Book) (waited, of int) {
	announced := made(book, "paced")
	for _, s := range histories(book, "fresh") {
		for _, e := range s.calls {
			if at, ok := announced[e.N]; ok {
				of++
				if s.hello > at {
					waited++
				}
			}
		}
	}
	return waited, of
}

// paced runs do n times at a rate, each in its own time, and returns how long
// each took from the moment at which it was due.
func paced(rate float64, n int, do func(n int)) []time.Duration {
	took := make([]time.Duration, n)
	var wg sync.WaitGroup
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		<-time.After(time.Until(due))
		wg.Go(func() {
			do(i)
			took[i] = time.Since(due)
		})
	}
	wg.Wait()
	return took
}
