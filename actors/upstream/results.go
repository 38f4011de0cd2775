package upstream

import (
	"encoding/json"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// remembered answers a call out of the cache, or lets it wait for the answer of
// an equal one in flight.
func (u *upstream) remembered(ctx actor.Context, m messages.Admit) bool {
	key := m.Cache.Key
	if key == "" {
		return false
	}
	if result, ok := u.cache.get(key, u.Env.Clock.Now()); ok {
		ctx.Send(ctx.Sender(), messages.Outcome{Result: result, Cached: true})
		u.changed(ctx)
		return true
	}
	f := u.cache.flights[key]
	if f == nil {
		return false
	}
	if u.waiting.size+u.joined >= u.Spec.Policy.MaxQueue {
		u.refuse(ctx, u.overloaded())
		return true
	}
	u.joined++
	w := u.waiter(m)
	u.spawn(ctx, m, w, held{principal: w.principal, joins: true}, session.Begin{
		Env: u.Env, Call: m.Call, Policy: u.Spec.Policy, Wait: u.Spec.Policy.RequestTimeout, Tell: u.tell,
	})
	f.followers = append(f.followers, w)
	return true
}

// lead makes an admitted call the one that equal ones wait for.
func (u *upstream) lead(m messages.Admit) {
	if m.Cache.Key != "" && u.cache.flights[m.Cache.Key] == nil {
		u.cache.stats.Misses++
		u.cache.flights[m.Cache.Key] = &flight{leader: kit.SessionName(m.ID), ttl: m.Cache.TTL}
	}
}

func (u *upstream) leads(m messages.Admit) bool {
	f := u.cache.flights[m.Cache.Key]
	return f != nil && f.leader == kit.SessionName(m.ID)
}

// landed: the leader of a flight has an outcome. A result, and an error of the
// server itself, are everybody's; that it was cancelled or met a broken
// connection is its own.
func (u *upstream) landed(ctx actor.Context, key string, m session.Answered) {
	f := u.cache.flights[key]
	if f == nil || f.leader != m.Session || !m.Good {
		return
	}
	delete(u.cache.flights, key)
	if m.Outcome.Failure == nil && f.ttl > 0 && keepable(m.Outcome.Result) {
		u.cache.put(key, m.Outcome.Result, u.Env.Clock.Now().Add(f.ttl))
	}
	out := m.Outcome
	out.Cached = true
	for _, w := range f.followers {
		if _, waits := u.sessions[kit.Base(w.pid)]; waits {
			u.cache.stats.Joined++
			ctx.Send(w.pid, session.Serve{Outcome: out})
		}
	}
}

// flightOver: the leader is gone. If it said nothing, the next one leads.
func (u *upstream) flightOver(ctx actor.Context, m flightOver) {
	f := u.cache.flights[m.key]
	if f == nil || f.leader != m.leader {
		return
	}
	for len(f.followers) > 0 {
		w := f.followers[0]
		f.followers = f.followers[1:]
		name := kit.Base(w.pid)
		if _, waits := u.sessions[name]; !waits {
			continue
		}
		switch u.phase {
		case ready, connecting:
			u.joined--
			u.sessions[name] = held{principal: w.principal, flight: m.key}
			f.leader = name
			ctx.Send(w.pid, session.TakeOver{})
			u.waiting.push(w)
			u.serve(ctx)
			return
		case failed, draining, disconnected:
			ctx.Send(w.pid, session.Refuse{Failure: *u.unavailable(0)})
		}
	}
	delete(u.cache.flights, m.key)
}

// keepable tells whether a result may answer other calls: one that reports a
// failure, or asks for more, is for its own caller.
func keepable(result json.RawMessage) bool {
	var r struct {
		IsError    bool   `json:"isError"`
		ResultType string `json:"resultType"`
	}
	return json.Unmarshal(result, &r) == nil && !r.IsError && (r.ResultType == "" || r.ResultType == "complete")
}
