package upstream

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// dial starts one connection, opened on behalf of caller.
func (u *upstream) dial(ctx actor.Context, caller messages.Caller) *member {
	pid, err := ctx.SpawnNamed(link.Props(), fmt.Sprintf("l%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	m := &member{pid: pid, name: kit.Base(pid), caller: caller, dial: caller.DialKey(), since: u.now, round: u.failures}
	u.pool.add(m)
	ctx.Request(pid, link.Open{Env: u.Env, Dialer: u.Dialer, Request: u.dialRequest(ctx, m.name, caller, &m.watch)})
	return m
}

func (u *upstream) dialRequest(ctx actor.Context, name string, caller messages.Caller, watched *watcher) link.DialRequest {
	return link.DialRequest{
		Spec: u.Spec, Limits: u.Env.Limits, Caller: caller, Known: u.peer,
		Unsolicited: u.unsolicited(ctx, name, caller, watched), Stderr: u.stderr(ctx), Started: u.started(ctx),
	}
}

// stateless tells whether one connection of the server serves everybody.
func (u *upstream) stateless() bool {
	return u.peer.Modern && u.Spec.Transport != messages.TransportStdio
}

func (u *upstream) noteStartUp(d time.Duration) {
	if u.startUp == 0 {
		u.startUp = d
	}
	u.startUp = (7*u.startUp + 3*d) / 10
}

// place makes an open connection available.
func (u *upstream) place(m *member) {
	if u.isolation == messages.IsolationShared && !m.caller.Mirror || m.stateless(&u.Spec) {
		u.pool.share(m, u.now)
		return
	}
	u.pool.spare(m, u.now)
}

// size opens what the load demands; which connections may go is decided when
// they have been idle for long enough.
func (u *upstream) size(ctx actor.Context) {
	if u.phase != ready {
		return
	}
	u.reapLater(ctx)
	// After a failure the next attempt waits, unless there is nothing at all
	// for those who wait.
	if u.now.Before(u.growAt) && (u.pool.open+u.pool.pending > 0 || u.waiting.size == 0) {
		return
	}
	demands := u.demands()
	unmet := 0
	for i := range demands {
		unmet += u.unmet(&demands[i])
	}
	for i := range demands {
		d := &demands[i]
		short := u.unmet(d)
		unmet -= short // what has been opened for one demand is not reserved for it any more
		if room := u.Spec.EffectivePoolMax() - u.pool.open - u.pool.pending; short > room && !d.quiet {
			u.makeRoom(ctx, d.dial, short-max(0, room))
		}
		for range u.load(d, unmet).grow() {
			u.dial(ctx, d.caller)
		}
		unmet += u.unmet(d)
	}
}

// demand is how many callers wait for a connection of their own that is opened
// in one way.
type demand struct {
	caller messages.Caller
	dial   string
	wanted int
	quiet  bool // nobody calls: others need not make room for it
}

// unmet is how many of them wait for one that is not even being opened.
func (u *upstream) unmet(d *demand) int { return max(0, d.wanted-u.pool.opening[d.dial]) }

// demands returns what those who wait need, in turn, and at the end what
// nobody waits for: connections that anybody may use. It is good until the
// next call.
func (u *upstream) demands() []demand {
	all := u.demanded[:0]
	u.waiting.eachKind(func(k *kind) { all = u.count(all, k.need, k.caller, k.size) })
	calls, now := len(all), u.now
	for i, w := range u.wants {
		if !w.at.After(now) && !u.counts(w, u.wants[:i], now) {
			all = u.count(all, w.waiter.need(), w.waiter.caller, 1)
		}
	}
	for i := calls; i < len(all); i++ {
		all[i].quiet = true
	}
	if !slices.ContainsFunc(all, func(d demand) bool { return d.dial == "" }) {
		all = append(all, demand{})
	}
	u.demanded = all
	return all
}

// counts tells whether the one connection that w needs is counted already: for
// calls of its client, or for an earlier want.
func (u *upstream) counts(w *want, earlier []*want, now time.Time) bool {
	n := w.waiter.need()
	return n.isolation == messages.IsolationClient && (u.waiting.kinds[n] != nil ||
		slices.ContainsFunc(earlier, func(e *want) bool { return e.waiter.need() == n && !e.at.After(now) }))
}

// count adds what n waiters of one need have to have opened.
func (u *upstream) count(all []demand, w need, caller messages.Caller, n int) []demand {
	if u.pool.has(w) {
		return all // they wait for a credit
	}
	i := slices.IndexFunc(all, func(d demand) bool { return d.dial == w.dial })
	if i < 0 {
		i = len(all)
		all = append(all, demand{dial: w.dial, caller: caller})
	}
	d := &all[i]
	switch w.isolation {
	case messages.IsolationShared:
		d.wanted = 1
	case messages.IsolationClient:
		d.wanted++ // their owner's, who is counted once
	case messages.IsolationRequest:
		d.wanted = min(d.wanted+n, u.Spec.Policy.MaxConcurrency)
	}
	if u.stateless() {
		d.wanted = 1
	}
	return all
}

func (u *upstream) load(d *demand, reserved int) load {
	p := &u.Spec.Policy
	l := load{
		isolation: u.isolation, stateless: u.stateless(), otherwise: d.dial != "",
		min: p.PoolMin, max: u.Spec.EffectivePoolMax(), atOnce: startsAtOnce(u.Spec.Transport),
		open: u.pool.open, opening: u.pool.pending, closing: u.pool.closing,
		spare: len(u.pool.spares[d.dial]), spareSoon: u.pool.opening[d.dial], wanted: d.wanted, reserved: reserved,
		rate: u.arrivals.per(u.now), startUp: u.startUp,
	}
	if shared := u.pool.leastBusy(d.dial); shared != nil {
		l.busiest, l.most = shared.users, max(1, (p.MaxConcurrency+l.max-1)/l.max)
	}
	return l
}

// startsAtOnce bounds a start-up storm: processes compete for the processors,
// handshakes over HTTP for little.
func startsAtOnce(t messages.Transport) int {
	if t == messages.TransportStdio {
		return max(2, processors)
	}
	return 16
}

// processors is how many there are, whatever a program does with their number later.
var processors = runtime.GOMAXPROCS(0)

// makeRoom closes up to n connections that somebody can do without, those idle
// for longest first, in favour of callers who have none: what is nobody's and
// opened in another way, what its owner has not used for pool.idle_ttl, and what
// a caller left behind that cannot tell when it goes.
func (u *upstream) makeRoom(ctx actor.Context, dial string, n int) {
	now := u.now
	for ; n > 0; n-- {
		var found *member
		for _, m := range u.pool.members {
			free := m.owner == "" && m.dial != dial || m.used && (now.Sub(m.since) >= u.Spec.Policy.PoolIdleTTL || m.forgotten())
			if m.idle() && free && (found == nil || m.since.Before(found.since)) {
				found = m
			}
		}
		if found == nil {
			u.askToYield(ctx, n)
			return
		}
		u.takeFrom(found)
		u.closeOne(ctx, found)
	}
}

// release: a call or a probe does not need the connection any more.
func (u *upstream) release(ctx actor.Context, m *member) {
	m.users--
	if m.users > 0 || m.closing || u.pool.members[m.name] != m || u.phase == draining {
		return
	}
	m.since = u.now
	if isLost(m.conn) {
		return // its end is being reported
	}
	if m.used && (m.orphan || m.owner == "" && u.isolation == messages.IsolationRequest && !m.stateless(&u.Spec)) {
		u.closeOne(ctx, m)
		u.changed(ctx)
	}
}

// closeOne ends one connection in good order; it serves nobody any more.
func (u *upstream) closeOne(ctx actor.Context, m *member) {
	u.endWatch(ctx, m, 0)
	u.unwatch(ctx, m)
	u.pool.close(m)
	ctx.Request(m.pid, link.Close{Until: u.now.Add(u.Spec.Policy.KillAfter + time.Second)})
}

// forget: a connection is gone.
func (u *upstream) forget(ctx actor.Context, m *member) {
	u.endWatch(ctx, m, 0)
	u.unwatch(ctx, m)
	u.pool.remove(m)
}

// watch ties a connection to the client session that owns it.
func (u *upstream) watch(ctx actor.Context, m *member, client *actor.PID) {
	m.client = client
	ctx.Watch(client)
}

func (u *upstream) unwatch(ctx actor.Context, m *member) {
	client := m.client
	if client == nil {
		return
	}
	m.client = nil
	for _, from := range u.taken {
		if from.Id == client.Id {
			return // it is told, unless it ends before
		}
	}
	for _, other := range u.pool.members {
		if other.client != nil && other.client.Id == client.Id {
			return
		}
	}
	ctx.Unwatch(client)
}

// clientGone: what was kept for a client session is of no use any more.
func (u *upstream) clientGone(ctx actor.Context, client *actor.PID) {
	maps.DeleteFunc(u.taken, func(_ string, from *actor.PID) bool { return from.Id == client.Id })
	for _, m := range u.pool.members {
		if m.client == nil || m.client.Id != client.Id || m.closing {
			continue
		}
		m.client, m.orphan = nil, true
		if m.users == 0 && u.phase != draining {
			u.closeOne(ctx, m)
		}
	}
	u.size(ctx)
	u.changed(ctx)
}

// growthFailed: the server is connected, but a further connection could not be
// made or did not last. The next is tried after a growing delay; whoever needs
// one is told when retry_attempts in a row have failed. Several that were opened
// side by side fail once.
func (u *upstream) growthFailed(ctx actor.Context, m *member, reason string) {
	if m.round != u.failures {
		u.changed(ctx)
		return
	}
	u.failures++
	u.unopened++
	v := decide(u.unopened, u.Spec.Policy, u.Env.Jitter())
	u.growAt = u.now.Add(v.wait)
	u.cramped = "a further connection could not be opened: " + reason
	kit.Publish(ctx.ActorSystem(), messages.PoolGrowthFailed{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Reason: reason, Wait: v.wait,
	})
	u.later(ctx, v.wait, growDue{})
	u.report(ctx)
	if !v.gaveUp {
		return
	}
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name, "server %q: %s", u.Spec.Name, u.cramped)
	f.RetryAfter = v.wait
	u.refuseWaiting(ctx, f, func(w *waiter) bool { return !u.pool.has(w.need()) })
	u.refuseWants(ctx, f, anyWant)
}

// growAgain: the wait after a failure is over. Where nobody needs a further
// connection any more, nothing is wrong.
func (u *upstream) growAgain(ctx actor.Context) {
	u.serve(ctx)
	if u.phase == ready && u.cramped != "" && u.pool.pending == 0 && !u.now.Before(u.growAt) {
		u.cramped = ""
		u.changed(ctx)
	}
}

// mayGo tells whether a connection may be closed for being idle. One that a
// living client session owns is kept for it; of those that anybody may use, as
// many as the load demands.
func (u *upstream) mayGo(m *member) bool { return m.idle() && m.client == nil && m.watch.Load() == nil }

// reapPause is the least time between two looks at idle connections.
const reapPause = 100 * time.Millisecond

// reapLater arms the look at idle connections for when the first may go: what
// is nobody's, beyond pool.min; and what clients own, when somebody waits.
func (u *upstream) reapLater(ctx actor.Context) {
	surplus, short := u.pool.open > max(1, u.Spec.Policy.PoolMin), u.waiting.size > 0
	if !short && (!surplus || !u.reapAt.IsZero()) {
		return
	}
	now, ttl := u.now, u.Spec.Policy.PoolIdleTTL
	var first time.Time
	for _, m := range u.pool.members {
		if !m.idle() || !short && m.client != nil {
			continue
		}
		at := m.since.Add(ttl)
		if !at.After(now) {
			at = now.Add(max(ttl/8, reapPause)) // it was needed when it was looked at
		}
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	if first.IsZero() || !u.reapAt.IsZero() && !first.Before(u.reapAt) {
		return
	}
	u.reapAt = first
	u.later(ctx, max(first.Sub(now), reapPause), reapDue{})
}

// reap closes what has been idle for pool.idle_ttl and is not needed.
func (u *upstream) reap(ctx actor.Context) {
	u.reapAt = time.Time{}
	if u.phase != ready {
		return
	}
	now := u.now
	surplus := map[string]int{}
	for _, m := range u.pool.members {
		if !u.mayGo(m) || now.Sub(m.since) < u.Spec.Policy.PoolIdleTTL || u.pool.open <= max(1, u.Spec.Policy.PoolMin) {
			continue
		}
		if u.pool.isSpare(m) {
			if _, counted := surplus[m.dial]; !counted {
				surplus[m.dial] = u.load(&demand{dial: m.dial}, 0).surplus()
			}
			if surplus[m.dial] == 0 {
				continue
			}
			surplus[m.dial]--
		}
		u.closeOne(ctx, m)
	}
	u.size(ctx)
	u.changed(ctx)
}
