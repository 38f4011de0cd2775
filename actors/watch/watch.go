// Package watch holds the actor that keeps the subscriptions to resources on one
// connection of a server.
package watch

import (
	"context"
	"slices"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// A watch owns the subscriptions to resources on one connection: one with the
// server for each resource, however many subscribers there are, and fans out to
// exactly those.
//
//	            first subscriber          granted
//	nothing ───────────────────▶ asking ──────────▶ held ◀─┐ the server ended the
//	   ▲                            │ refused        │  └──┘ stream: asked again
//	   └────────────────────────────┴───◀────────────┘ last subscriber gone
//
// A legacy server is asked by resources/subscribe and resources/unsubscribe, one
// at a time for each resource; a modern one by a listen stream for the resources
// that one subscriber was the first to want (see listen.go).
//
// Bounds: those of its subscribers: limits.streams_per_client listen streams and
// limits.client_notifications requests to remember of each client session.
//
// Crash: it is stopped; its subscribers are told and ask again.
type watch struct {
	env    *kit.Env
	server string
	policy messages.Policy
	conn   link.Conn

	self *actor.PID
	root *actor.RootContext
	life context.Context // ends with the actor
	end  context.CancelFunc

	resources map[string]*resource
	by        map[messages.Subscriber]*messages.Subscribe // as they would ask again
	asks      []*ask
	listens   map[uint64]*listen
	lastID    uint64
	tries     int // for who asks again
}

// resource is one that somebody wants to hear of, or did.
type resource struct {
	uri    string
	by     map[messages.Subscriber]struct{}
	held   bool
	busy   bool    // legacy: it is being asked for, or given back
	listen *listen // modern: the stream that brings it; nil while there is none
}

// ask is a Subscribe that waits for what the server says.
type ask struct {
	door    *actor.PID // nil when nobody waits
	by      messages.Subscriber
	uris    []string
	open    int             // not decided yet
	granted map[string]bool // what is decided
	failure *messages.Failure
}

// Input is what a watch accepts.
//
//sumtype:decl
type Input interface{ input() }

// Begin starts it. Sender: the upstream.
type Begin struct {
	Env    *kit.Env
	Server string
	Policy messages.Policy
	Conn   link.Conn
}

// Subscribe is what the upstream passes on; its sender is the door, if one waits.
type Subscribe struct{ messages.Subscribe }

// Unsubscribe is what the upstream passes on.
type Unsubscribe struct{ messages.Unsubscribe }

// Told brings what the connection's reader got about a resource. Sender: that.
type Told struct{ Notification messages.Notification }

// Lose says that the connection has ended, and with it this actor is about to:
// how often that has happened in a row before anybody had called. Sender: the upstream.
type Lose struct{ Tries int }

// settled says how a request to a legacy server ended.
type settled struct {
	uri     string
	gave    bool // back
	failure *messages.Failure
}

func (Begin) input()       {}
func (Subscribe) input()   {}
func (Unsubscribe) input() {}
func (Told) input()        {}
func (Lose) input()        {}
func (settled) input()     {}
func (heard) input()       {}
func (over) input()        {}
func (late) input()        {}
func (reopen) input()      {}

var props = actor.PropsFromProducer(func() actor.Actor {
	return &watch{resources: map[string]*resource{}, by: map[messages.Subscriber]*messages.Subscribe{}, listens: map[uint64]*listen{}}
}, kit.Queued())

// Props are the same for all; what differs comes with Begin.
func Props() *actor.Props { return props }

// Receive implements actor.Actor.
func (w *watch) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Input:
		w.handle(ctx, m)
	case *actor.Terminated:
		w.clientGone(m.Who)
	case *actor.Stopping:
		w.stop()
	case *actor.Stopped:
		w.farewell() // only now: who asks again must not find this one
	case kit.Crash:
		panic(m.Reason)
	}
}

func (w *watch) handle(ctx actor.Context, in Input) {
	switch m := in.(type) {
	case Begin:
		w.env, w.server, w.policy, w.conn = m.Env, m.Server, m.Policy, m.Conn
		w.self, w.root = ctx.Self(), ctx.ActorSystem().Root
		w.life, w.end = context.WithCancel(context.Background())
	case Subscribe:
		ctx.Watch(w.client(m.By))
		w.subscribe(m.Subscribe, ctx.Sender())
	case Unsubscribe:
		w.unsubscribe(m.By, m.URIs)
	case Told:
		w.updated(m.Notification)
	case Lose:
		w.tries = m.Tries
	case settled:
		w.settled(m)
	case heard:
		w.heard(m)
	case over:
		w.over(m)
	case late:
		w.late(m)
	case reopen:
		w.reopen(m)
	}
}

func (w *watch) client(by messages.Subscriber) *actor.PID {
	return actor.NewPID(w.self.Address, kit.GatewayName+"/"+kit.ClientName(by.Client))
}

// tell tells a subscriber.
func (w *watch) tell(by messages.Subscriber, m any) { w.send(w.client(by), m) }

// send sends to whom may be gone, without making a dead letter of it.
func (w *watch) send(to *actor.PID, m any) {
	if _, ok := w.root.ActorSystem().ProcessRegistry.Get(to); ok {
		w.root.Send(to, m)
	}
}

// report sends what a task has found out to this actor, while that lives.
func (w *watch) report(m Input) {
	if w.life.Err() == nil {
		w.root.Send(w.self, m)
	}
}

func (w *watch) subscribe(m messages.Subscribe, door *actor.PID) {
	a := &ask{door: door, by: m.By, granted: map[string]bool{}}
	var fresh []string
	for _, uri := range m.URIs {
		if slices.Contains(a.uris, uri) {
			continue
		}
		a.uris = append(a.uris, uri)
		r := w.resources[uri]
		if r == nil {
			r = &resource{uri: uri, by: map[messages.Subscriber]struct{}{}}
			w.resources[uri] = r
		}
		r.by[m.By] = struct{}{}
		switch {
		case r.held && !r.busy:
			a.granted[uri] = true
		default:
			a.open++
			if r.listen == nil && !r.busy {
				fresh = append(fresh, uri)
			}
		}
	}
	w.note(m)
	w.asks = append(w.asks, a)
	switch {
	case len(fresh) == 0:
	case w.conn.Peer().Modern:
		w.open(fresh)
	default:
		for _, uri := range fresh {
			w.step(w.resources[uri])
		}
	}
	w.answer()
}

// note remembers how a subscriber would ask again.
func (w *watch) note(m messages.Subscribe) {
	known := w.by[m.By]
	if known == nil {
		again := m
		again.URIs, again.Tries = slices.Clone(m.URIs), 0
		w.by[m.By] = &again
		return
	}
	for _, uri := range m.URIs {
		if !slices.Contains(known.URIs, uri) {
			known.URIs = append(known.URIs, uri)
		}
	}
}

// answer answers who waits for nothing any more.
func (w *watch) answer() {
	w.asks = slices.DeleteFunc(w.asks, func(a *ask) bool {
		if a.open > 0 {
			return false
		}
		reply := messages.Subscribed{Failure: a.failure}
		for _, uri := range a.uris {
			if a.granted[uri] {
				reply.Granted = append(reply.Granted, uri)
			}
		}
		switch {
		case a.door != nil:
			w.send(a.door, reply)
		case len(reply.Granted) < len(a.uris): // what it had before is not to be had again
			w.tell(a.by, messages.SubscriptionEnded{By: a.by})
		default:
			for _, uri := range reply.Granted {
				w.tell(a.by, messages.ResourceUpdated{Stream: a.by.Stream, Notification: missed(uri)})
			}
		}
		return true
	})
}

// decided: the server has said whether it tells of a resource.
func (w *watch) decided(r *resource, failure *messages.Failure, granted bool) {
	r.held = granted
	for _, a := range w.asks {
		a.decide(r.uri, granted, failure)
	}
	if !granted {
		for by := range r.by {
			w.forget(by, r.uri)
		}
		delete(w.resources, r.uri)
	}
	w.answer()
}

// decide notes what became of a resource, if it was open here.
func (a *ask) decide(uri string, granted bool, failure *messages.Failure) {
	if _, decided := a.granted[uri]; decided || !slices.Contains(a.uris, uri) {
		return
	}
	a.granted[uri] = granted
	a.open--
	if a.failure == nil {
		a.failure = failure
	}
}

// forget takes one resource from what a subscriber hears of.
func (w *watch) forget(by messages.Subscriber, uri string) {
	if r := w.resources[uri]; r != nil {
		delete(r.by, by)
	}
	known := w.by[by]
	if known == nil {
		return
	}
	known.URIs = slices.DeleteFunc(known.URIs, func(u string) bool { return u == uri })
	if len(known.URIs) == 0 {
		delete(w.by, by)
	}
}

func (w *watch) unsubscribe(by messages.Subscriber, uris []string) {
	if len(uris) == 0 && w.by[by] != nil {
		uris = slices.Clone(w.by[by].URIs)
	}
	for _, uri := range uris {
		for _, a := range w.asks {
			if a.by == by {
				a.decide(uri, false, nil) // nobody wants to know any more
			}
		}
		w.forget(by, uri)
		r := w.resources[uri]
		switch {
		case r == nil || len(r.by) > 0:
		case r.listen != nil:
			w.closeUnused(r.listen)
		default:
			w.step(r)
		}
	}
	w.answer()
}

func (w *watch) clientGone(client *actor.PID) {
	for by := range w.by {
		if w.client(by).Id == client.Id {
			w.unsubscribe(by, nil)
		}
	}
}

// step asks a legacy server for what is wanted now of a resource, one request
// at a time: two of different clients could overtake each other.
func (w *watch) step(r *resource) {
	wanted := len(r.by) > 0
	switch {
	case r.busy:
		return
	case wanted == r.held:
		if !wanted {
			delete(w.resources, r.uri)
		}
		return
	}
	r.busy = true
	method := "resources/subscribe"
	if !wanted {
		method = "resources/unsubscribe"
	}
	req := messages.Request{Method: method, Name: r.uri, Params: object("uri", r.uri)}
	w.env.Tasks.Go(func() {
		ctx, cancel := context.WithTimeout(w.life, w.policy.RequestTimeout)
		defer cancel()
		out := w.conn.Do(ctx, req, new(link.SentFlag), messages.Discard)
		w.report(settled{r.uri, !wanted, out.Failure})
	}, func(reason string) { w.report(settled{r.uri, !wanted, w.bug(reason)}) })
}

func (w *watch) settled(m settled) {
	r := w.resources[m.uri]
	r.busy = false
	switch {
	case w.isLost(): // the upstream is hearing of it, too
		return
	case m.gave: // what a server does not take back it tells to nobody
		r.held = false
	case m.failure != nil:
		w.decided(r, m.failure, false)
		return
	default:
		w.decided(r, nil, true)
	}
	w.step(r)
}

func (w *watch) isLost() bool {
	select {
	case <-w.conn.Lost():
		return true
	default:
		return false
	}
}

// updated tells those who want to hear of a resource, or of one that it is a
// part of (2025-11-25, resources: subscriptions).
func (w *watch) updated(n messages.Notification) {
	uri := uriOf(n.Params)
	told := map[messages.Subscriber]bool{}
	for _, r := range w.resources {
		if !isPart(uri, r.uri) {
			continue
		}
		for by := range r.by {
			if !told[by] {
				told[by] = true
				w.tell(by, messages.ResourceUpdated{Stream: by.Stream, Notification: n})
			}
		}
	}
}

// missed says of a resource that it may have changed while nobody told of it.
func missed(uri string) messages.Notification {
	return messages.Notification{Method: "notifications/resources/updated", Params: object("uri", uri)}
}

// isPart tells whether uri is that of a resource, or of a part of it.
func isPart(uri, of string) bool {
	rest, within := strings.CutPrefix(uri, of)
	return within && (rest == "" || strings.HasSuffix(of, "/") || strings.ContainsRune("/?#", rune(rest[0])))
}

// stop ends what is on its way.
func (w *watch) stop() {
	if w.end == nil {
		return // it never began
	}
	w.end()
	for _, l := range w.listens {
		l.timer.Stop()
	}
}

// farewell tells everybody.
func (w *watch) farewell() {
	if w.end == nil {
		return // it never began
	}
	f := messages.Failf(messages.KindUnavailable, w.server, "server %q: its session ended before it granted the subscription", w.server)
	for _, a := range w.asks {
		if a.door != nil {
			w.send(a.door, messages.Subscribed{Failure: f})
			w.forgetAll(a.by, a.uris) // it is told that it has none
		}
	}
	for by, again := range w.by {
		again.Tries = w.tries
		w.tell(by, messages.SubscriptionLost{Subscribe: *again})
	}
}

func (w *watch) forgetAll(by messages.Subscriber, uris []string) {
	for _, uri := range uris {
		w.forget(by, uri)
	}
}

func (w *watch) bug(reason string) *messages.Failure {
	return messages.Failf(messages.KindInternal, w.server, "server %q: subscribing: %s", w.server, reason)
}
