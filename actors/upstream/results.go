package upstream

import (
	"encoding/json"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// remembered answers a call out of the cache, or lets it wait for the answer of
// an equal one in flight.
func (u *upstream) remembered(ctx actor.Context, m *messages.Admit) bool {
	key := m.Cache.Key
	if key == "" {
		return false
	}
	if result, ok := u.cache.get(key, u.now); ok {
		ctx.Send(ctx.Sender(), &messages.Outcome{Result: result, Cached: true})
		u.changed(ctx)
		return true
	}
	f := u.cache.flights[key]
	if f == nil {
		return false
	}
	if u.joined >= u.Spec.Policy.MaxQueue {
		u.refuse(ctx, u.overloaded())
		return true
	}
	u.joined++
	w := u.waiter(&m.Call)
	b := u.beginning(ctx, m)
	b.Joins = true
	u.spawn(ctx, m, &w, held{principal: w.principal, joins: key}, &b)
	f.followers = append(f.followers, &w)
	return true
}

// lead makes an admitted call the one that equal ones wait for.
func (u *upstream) lead(m *messages.Admit) {
	if m.Cache.Key != "" && u.cache.flights[m.Cache.Key] == nil {
		u.cache.stats.Misses++
		u.cache.flights[m.Cache.Key] = &flight{leader: kit.SessionName(m.ID), ttl: m.Cache.TTL}
	}
}

func (u *upstream) leads(m *messages.Admit) bool {
	if m.Cache.Key == "" {
		return false
	}
	f := u.cache.flights[m.Cache.Key]
	return f != nil && f.leader == kit.SessionName(m.ID)
}

// leaveFlight forgets one who waited for the result of another.
func (u *upstream) leaveFlight(key, name string) {
	u.joined--
	if f := u.cache.flights[key]; f != nil {
		f.followers = slices.DeleteFunc(f.followers, func(w *waiter) bool { return kit.Base(w.pid) == name })
	}
}

// landed: the leader of a flight has an outcome. A result, and an error of the
// server itself, are everybody's who waits for it; one that asks for more is its
// own caller's, and each of the others has to ask; so is, for the next to lead,
// that it was cancelled or met a broken connection.
func (u *upstream) landed(ctx actor.Context, m session.Answered) {
	f := u.cache.flights[m.Flight]
	if f == nil || f.leader != m.Session {
		return
	}
	if !m.Good {
		u.flightOver(ctx, flightOver{m.Flight, m.Session})
		return
	}
	delete(u.cache.flights, m.Flight)
	u.changed(ctx)
	verdict := judgeResult(m.Outcome)
	if verdict == resultKept && f.ttl > 0 {
		u.cache.put(m.Flight, m.Outcome.Result, u.now.Add(f.ttl))
	}
	if verdict == resultOwn {
		for _, w := range f.followers {
			u.takeOver(ctx, w, "")
		}
		return
	}
	out := m.Outcome
	out.Cached = true
	for _, w := range f.followers {
		u.cache.stats.Joined++
		ctx.Send(w.pid, session.Serve{Outcome: out})
	}
}

// flightOver: the leader has no result for others. The next one leads.
func (u *upstream) flightOver(ctx actor.Context, m flightOver) {
	f := u.cache.flights[m.key]
	if f == nil || f.leader != m.leader {
		return
	}
	for len(f.followers) > 0 {
		w := f.followers[0]
		f.followers = f.followers[1:]
		if u.takeOver(ctx, w, m.key) {
			f.leader = kit.Base(w.pid)
			return
		}
	}
	delete(u.cache.flights, m.key)
}

// takeOver lets one who waited for the result of another call itself, if that
// may be; else it is answered.
func (u *upstream) takeOver(ctx actor.Context, w *waiter, flight string) bool {
	name := kit.Base(w.pid)
	var f *messages.Failure
	switch u.phase {
	case ready, connecting:
		pass, trial := u.letThrough(ctx)
		if pass {
			if trial {
				u.breaker.trial = name
			}
			u.joined--
			u.sessions[name] = held{principal: w.principal, flight: flight}
			ctx.Send(w.pid, session.TakeOver{Flight: flight})
			u.waiting.push(w)
			u.serve(ctx)
			return true
		}
		f = u.broken()
	case failed:
		f = u.unavailable(0)
	case draining:
		f = u.goingAway()
	case disconnected:
		f = u.switchedOff()
	}
	ctx.Send(w.pid, session.Refuse{Failure: *f})
	return false
}

// resultFor says for whom a result is.
type resultFor uint8

const (
	resultOwn    resultFor = iota // for the caller who asked
	resultShared                  // for those who ask at the same time, too
	resultKept                    // for those who ask later, too
)

// judgeResult says for whom an outcome is: one that asks for more is its own
// caller's, one that reports a failure is true at this moment only.
func judgeResult(out messages.Outcome) resultFor {
	if out.Failure != nil {
		return resultShared
	}
	var r struct {
		IsError    bool   `json:"isError"`
		ResultType string `json:"resultType"`
	}
	switch err := json.Unmarshal(out.Result, &r); {
	case err != nil:
		return resultShared // whatever it means, it is the answer
	case r.ResultType != "" && r.ResultType != "complete":
		return resultOwn
	case r.IsError:
		return resultShared
	}
	return resultKept
}
