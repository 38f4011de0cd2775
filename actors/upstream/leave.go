package upstream

import (
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

func (u *upstream) goingAway() *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name, "server %q is being disconnected", u.Spec.Name)
	f.Stale = u.leave.retire // the name leads elsewhere by now
	return f
}

func (u *upstream) switchedOff() *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, u.Spec.Name,
		"server %q is disconnected; connect it before calling it", u.Spec.Name)
	f.Stale = u.gone
	return f
}

// disconnect drains and closes, and stays.
func (u *upstream) disconnect(ctx actor.Context) {
	switch u.phase {
	case disconnected:
		kit.Publish(ctx.ActorSystem(), messages.NotConnected{Server: u.Spec.Name})
		u.reply(ctx, ctx.Sender(), messages.DisconnectReply{})
		return
	case draining:
		u.leave.askers = append(u.leave.askers, ctx.Sender())
		return
	case connecting, ready, failed:
	}
	u.leave = leaving{askers: []*actor.PID{ctx.Sender()}}
	now, p := u.now, u.Spec.Policy
	u.drain(ctx, now.Add(p.DrainTimeout), now.Add(p.DrainTimeout+p.KillAfter+time.Second))
}

// retire drains and closes, and ends the actor.
func (u *upstream) retire(ctx actor.Context, m messages.Retire) {
	u.leave.retire = true
	switch u.phase {
	case disconnected:
		u.closed(ctx)
	case draining:
		// Already on the way; the nearer deadline counts.
		if m.CloseUntil.Before(u.leave.closeUntil) {
			u.leave.closeUntil = m.CloseUntil
		}
		if !u.leave.closing && !u.leave.forced {
			u.setTimer(ctx, m.DrainUntil.Sub(u.now))
		}
	case connecting, ready, failed:
		u.drain(ctx, m.DrainUntil, m.CloseUntil)
	}
}

func (u *upstream) drain(ctx actor.Context, drainUntil, closeUntil time.Time) {
	u.leave.closeUntil = closeUntil
	u.enter(ctx, draining, "")
	u.dropProbe(ctx)
	f := u.goingAway()
	u.refuseWaiting(ctx, f, everybody)
	if u.leave.retire {
		u.handOver(ctx, f)
	} else {
		u.refuseWants(ctx, f, anyWant)
	}
	u.replyAll(ctx, u.askers, messages.ReadyReply{Failure: f})
	u.askers = nil
	u.setTimer(ctx, drainUntil.Sub(u.now))
	if u.inFlight == 0 {
		u.closeLinks(ctx)
	}
}

// force: the drain is over; whoever is still in flight is answered by its
// session while that stops.
func (u *upstream) force(ctx actor.Context) {
	u.leave.forced = true
	f := u.goingAway()
	u.dropAll(ctx, *f)
	for name := range u.sessions {
		ctx.Stop(kit.Child(ctx.Self(), name))
	}
	if u.inFlight == 0 {
		u.closeLinks(ctx)
	}
}

// closeLinks ends all connections; those that are closing go on.
func (u *upstream) closeLinks(ctx actor.Context) {
	if !u.leave.closing {
		u.leave.closing = true
		u.stopTimer()
		for _, m := range u.pool.members {
			if !m.closing {
				u.bereave(ctx, m)
				u.unwatch(ctx, m)
				u.pool.close(m)
				ctx.Request(m.pid, link.Close{Until: u.leave.closeUntil})
			}
		}
	}
	if len(u.pool.members) == 0 {
		u.closed(ctx)
	}
}

// closed: nothing of the connections is left.
func (u *upstream) closed(ctx actor.Context) {
	l := u.leave
	err := strings.Join(l.errs, "; ")
	u.leave, u.gone = leaving{}, l.retire
	u.stopTimer()
	u.fails = 0
	u.judge(ctx, u.breaker.succeeded) // whoever connects it again wants to know
	u.enter(ctx, disconnected, err)
	if len(l.askers) > 0 {
		kit.Publish(ctx.ActorSystem(), messages.Disconnected{Server: u.Spec.Name, Err: err})
		u.replyAll(ctx, l.askers, messages.DisconnectReply{Was: true, Err: err})
	}
	if l.retire {
		ctx.Send(ctx.Parent(), messages.Retired{Server: u.Spec.Name, Generation: u.Generation, Err: err})
	}
}
