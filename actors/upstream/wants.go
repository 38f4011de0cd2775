package upstream

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/watch"
	"github.com/mcpx/mcpx/messages"
)

// want is a client that wants a connection without a call: to hear of resources,
// or because it waits for what its session of the server says by itself.
type want struct {
	messages.Subscribe
	waiter waiter
	door   *actor.PID // nil when nobody waits
	at     time.Time  // not before
}

// watcher finds the child that keeps the subscriptions on a connection, from the
// connection's reader, too.
type watcher = atomic.Pointer[actor.PID]

// subscribe sees to a want, at once or when there is a connection for it.
func (u *upstream) subscribe(ctx actor.Context, m messages.Subscribe) {
	w := &want{Subscribe: m, door: ctx.Sender()}
	if m.Tries > 0 {
		u.postpone(ctx, w)
	}
	switch {
	case u.phase == draining && w.door != nil:
		u.deny(ctx, w, u.goingAway())
		return
	case u.phase == disconnected && w.door != nil:
		u.deny(ctx, w, u.switchedOff())
		return
	}
	if w.door == nil {
		u.noted(ctx, m.By)
	}
	u.wants = append(u.wants, w)
	if u.phase == failed && w.door != nil {
		u.connect(ctx)
	}
	u.serve(ctx)
}

// noted tells a client that its asking again has arrived: one that comes twice is
// one.
func (u *upstream) noted(ctx actor.Context, by messages.Subscriber) {
	u.wants = slices.DeleteFunc(u.wants, func(w *want) bool { return w.door == nil && w.By == by })
	if client := kit.Child(ctx.Parent(), kit.ClientName(by.Client)); living(ctx.ActorSystem(), client) {
		ctx.Send(client, messages.SubscribeNoted{By: by})
	}
}

// waiterFor says which connection a want is about.
func (u *upstream) waiterFor(w *want) waiter {
	on := u.waiter(&w.Call)
	if u.stateless() && !u.Spec.Exclusive {
		// One connection serves everybody who brings the same headers, and so
		// does one subscription.
		on.caller = messages.Caller{Headers: w.Call.Caller.Headers}
		on.dial, on.isolation, on.key = on.caller.DialKey(), messages.IsolationShared, ""
	}
	return on
}

// deny answers who waits at the door, if anybody does.
func (u *upstream) deny(ctx actor.Context, w *want, f *messages.Failure) {
	if w.door != nil && living(ctx.ActorSystem(), w.door) {
		ctx.Send(w.door, messages.Subscribed{Failure: f})
	}
}

// postpone lets a want wait, the longer the more often it was met in vain.
func (u *upstream) postpone(ctx actor.Context, w *want) {
	wait := decide(w.Tries, u.Spec.Policy, u.Env.Jitter()).wait
	w.at = u.now.Add(wait)
	u.later(ctx, wait, growDue{})
}

func (u *upstream) unsubscribe(ctx actor.Context, m messages.Unsubscribe) {
	u.wants = slices.DeleteFunc(u.wants, func(w *want) bool {
		if w.By != m.By || len(w.URIs) == 0 {
			return false
		}
		if len(m.URIs) > 0 {
			w.URIs = slices.DeleteFunc(slices.Clone(w.URIs), func(uri string) bool { return slices.Contains(m.URIs, uri) })
		}
		over := len(m.URIs) == 0 || len(w.URIs) == 0
		if over {
			u.deny(ctx, w, u.unwanted())
		}
		return over
	})
	for _, on := range u.pool.members {
		if w := on.watch.Load(); w != nil {
			ctx.Send(w, watch.Unsubscribe{Unsubscribe: m})
		}
	}
}

// meet meets the wants for which there is a connection.
func (u *upstream) meet(ctx actor.Context) {
	if u.phase != ready || len(u.wants) == 0 {
		return
	}
	u.wants = slices.DeleteFunc(u.wants, func(w *want) bool {
		if !living(ctx.ActorSystem(), kit.Child(ctx.Parent(), kit.ClientName(w.By.Client))) {
			u.deny(ctx, w, u.unwanted())
			return true
		}
		w.waiter = u.waiterFor(w) // only now it is known what the server speaks
		on := u.pick(ctx, &w.waiter)
		if on == nil {
			return false
		}
		on.users--
		if !on.called {
			on.tries = max(on.tries, w.Tries)
		}
		if len(w.URIs) > 0 {
			ctx.RequestWithCustomSender(u.watchOf(ctx, on), watch.Subscribe{Subscribe: w.Subscribe}, w.door)
		}
		return true
	})
}

// watchOf returns the child that keeps the subscriptions on a connection.
func (u *upstream) watchOf(ctx actor.Context, on *member) *actor.PID {
	if w := on.watch.Load(); w != nil && living(ctx.ActorSystem(), w) {
		return w
	}
	pid, err := ctx.SpawnNamed(watch.Props(), fmt.Sprintf("w%d", u.IDs.Add(1)))
	if err != nil {
		panic(err) // names are never used twice
	}
	ctx.Send(pid, watch.Begin{Env: u.Env, Server: u.Spec.Name, Policy: u.Spec.Policy, Conn: on.conn})
	on.watch.Store(pid)
	return pid
}

// watchEnded: the child that kept subscriptions has gone. Its subscribers know.
func (u *upstream) watchEnded(name string) {
	for _, on := range u.pool.members {
		if w := on.watch.Load(); w != nil && kit.Base(w) == name {
			on.watch.Store(nil)
		}
	}
}

// endWatch ends the subscriptions on a connection that is about to go. Who had
// them asks again.
func (u *upstream) endWatch(ctx actor.Context, on *member, tries int) {
	if w := on.watch.Swap(nil); w != nil {
		ctx.Send(w, watch.Lose{Tries: tries})
		ctx.Poison(w)
	}
}

// bereave tells the client session that owned a connection that it has been
// lost: what it waits for there comes no more.
func (u *upstream) bereave(ctx actor.Context, on *member) {
	tries := 0
	if !on.called {
		tries = on.tries + 1
	}
	u.endWatch(ctx, on, tries)
	if on.client == nil || !on.caller.Mirror || !living(ctx.ActorSystem(), on.client) {
		return
	}
	id := on.caller.Client
	ctx.Send(on.client, messages.SubscriptionLost{Subscribe: messages.Subscribe{
		By: messages.Subscriber{Client: id}, Tries: tries,
		Call: messages.Call{Server: u.Spec.Name, Client: id, Caller: on.caller},
	}})
}

func anyWant(*want) bool { return true }

// refuseWants answers those who wait at the door. Who was lost waits on.
func (u *upstream) refuseWants(ctx actor.Context, f *messages.Failure, match func(*want) bool) {
	u.wants = slices.DeleteFunc(u.wants, func(w *want) bool {
		if w.door == nil || !match(w) {
			return false
		}
		u.deny(ctx, w, f)
		return true
	})
}

func (u *upstream) unwanted() *messages.Failure {
	return messages.Failf(messages.KindCancelled, u.Spec.Name, "server %q: the subscription was given up before it was granted", u.Spec.Name)
}

// delayWants lets those wait who were lost and whose connection could not be opened.
func (u *upstream) delayWants(ctx actor.Context, dial string) {
	for _, w := range u.wants {
		if w.waiter.dial == dial {
			w.Tries++
			u.postpone(ctx, w)
		}
	}
}

// handOver sends everybody who wants something to whoever serves next.
func (u *upstream) handOver(ctx actor.Context, f *messages.Failure) {
	u.refuseWants(ctx, f, anyWant)
	for _, w := range u.wants {
		if client := kit.Child(ctx.Parent(), kit.ClientName(w.By.Client)); living(ctx.ActorSystem(), client) {
			ctx.Send(client, messages.SubscriptionLost{Subscribe: w.Subscribe})
		}
	}
	u.wants = nil
}
