package upstream

import (
	"fmt"
	"math"
	"runtime"
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
	m := &member{pid: pid, name: kit.Base(pid), caller: caller, dial: caller.DialKey(), since: u.Env.Clock.Now()}
	u.pool.add(m)
	ctx.Request(pid, link.Open{Env: u.Env, Dialer: u.Dialer, Request: u.dialRequest(ctx, m.name, caller)})
	return m
}

func (u *upstream) dialRequest(ctx actor.Context, name string, caller messages.Caller) link.DialRequest {
	return link.DialRequest{
		Spec: u.Spec, Limits: u.Env.Limits, Caller: caller, Remembered: u.peer.Protocol,
		Unsolicited: u.unsolicited(ctx, name, caller), Stderr: u.stderr(ctx),
	}
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
		u.pool.share(m, u.Env.Clock.Now())
		return
	}
	u.pool.spare(m, u.Env.Clock.Now())
}

// size opens what the load demands; which connections may go is decided when
// they have been idle for long enough.
func (u *upstream) size(ctx actor.Context) {
	if u.phase != ready || u.Env.Clock.Now().Before(u.growAt) {
		return
	}
	demands := u.demands()
	for _, d := range demands {
		l := u.load(d)
		if d.wanted > l.spareSoon && l.open+l.opening >= l.max {
			u.makeRoom(ctx, d)
			l = u.load(d)
		}
		for range l.grow() {
			u.dial(ctx, d.caller)
		}
	}
	u.reapLater(ctx)
}

// demand is how many callers wait for a connection of their own that is opened
// in one way.
type demand struct {
	caller messages.Caller
	dial   string
	wanted int
	owners map[string]bool
}

// demands returns what those who wait need, beginning with connections that
// are nobody's in particular.
func (u *upstream) demands() []*demand {
	plain := &demand{}
	all := []*demand{plain}
	if u.waiting.size == 0 {
		return all
	}
	for _, l := range u.waiting.lines {
		for _, w := range l.waiting {
			all = u.count(all, w)
		}
	}
	return all
}

func (u *upstream) count(all []*demand, w *waiter) []*demand {
	if u.pool.has(w) {
		return all // it waits for a credit
	}
	var d *demand
	for _, known := range all {
		if known.dial == w.dial {
			d = known
		}
	}
	if d == nil {
		d = &demand{dial: w.dial, caller: w.caller}
		all = append(all, d)
	}
	switch w.isolation {
	case messages.IsolationShared:
		d.wanted = 1
	case messages.IsolationClient:
		if !d.owners[w.key] {
			if d.owners == nil {
				d.owners = map[string]bool{}
			}
			d.owners[w.key] = true
			d.wanted++
		}
	case messages.IsolationRequest:
		d.wanted = min(d.wanted+1, u.Spec.Policy.MaxConcurrency)
	}
	return all
}

func (u *upstream) load(d *demand) load {
	p := u.Spec.Policy
	l := load{
		isolation: u.isolation, min: p.PoolMin, max: u.Spec.EffectivePoolMax(), atOnce: startsAtOnce(u.Spec.Transport),
		open: u.pool.open, opening: u.pool.pending, closing: u.pool.closing,
		spare: len(u.pool.spares[d.dial]), spareSoon: u.pool.opening[d.dial], wanted: d.wanted,
		startUp: u.startUp,
	}
	if shared := u.pool.leastBusy(d.dial); shared != nil {
		l.stateless = shared.stateless(&u.Spec)
		l.busiest, l.most = shared.users, max(1, (p.MaxConcurrency+l.max-1)/l.max)
	}
	l.stateless = l.stateless || u.peer.Modern && u.Spec.Transport != messages.TransportStdio
	if l.stateless {
		l.wanted = min(l.wanted, 1)
	}
	if d.dial == "" {
		l.rate = u.arrivals.per(u.Env.Clock.Now())
	} else {
		l.otherwise = true
	}
	return l
}

// startsAtOnce bounds a start-up storm: processes compete for the processors,
// handshakes over HTTP for little.
func startsAtOnce(t messages.Transport) int {
	if t == messages.TransportStdio {
		return max(2, runtime.GOMAXPROCS(0))
	}
	return 16
}

// makeRoom closes connections that somebody can do without, in favour of
// callers who have none: unused ones that are opened in another way, and ones
// of client sessions that have been idle for pool.idle_ttl.
func (u *upstream) makeRoom(ctx actor.Context, d *demand) {
	n := d.wanted
	now := u.Env.Clock.Now()
	for _, m := range u.pool.members {
		if n == 0 {
			return
		}
		if m.conn == nil || m.closing || m.users > 0 {
			continue
		}
		unused := !m.used && m.dial != d.dial
		stale := m.used && now.Sub(m.since) >= u.Spec.Policy.PoolIdleTTL
		if unused || stale {
			u.closeOne(ctx, m)
			n--
		}
	}
}

// release: a call or a probe does not need the connection any more.
func (u *upstream) release(ctx actor.Context, m *member) {
	m.users--
	if m.users > 0 || m.closing || u.pool.members[m.name] != m || u.phase == draining {
		return
	}
	m.since = u.Env.Clock.Now()
	if m.used && (m.orphan || m.owner == "" && u.isolation == messages.IsolationRequest && !m.stateless(&u.Spec)) {
		u.closeOne(ctx, m)
		u.changed(ctx)
	}
}

// closeOne ends one connection in good order; it serves nobody any more.
func (u *upstream) closeOne(ctx actor.Context, m *member) {
	u.unwatch(ctx, m)
	u.pool.close(m)
	ctx.Request(m.pid, link.Close{Until: u.Env.Clock.Now().Add(u.Spec.Policy.KillAfter + time.Second)})
}

// forget: a connection is gone.
func (u *upstream) forget(ctx actor.Context, m *member) {
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
	for _, other := range u.pool.members {
		if other.client != nil && other.client.Id == client.Id {
			return
		}
	}
	ctx.Unwatch(client)
}

// clientGone: what was kept for a client session is of no use any more.
func (u *upstream) clientGone(ctx actor.Context, client *actor.PID) {
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
// one is told when retry_attempts in a row have failed.
func (u *upstream) growthFailed(ctx actor.Context, reason string) {
	u.unopened++
	v := decide(u.unopened, u.Spec.Policy, u.Env.Jitter())
	u.growAt = u.Env.Clock.Now().Add(v.wait)
	u.cramped = "a further connection could not be opened: " + reason
	kit.Publish(ctx.ActorSystem(), messages.PoolGrowthFailed{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Reason: reason, Wait: v.wait,
	})
	u.later(ctx, v.wait, growDue{})
	u.report(ctx)
	if !v.gaveUp {
		return
	}
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name, "server %q: %s", u.Spec.Name, u.cramped)
	f.RetryAfter = v.wait
	u.refuseWaiting(ctx, f, func(w *waiter) bool { return !u.pool.has(w) })
}

// mayGo tells whether a connection may be closed for being idle. One that a
// living client session owns is kept for it; of those that anybody may use, as
// many as the load demands.
func (u *upstream) mayGo(m *member) bool {
	return m.conn != nil && !m.closing && m.users == 0 && m.client == nil
}

// reapLater arms the look at idle connections for when the first may go.
func (u *upstream) reapLater(ctx actor.Context) {
	if u.reaping || u.phase != ready {
		return
	}
	wait := time.Duration(math.MaxInt64)
	now := u.Env.Clock.Now()
	if u.pool.open <= max(1, u.Spec.Policy.PoolMin) {
		return
	}
	for _, m := range u.pool.members {
		if u.mayGo(m) {
			wait = min(wait, u.Spec.Policy.PoolIdleTTL-now.Sub(m.since))
		}
	}
	if wait < math.MaxInt64 {
		u.reaping = true
		u.later(ctx, max(wait, u.Spec.Policy.PoolIdleTTL/8, time.Millisecond), reapDue{})
	}
}

// reap closes what has been idle for pool.idle_ttl and is not needed.
func (u *upstream) reap(ctx actor.Context) {
	u.reaping = false
	if u.phase != ready {
		return
	}
	now := u.Env.Clock.Now()
	surplus := map[string]int{}
	for _, m := range u.pool.members {
		if !u.mayGo(m) || now.Sub(m.since) < u.Spec.Policy.PoolIdleTTL || u.pool.open+u.pool.pending <= max(1, u.Spec.Policy.PoolMin) {
			continue
		}
		if !m.used && m.owner == "" && !m.stateless(&u.Spec) && u.isolation != messages.IsolationShared {
			if _, counted := surplus[m.dial]; !counted {
				surplus[m.dial] = u.load(&demand{dial: m.dial}).surplus()
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
