package faults_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// load are callers at work, each with one call after the other.
type load struct {
	callers int
	done    atomic.Int64 // calls with a result
	mu      sync.Mutex
	failed  map[string]int // other outcomes -> how often
	stop    chan struct{}
	wg      sync.WaitGroup
}

// work lets n callers call "echo" of the given servers in turn until end, and
// returns when each of them has had an answer.
func (h *house) work(n int, servers ...string) *load {
	h.t.Helper()
	l := &load{callers: n, failed: map[string]int{}, stop: make(chan struct{})}
	var begun atomic.Int64
	for i := range n {
		l.wg.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-l.stop:
					return
				default:
				}
				c := toolCall(servers[i%len(servers)], "echo", k)
				out := h.Call(context.Background(), c, messages.Discard)
				if text := fmt.Sprintf(`"t%d"`, k); out.Failure == nil && contains(out.Result, text) {
					l.done.Add(1)
				} else {
					l.fail(c.Server, out)
				}
				if k == 0 {
					begun.Add(1)
				}
				if out.Failure != nil { // who is refused at once does not come back at once
					select {
					case <-l.stop:
					case <-time.After(10 * time.Millisecond):
					}
				}
			}
		})
	}
	h.t.Cleanup(func() { l.end() })
	actortest.Eventually(h.t, "all callers are at work", func() bool { return int(begun.Load()) == n })
	return l
}

func (l *load) fail(server string, out messages.Outcome) {
	text := "the wrong answer: " + string(out.Result)
	if out.Failure != nil {
		text = fmt.Sprintf("%s, sent %s", out.Failure.Kind, out.Failure.Sent)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[server+": "+text]++
}

// more waits until so many more calls are done.
func (l *load) more(h *house, n int64) {
	h.t.Helper()
	until := l.done.Load() + n
	actortest.Eventually(h.t, "the others go on", func() bool { return l.done.Load() >= until })
}

// end stops the callers and returns what else than results they have got.
func (l *load) end() map[string]int {
	select {
	case <-l.stop:
	default:
		close(l.stop)
	}
	l.wg.Wait()
	return l.failed
}
