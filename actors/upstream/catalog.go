package upstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/actors/watch"
	"github.com/mcpx/mcpx/messages"
)

// gate lets one listChanged through at a time: a storm of notifications costs
// the mailbox one message.
type gate struct {
	link string            // whose notifications pass
	to   messages.ClientID // whose connection it is; empty when it is nobody's
	told atomic.Pointer[told]
}

// told is what a server has told of its lists. It is not changed.
type told struct {
	topics messages.Topic
	said   map[messages.Topic]json.RawMessage // with the latest of each
}

// pass tells whether nothing waits yet.
func (g *gate) pass(t messages.Topic, params json.RawMessage) bool {
	for {
		before, after := g.told.Load(), told{topics: t}
		if before != nil {
			after.topics |= before.topics
			after.said = maps.Clone(before.said)
		}
		if delete(after.said, t); params != nil {
			if after.said == nil {
				after.said = map[messages.Topic]json.RawMessage{}
			}
			after.said[t] = params
		}
		if g.told.CompareAndSwap(before, &after) {
			return before == nil
		}
	}
}

// open returns what was told since the last time.
func (g *gate) open() told { return *g.told.Swap(nil) }

// unsolicited returns what the connection's reader calls; it touches nothing of
// the actor's state.
func (u *upstream) unsolicited(ctx actor.Context, link string, caller messages.Caller, watched *watcher) func(messages.Notification) {
	system, to, server, g := ctx.ActorSystem(), ctx.Self(), u.Spec.Name, &gate{link: link, to: caller.Client}
	var client *actor.PID // whose connection it is; nil when it is nobody's
	if caller.Mirror && caller.Client != "" {
		client = kit.Child(ctx.Parent(), kit.ClientName(caller.Client))
	}
	// What is said on the connection of one client is for that one, and on one of
	// callers who brought credentials for nobody: the others hear the bare fact.
	nobodys := len(caller.Headers) > 0
	return func(n messages.Notification) {
		if w := watched.Load(); w != nil && n.Method == "notifications/resources/updated" && living(system, w) {
			system.Root.Send(w, watch.Told{Notification: n})
			return
		}
		switch {
		case client != nil && living(system, client):
			system.Root.Send(client, messages.FromServer{Notification: n})
		case n.Reply != nil:
			n.Reply(messages.Answer{})
			return
		}
		topic := messages.TopicOf(n.Method)
		switch {
		case topic != 0:
			said := n.Params
			if nobodys {
				said = nil
			}
			if g.pass(topic, said) {
				system.Root.Send(to, listChanged{g})
			}
		case n.Method == "notifications/message":
			if client != nil {
				return // it is the client's
			}
			kit.Publish(system, serverLog(server, n.Params))
		}
	}
}

func living(system *actor.ActorSystem, pid *actor.PID) bool {
	_, ok := system.ProcessRegistry.Get(pid)
	return ok
}

func (u *upstream) stderr(ctx actor.Context) func(string) {
	system, server := ctx.ActorSystem(), u.Spec.Name
	return func(line string) { kit.Publish(system, messages.StderrLine{Server: server, Line: line}) }
}

// started publishes which process a server is.
func (u *upstream) started(ctx actor.Context) func(int, time.Time) {
	system, server := ctx.ActorSystem(), u.Spec.Name
	return func(pid int, at time.Time) {
		kit.Publish(system, messages.ProcessStarted{Server: server, Pid: pid, At: at})
	}
}

// probeOn returns what a probe works on: an idle connection, or a temporary one
// that it makes; an exclusive server has one connection, busy or not.
func (u *upstream) probeOn(ctx actor.Context) (session.Connection, *member) {
	on := session.Connection{Dialer: u.Dialer, Dial: u.dialRequest(ctx, "", messages.Caller{}, new(watcher))}
	on.Dial.Unsolicited = func(messages.Notification) {}
	var m *member
	if u.phase == ready {
		if m = u.pool.idle(); m == nil && u.Spec.Exclusive {
			m = u.pool.oldest()
		}
	}
	if m != nil {
		on.Conn = m.conn
	}
	return on, m
}

// probeOnHome reads the catalog on the connection that is the attempt.
func (u *upstream) probeOnHome(ctx actor.Context) {
	u.read(ctx, session.Connection{Conn: u.home.conn}, u.home)
}

// knows tells whether a connection that told of a change is the one to ask,
// busy or not: another may know nothing of it. One that is closed after its call
// is not kept for that.
func (u *upstream) knows(m *member) bool {
	once := u.isolation == messages.IsolationRequest && m.users > 0
	return m.conn != nil && !m.closing && m.dial == "" && !once && !isLost(m.conn)
}

// probeNow reads the catalog again.
func (u *upstream) probeNow(ctx actor.Context) {
	if u.probe != nil {
		u.outdated = true
		return
	}
	on, m := u.probeOn(ctx)
	if on.Conn == nil && u.Spec.Exclusive {
		u.refreshIn(ctx, refreshPause) // its one connection is being exchanged
		return
	}
	if teller := u.pool.members[u.teller]; teller != nil && u.knows(teller) {
		on.Conn, m = teller.conn, teller
	}
	u.teller = ""
	u.read(ctx, on, m)
}

func (u *upstream) read(ctx actor.Context, on session.Connection, m *member) {
	pid, err := ctx.SpawnNamed(session.ProbeProps(), fmt.Sprintf("p%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	u.probe, u.probing, u.probed, u.outdated = pid, m, u.Env.Clock.Now(), false
	if m != nil {
		m.users++
	}
	ctx.Request(pid, session.ReadCatalog{Env: u.Env, Server: u.Spec.Name, Policy: u.Spec.Policy, On: on})
}

// refresh reads the catalog again, not more often than the pause allows.
func (u *upstream) refresh(ctx actor.Context) {
	if u.probe != nil {
		u.outdated = true
		return
	}
	if u.phase != ready {
		return
	}
	wait := refreshPause - u.Env.Clock.Now().Sub(u.probed)
	if wait <= 0 {
		u.probeNow(ctx)
		return
	}
	u.refreshIn(ctx, wait)
}

// refreshIn arms the next reading, unless one is due before that.
func (u *upstream) refreshIn(ctx actor.Context, wait time.Duration) {
	at := u.Env.Clock.Now().Add(wait)
	if !u.rereadAt.IsZero() && !at.Before(u.rereadAt) {
		return
	}
	u.rereadAt = at
	u.later(ctx, wait, refreshDue{u.rounds})
}

// refreshNow: the pause is over, for the reading that is due first.
func (u *upstream) refreshNow(ctx actor.Context, round uint64) {
	if u.Env.Clock.Now().Before(u.rereadAt) {
		return
	}
	u.rereadAt = time.Time{}
	if round == u.rounds && u.phase == ready {
		u.probeNow(ctx)
	}
}

func (u *upstream) dropProbe(ctx actor.Context) {
	if u.probe == nil {
		return
	}
	ctx.Stop(u.probe)
	m := u.probing
	u.probe, u.probing = nil, nil
	if m != nil {
		u.release(ctx, m)
	}
}

func (u *upstream) catalogRead(ctx actor.Context, m session.CatalogRead) {
	if u.probe == nil || kit.Base(u.probe) != m.Probe {
		return // of a connection that is gone
	}
	u.dropProbe(ctx)
	// A server that answers with an error of its own has a catalog, if a
	// partial one; anything else means that the connection is no good.
	usable := m.Failure == nil || m.Failure.Kind == messages.KindUpstream
	switch {
	case u.phase == connecting && usable:
		u.becomeReady(ctx, m)
	case u.phase == connecting:
		ctx.Stop(u.home.pid)
		u.forget(ctx, u.home)
		u.attemptFailed(ctx, m.Failure.Message)
	case u.phase == ready:
		u.degraded = ""
		if m.Failure != nil {
			u.degraded = m.Failure.Message
		}
		if usable {
			u.publishCatalog(ctx, m.Catalog)
			u.misread = 0
		} else {
			u.misread++
			u.refreshIn(ctx, decide(u.misread, u.Spec.Policy, u.Env.Jitter()).wait)
		}
		u.report(ctx)
		if u.outdated {
			u.refresh(ctx)
		}
	}
}

func (u *upstream) becomeReady(ctx actor.Context, m session.CatalogRead) {
	u.degraded, u.cramped, u.unopened, u.growAt = "", "", 0, time.Time{}
	u.misread, u.rereadAt = 0, time.Time{}
	if m.Failure != nil {
		u.degraded = m.Failure.Message
	}
	u.publishCatalog(ctx, m.Catalog)
	u.place(u.home)
	u.home = nil
	u.enter(ctx, ready, "")
	u.checked(ctx, "")
	u.replyAll(ctx, u.askers, messages.ReadyReply{})
	u.askers = nil
	u.lookLater(ctx)
	u.serve(ctx)
	if u.outdated {
		u.refresh(ctx)
	}
}

func (u *upstream) publishCatalog(ctx actor.Context, c messages.Catalog) {
	changed := !reflect.DeepEqual(u.catalog, c)
	u.catalog = c
	ctx.Send(ctx.Parent(), messages.CatalogReport{Generation: u.Generation, Catalog: c})
	if changed {
		u.cache.clear() // a tool may mean something else by now
		kit.Publish(ctx.ActorSystem(), messages.CatalogChanged{
			Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Tools: c.ToolNames(), Cut: c.Cut,
		})
	}
}

// serverLog reads a log message; one of another shape is told as it came.
func serverLog(server string, params json.RawMessage) messages.ServerLog {
	var p struct {
		Level, Logger string
		Data          json.RawMessage
	}
	_ = json.Unmarshal(params, &p)
	text := string(p.Data)
	var s string
	if json.Unmarshal(p.Data, &s) == nil {
		text = s
	}
	if text == "" {
		text = string(params)
	}
	return messages.ServerLog{Server: server, Level: p.Level, Text: text}
}
