package upstream

import (
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// heardPause is how often calls that succeed say so while all is well: health
// must not cost a message per call.
const heardPause = time.Second

// wantsToHear tells whether the next call shall tell of its success.
func (u *upstream) wantsToHear() bool {
	return u.health.Status != messages.Healthy || u.health.ConsecutiveFailures > 0 || u.breaker.failures > 0 ||
		u.now.Sub(u.heard) >= heardPause
}

// checked notes one more check, be it a call, an attempt to connect or a probe.
func (u *upstream) checked(ctx actor.Context, problem string) {
	before := u.health.Status
	u.health = u.health.After(problem, u.now, u.Spec.Policy.HealthCheckFailureThreshold)
	if u.phase == ready && u.health.ConsecutiveFailures > u.Spec.Policy.HealthCheckFailureThreshold {
		u.changed(ctx) // nothing new, and it may be one of many
		return
	}
	u.report(ctx)
	if before != u.health.Status {
		kit.Publish(ctx.ActorSystem(), messages.HealthChanged{
			Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer),
			Old: before, New: u.health.Status, State: u.phase.state(), Reason: problem,
		})
	}
}

// checkHealth probes the server for whoever asks; several who ask at once share
// one probe.
func (u *upstream) checkHealth(ctx actor.Context) {
	if u.phase == draining || u.phase == disconnected {
		u.reply(ctx, ctx.Sender(), messages.HealthChecked{Health: u.health, Problem: u.switchedOff().Message})
		return
	}
	if u.Spec.Exclusive && (u.phase != ready || u.pool.oldest() == nil) {
		// A temporary connection would be a second one.
		u.reply(ctx, ctx.Sender(), messages.HealthChecked{Health: u.health, Problem: u.unavailable(0).Message})
		return
	}
	u.curious = append(u.curious, ctx.Sender())
	if u.looking == nil {
		u.look(ctx)
	}
}

// look starts a probe, on an idle connection if there is one, else on a
// temporary one; an exclusive server has one connection ever, busy or not.
func (u *upstream) look(ctx actor.Context) {
	pid, err := ctx.SpawnNamed(session.ProbeProps(), fmt.Sprintf("h%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	u.looking = pid
	on, m := u.probeOn(ctx)
	if u.looked = m; m != nil {
		m.users++
	}
	ctx.Request(pid, session.LookAtHealth{Env: u.Env, Policy: u.Spec.Policy, On: on})
}

func (u *upstream) healthSeen(ctx actor.Context, m session.HealthSeen) {
	if u.looking == nil || kit.Base(u.looking) != m.Probe {
		return
	}
	ctx.Stop(u.looking)
	u.looking = nil
	if on := u.looked; on != nil {
		u.looked = nil
		u.release(ctx, on)
	}
	if m.Problem != "" {
		kit.Publish(ctx.ActorSystem(), messages.HealthCheckFailed{
			Server: u.Spec.Name, Connection: u.Spec.ConnectionTo(u.peer), Reason: m.Problem,
		})
	}
	u.checked(ctx, m.Problem)
	u.replyAll(ctx, u.curious, messages.HealthChecked{Health: u.health, Problem: m.Problem})
	u.curious = nil
	if u.phase == failed && m.Problem == "" {
		u.connect(ctx) // it is back
	}
	u.lookLater(ctx)
}

// lookLater arms the next periodic probe of this connection.
func (u *upstream) lookLater(ctx actor.Context) {
	if !u.Spec.Policy.HealthCheckEnabled || u.phase != ready {
		return
	}
	u.armLook++ // what somebody asked for counts: the next one comes an interval after it
	u.later(ctx, u.Spec.Policy.HealthCheckInterval, lookDue{u.armLook})
}

func (u *upstream) lookNow(ctx actor.Context, armed uint64) {
	switch {
	case armed != u.armLook || u.phase != ready || u.looking != nil:
	case u.Spec.Exclusive && u.pool.oldest() == nil:
		u.lookLater(ctx)
	default:
		u.look(ctx)
	}
}
