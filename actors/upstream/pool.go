package upstream

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// member is one connection of a pool.
type member struct {
	pid    *actor.PID // its link
	name   string
	conn   link.Conn       // nil until it is open
	caller messages.Caller // for whom it was opened
	dial   string          // messages.Caller.DialKey of those for whom it was opened

	owner   string     // messages.Call.SessionKey of the only callers that may use it; empty while nobody does
	client  *actor.PID // the client session that owns it; nil when none does, or it has gone
	orphan  bool       // that session has gone
	users   int        // calls and probes that hold it
	used    bool       // a call has been on it
	since   time.Time  // opening: since when; idle: since when
	closing bool
	round   uint64      // how many times the pool had failed to grow when it was dialled
	mourned atomic.Bool // a call has told of its loss
	watch   watcher     // keeps the subscriptions on it; nil while there are none
	called  bool        // by somebody
	asked   time.Time   // when the session that owns it was last asked for it
	asking  bool        // and has not answered
	tries   int         // how often in a row one before it was lost without that
}

func (m *member) loan() session.Loan { return session.Loan{Conn: m.conn, Mourned: &m.mourned} }

// idle tells whether the connection is open and nobody holds it.
func (m *member) idle() bool { return m.conn != nil && !m.closing && m.users == 0 }

// stateless tells whether the connection holds no state of its callers: the
// modern era over HTTP has no sessions.
func (m *member) stateless(spec *messages.ServerSpec) bool {
	return m.conn.Peer().Modern && spec.Transport != messages.TransportStdio
}

// forgotten tells whether nothing is lost with a connection that was opened in a
// caller's name, though nobody knows whether that caller will be back: the
// modern era has no sessions that could end, and its servers keep nothing
// between two requests but subscriptions (2026-07-28, basic: statelessness).
func (m *member) forgotten() bool {
	return m.conn != nil && m.conn.Peer().Modern && m.caller.Mirror && m.caller.Client == "" && m.watch.Load() == nil
}

// pool holds the connections of one server. It decides nothing by itself.
type pool struct {
	members map[string]*member   // by the link's name, those that close included
	spares  map[string][]*member // by dial key: open, and nobody has used them; the oldest first
	shared  map[string][]*member // by dial key: open, for everybody
	owned   map[string]*member   // by owner
	opening map[string]int       // by dial key
	open    int                  // open and not closing
	pending int                  // being opened
	closing int
}

func newPool() pool {
	return pool{
		members: map[string]*member{}, spares: map[string][]*member{}, shared: map[string][]*member{},
		owned: map[string]*member{}, opening: map[string]int{},
	}
}

// add notes a connection that is being opened.
func (p *pool) add(m *member) {
	p.members[m.name] = m
	p.opening[m.dial]++
	p.pending++
}

// opened notes that it is there; it is in use until release.
func (p *pool) opened(m *member, conn link.Conn) {
	m.conn = conn
	p.pending--
	p.less(p.opening, m.dial)
	p.open++
}

func (p *pool) less(counts map[string]int, key string) {
	if counts[key]--; counts[key] == 0 {
		delete(counts, key)
	}
}

// spare makes an open connection available to the first who needs one.
func (p *pool) spare(m *member, now time.Time) {
	m.since = now
	p.spares[m.dial] = append(p.spares[m.dial], m)
}

// share makes an open connection available to everybody.
func (p *pool) share(m *member, now time.Time) {
	m.since = now
	p.shared[m.dial] = append(p.shared[m.dial], m)
}

// remove forgets a connection, whatever it was.
func (p *pool) remove(m *member) {
	if _, known := p.members[m.name]; !known {
		return
	}
	p.withdraw(m)
	delete(p.members, m.name)
	switch {
	case m.closing:
		p.closing--
	case m.conn == nil:
		p.pending--
		p.less(p.opening, m.dial)
	default:
		p.open--
	}
}

// close notes that a connection has been told to close: it serves nobody new.
func (p *pool) close(m *member) {
	p.withdraw(m)
	if m.conn == nil {
		p.pending--
		p.less(p.opening, m.dial)
	} else {
		p.open--
	}
	m.closing = true
	p.closing++
}

// withdraw takes a connection out of what is lent.
func (p *pool) withdraw(m *member) {
	for _, lists := range []map[string][]*member{p.spares, p.shared} {
		if i := slices.Index(lists[m.dial], m); i >= 0 {
			lists[m.dial] = slices.Delete(lists[m.dial], i, i+1)
			if len(lists[m.dial]) == 0 {
				delete(lists, m.dial)
			}
		}
	}
	if m.owner != "" && p.owned[m.owner] == m {
		delete(p.owned, m.owner)
	}
}

// pick lends a connection to a caller; nil when there is none for him yet.
func (p *pool) pick(w *waiter) *member {
	if m := p.leastBusy(w.dial); m != nil {
		return p.lend(m)
	}
	if w.isolation == messages.IsolationClient {
		if m := p.owned[w.key]; m != nil && !isLost(m.conn) {
			return p.lend(m)
		}
	}
	for _, m := range p.spares[w.dial] {
		if isLost(m.conn) {
			continue // its end is being reported
		}
		p.withdraw(m)
		if w.isolation == messages.IsolationClient {
			m.owner = w.key
			p.owned[w.key] = m
		}
		return p.lend(m)
	}
	return nil
}

// has tells whether pick would find one.
func (p *pool) has(w need) bool {
	if p.leastBusy(w.dial) != nil {
		return true
	}
	if m := p.owned[w.key]; w.isolation == messages.IsolationClient && m != nil && !isLost(m.conn) {
		return true
	}
	return slices.ContainsFunc(p.spares[w.dial], func(m *member) bool { return !isLost(m.conn) })
}

func (p *pool) lend(m *member) *member {
	m.users++
	m.used = true
	return m
}

func (p *pool) leastBusy(dial string) *member {
	var best *member
	for _, m := range p.shared[dial] {
		if !isLost(m.conn) && (best == nil || m.users < best.users) {
			best = m
		}
	}
	return best
}

// idle returns an open connection for no particular callers that nobody holds,
// an unused one if there is one; nil when all are busy.
func (p *pool) idle() *member {
	var found *member
	for _, m := range p.members {
		if !m.idle() || m.dial != "" || isLost(m.conn) {
			continue
		}
		if found == nil || found.used && !m.used || found.used == m.used && m.since.Before(found.since) {
			found = m
		}
	}
	return found
}

// oldest returns the open connection that has been there longest; nil when there is none.
func (p *pool) oldest() *member {
	var found *member
	for _, m := range p.members {
		if m.conn != nil && !m.closing && (found == nil || len(m.name) < len(found.name) || len(m.name) == len(found.name) && m.name < found.name) {
			found = m // names count up
		}
	}
	return found
}

func (p *pool) isSpare(m *member) bool { return slices.Contains(p.spares[m.dial], m) }

// unused counts spares of all kinds.
func (p *pool) unused() int {
	n := 0
	for _, list := range p.spares {
		n += len(list)
	}
	return n
}
