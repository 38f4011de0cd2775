package chaos_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// What a call may take: as long for a connection as for the answer. Beyond that
// is only what a busy machine adds; see late.
const (
	requestTimeout = time.Second
	deadline       = 2 * requestTimeout
	slack          = 10 * time.Second
)

// late says how long this process was kept waiting by the machine.
type late struct {
	mu    sync.Mutex
	waits []wait
}

type wait struct {
	until time.Time
	d     time.Duration
}

// watch looks every few milliseconds how late it is, until ctx ends.
func (l *late) watch(ctx context.Context) {
	const every = 10 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if d := now.Sub(last) - every; d > every {
			l.mu.Lock()
			l.waits = append(l.waits, wait{now, d})
			l.mu.Unlock()
		}
		last = now
	}
}

// within returns how long that was in a span of time, all in all.
func (l *late) within(from, to time.Time) (sum time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.waits {
		if w.until.After(from) && w.until.Add(-w.d).Before(to) {
			sum += w.d
		}
	}
	return sum
}

// scene are servers of both eras, over all transports, under all policies.
type scene struct {
	h     *testkit.House
	book  *ledger.Book
	specs []messages.ServerSpec
	http  []httpServer
	late  late
}

// httpServer is one that can break its connections.
type httpServer struct {
	*puppethttp.Puppet
	older bool
	noted func(*puppethttp.Exchange) (ledger.Count, bool)
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{h: testkit.Open(t, nil), book: testkit.OpenLedger(t)}
	s.process("process-request", messages.IsolationRequest, 4)
	s.process("process-client", messages.IsolationClient, 8)
	s.process("process-shared", messages.IsolationShared, 2)
	s.process("process-modern", messages.IsolationShared, 2, "modern")
	s.overHTTP("http-request", messages.IsolationRequest, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	s.overHTTP("http-client", messages.IsolationClient, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	s.overHTTP("http-shared", messages.IsolationShared, puppethttp.Options{Versions: []string{puppethttp.Legacy}, Stream: true})
	s.overHTTP("http-modern", messages.IsolationRequest, puppethttp.Options{Versions: []string{puppethttp.Modern}})
	s.overHTTP("sse-shared", messages.IsolationShared, puppethttp.Options{Older: true})
	return s
}

func (s *scene) process(name string, i messages.Isolation, most int, more ...string) {
	spec := s.h.Counter(program, s.book, name, more...)
	spec.Policy.PoolMax = most
	s.add(spec, i)
}

func (s *scene) overHTTP(name string, i messages.Isolation, o puppethttp.Options) {
	p := puppethttp.Start(s.h.T, o)
	s.http = append(s.http, httpServer{p, o.Older, p.Keep(s.book, name)})
	spec := s.h.HTTP(name, p)
	if o.Older {
		spec.Transport = messages.TransportSSE
	}
	s.add(spec, i)
}

// add serves one with little patience, so that much happens in a short time.
func (s *scene) add(spec messages.ServerSpec, i messages.Isolation) {
	p := &spec.Policy
	p.Isolation = i
	p.RequestTimeout, p.RequestTimeoutMax, p.SSEReadTimeout = requestTimeout, requestTimeout, requestTimeout
	p.ConnectionTimeout = 2 * time.Second
	p.RetryDelay, p.RetryDelayMax = 50*time.Millisecond, 400*time.Millisecond
	p.BreakerOpenFor = 300 * time.Millisecond
	p.DrainTimeout, p.KillAfter = deadline, 10*time.Second // all obey, when they have been woken
	s.specs = append(s.specs, spec)
}
