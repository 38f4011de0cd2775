package chaos_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// trouble does harm, one thing at a time.
type trouble struct {
	*scene
	random  *rand.Rand
	did     map[string]int // what -> how often
	stopped map[int]time.Time
}

// kinds of harm, as often as they stand there.
func (m *trouble) kinds() []func() string {
	return []func() string{m.kill, m.kill, m.stop, m.stop, m.reset, m.reset, m.loseAnswer, m.loseAnswer, m.dropStreams, m.expire, m.reload}
}

// make goes on until ctx ends.
func (m *trouble) make(ctx context.Context) {
	m.did, m.stopped = map[string]int{}, map[int]time.Time{}
	kinds := m.kinds()
	m.random.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	for i := 0; ; i++ {
		pause := time.NewTimer(time.Duration(20+m.random.IntN(100)) * time.Millisecond)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		m.wake()
		harm := kinds[m.random.IntN(len(kinds))]
		if i < len(kinds) {
			harm = kinds[i] // each of them at least once
		}
		if what := harm(); what != "" {
			m.did[what]++
		}
	}
}

// signal reaches one of the servers' processes.
func (m *trouble) signal(sig syscall.Signal) (pid int) {
	all := puppet.Marked(m.h.Mark)
	if len(all) == 0 {
		return 0
	}
	pid = all[m.random.IntN(len(all))]
	if syscall.Kill(pid, sig) != nil {
		return 0 // gone a moment ago
	}
	return pid
}

func (m *trouble) kill() string {
	if m.signal(syscall.SIGKILL) == 0 {
		return ""
	}
	return "SIGKILL"
}

func (m *trouble) stop() string {
	pid := m.signal(syscall.SIGSTOP)
	if pid == 0 {
		return ""
	}
	m.stopped[pid] = time.Now().Add(time.Duration(m.random.IntN(2000)) * time.Millisecond)
	return "SIGSTOP"
}

// stopAll stops whatever runs, for good.
func (m *trouble) stopAll() int {
	all := puppet.Marked(m.h.Mark)
	for _, pid := range all {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // gone a moment ago is fine
	}
	return len(all)
}

// wake lets those run on whose time has come.
func (m *trouble) wake() {
	for pid, until := range m.stopped {
		if time.Now().After(until) {
			delete(m.stopped, pid)
			if slices.Contains(puppet.Marked(m.h.Mark), pid) { // and not of somebody else by now
				_ = syscall.Kill(pid, syscall.SIGCONT)
			}
		}
	}
}

func (m *trouble) server() httpServer { return m.http[m.random.IntN(len(m.http))] }

// reset breaks the connection of a call that the server has not looked at.
func (m *trouble) reset() string {
	s := m.server()
	if s.older {
		s.ResetStreams()
		return "reset of the stream of HTTP+SSE"
	}
	s.Once("tools/call", puppethttp.Reset(""))
	return "reset before the answer"
}

// loseAnswer breaks the connection of a call that the server has done.
func (m *trouble) loseAnswer() string {
	s := m.server()
	for s.older {
		s = m.server()
	}
	beginning := []string{"", `{"jsonrpc":"2.0",`}[m.random.IntN(2)]
	s.Once("tools/call", func(x *puppethttp.Exchange) {
		if _, ok := s.noted(x); ok {
			puppethttp.Reset(beginning)(x)
		}
	})
	return "reset instead of the answer"
}

func (m *trouble) dropStreams() string {
	m.server().DropStreams()
	return "end of standing streams"
}

func (m *trouble) expire() string {
	m.server().ExpireSessions()
	return "expiry of all sessions"
}

// reload changes one server.
func (m *trouble) reload() string {
	i := m.random.IntN(len(m.specs))
	s := &m.specs[i]
	if s.Transport == messages.TransportStdio {
		s.Env = changed(s.Env, "ROUND", m.random)
	} else {
		s.Headers = changed(s.Headers, "X-Round", m.random)
	}
	if _, err := m.h.Apply(context.Background(), m.specs); err != nil {
		m.h.T.Error(err)
	}
	return "reload"
}

func changed(all map[string]string, key string, random *rand.Rand) map[string]string {
	all = maps.Clone(all) // the runtime has the other
	if all == nil {
		all = map[string]string{}
	}
	all[key] = strconv.Itoa(random.Int())
	return all
}

// String lists what was done.
func (m *trouble) String() string {
	var all []string
	for _, what := range slices.Sorted(maps.Keys(m.did)) {
		all = append(all, fmt.Sprintf("%d × %s", m.did[what], what))
	}
	return strings.Join(all, ", ")
}
