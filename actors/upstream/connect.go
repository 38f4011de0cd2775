package upstream

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// connect starts one attempt.
func (u *upstream) connect(ctx actor.Context) {
	u.stopTimer()
	u.enter(ctx, connecting, u.reason)
	u.conn, u.served = nil, false
	attempt, of := u.attempt()
	kit.Publish(ctx.ActorSystem(), messages.Connecting{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Transport: u.Spec.Transport, Attempt: attempt, Of: of,
	})
	pid, err := ctx.SpawnNamed(link.Props(), fmt.Sprintf("l%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	u.link = pid
	ctx.Request(pid, link.Open{Env: u.Env, Dialer: u.Dialer, Request: link.DialRequest{
		Spec: u.Spec, Limits: u.Env.Limits, Remembered: u.remembered,
		Unsolicited: u.unsolicited(ctx), Stderr: u.stderr(ctx),
	}})
}

// attempt counts within the burst; past it every attempt stands alone.
func (u *upstream) attempt() (n, of int) {
	if u.fails < u.Spec.Policy.RetryAttempts {
		return u.fails + 1, u.Spec.Policy.RetryAttempts
	}
	return 1, 1
}

// gate lets one listChanged through at a time: a storm of notifications costs
// the mailbox one message.
type gate struct{ shut atomic.Bool }

func (g *gate) pass() bool { return !g.shut.Swap(true) }
func (g *gate) open()      { g.shut.Store(false) }

// unsolicited returns what the connection's reader calls; it touches nothing of
// the actor's state.
func (u *upstream) unsolicited(ctx actor.Context) func(messages.Notification) {
	system, to, server, g := ctx.ActorSystem(), ctx.Self(), u.Spec.Name, new(gate)
	return func(n messages.Notification) {
		switch n.Method {
		case "notifications/tools/list_changed", "notifications/resources/list_changed", "notifications/prompts/list_changed":
			if g.pass() {
				system.Root.Send(to, listChanged{g})
			}
		case "notifications/message":
			kit.Publish(system, serverLog(server, n.Params))
		}
	}
}

func (u *upstream) stderr(ctx actor.Context) func(string) {
	system, server := ctx.ActorSystem(), u.Spec.Name
	return func(line string) { kit.Publish(system, messages.StderrLine{Server: server, Line: line}) }
}

func (u *upstream) reported(ctx actor.Context, r link.Report) {
	switch m := r.(type) {
	case link.Up:
		if u.isLink(m.Link) {
			u.up(ctx, m.Conn)
		}
	case link.Down:
		if u.ended(ctx, m.Link) {
			u.attemptFailed(ctx, m.Reason.Message)
		}
	case link.Lost:
		if u.ended(ctx, m.Link) {
			kit.Publish(ctx.ActorSystem(), messages.LinkLost{Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Reason: m.Reason})
			u.linkGone(ctx, m.Reason)
		}
	case link.Closed:
		if u.ended(ctx, m.Link) {
			u.closed(ctx, m.Err)
		}
	}
}

// ended stops a link that has reported its end, and tells whether it was the
// current one, which is forgotten.
func (u *upstream) ended(ctx actor.Context, name string) bool {
	ctx.Stop(kit.Child(ctx.Self(), name))
	if !u.isLink(name) {
		return false
	}
	u.link, u.conn = nil, nil
	return true
}

func (u *upstream) isLink(name string) bool { return u.link != nil && kit.Base(u.link) == name }

// up: the handshake is done; the server counts as connected when its catalog
// has been read.
func (u *upstream) up(ctx actor.Context, conn link.Conn) {
	if u.phase == draining {
		u.conn = conn // closeLink closes it
		return
	}
	u.conn, u.remembered = conn, conn.Peer().Protocol
	kit.Publish(ctx.ActorSystem(), messages.Connected{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Peer: conn.Peer(),
	})
	u.probeNow(ctx)
}

// linkGone: the connection ended by itself. Its requests have been answered by
// whoever does their I/O.
func (u *upstream) linkGone(ctx actor.Context, reason string) {
	switch u.phase {
	case draining:
		u.closed(ctx, "")
	case ready:
		u.dropProbe(ctx)
		u.reason = reason
		if u.served {
			u.fails = 0
			u.connect(ctx)
			u.checked(ctx, "Connection lost: "+reason)
		} else {
			u.attemptFailed(ctx, reason)
		}
	case connecting:
		u.dropProbe(ctx)
		u.attemptFailed(ctx, reason)
	case failed, disconnected:
	}
}

// attemptFailed decides what follows.
func (u *upstream) attemptFailed(ctx actor.Context, reason string) {
	if u.phase == draining {
		u.closed(ctx, "")
		return
	}
	// Whoever shows the reason says which server it is about.
	reason = strings.TrimPrefix(reason, fmt.Sprintf("server %q: ", u.Spec.Name))
	attempt, of := u.attempt()
	u.fails++
	v := decide(u.fails, u.Spec.Policy, u.Env.Jitter())
	u.next = u.Env.Clock.Now().Add(v.wait)
	kit.Publish(ctx.ActorSystem(), messages.ConnectFailed{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Attempt: attempt, Of: of,
		Reason: reason, Wait: v.wait, GaveUp: v.gaveUp,
	})
	if !v.gaveUp {
		u.enter(ctx, connecting, reason)
		u.checked(ctx, reason)
		u.setTimer(ctx, v.wait)
		return
	}
	u.enter(ctx, failed, reason)
	u.checked(ctx, reason)
	u.setTimer(ctx, v.wait)
	f := u.unavailable(v.wait)
	u.refuseWaiting(ctx, f)
	u.replyAll(ctx, u.askers, messages.ReadyReply{Failure: f})
	u.askers = nil
}

// await answers when the server is connected or an attempt has failed; afresh
// demands a new burst of attempts where there is none.
func (u *upstream) await(ctx actor.Context, afresh bool) {
	switch u.phase {
	case ready:
		if afresh {
			kit.Publish(ctx.ActorSystem(), messages.AlreadyConnected{Server: u.Spec.Name})
		}
		u.reply(ctx, ctx.Sender(), messages.ReadyReply{Already: true})
		return
	case draining:
		u.reply(ctx, ctx.Sender(), messages.ReadyReply{Failure: u.goingAway()})
		return
	case disconnected:
		if !afresh {
			u.reply(ctx, ctx.Sender(), messages.ReadyReply{Failure: u.switchedOff()})
			return
		}
		u.fails = 0
		u.connect(ctx)
	case failed:
		if afresh {
			u.fails = 0
		}
		u.connect(ctx)
	case connecting:
	}
	u.askers = append(u.askers, ctx.Sender())
}

// probeNow reads the catalog on the link.
func (u *upstream) probeNow(ctx actor.Context) {
	if u.probe != nil {
		u.outdated = true
		return
	}
	if u.conn == nil || u.phase == draining {
		return
	}
	pid, err := ctx.SpawnNamed(session.ProbeProps(), fmt.Sprintf("p%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	u.probe, u.probed, u.outdated = pid, u.Env.Clock.Now(), false
	ctx.Request(pid, session.ReadCatalog{Env: u.Env, Server: u.Spec.Name, Policy: u.Spec.Policy, Conn: u.conn})
}

// refresh reads the catalog again, not more often than the pause allows.
func (u *upstream) refresh(ctx actor.Context) {
	if u.probe != nil {
		u.outdated = true
		return
	}
	if u.link == nil {
		return
	}
	of, to, root := u.link, ctx.Self(), ctx.ActorSystem().Root
	wait := refreshPause - u.Env.Clock.Now().Sub(u.probed)
	if wait <= 0 {
		u.probeNow(ctx)
		return
	}
	u.Env.Clock.AfterFunc(wait, func() { root.Send(to, refreshDue{of}) })
}

func (u *upstream) dropProbe(ctx actor.Context) {
	if u.probe != nil {
		ctx.Stop(u.probe)
		u.probe = nil
	}
}

func (u *upstream) catalogRead(ctx actor.Context, m session.CatalogRead) {
	if u.probe == nil || kit.Base(u.probe) != m.Probe {
		return // of a link that is gone
	}
	u.dropProbe(ctx)
	// A server that answers with an error of its own has a catalog, if a
	// partial one; anything else means that the connection is no good.
	usable := m.Failure == nil || m.Failure.Kind == messages.KindUpstream
	switch {
	case u.phase == connecting && usable:
		u.becomeReady(ctx, m)
	case u.phase == connecting:
		ctx.Stop(u.link)
		u.link, u.conn = nil, nil
		u.attemptFailed(ctx, m.Failure.Message)
	case u.phase == ready:
		u.degraded = ""
		if m.Failure != nil {
			u.degraded = m.Failure.Message
		}
		if usable {
			u.publishCatalog(ctx, m.Catalog)
		}
		u.report(ctx)
		if u.outdated {
			u.refresh(ctx)
		}
	}
}

func (u *upstream) becomeReady(ctx actor.Context, m session.CatalogRead) {
	u.degraded = ""
	if m.Failure != nil {
		u.degraded = m.Failure.Message
	}
	u.publishCatalog(ctx, m.Catalog)
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
		kit.Publish(ctx.ActorSystem(), messages.CatalogChanged{
			Server: u.Spec.Name, Connection: u.Spec.ConnectionName(), Tools: c.ToolNames(), Cut: c.Cut,
		})
	}
}
