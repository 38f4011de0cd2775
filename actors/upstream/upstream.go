// Package upstream holds the actor that owns one upstream server: one per
// server and generation of its configuration.
package upstream

import (
	"cmp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// An upstream owns one server: whether it is connected, its pool of connections,
// who may call, who waits, and what results are kept.
//
//	               Up, catalog read
//	┌▶ connecting ───────────────────▶ ready ──┐
//	│   │    ▲  ▲                        │     │ list_changed: the catalog
//	│   │    │  └──── the last one lost ─┘◀────┘ is read again
//	│   │    └ a call, the window, ConnectServer
//	│   ▼ retry_attempts failed
//	│ failed
//	│
//	│     DisconnectServer, Retire (from any state)
//	│       ▼
//	│    draining ──all closed──▶ disconnected, or stopped (Retire)
//	└───────────────────────────────┘ ConnectServer
//
// Outside, connecting is shown as connecting, ready as connected, failed as
// error, draining and disconnected as disconnected.
//
// Bounds: max_concurrency calls in flight, each with a credit that returns when
// its session has terminated and at no other time; max_queue sessions waiting,
// beyond which a call is overloaded, and as many waiting for the result of an
// equal call; pool.max connections, those that close
// included; one probe of each kind, which may have a connection of its own;
// limits.cache_* of results; of each client session what waits without a call:
// one want for each of its listen streams, and one for the session itself; and
// that its connection went to somebody else.
//
// Crash: it is restarted with empty state. Its sessions answer while they stop,
// clients ask again for what they listen to, its links close their connections,
// and it connects anew. Its last catalog
// lives on in the gateway's table, marked stale.
type upstream struct {
	Config
	isolation messages.Isolation
	phase     phase
	since     time.Time
	now       time.Time // when the message came up that is being handled

	pool   pool
	home   *member       // connecting: the connection on which the catalog is read
	peer   messages.Peer // of the last home
	rounds uint64        // counts the times it became ready or was lost
	served bool          // somebody was answered since the last loss
	fails  int           // failed attempts in a row
	reason string        // the last failure, for people
	next   time.Time     // failed: of the next attempt
	timer  kit.Timer
	armed  uint64 // generation of the timer

	startUp  time.Duration // of one connection, lately
	failures uint64        // times the pool failed to grow
	unopened int           // of them, in a row
	growAt   time.Time     // not before
	cramped  string        // why the pool could not grow; empty when it can
	reapAt   time.Time     // when idle connections are looked at; zero when that is not armed
	yielding bool          // sessions are asked again in a moment
	// By owner: client sessions that have not been told that their connection went to somebody else.
	taken    map[string]*actor.PID
	arrivals rate     // of calls for which connections are kept ready
	demanded []demand // room for demands

	catalog  messages.Catalog
	probe    *actor.PID // nil when nobody reads the catalog
	probing  *member    // what it reads on; nil for a temporary connection
	probed   time.Time  // when the last reading began
	teller   string     // the link on which a change was told last
	outdated bool       // the catalog changed while it was read
	rereadAt time.Time  // when it is read again; zero when that is not armed
	misread  int        // times that it could not be read again, in a row
	degraded string     // the catalog could not be read again

	health  messages.Health
	looking *actor.PID   // the probe that looks at it; nil when none does
	looked  *member      // what it looks at; nil for a temporary connection
	curious []*actor.PID // doors that wait for what it sees
	heard   time.Time    // when a call last told of a success
	armLook uint64       // generation of the periodic look
	tell    *atomic.Bool // whether calls shall tell of a success; sessions read it

	breaker breaker
	cache   *cache
	retried uint64

	spawner  *session.Spawner
	dials    same            // messages.Caller.DialKey of the last call
	keys     same            // messages.Call.SessionKey of the last call
	sessions map[string]held // by name
	inFlight int             // credits lent
	waiting  queue
	joined   int  // sessions that wait for the result of another
	finished rate // of calls
	unsaid   bool // a report of numbers is due

	askers []*actor.PID // doors that wait for the connection
	wants  []*want      // without a call, and not met yet
	leave  leaving
	gone   bool // retired and closed: the gateway is about to stop this actor
	over   bool // this incarnation ends: what still happens to its children moves nothing
}

// held is what a session holds.
type held struct {
	on        *member // its connection and its credit; nil while it waits
	principal string
	flight    string // the key of the flight that it leads; empty for none
	joins     string // the key of the flight whose result it waits for; empty for none
}

// leaving is what draining leads to.
type leaving struct {
	askers     []*actor.PID // doors that wait for DisconnectReply
	retire     bool
	closeUntil time.Time
	closing    bool // the links have been told
	forced     bool // the sessions have been told to stop
	errs       []string
}

type phase uint8

const (
	connecting phase = iota
	ready
	failed
	draining
	disconnected
)

// Config is fixed for the life of a generation; it survives a restart.
type Config struct {
	Env        *kit.Env
	Dialer     link.Dialer
	Spec       messages.ServerSpec
	Generation uint64
	// IDs numbers links and probes; never twice the same, restarts included.
	IDs *atomic.Uint64
}

// refreshPause is the least time between two readings of a catalog: a storm of
// list_changed costs one reading per pause.
const refreshPause = 200 * time.Millisecond

// reportPause is the least time between two reports of numbers alone.
const reportPause = 250 * time.Millisecond

// Props describe the actor of one generation.
func Props(c Config) *actor.Props {
	return actor.PropsFromProducer(
		func() actor.Actor {
			return &upstream{
				Config: c, isolation: c.Spec.EffectiveIsolation(), pool: newPool(), tell: new(atomic.Bool), cache: newCache(c.Env.Limits),
				spawner: session.NewSpawner(), sessions: map[string]held{}, health: messages.Health{Status: messages.HealthUnknown},
			}
		},
		actor.WithSupervisor(kit.StopOnPanic{}),
		kit.Queued(),
	)
}

// self is what an upstream tells itself.
//
//sumtype:decl
type self interface{ toSelf() }

type due struct{ armed uint64 }              // the timer: the next attempt, or the end of the drain
type listChanged struct{ gate *gate }        // the server's lists differ
type refreshDue struct{ round uint64 }       // the pause between two readings is over
type lookDue struct{ armed uint64 }          // health_check_interval is over
type growDue struct{}                        // the pool may try to grow again
type reapDue struct{}                        // a connection may have been idle for too long
type yieldDue struct{}                       // sessions may be asked again for what is kept for them
type reportDue struct{}                      // numbers have changed
type flightOver struct{ key, leader string } // behind what the leader may have said

func (due) toSelf()         {}
func (listChanged) toSelf() {}
func (refreshDue) toSelf()  {}
func (lookDue) toSelf()     {}
func (growDue) toSelf()     {}
func (reapDue) toSelf()     {}
func (yieldDue) toSelf()    {}
func (reportDue) toSelf()   {}
func (flightOver) toSelf()  {}

// Receive implements actor.Actor.
func (u *upstream) Receive(ctx actor.Context) {
	defer func() {
		if r := recover(); r != nil {
			u.answerPanic(ctx, r)
			panic(r)
		}
	}()
	if u.over {
		return // a child started now would keep it from ending for ever
	}
	u.now = u.Env.Clock.Now()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		u.connect(ctx)
	case *actor.Restarting:
		u.farewell(ctx, "restarts after an internal error")
	case *actor.Stopping:
		u.farewell(ctx, "was stopped")
	case *actor.Terminated:
		u.terminated(ctx, m.Who)
	case messages.ToUpstream:
		u.asked(ctx, m)
	case link.Report:
		u.reported(ctx, m)
	case session.CatalogRead:
		u.catalogRead(ctx, m)
	case session.HealthSeen:
		u.healthSeen(ctx, m)
	case session.Answered:
		u.answered(ctx, m)
	case self:
		u.told(ctx, m)
	case kit.Crash:
		panic(m.Reason)
	}
}

func (u *upstream) asked(ctx actor.Context, in messages.ToUpstream) {
	switch m := in.(type) {
	case *messages.Admit:
		u.admit(ctx, m)
	case messages.CancelCall:
		// A session that is gone has answered.
		if _, ok := u.sessions[kit.SessionName(m.ID)]; ok {
			ctx.Send(kit.Child(ctx.Self(), kit.SessionName(m.ID)), session.Cancel{Reason: m.Reason, Said: m.Said})
		}
	case messages.AwaitReady:
		u.await(ctx, false)
	case messages.ConnectServer:
		u.await(ctx, true)
	case messages.DisconnectServer:
		u.disconnect(ctx)
	case messages.CheckHealth:
		u.checkHealth(ctx)
	case messages.Subscribe:
		u.subscribe(ctx, m)
	case messages.Unsubscribe:
		u.unsubscribe(ctx, m)
	case messages.Retire:
		u.retire(ctx, m)
	case messages.ClientStays:
		u.clientStays(ctx, ctx.Sender())
	}
}

func (u *upstream) told(ctx actor.Context, in self) {
	switch m := in.(type) {
	case due:
		if m.armed != u.armed {
			return
		}
		if u.phase == draining {
			u.force(ctx)
		} else {
			u.connect(ctx)
		}
	case listChanged:
		told := m.gate.open()
		ctx.Send(ctx.Parent(), messages.ListsTold{Server: u.Spec.Name, Topics: told.topics, Said: told.said, To: m.gate.to})
		u.teller = m.gate.link
		u.refresh(ctx)
	case refreshDue:
		u.refreshNow(ctx, m.round)
	case lookDue:
		u.lookNow(ctx, m.armed)
	case growDue:
		u.growAgain(ctx)
	case reapDue:
		u.reap(ctx)
	case yieldDue:
		u.yielding = false
		u.size(ctx)
	case reportDue:
		u.unsaid = false
		u.report(ctx)
	case flightOver:
		u.flightOver(ctx, m)
	}
}

func (u *upstream) terminated(ctx actor.Context, who *actor.PID) {
	name := kit.Base(who)
	switch {
	case strings.HasPrefix(name, kit.ClientPrefix):
		u.clientGone(ctx, who)
	case u.pool.members[name] != nil:
		// A link that reported is forgotten before it stops: this one was
		// killed or had a bug.
		m := u.pool.members[name]
		if m.closing {
			u.closedOne(ctx, m, "its link was stopped before it had closed")
			return
		}
		u.lost(ctx, m, "its link was stopped")
	case u.probe != nil && who.Id == u.probe.Id:
		u.catalogRead(ctx, session.CatalogRead{Probe: name, Failure: messages.Failf(messages.KindInternal, u.Spec.Name,
			"server %q: reading its catalog was stopped", u.Spec.Name)})
	case u.looking != nil && who.Id == u.looking.Id:
		u.healthSeen(ctx, session.HealthSeen{Probe: name, Problem: "the health check was stopped"})
	case strings.HasPrefix(name, "w"):
		u.watchEnded(name)
	default:
		u.sessionEnded(ctx, name)
	}
}

// setTimer arms the one timer that a phase may have.
func (u *upstream) setTimer(ctx actor.Context, d time.Duration) {
	u.stopTimer()
	armed, to, root := u.armed, ctx.Self(), ctx.ActorSystem().Root
	u.timer = u.Env.Clock.AfterFunc(d, func() { root.Send(to, due{armed}) })
}

func (u *upstream) stopTimer() {
	u.armed++
	if u.timer != nil {
		u.timer.Stop()
		u.timer = nil
	}
}

// enter changes the phase and tells the world.
func (u *upstream) enter(ctx actor.Context, p phase, reason string) {
	before := u.phase.state()
	if u.since.IsZero() {
		before = messages.StateDisconnected
	}
	if before != p.state() || u.since.IsZero() {
		u.since = u.now
	}
	u.phase, u.reason = p, reason
	u.report(ctx)
	if before != p.state() {
		kit.Publish(ctx.ActorSystem(), messages.StateChanged{Server: u.Spec.Name, Old: before, New: p.state(), Reason: reason})
	}
}

func (u *upstream) report(ctx actor.Context) {
	s := messages.Status{
		Server: u.Spec.Name, State: u.phase.state(), Reason: u.reason, Generation: u.Generation, Since: u.since,
		Connection: u.Spec.ConnectionTo(u.peer), Tools: len(u.catalog.Tools), Health: u.health,
		Isolation: u.isolation, Connections: u.pool.open, Spares: u.pool.unused(),
		Breaker: u.breaker.status(), Retried: u.retried, Cache: u.cache.status(),
	}
	switch u.phase {
	case connecting:
		s.Attempt = u.fails + 1
	case ready:
		s.Protocol, s.Reason = u.peer.Protocol, cmp.Or(u.degraded, u.cramped)
		if m := u.pool.oldest(); m != nil {
			s.Pid = m.conn.Pid()
		}
		if u.catalog.Cut {
			s.Notice = "its catalog is longer than limits.catalog_pages or limits.catalog_tools and was cut"
		}
	case failed:
		s.NextAttempt = u.next
	case draining, disconnected:
	}
	ctx.Send(ctx.Parent(), messages.StatusReport{Status: s})
}

// changed sees to it that numbers which differ are reported soon: a message
// for each call would cost more than they are worth.
func (u *upstream) changed(ctx actor.Context) {
	if u.unsaid || u.phase != ready {
		return
	}
	u.unsaid = true
	u.later(ctx, reportPause, reportDue{})
}

// later tells this actor m after d.
func (u *upstream) later(ctx actor.Context, d time.Duration, m self) {
	to, system := ctx.Self(), ctx.ActorSystem()
	u.Env.Clock.AfterFunc(d, func() {
		if living(system, to) { // else nobody would read it
			system.Root.Send(to, m)
		}
	})
}

func (p phase) state() messages.State {
	switch p {
	case connecting:
		return messages.StateConnecting
	case ready:
		return messages.StateConnected
	case failed:
		return messages.StateError
	case draining, disconnected:
	}
	return messages.StateDisconnected
}

// reply answers a door through the gateway, which publishes what was reported
// before: who is told "connected" then finds it in the status.
func (u *upstream) reply(ctx actor.Context, door *actor.PID, m any) {
	ctx.RequestWithCustomSender(ctx.Parent(), messages.PassOn{Reply: m}, door)
}

func (u *upstream) replyAll(ctx actor.Context, doors []*actor.PID, m any) {
	for _, door := range doors {
		u.reply(ctx, door, m)
	}
}

// farewell answers everybody; sessions, which stop with this actor, answer
// their callers.
func (u *upstream) farewell(ctx actor.Context, why string) {
	u.over = true
	u.stopTimer()
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name, "server %q %s", u.Spec.Name, why)
	u.dropAll(ctx, messages.Failure{Message: f.Message, Stale: true})
	u.handOver(ctx, f)
	u.replyAll(ctx, u.askers, messages.ReadyReply{Failure: f})
	u.replyAll(ctx, u.leave.askers, messages.DisconnectReply{Was: true, Err: f.Message})
	u.replyAll(ctx, u.curious, messages.HealthChecked{Health: u.health, Problem: f.Message})
	u.askers, u.leave.askers, u.curious = nil, nil, nil
}

// dropAll lets all sessions answer with f, those in flight as unknown.
func (u *upstream) dropAll(ctx actor.Context, f messages.Failure) {
	for name := range u.sessions {
		if s := kit.Child(ctx.Self(), name); living(ctx.ActorSystem(), s) { // it may have ended
			ctx.Send(s, session.Drop{Failure: f})
		}
	}
}

// answerPanic answers the request during which the actor panics: the library
// would leave it without a reply.
func (u *upstream) answerPanic(ctx actor.Context, reason any) {
	f := messages.Failf(messages.KindInternal, u.Spec.Name, "server %q: internal error: %v", u.Spec.Name, reason)
	switch ctx.Message().(type) {
	case *messages.Admit:
		ctx.Send(ctx.Sender(), &messages.Outcome{Failure: f})
	case messages.AwaitReady, messages.ConnectServer:
		ctx.Send(ctx.Sender(), messages.ReadyReply{Failure: f})
	case messages.DisconnectServer:
		ctx.Send(ctx.Sender(), messages.DisconnectReply{Err: f.Message})
	case messages.CheckHealth:
		ctx.Send(ctx.Sender(), messages.HealthChecked{Health: u.health, Problem: f.Message})
	case messages.Subscribe:
		if ctx.Sender() != nil {
			ctx.Send(ctx.Sender(), messages.Subscribed{Failure: f})
		}
	}
}

func (u *upstream) unavailable(retryAfter time.Duration) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name, "server %q is not connected: %s", u.Spec.Name, u.reason)
	f.RetryAfter = retryAfter
	return f
}
