package isolation_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// count is a call of a counter; n and who go into its ledger.
func count(server string, n int, who string) messages.Call {
	return messages.Call{Server: server, Request: messages.Request{
		Method: "tools/call", Name: "count",
		Params: json.RawMessage(fmt.Sprintf(`{"name":"count","arguments":{"n":%d,"who":%q}}`, n, who)),
	}}
}

// counted reads the result of such a call.
func counted(t testing.TB, out messages.Outcome) ledger.Count {
	t.Helper()
	var result struct{ Content []struct{ Text string } }
	var c ledger.Count
	if out.Failure != nil || json.Unmarshal(out.Result, &result) != nil || len(result.Content) != 1 ||
		json.Unmarshal([]byte(result.Content[0].Text), &c) != nil {
		t.Fatalf("a counter answered %s %+v", out.Result, out.Failure)
	}
	return c
}

// counterHTTP returns a server over HTTP of one era that keeps a ledger.
func counterHTTP(h *testkit.House, book *ledger.Book, name, version string) messages.ServerSpec {
	p := puppethttp.Start(h.T, puppethttp.Options{Versions: []string{version}})
	p.Keep(book, name)
	return h.HTTP(name, p)
}

// history is what became of one session, by the positions of its entries in the
// ledger; -1 for what did not happen.
type history struct {
	hello, ready, bye int
	calls             []ledger.Entry
	at                []int // of the calls
}

// histories reads the ledger of one server.
func histories(book *ledger.Book, server string) map[string]*history {
	all := map[string]*history{}
	for i, e := range book.Entries() {
		if e.Server != server || e.Session == "" {
			continue
		}
		s := all[e.Session]
		if s == nil {
			s = &history{hello: -1, ready: -1, bye: -1}
			all[e.Session] = s
		}
		switch e.What {
		case ledger.Hello:
			s.hello = i
		case ledger.Ready:
			s.ready = i
		case ledger.Bye:
			s.bye = i
		case ledger.Called:
			s.calls, s.at = append(s.calls, e), append(s.at, i)
		}
	}
	return all
}

// spares counts the sessions of a server that are ready and that nobody uses.
func spares(book *ledger.Book, server string) int {
	n := 0
	for _, s := range histories(book, server) {
		if s.ready >= 0 && len(s.calls) == 0 && s.bye < 0 {
			n++
		}
	}
	return n
}

// made returns where in the ledger the calls of a server are announced, by n.
func made(book *ledger.Book, server string) map[int]int {
	all := map[int]int{}
	for i, e := range book.Entries() {
		if e.What == ledger.Made && e.Server == server {
			all[e.N] = i
		}
	}
	return all
}

// wantNoHandshakeWaitedFor insists that each call that was announced came on a
// session that was complete by then.
func wantNoHandshakeWaitedFor(t testing.TB, book *ledger.Book, server string) (calls int) {
	t.Helper()
	announced := made(book, server)
	for name, s := range histories(book, server) {
		for i, e := range s.calls {
			at, ok := announced[e.N]
			if !ok {
				continue
			}
			calls++
			if s.hello < 0 || s.hello > at {
				t.Errorf("call %d was made at entry %d of the ledger, and came at %d on %s, which was greeted at %d", e.N, at, s.at[i], name, s.hello)
			}
			if s.ready < 0 || s.ready > s.at[i] {
				t.Errorf("call %d came at entry %d of the ledger on %s, which was initialized at %d", e.N, s.at[i], name, s.ready)
			}
		}
	}
	if calls != len(announced) {
		t.Errorf("%d calls were made and %d came", len(announced), calls)
	}
	return calls
}

// wantOneCallEach insists that no session has seen more than one call.
func wantOneCallEach(t testing.TB, book *ledger.Book, server string) {
	t.Helper()
	for name, s := range histories(book, server) {
		if len(s.calls) > 1 {
			t.Errorf("%s has seen %d calls", name, len(s.calls))
		}
	}
}

// middle returns the median.
func middle[T ~int64 | ~float64](values []T) T { return at(values, 0.5) }

// at returns a quantile; NaN of nothing is nobody's case.
func at[T ~int64 | ~float64](values []T, quantile float64) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(len(sorted)-1, int(quantile*float64(len(sorted))))]
}
