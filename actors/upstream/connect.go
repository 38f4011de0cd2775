package upstream

import (
	"fmt"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// connect starts one attempt: a first connection, on which the catalog is read.
func (u *upstream) connect(ctx actor.Context) {
	u.stopTimer()
	u.enter(ctx, connecting, u.reason)
	u.served = false
	u.rounds++
	attempt, of := u.attempt()
	kit.Publish(ctx.ActorSystem(), messages.Connecting{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Transport: u.Spec.Transport, Attempt: attempt, Of: of,
	})
	u.home = u.dial(ctx, messages.Caller{})
}

// attempt counts within the burst; past it every attempt stands alone.
func (u *upstream) attempt() (n, of int) {
	if u.fails < u.Spec.Policy.RetryAttempts {
		return u.fails + 1, u.Spec.Policy.RetryAttempts
	}
	return 1, 1
}

func (u *upstream) reported(ctx actor.Context, r link.Report) {
	switch m := r.(type) {
	case link.Up:
		if on := u.pool.members[m.Link]; on != nil && !on.closing {
			u.up(ctx, on, m.Conn)
		}
	case link.Down:
		if on := u.ended(ctx, m.Link); on != nil {
			u.down(ctx, on, m.Reason)
		}
	case link.Lost:
		on := u.ended(ctx, m.Link)
		switch {
		case on == nil:
		case on.closing: // it was faster than the close
			u.closedOne(ctx, on, "")
		default:
			kit.Publish(ctx.ActorSystem(), messages.LinkLost{Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Reason: m.Reason})
			u.lost(ctx, on, m.Reason)
		}
	case link.Closed:
		if on := u.ended(ctx, m.Link); on != nil {
			u.closedOne(ctx, on, m.Err)
		}
	}
}

// ended stops a link that has reported its end and returns what it was in the
// pool, nil when that has forgotten it.
func (u *upstream) ended(ctx actor.Context, name string) *member {
	ctx.Stop(kit.Child(ctx.Self(), name))
	return u.pool.members[name]
}

// up: the handshake is done.
func (u *upstream) up(ctx actor.Context, m *member, conn link.Conn) {
	now := u.now
	u.noteStartUp(now.Sub(m.since))
	u.pool.opened(m, conn)
	switch u.phase {
	case connecting:
		// The server counts as connected when its catalog has been read.
		u.peer = conn.Peer()
		kit.Publish(ctx.ActorSystem(), messages.Connected{Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Peer: u.peer})
		u.probeOnHome(ctx)
	case ready:
		u.cramped = ""
		u.place(m)
		u.serve(ctx)
		u.changed(ctx)
	case draining, failed, disconnected:
		// closeLinks will find it.
	}
}

// down: a connection could not be made.
func (u *upstream) down(ctx actor.Context, m *member, why *messages.Failure) {
	u.forget(ctx, m)
	switch {
	case u.phase == draining:
		u.afterLoss(ctx)
	case u.phase != ready:
		u.attemptFailed(ctx, why.Message)
	case m.dial != "":
		// The server refuses what these callers bring, or how they want to be
		// spoken for; it says nothing about anybody else.
		f := *why
		f.Stale = false // it is no better a moment later
		u.refuseWaiting(ctx, &f, func(w *waiter) bool { return w.dial == m.dial })
		u.refuseWants(ctx, &f, func(w *want) bool { return w.waiter.dial == m.dial })
		u.delayWants(ctx, m.dial)
		u.size(ctx)
	case u.pool.open+u.pool.pending == 0:
		if u.served {
			u.fails, u.served = 0, false
		}
		u.attemptFailed(ctx, why.Message)
	default:
		u.growthFailed(ctx, m, why.Message)
	}
}

// lost: a connection ended by itself. Its requests have been answered by
// whoever does their I/O.
func (u *upstream) lost(ctx actor.Context, m *member, reason string) {
	u.bereave(ctx, m)
	u.forget(ctx, m)
	if u.probing == m {
		u.dropProbe(ctx)
		defer u.refresh(ctx) // on another one, if there is one
	}
	switch u.phase {
	case draining:
		u.afterLoss(ctx)
	case connecting:
		if m == u.home {
			u.attemptFailed(ctx, reason)
		}
	case ready:
		switch {
		case u.pool.open+u.pool.pending == 0:
			u.lostLast(ctx, reason)
		case !m.used:
			u.growthFailed(ctx, m, reason)
		default:
			u.serve(ctx)
		}
		u.changed(ctx)
	case failed, disconnected:
	}
}

// lostLast: there is no connection any more.
func (u *upstream) lostLast(ctx actor.Context, reason string) {
	u.reason = reason
	if !u.served {
		u.attemptFailed(ctx, reason)
		return
	}
	u.fails = 0
	u.dropProbe(ctx)
	u.connect(ctx)
	u.checked(ctx, "Connection lost: "+reason)
}

// closedOne: a connection was closed on request.
func (u *upstream) closedOne(ctx actor.Context, m *member, err string) {
	u.forget(ctx, m)
	if err != "" {
		kit.Publish(ctx.ActorSystem(), messages.SessionCloseFailed{Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Err: err})
	}
	if u.phase == draining {
		if err != "" {
			u.leave.errs = append(u.leave.errs, err)
		}
		u.afterLoss(ctx)
		return
	}
	u.size(ctx)
	u.changed(ctx)
}

// afterLoss: a connection went while draining.
func (u *upstream) afterLoss(ctx actor.Context) {
	if u.leave.closing {
		u.closeLinks(ctx)
	}
}

// attemptFailed decides what follows.
func (u *upstream) attemptFailed(ctx actor.Context, reason string) {
	u.home = nil
	u.dropProbe(ctx)
	// Whoever shows the reason says which server it is about.
	reason = strings.TrimPrefix(reason, fmt.Sprintf("server %q: ", u.Spec.Name))
	if rest, named := strings.CutPrefix(reason, fmt.Sprintf("server %q ", u.Spec.Name)); named {
		reason = "it " + rest // who is told this is told which server it is about
	}
	attempt, of := u.attempt()
	u.fails++
	v := decide(u.fails, u.Spec.Policy, u.Env.Jitter())
	u.next = u.now.Add(v.wait)
	kit.Publish(ctx.ActorSystem(), messages.ConnectFailed{
		Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Attempt: attempt, Of: of,
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
	u.refuseWaiting(ctx, f, everybody)
	u.refuseWants(ctx, f, anyWant)
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
