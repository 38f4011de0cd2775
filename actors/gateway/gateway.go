// Package gateway holds the root supervisor.
package gateway

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/client"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/once"
	"github.com/mcpx/mcpx/actors/upstream"
	"github.com/mcpx/mcpx/messages"
)

// The gateway owns the set of servers and client sessions: which generation of
// a server serves, which is to replace it, which are going; and the table in
// which the door finds them.
//
//	running ──CloseAll──▶ closing ──all Retired, or the deadline──▶ closed
//
// Bounds: limits.client_sessions clients; one keeper of keyed requests; for each
// server one generation that serves, one that is to replace it, and those that drain.
//
// Crash: the program ends with an error: this is a bug, and a table nobody owns
// must not go on answering.
type gateway struct {
	Config
	servers map[string]*server
	going   map[string]string // actor name -> server: generations that drain
	dirty   bool              // the directory is to be published again
	policy  messages.Topic    // lists that look different for another reason than a catalog: what is disabled
	clients map[string]string // endpoints, by actor name
	once    *actor.PID        // the keeper of keyed requests; nil before the first

	doors    []*actor.PID // that wait for AllClosed
	closing  bool
	closed   bool
	report   messages.CloseReport
	deadline kit.Timer
}

// server is one server of the configuration.
type server struct {
	entry *Entry
	pid   *actor.PID // of the generation that serves; nil for a disabled server
	gen   uint64

	next    *actor.PID // of the generation that is to replace it; nil when there is none
	nextGen uint64
	pending *Entry // its entry

	respawn bool // a new generation is due after a pause
	alone   bool // the next generation waits until the former one has gone
}

// Config is fixed for the life of the runtime.
type Config struct {
	Env    *kit.Env
	Dialer link.Dialer
	Table  *Table
	IDs    *atomic.Uint64 // generations, links, probes
}

// Restart budget of an upstream; past it, a new generation takes over after a
// pause, since a bug that strikes at once would otherwise spin.
const (
	restartBudget = 5
	restartWithin = 30 * time.Second
	respawnPause  = time.Second
)

// Props describe the root actor.
func Props(c Config) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &gateway{
			Config: c, servers: map[string]*server{}, going: map[string]string{}, clients: map[string]string{},
			report: messages.CloseReport{Errors: map[string]string{}},
		}
	}, actor.WithGuardian(fatal{}))
}

// fatal ends the program when the gateway itself panics.
type fatal struct{}

// HandleFailure implements actor.SupervisorStrategy.
func (fatal) HandleFailure(_ *actor.ActorSystem, _ actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, message any) {
	text := fmt.Sprintf("bug: %s failed on %T: %v", child.Id, message, reason)
	// In a goroutine of its own: the mailbox would recover it.
	go func() { panic(text) }()
	select {}
}

// HandleFailure says who restarts whom: clients and the keeper of keyed requests
// are stopped, upstreams restarted within their budget.
func (g *gateway) HandleFailure(system *actor.ActorSystem, sup actor.Supervisor, child *actor.PID, rs *actor.RestartStatistics, reason, _ any) {
	text := fmt.Sprint(reason)
	if !strings.HasPrefix(kit.Base(child), "upstream:") {
		kit.Publish(system, messages.ActorStopped{Path: child.Id, Reason: text})
		sup.StopChildren(child)
		return
	}
	rs.Fail()
	if rs.NumberOfFailures(restartWithin) > restartBudget {
		kit.Publish(system, messages.ActorStopped{Path: child.Id, Reason: text})
		for _, s := range g.servers {
			s.respawn = s.respawn || is(s.pid, child) || is(s.next, child)
		}
		sup.StopChildren(child)
		return
	}
	kit.Publish(system, messages.ActorRestarted{Path: child.Id, Reason: text})
	sup.RestartChildren(child)
}

// self is what the gateway tells itself.
//
//sumtype:decl
type self interface{ toSelf() }

type publish struct{}              // the directory
type respawn struct{ name string } // a server's next generation
type closeDeadline struct{}

func (publish) toSelf()       {}
func (respawn) toSelf()       {}
func (closeDeadline) toSelf() {}

// Receive implements actor.Actor.
func (g *gateway) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case messages.ToGateway:
		g.asked(ctx, m)
	case self:
		g.told(ctx, m)
	case *actor.Terminated:
		g.terminated(ctx, m.Who)
	case kit.Crash:
		panic(m.Reason)
	}
}

func (g *gateway) asked(ctx actor.Context, in messages.ToGateway) {
	switch m := in.(type) {
	case messages.ApplySpecs:
		g.apply(ctx, m.Specs)
	case messages.StatusReport:
		g.statusReported(ctx, m.Status)
	case messages.CatalogReport:
		g.catalogReported(ctx, m)
	case messages.ListsTold:
		g.tellLists(ctx, messages.ListsChanged{Server: m.Server, Topics: m.Topics, Said: m.Said, To: m.To})
	case messages.PassOn:
		ctx.Send(ctx.Sender(), m.Reply)
	case messages.Retired:
		g.retired(ctx, m)
	case messages.Sync:
		ctx.Send(ctx.Sender(), messages.Synced{})
	case messages.OpenClient:
		g.openClient(ctx, m.Spec)
	case messages.Subscribe:
		g.passOn(ctx, m.Call.Server, m)
	case messages.Unsubscribe:
		g.passOn(ctx, m.Server, m)
	case messages.FindOnce:
		g.findOnce(ctx)
	case messages.CloseAll:
		g.closeAll(ctx)
	}
}

func (g *gateway) told(ctx actor.Context, in self) {
	switch m := in.(type) {
	case publish:
		g.publishDirectory(ctx)
	case respawn:
		if s, ok := g.servers[m.name]; ok && s.pid == nil && !s.entry.Spec.Disabled && !g.closing {
			s.pid, s.gen = g.spawn(ctx, s.entry.Spec)
			s.entry.pid.Store(s.pid)
		}
	case closeDeadline:
		g.forceClose(ctx)
	}
}

func is(a, b *actor.PID) bool { return a != nil && b != nil && a.Id == b.Id }

// apply makes the set of servers what specs say.
func (g *gateway) apply(ctx actor.Context, specs []messages.ServerSpec) {
	if g.closing {
		ctx.Send(ctx.Sender(), messages.Applied{})
		return
	}
	running := make([]messages.ServerSpec, 0, len(g.servers))
	for _, s := range g.servers {
		running = append(running, s.wanted())
	}
	d := diff(running, specs)
	wanted := map[string]messages.ServerSpec{}
	for _, s := range slices.Backward(specs) {
		wanted[s.Name] = s // of equal names the first stays
	}
	for _, name := range d.Removed {
		s := g.servers[name]
		g.retire(ctx, name, s.next) // by its own policy: before it is forgotten
		g.retire(ctx, name, s.pid)
		delete(g.servers, name)
	}
	for _, name := range d.Added {
		s := &server{entry: newEntry(wanted[name])}
		g.servers[name] = s
		g.start(ctx, s)
	}
	for _, name := range d.Changed {
		g.change(ctx, g.servers[name], wanted[name])
	}
	if len(d.Changed) > 0 {
		g.policy = messages.TopicTools
	}
	g.publishTable()
	g.publishDirectory(ctx)
	ctx.Send(ctx.Sender(), messages.Applied{Diff: d})
}

// wanted is the specification that the server has or is about to have.
func (s *server) wanted() messages.ServerSpec {
	if s.pending != nil {
		return s.pending.Spec
	}
	return s.entry.Spec
}

// start starts a generation, unless there is to be none, or it must wait until
// the former one has gone: see gone.
func (g *gateway) start(ctx actor.Context, s *server) {
	if s.entry.Spec.Disabled || s.alone && g.drains(s.entry.Spec.Name) {
		return
	}
	s.alone = s.entry.Spec.Exclusive
	s.pid, s.gen = g.spawn(ctx, s.entry.Spec)
	s.entry.pid.Store(s.pid)
}

func (g *gateway) spawn(ctx actor.Context, spec messages.ServerSpec) (*actor.PID, uint64) {
	gen := g.IDs.Add(1)
	pid, err := ctx.SpawnNamed(upstream.Props(upstream.Config{
		Env: g.Env, Dialer: g.Dialer, Spec: spec, Generation: gen, IDs: g.IDs,
	}), kit.UpstreamName(spec.Name, gen))
	if err != nil {
		panic(err) // generations are never used twice
	}
	return pid, gen
}

// change replaces a server's generation: by one that is connected before the
// old one drains, or, where only one may be connected at a time or none is, at once.
func (g *gateway) change(ctx actor.Context, s *server, spec messages.ServerSpec) {
	g.retire(ctx, spec.Name, s.next)
	s.next, s.pending = nil, nil
	entry := s.entry.successor(spec)
	serves := s.pid != nil && s.entry.Status().State == messages.StateConnected
	if serves && !spec.Disabled && !spec.Exclusive && !s.entry.Spec.Exclusive {
		s.pending = entry
		s.next, s.nextGen = g.spawn(ctx, spec)
		return
	}
	old := s.pid
	s.alone = spec.Exclusive || s.entry.Spec.Exclusive
	s.entry, s.pid = entry, nil
	g.retire(ctx, spec.Name, old)
	g.start(ctx, s)
}

// drains tells whether a generation of the server is still going.
func (g *gateway) drains(name string) bool {
	for _, going := range g.going {
		if going == name {
			return true
		}
	}
	return false
}

// retire lets a generation drain.
func (g *gateway) retire(ctx actor.Context, name string, pid *actor.PID) {
	if pid == nil {
		return
	}
	g.going[kit.Base(pid)] = name
	now := g.Env.Clock.Now()
	p := messages.DefaultPolicy()
	if s, ok := g.servers[name]; ok {
		p = s.entry.Spec.Policy
	}
	ctx.Send(pid, messages.Retire{
		DrainUntil: now.Add(p.DrainTimeout), CloseUntil: now.Add(p.DrainTimeout + p.KillAfter + time.Second),
	})
}

// swap lets the generation that was connected beside the serving one serve.
func (g *gateway) swap(ctx actor.Context, s *server) {
	old := s.pid
	s.entry, s.pid, s.gen = s.pending, s.next, s.nextGen
	s.entry.pid.Store(s.pid)
	s.next, s.pending = nil, nil
	g.policy = messages.TopicTools
	g.publishTable()
	g.markDirty(ctx)
	// Told after the table leads to the successor, so that whoever is sent away finds it.
	g.retire(ctx, s.entry.Spec.Name, old)
}

func (g *gateway) statusReported(ctx actor.Context, status messages.Status) {
	s, ok := g.servers[status.Server]
	if !ok {
		return // of a removed server that drains
	}
	switch {
	case s.pid != nil && status.Generation == s.gen:
		status.Notice = joinNotices(status.Notice, s.entry.Status().Notice, s.next != nil)
		s.entry.status.Store(&status)
		g.markStale(ctx, s.entry, status.State != messages.StateConnected)
	case s.next != nil && status.Generation == s.nextGen:
		g.nextReported(ctx, s, status)
	}
}

// joinNotices keeps what the status says of a replacement while that is pending.
func joinNotices(own, before string, replacing bool) string {
	if own == "" && replacing {
		return before
	}
	return own
}

// nextReported: the old generation serves on until the new one is connected; if
// that fails, the status says why.
func (g *gateway) nextReported(ctx actor.Context, s *server, status messages.Status) {
	switch status.State {
	case messages.StateConnected:
		s.pending.status.Store(&status)
		g.swap(ctx, s)
	case messages.StateError:
		now := s.entry.Status()
		now.Notice = "the changed configuration does not connect, the former one serves on: " + status.Reason
		s.entry.status.Store(&now)
	case messages.StateConnecting, messages.StateDisconnected:
	}
}

func (g *gateway) catalogReported(ctx actor.Context, m messages.CatalogReport) {
	s, ok := g.servers[m.Catalog.Server]
	if !ok {
		return
	}
	entry := s.entry
	if s.next != nil && m.Generation == s.nextGen {
		entry = s.pending
	} else if m.Generation != s.gen {
		return
	}
	c := m.Catalog
	c.Version = g.IDs.Add(1)
	entry.catalog.Store(&c)
	g.markDirty(ctx)
}

func (g *gateway) markStale(ctx actor.Context, e *Entry, stale bool) {
	c := e.catalog.Load()
	if c == nil || c.Stale == stale {
		return
	}
	changed := *c
	changed.Stale = stale
	e.catalog.Store(&changed)
	g.markDirty(ctx)
}

// markDirty publishes the directory once for all reports that wait in the mailbox.
func (g *gateway) markDirty(ctx actor.Context) {
	if !g.dirty {
		g.dirty = true
		ctx.Send(ctx.Self(), publish{})
	}
}

func (g *gateway) publishTable() {
	entries := make(map[string]*Entry, len(g.servers))
	for name, s := range g.servers {
		entries[name] = s.entry
	}
	g.Table.entries.Store(&entries)
}

func (g *gateway) publishDirectory(ctx actor.Context) {
	g.dirty = false
	before := g.Table.Directory()
	d := &messages.Directory{}
	for _, name := range g.Table.Names() {
		e, _ := g.Table.Lookup(name)
		if e.Spec.Disabled {
			continue
		}
		d.Servers = append(d.Servers, name)
		if c, ok := e.Catalog(); ok {
			d.Catalogs = append(d.Catalogs, c)
		}
	}
	d.Version = before.Version + 1
	g.Table.directory.Store(d)
	topics := changedTopics(before, d) | g.policy
	g.policy = 0
	if topics != 0 {
		kit.Publish(ctx.ActorSystem(), messages.DirectoryChanged{Version: d.Version, Topics: topics})
		g.tellLists(ctx, messages.ListsChanged{Topics: topics})
	}
}

// tellLists tells the clients of an endpoint of changed lists: those of the
// compact one of all servers' together, those of a server of its own.
func (g *gateway) tellLists(ctx actor.Context, m messages.ListsChanged) {
	for name, endpoint := range g.clients {
		if endpoint == m.Server {
			ctx.Send(kit.Child(ctx.Self(), name), m)
		}
	}
}

func (g *gateway) openClient(ctx actor.Context, spec messages.ClientSpec) {
	switch {
	case g.closing:
		ctx.Send(ctx.Sender(), messages.ClientOpened{Failure: messages.Failf(messages.KindUnavailable, "", "mcpx is shutting down")})
		return
	case len(g.clients) >= g.Env.Limits.ClientSessions:
		f := messages.Failf(messages.KindOverloaded, "", "%d client sessions are open, the limit (limits.client_sessions); try again later", len(g.clients))
		f.RetryAfter = time.Second
		ctx.Send(ctx.Sender(), messages.ClientOpened{Failure: f})
		return
	}
	if spec.ID == "" {
		spec.ID = messages.ClientID(rand.Text())
	}
	name := kit.ClientName(spec.ID)
	pid, err := ctx.SpawnNamed(client.Props(), name)
	if err != nil {
		panic(err) // ids are random
	}
	g.clients[name] = spec.Endpoint
	ctx.Send(pid, client.Begin{Env: g.Env, Spec: spec})
	ctx.Send(ctx.Sender(), messages.ClientOpened{ID: spec.ID})
}

// passOn hands what a client wants of a server to the generation that serves; it
// asks again until somebody has taken note.
func (g *gateway) passOn(ctx actor.Context, server string, m messages.ToUpstream) {
	s, ok := g.servers[server]
	if ok && s.pid != nil {
		ctx.Send(s.pid, m)
	}
	if again, asks := m.(messages.Subscribe); asks && (!ok || s.entry.Spec.Disabled) {
		if client := kit.Child(ctx.Self(), kit.ClientName(again.By.Client)); g.clients[kit.Base(client)] != "" {
			ctx.Send(client, messages.SubscriptionEnded{By: again.By})
		}
	}
}

// findOnce tells who keeps keyed requests from being made twice.
func (g *gateway) findOnce(ctx actor.Context) {
	if g.closing {
		ctx.Send(ctx.Sender(), messages.OnceFound{})
		return
	}
	if g.once == nil {
		pid, err := ctx.SpawnNamed(once.Props(), fmt.Sprintf("once#%d", g.IDs.Add(1)))
		if err != nil {
			panic(err) // names are never used twice
		}
		g.once = pid
		ctx.Send(pid, once.Begin{Env: g.Env})
	}
	ctx.Send(ctx.Sender(), messages.OnceFound{Name: kit.Base(g.once)})
}

func (g *gateway) terminated(ctx actor.Context, who *actor.PID) {
	name := kit.Base(who)
	if is(g.once, who) {
		g.once = nil
		return
	}
	if _, known := g.clients[name]; known {
		delete(g.clients, name)
		g.finishClose(ctx)
		return
	}
	if server, ok := g.going[name]; ok {
		// It had no time to report: stopped by force.
		g.gone(ctx, name, server, fmt.Sprintf("server %q was stopped before it had closed", server))
		return
	}
	for name, s := range g.servers {
		switch {
		case is(s.pid, who):
			s.pid = nil
			g.succeed(ctx, name, s)
		case is(s.next, who):
			s.next, s.pending = nil, nil
		}
	}
}

// succeed starts a new generation for one that was killed or used up its
// restarts.
func (g *gateway) succeed(ctx actor.Context, name string, s *server) {
	if g.closing {
		return
	}
	g.markStale(ctx, s.entry, true)
	if !s.respawn {
		g.start(ctx, s)
		return
	}
	s.respawn = false
	to, root := ctx.Self(), ctx.ActorSystem().Root
	g.Env.Clock.AfterFunc(respawnPause, func() { root.Send(to, respawn{name}) })
}

func (g *gateway) retired(ctx actor.Context, m messages.Retired) {
	name := kit.UpstreamName(m.Server, m.Generation)
	// After what is already in its mailbox, which it refuses.
	ctx.Poison(kit.Child(ctx.Self(), name))
	if _, ok := g.going[name]; ok {
		g.gone(ctx, name, m.Server, m.Err)
	}
}

// gone: a generation has closed. An exclusive server's next one waited for it.
func (g *gateway) gone(ctx actor.Context, name, server, err string) {
	delete(g.going, name)
	if g.closing {
		if err != "" {
			g.report.Errors[server] = err
		} else {
			g.report.Closed++
		}
		g.finishClose(ctx)
		return
	}
	if s, ok := g.servers[server]; ok && s.pid == nil && !s.respawn {
		g.start(ctx, s)
	}
}
