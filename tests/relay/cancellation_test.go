package relay_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

// holder is an upstream whose tool "hold" waits, and writes down what became of
// each call.
type holder struct {
	*upstream
	mu        sync.Mutex
	arrived   map[int]bool
	cancelled map[int]bool
	let       chan struct{}
}

func hold(up *upstream) *holder {
	h := &holder{upstream: up, arrived: map[int]bool{}, cancelled: map[int]bool{}, let: make(chan struct{})}
	up.server["max_concurrency"] = 256
	up.on("tools/call:hold", func(r *request) {
		n, _ := strconv.Atoi(string(member(r.Params, "arguments", "n")))
		h.mu.Lock()
		h.arrived[n] = true
		let := h.let
		h.mu.Unlock()
		if r.hold(let) {
			h.mu.Lock()
			h.cancelled[n] = true
			h.mu.Unlock()
			return
		}
		r.result(up.text(fmt.Sprintf("held %d", n)))
	})
	return h
}

func (h *holder) seen(of map[int]bool) []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Sorted(maps.Keys(of))
}

// release lets go what is held, and holds what comes then.
func (h *holder) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.let)
	h.let = make(chan struct{})
}

// cancelling gives a call up as the era of its client does.
func cancelling(c *httpClient, q *call) {
	if c.modern {
		q.cancel()
		return
	}
	c.send(note("notifications/cancelled", `{"requestId":`+q.id+`,"reason":"changed my mind"}`))
}

// Of 1,000 calls over two servers, a process and one over HTTP, half are
// cancelled at random: exactly those requests see it, each as its era and
// transport do, and the others complete.
func TestCancellation_ReachesExactlyWhatItNames(t *testing.T) {
	const waves, perServer = 5, 100
	for _, modern := range []bool{false, true} {
		t.Run(era(modern), func(t *testing.T) {
			t.Parallel()
			servers := map[string]*holder{"web": hold(httpUpstream(t, modern)), "process": hold(stdioUpstream(t, modern))}
			g := testkit.ServeConfig(t, testkit.Config(map[string]any{"web": servers["web"].server, "process": servers["process"].server}))
			clients := map[string]*httpClient{}
			for name := range servers {
				clients[name] = dialServer(t, g, name, modern, initialize())
			}
			random := rand.New(rand.NewPCG(7, 7))
			want := map[string]map[int]bool{"web": {}, "process": {}}
			for wave := range waves {
				calls := map[string][]*call{}
				for name, c := range clients {
					for i := range perServer {
						calls[name] = append(calls[name], tool(c, "hold", fmt.Sprintf(`{"n":%d}`, wave*perServer+i), ""))
					}
				}
				for name, h := range servers {
					actortest.Eventually(t, "all calls are with "+name, func() bool { return len(h.seen(h.arrived)) == (wave+1)*perServer })
				}
				var victims sync.WaitGroup
				for _, name := range []string{"web", "process"} {
					for _, i := range random.Perm(perServer)[:perServer/2] {
						want[name][wave*perServer+i] = true
						victims.Go(func() { cancelling(clients[name], calls[name][i]) })
					}
				}
				victims.Wait()
				for name, h := range servers {
					actortest.Eventually(t, "the cancelled ones end at "+name, func() bool { return len(h.seen(h.cancelled)) >= len(want[name]) })
					h.release()
					for i, q := range calls[name] {
						if n := wave*perServer + i; !want[name][n] {
							if got := q.result(t); !strings.Contains(got, fmt.Sprintf(`"held %d"`, n)) {
								t.Errorf("call %d of %s: %s", n, name, got)
							}
						}
					}
				}
			}
			for name, h := range servers {
				if got, want := h.seen(h.cancelled), slices.Sorted(maps.Keys(want[name])); !slices.Equal(got, want) {
					t.Errorf("%s saw the cancellation of %d requests %v, want %d: %v", name, len(got), got, len(want), want)
				}
				notices := h.log.count(isMethod("notifications/cancelled"))
				if closes := modern && name == "web"; closes != (notices == 0) || !closes && notices != len(want[name]) {
					t.Errorf("%s was told of %d cancellations, of %d", name, notices, len(want[name]))
				}
			}
		})
	}
}
