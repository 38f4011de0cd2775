// Package once holds the actor that keeps requests with a key from being made
// twice.
package once

import (
	"container/list"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// The keeper owns the keyed requests of all callers: which are being made, who
// waits for the answer of another, and the answers that are kept.
//
//	free ──ClaimOnce──▶ running ──SettleOnce, Keep──▶ kept ──limits.idempotency_for──▶ free
//	                       ├────────SettleOnce────────▶ free
//	                       └─LeaveOnce of its maker───▶ running for the next who waits, or free
//
// Bounds: limits.idempotency_keys requests, running and kept, and
// limits.idempotency_bytes of answers; the oldest answers are forgotten, and
// with none left the request is refused as overloaded.
//
// Crash: it is stopped, and with the next keyed request there is a new one that
// knows nothing: those who wait are told that the outcome is not known, answers
// that were kept are gone. What runs goes on and answers who made it.
type keeper struct {
	env     *kit.Env
	entries map[messages.Digest]*entry
	kept    list.List // of *entry, oldest first: all are kept for the same time
	bytes   int       // of kept answers
	timer   kit.Timer // until the oldest is due; nil when nothing is kept
}

type entry struct {
	key, body messages.Digest
	maker     *actor.PID // the door that makes it; gone when that is over
	waiting   []*actor.PID
	outcome   messages.Outcome
	at        *list.Element // in kept; nil while it runs
	until     time.Time
}

// Begin starts the keeper. Sender: the gateway.
type Begin struct{ Env *kit.Env }

type due struct{}

var props = actor.PropsFromProducer(func() actor.Actor { return &keeper{entries: map[messages.Digest]*entry{}} })

// Props describe the keeper; what differs comes with Begin.
func Props() *actor.Props { return props }

// Receive implements actor.Actor.
func (k *keeper) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Begin:
		k.env = m.Env
	case messages.ToOnce:
		k.handle(ctx, m)
	case due:
		k.forgetDue(ctx)
	case *actor.Stopping:
		k.end(ctx)
	case kit.Crash:
		panic(m.Reason)
	}
}

func (k *keeper) handle(ctx actor.Context, in messages.ToOnce) {
	switch m := in.(type) {
	case messages.ClaimOnce:
		k.claim(ctx, m)
	case messages.SettleOnce:
		k.settle(ctx, m)
	case messages.LeaveOnce:
		k.leave(ctx, m.Key)
	}
}

func (k *keeper) claim(ctx actor.Context, m messages.ClaimOnce) {
	e := k.entries[m.Key]
	switch {
	case e == nil:
		if !k.room() {
			f := messages.Failf(messages.KindOverloaded, "",
				"%d requests with an Idempotency-Key are being made, the limit (limits.idempotency_keys); try again later", len(k.entries))
			f.RetryAfter = time.Second
			ctx.Send(ctx.Sender(), messages.Outcome{Failure: f})
			return
		}
		k.entries[m.Key] = &entry{key: m.Key, body: m.Body, maker: ctx.Sender()}
		ctx.Send(ctx.Sender(), messages.OnceClaimed{})
	case e.body != m.Body:
		ctx.Send(ctx.Sender(), messages.Outcome{Failure: messages.Failf(messages.KindInvalidArgs, "",
			"this Idempotency-Key was used with another body, or with other headers that go to the server; use a new key for a new request")})
	case e.at == nil:
		e.waiting = append(e.waiting, ctx.Sender())
	default:
		ctx.Send(ctx.Sender(), e.outcome)
	}
}

// room makes room for one more request, if need be by forgetting an answer.
func (k *keeper) room() bool {
	if len(k.entries) >= k.env.Limits.IdempotencyKeys {
		k.forgetOldest()
	}
	return len(k.entries) < k.env.Limits.IdempotencyKeys
}

// leave forgets a door. One that left just when the request became its own to
// make has not made it.
func (k *keeper) leave(ctx actor.Context, key messages.Digest) {
	e := k.entries[key]
	if e == nil || e.at != nil {
		return
	}
	e.waiting = slices.DeleteFunc(e.waiting, ctx.Sender().Equal)
	if !e.maker.Equal(ctx.Sender()) {
		return
	}
	for len(e.waiting) > 0 {
		next := e.waiting[0]
		e.waiting = e.waiting[1:]
		if there(ctx, next) {
			e.maker = next
			ctx.Send(next, messages.OnceClaimed{})
			return
		}
	}
	delete(k.entries, key)
}

func (k *keeper) settle(ctx actor.Context, m messages.SettleOnce) {
	e := k.entries[m.Key]
	if e == nil || e.at != nil {
		return // of a keeper before this one
	}
	e.outcome = m.Outcome
	e.outcome.Cached = true
	k.answer(ctx, e)
	if !m.Keep {
		delete(k.entries, e.key)
		return
	}
	e.until = k.env.Clock.Now().Add(k.env.Limits.IdempotencyFor)
	e.at = k.kept.PushBack(e)
	for k.bytes += e.size(); k.bytes > k.env.Limits.IdempotencyBytes; {
		k.forgetOldest()
	}
	k.arm(ctx)
}

// answer tells everybody who waits. A door that has left meanwhile is not there
// any more; its LeaveOnce is under way.
func (k *keeper) answer(ctx actor.Context, e *entry) {
	for _, pid := range e.waiting {
		if there(ctx, pid) {
			ctx.Send(pid, e.outcome)
		}
	}
	e.waiting = nil
}

func there(ctx actor.Context, pid *actor.PID) bool {
	_, found := ctx.ActorSystem().ProcessRegistry.Get(pid)
	return found
}

func (e *entry) size() int {
	n := len(e.outcome.Result)
	if f := e.outcome.Failure; f != nil {
		n += len(f.Message) + len(f.Data)
	}
	return n
}

func (k *keeper) forgetOldest() {
	oldest := k.kept.Front()
	if oldest == nil {
		return
	}
	e := k.kept.Remove(oldest).(*entry)
	k.bytes -= e.size()
	delete(k.entries, e.key)
}

func (k *keeper) forgetDue(ctx actor.Context) {
	k.timer = nil
	for now := k.env.Clock.Now(); ; k.forgetOldest() {
		oldest := k.kept.Front()
		if oldest == nil || oldest.Value.(*entry).until.After(now) {
			break
		}
	}
	k.arm(ctx)
}

// arm sets the timer for the oldest answer.
func (k *keeper) arm(ctx actor.Context) {
	oldest := k.kept.Front()
	if k.timer != nil || oldest == nil {
		return
	}
	to, root := ctx.Self(), ctx.ActorSystem().Root
	k.timer = k.env.Clock.AfterFunc(oldest.Value.(*entry).until.Sub(k.env.Clock.Now()), func() { root.Send(to, due{}) })
}

// end answers those who would wait for ever.
func (k *keeper) end(ctx actor.Context) {
	if k.timer != nil {
		k.timer.Stop()
	}
	for _, e := range k.entries {
		if e.at == nil && len(e.waiting) > 0 {
			f := messages.Failf(messages.KindInternal, "", "what became of an equal request with this Idempotency-Key is not known")
			f.Sent = messages.SentUnknown
			e.outcome.Failure = f
			k.answer(ctx, e)
		}
	}
}
