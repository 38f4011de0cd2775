package gateway

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// How limits.close_timeout is shared out, from its end: forceMargin for what is
// stopped by force; linkMargin for links to report; kill_after and another
// linkMargin for links to close in good order; the rest for calls in flight.
const (
	forceMargin = 500 * time.Millisecond
	linkMargin  = 250 * time.Millisecond
)

// closeAll drains and closes all servers in parallel, bounded by
// limits.close_timeout. Whoever asks while it runs gets the same report.
func (g *gateway) closeAll(ctx actor.Context) {
	g.doors = append(g.doors, ctx.Sender())
	if g.closing {
		if g.closed {
			g.answerClosed(ctx)
		}
		return
	}
	g.closing = true
	kit.Publish(ctx.ActorSystem(), messages.ClosingAll{})
	now := g.Env.Clock.Now()
	forceAt := now.Add(g.Env.Limits.CloseTimeout - forceMargin)
	closeUntil := forceAt.Add(-linkMargin)
	for name := range g.clients {
		ctx.Send(kit.Child(ctx.Self(), name), messages.EndClient{})
	}
	for name, s := range g.servers {
		for _, pid := range []*actor.PID{s.pid, s.next} {
			if pid != nil {
				g.going[kit.Base(pid)] = name
			}
		}
	}
	for actorName, name := range g.going {
		p := messages.DefaultPolicy()
		if s, ok := g.servers[name]; ok {
			p = s.entry.Spec.Policy
		}
		drain := min(p.DrainTimeout, closeUntil.Sub(now)-p.KillAfter-linkMargin)
		ctx.Send(kit.Child(ctx.Self(), actorName), messages.Retire{
			DrainUntil: now.Add(max(drain, 0)), CloseUntil: closeUntil,
		})
	}
	// Calls resolve names in the table: from here on they find none.
	g.Table.entries.Store(&map[string]*Entry{})
	g.Table.directory.Store(&messages.Directory{Version: g.Table.Directory().Version + 1})
	to, root := ctx.Self(), ctx.ActorSystem().Root
	g.deadline = g.Env.Clock.AfterFunc(forceAt.Sub(now), func() { root.Send(to, closeDeadline{}) })
	g.finishClose(ctx)
}

// forceClose names and stops what has not closed in time.
func (g *gateway) forceClose(ctx actor.Context) {
	if !g.closing || g.closed {
		return
	}
	for actorName, server := range g.going {
		g.report.Errors[server] = fmt.Sprintf("server %q did not close within %v; stopped by force", server, g.Env.Limits.CloseTimeout-forceMargin)
		ctx.Stop(kit.Child(ctx.Self(), actorName))
	}
	for name := range g.clients {
		ctx.Stop(kit.Child(ctx.Self(), name))
	}
	clear(g.going)
	clear(g.clients)
	g.finishClose(ctx)
}

func (g *gateway) finishClose(ctx actor.Context) {
	if !g.closing || g.closed || len(g.going) > 0 || len(g.clients) > 0 {
		return
	}
	g.closed = true
	g.deadline.Stop()
	clear(g.servers)
	kit.Publish(ctx.ActorSystem(), messages.ClosedAll{Report: g.report})
	g.answerClosed(ctx)
}

func (g *gateway) answerClosed(ctx actor.Context) {
	for _, door := range g.doors {
		ctx.Send(door, messages.AllClosed{Report: g.report})
	}
	g.doors = nil
}
