package testkit

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// Load are callers at work, each with one call after the other.
type Load struct {
	Callers int
	Done    atomic.Int64 // calls with the right result

	h      *House
	mu     sync.Mutex
	failed map[string]int // other outcomes -> how often
	stop   chan struct{}
	ended  sync.Once
	wg     sync.WaitGroup
}

// Work lets n callers call "echo" of the given servers in turn until End, and
// returns when each of them has had an answer.
func (h *House) Work(n int, servers ...string) *Load {
	h.T.Helper()
	return h.Pace(n, 0, servers...)
}

// Pace is Work with a pause after each call, to leave the processors to others.
func (h *House) Pace(n int, pause time.Duration, servers ...string) *Load {
	h.T.Helper()
	l := &Load{Callers: n, h: h, failed: map[string]int{}, stop: make(chan struct{})}
	var begun atomic.Int64
	for i := range n {
		l.wg.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-l.stop:
					return
				default:
				}
				c := ToolCall(servers[i%len(servers)], "echo", k)
				out := h.Call(context.Background(), c, messages.Discard)
				if text := fmt.Sprintf(`"t%d"`, k); out.Failure == nil && strings.Contains(string(out.Result), text) {
					l.Done.Add(1)
				} else {
					l.fail(c.Server, out)
				}
				if k == 0 {
					begun.Add(1)
				}
				if out.Failure != nil { // who is refused at once does not come back at once
					l.pause(10 * time.Millisecond)
				} else if pause > 0 {
					l.pause(pause)
				}
			}
		})
	}
	h.T.Cleanup(func() { l.End() })
	actortest.Eventually(h.T, "all callers are at work", func() bool { return int(begun.Load()) == n })
	return l
}

func (l *Load) pause(d time.Duration) {
	select {
	case <-l.stop:
	case <-time.After(d):
	}
}

func (l *Load) fail(server string, out messages.Outcome) {
	text := "the wrong answer: " + string(out.Result)
	if out.Failure != nil {
		text = fmt.Sprintf("%s, sent %s", out.Failure.Kind, out.Failure.Sent)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed[server+": "+text]++
}

// More waits until so many more calls are done.
func (l *Load) More(n int64) {
	l.h.T.Helper()
	until := l.Done.Load() + n
	actortest.Eventually(l.h.T, "the others go on", func() bool { return l.Done.Load() >= until })
}

// End stops the callers and returns what else than results they have got:
// server, kind and sent, and how often.
func (l *Load) End() map[string]int {
	l.ended.Do(func() { close(l.stop) })
	l.wg.Wait()
	return l.failed
}
