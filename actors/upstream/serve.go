package upstream

import (
	"encoding/json"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// admit gives a call a session, or answers it at once.
func (u *upstream) admit(ctx actor.Context, m messages.Admit) {
	switch u.phase {
	case ready:
		// A connection that is lost but not yet reported serves nobody: the call waits for the next.
		if u.inFlight < u.Spec.Policy.MaxConcurrency && u.queued == 0 && !isLost(u.conn) {
			u.begin(ctx, m, u.conn)
			return
		}
	case connecting:
	case failed:
		// One further attempt, at once, for whoever asks.
		defer u.connect(ctx)
	case draining:
		u.refuse(ctx, u.goingAway())
		return
	case disconnected:
		u.refuse(ctx, u.switchedOff())
		return
	}
	if u.queued >= u.Spec.Policy.MaxQueue {
		f := messages.Failf(messages.KindOverloaded, u.Spec.Name,
			"server %q is overloaded: %d calls in flight and %d waiting; try again later", u.Spec.Name, u.inFlight, u.queued)
		f.RetryAfter = time.Second
		u.refuse(ctx, f)
		return
	}
	u.begin(ctx, m, nil)
}

func (u *upstream) refuse(ctx actor.Context, f *messages.Failure) {
	ctx.Send(ctx.Sender(), messages.Outcome{Failure: f})
}

// begin starts the session of a call; with a connection it has its credit.
func (u *upstream) begin(ctx actor.Context, m messages.Admit, conn link.Conn) {
	name := kit.SessionName(m.ID)
	pid, err := ctx.SpawnNamed(session.Props(), name)
	if err != nil {
		panic(err) // ids are unique in the runtime
	}
	if conn != nil {
		u.inFlight++
	} else {
		u.queued++
		u.waiting = append(u.waiting, pid)
	}
	u.sessions[name] = conn != nil
	ctx.RequestWithCustomSender(pid, session.Begin{
		Env: u.Env, Call: m.Call, Policy: u.Spec.Policy, Conn: conn, Tell: u.wantsToHear(),
	}, ctx.Sender())
}

// sessionEnded is the only place where a credit returns.
func (u *upstream) sessionEnded(ctx actor.Context, name string) {
	credit, known := u.sessions[name]
	if !known {
		return // a probe or link that reported and stopped
	}
	delete(u.sessions, name)
	if !credit {
		u.queued--
		return
	}
	u.inFlight--
	if u.phase == ready && !isLost(u.conn) {
		u.served = true
	}
	u.serve(ctx)
	if u.phase == draining && u.inFlight == 0 {
		u.closeLink(ctx)
	}
}

func isLost(conn link.Conn) bool {
	select {
	case <-conn.Lost():
		return true
	default:
		return false
	}
}

// serve lends the connection to those who wait, in their order.
func (u *upstream) serve(ctx actor.Context) {
	for u.phase == ready && u.inFlight < u.Spec.Policy.MaxConcurrency && len(u.waiting) > 0 && !isLost(u.conn) {
		pid := u.waiting[0]
		u.waiting = u.waiting[1:]
		if credit, known := u.sessions[kit.Base(pid)]; !known || credit {
			continue // it gave up while waiting
		}
		u.sessions[kit.Base(pid)] = true
		u.queued--
		u.inFlight++
		ctx.Send(pid, session.Grant{Conn: u.conn})
	}
	if len(u.waiting) == 0 {
		u.waiting = nil
	}
}

// refuseWaiting answers everybody who waits.
func (u *upstream) refuseWaiting(ctx actor.Context, f *messages.Failure) {
	for _, pid := range u.waiting {
		if credit, known := u.sessions[kit.Base(pid)]; known && !credit {
			ctx.Send(pid, session.Refuse{Failure: *f})
		}
	}
	u.waiting = nil
}

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
	now, p := u.Env.Clock.Now(), u.Spec.Policy
	u.drain(ctx, now.Add(p.DrainTimeout), now.Add(p.DrainTimeout+p.KillAfter+time.Second))
}

// retire drains and closes, and ends the actor.
func (u *upstream) retire(ctx actor.Context, m messages.Retire) {
	u.leave.retire = true
	switch u.phase {
	case disconnected:
		u.closed(ctx, "")
	case draining:
		// Already on the way; the nearer deadline counts.
		if m.CloseUntil.Before(u.leave.closeUntil) {
			u.leave.closeUntil = m.CloseUntil
		}
		if !u.leave.closing && !u.leave.forced {
			u.setTimer(ctx, m.DrainUntil.Sub(u.Env.Clock.Now()))
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
	u.refuseWaiting(ctx, f)
	u.replyAll(ctx, u.askers, messages.ReadyReply{Failure: f})
	u.askers = nil
	u.setTimer(ctx, drainUntil.Sub(u.Env.Clock.Now()))
	if u.inFlight == 0 {
		u.closeLink(ctx)
	}
}

// force: the drain is over; whoever is still in flight is answered by its
// session while that stops.
func (u *upstream) force(ctx actor.Context) {
	u.leave.forced = true
	for name, credit := range u.sessions {
		if credit {
			ctx.Stop(kit.Child(ctx.Self(), name))
		}
	}
	if u.inFlight == 0 {
		u.closeLink(ctx)
	}
}

func (u *upstream) closeLink(ctx actor.Context) {
	if u.leave.closing {
		return
	}
	u.leave.closing = true
	u.stopTimer()
	if u.link == nil {
		u.closed(ctx, "")
		return
	}
	ctx.Request(u.link, link.Close{Until: u.leave.closeUntil})
}

// closed: nothing of the connection is left.
func (u *upstream) closed(ctx actor.Context, err string) {
	if !u.leave.closing && u.inFlight > 0 {
		return // lost while draining: the sessions are being answered; closeLink follows the last
	}
	l := u.leave
	u.leave, u.gone = leaving{}, l.retire
	u.stopTimer()
	u.fails = 0
	u.enter(ctx, disconnected, err)
	if len(l.askers) > 0 {
		kit.Publish(ctx.ActorSystem(), messages.Disconnected{Server: u.Spec.Name, Err: err})
		u.replyAll(ctx, l.askers, messages.DisconnectReply{Was: true, Err: err})
	}
	if l.retire {
		ctx.Send(ctx.Parent(), messages.Retired{Server: u.Spec.Name, Generation: u.Generation, Err: err})
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
