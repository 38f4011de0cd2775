// Package client holds the actor of one downstream MCP client session.
package client

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// A client owns one downstream session: who may use it, which of its requests
// are in flight, its streams, and what waits to be delivered on them.
//
//	open ──CloseClient, EndClient, idle; YieldClient, if its client has left──▶ stopped
//
// Streams pull: a stream that does not read has no pull pending and costs its
// own queue only.
//
// Bounds: limits.streams_per_client streams; limits.client_notifications
// notifications queued per session and per listen stream (an equal
// list_changed is queued once, then the oldest is dropped and counted); as many
// questions without an answer, and requests that hold until further notice;
// comeBack for a client that was asked and has gone;
// limits.resume_events and limits.resume_bytes of
// what was sent, for limits.resume_for; limits.client_idle without request,
// stream or check.
//
// Crash: it is stopped; its requests are cancelled and its streams end. The
// client finds its session gone (404) and initialises anew.
type client struct {
	env  *kit.Env
	spec messages.ClientSpec
	open any // the messages.ClientChecked of whoever may use it, made once
	self *actor.PID
	root *actor.RootContext

	requests map[string]*actor.PID // request id -> its process at the door
	streams  map[messages.StreamID]*stream
	order    []messages.StreamID // of the streams that are no listen streams, oldest first
	lastID   messages.StreamID
	shared   queue                                      // for the newest of those
	asked    questions                                  // put to the client
	kept     store                                      // what was sent, for a client that comes back
	again    map[messages.Subscriber]messages.Subscribe // lost, and not noted by a server yet
	standing standing                                   // what the next upstream session must be told, too

	used    time.Time
	heard   bool // it has had a stream of its own
	timer   kit.Timer
	alone   time.Time // until then a question waits for a stream
	looking kit.Timer // at questions that nobody may answer; nil while there are none
	asking  kit.Timer // of what is asked for again; nil while nothing is
	expiry  kit.Timer // of what is kept; nil while nothing is
	ended   bool
}

// stream is one open stream. A listen stream has a queue of its own. Of one
// whose events are kept it is a connection: there may have been others before.
type stream struct {
	spec   messages.StreamSpec
	own    queue
	log    *log       // nil when its events are not kept
	sent   uint64     // the number of the last event that was sent here, as its puller knows it
	puller *actor.PID // the door that waits for events; nil when none does
	over   bool       // it ends in good order: its server does not grant it any more
}

// Begin opens the session. Sender: the gateway.
type Begin struct {
	Env  *kit.Env
	Spec messages.ClientSpec
}

type idle struct{}
type look struct{} // whether clients are there that were asked
type askAgain struct{}
type stale struct{} // what is kept may have become too old

var props = actor.PropsFromProducer(func() actor.Actor {
	return &client{
		again: map[messages.Subscriber]messages.Subscribe{}, requests: map[string]*actor.PID{}, streams: map[messages.StreamID]*stream{}, asked: questions{},
	}
}, kit.Inline())

// Props are the same for all clients; what differs comes with Begin.
func Props() *actor.Props { return props }

// Receive implements actor.Actor.
func (c *client) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Begin:
		c.env, c.spec, c.self, c.root = m.Env, m.Spec, ctx.Self(), ctx.ActorSystem().Root
		c.open = messages.ClientChecked{Spec: c.spec}
		c.touch()
		c.arm(c.env.Limits.ClientIdle)
	case messages.ToClient:
		c.handle(ctx, m)
	case idle:
		c.checkIdle(ctx)
	case stale:
		c.expire()
	case look:
		c.look()
	case askAgain:
		c.askAgain()
	case *actor.Stopping:
		c.end()
	case kit.Crash:
		panic(m.Reason)
	}
}

func (c *client) handle(ctx actor.Context, in messages.ToClient) {
	switch m := in.(type) {
	case messages.CheckClient:
		ctx.Send(ctx.Sender(), c.checked(m.Principal))
	case *messages.BeginRequest:
		c.beginRequest(ctx, m)
	case *messages.EndRequest:
		delete(c.requests, m.RequestID)
		c.touch()
	case messages.CancelRequest:
		// Told to the request's process, which is the door's; it ends the request.
		if pid, ok := c.requests[m.RequestID]; ok && m.Principal == c.spec.Principal {
			ctx.Send(pid, m)
		}
	case messages.OpenStream:
		c.openStream(ctx, m)
	case messages.PullEvents:
		c.pull(ctx, m)
	case messages.Remember:
		if m.Principal == c.spec.Principal {
			c.standing = c.standing.note(m.Request, c.env.Limits.ClientNotifications)
		}
	case messages.Recall:
		ctx.Send(ctx.Sender(), messages.Standing{Requests: slices.Clone(c.standing)})
		c.missed()
	case messages.KeepEvent:
		ctx.Send(ctx.Sender(), c.keep(m))
	case messages.CloseStream:
		c.closeStream(m.Stream)
	case messages.CloseClient:
		reply := c.checked(m.Principal)
		ctx.Send(ctx.Sender(), reply)
		if reply.Failure == nil {
			ctx.Stop(ctx.Self())
		}
	case messages.ListsChanged:
		c.listsChanged(m)
	case messages.FromServer:
		c.fromServer(m.Notification)
	case messages.ResourceUpdated:
		c.resourceUpdated(m)
	case messages.SubscriptionLost:
		c.subscriptionLost(m.Subscribe)
	case messages.SubscribeNoted:
		delete(c.again, m.By)
	case messages.SubscriptionEnded:
		c.subscriptionEnded(m.By)
	case messages.AskClient:
		c.ask(m.Question)
	case messages.AnswerQuestion:
		if m.Principal == c.spec.Principal {
			c.asked.answer(m.ID, m.Answer)
		}
	case messages.DropQuestion:
		delete(c.asked, m.ID)
	case messages.LeaveQuestion:
		c.left(m.ID)
	case messages.YieldClient:
		if c.hasLeft() {
			ctx.Stop(ctx.Self())
			return
		}
		ctx.Request(ctx.Sender(), messages.ClientStays{})
	case messages.EndClient:
		ctx.Stop(ctx.Self())
	}
}

// fromServer queues what a server says to this client outside of its requests.
func (c *client) fromServer(n messages.Notification) {
	c.dropped(c.shared.add(n, c.env.Limits.ClientNotifications))
	c.flush()
	if n.Reply != nil {
		c.lonely()
	}
}

func (c *client) dropped(n int) {
	if n > 0 {
		kit.Publish(c.root.ActorSystem(), messages.NotificationsDropped{Client: c.spec.ID, Count: n})
	}
}

// checked answers whether the session is open to p. A foreign principal learns
// no more than that there is nothing for it here.
func (c *client) checked(p messages.Principal) messages.ClientChecked {
	if p != c.spec.Principal {
		return messages.ClientChecked{Failure: Unknown()}
	}
	c.touch()
	return messages.ClientChecked{Spec: c.spec}
}

// Unknown is the failure of a session that does not exist, or not for you.
func Unknown() *messages.Failure {
	return messages.Failf(messages.KindUnavailable, "", "no such session; it may have expired: initialize again")
}

// beginRequest notes a request; while there is one, the session is not idle.
func (c *client) beginRequest(ctx actor.Context, m *messages.BeginRequest) {
	reply := c.open
	if m.Principal != c.spec.Principal {
		reply = messages.ClientChecked{Failure: Unknown()}
	} else if _, taken := c.requests[m.RequestID]; taken {
		reply = messages.ClientChecked{Failure: messages.Failf(messages.KindInvalidArgs, "", "a request with id %s is already in flight", m.RequestID)}
	} else {
		c.requests[m.RequestID] = ctx.Sender()
	}
	ctx.Send(ctx.Sender(), reply)
}

var listMethods = []struct {
	topic  messages.Topic
	method string
}{
	{messages.TopicTools, "notifications/tools/list_changed"},
	{messages.TopicPrompts, "notifications/prompts/list_changed"},
	{messages.TopicResources, "notifications/resources/list_changed"},
}

func (c *client) listsChanged(m messages.ListsChanged) {
	topics, compact := m.Topics, c.spec.Endpoint == ""
	if compact {
		// The compact endpoint offers tools only, whose descriptions tell of
		// the servers' tools and resources.
		if topics&(messages.TopicTools|messages.TopicResources) == 0 {
			return
		}
		topics = messages.TopicTools
	}
	said := m.Said
	if m.To != "" && m.To != c.spec.ID {
		said = nil // another client was told that: this one hears the bare fact
	}
	dropped := 0
	for _, l := range listMethods {
		if topics&l.topic == 0 {
			continue
		}
		n := messages.Notification{Method: l.method, Params: said[l.topic]}
		var wanted messages.Topic // by the streams that share a queue
		for _, id := range c.order {
			wanted |= c.streams[id].spec.Topics
		}
		// The session of a single server hears that from its own connection.
		if compact && wanted&l.topic != 0 {
			dropped += c.shared.tell(n, c.env.Limits.ClientNotifications)
		}
		for _, s := range c.streams {
			if s.spec.Listen && s.spec.Topics&l.topic != 0 {
				dropped += s.own.tell(n, c.env.Limits.ClientNotifications)
			}
		}
	}
	c.dropped(dropped)
	c.flush()
}

// end lets streams end in good order and cancels what is in flight.
func (c *client) end() {
	if c.ended || c.env == nil {
		return
	}
	c.ended = true
	c.timer.Stop()
	if c.expiry != nil {
		c.expiry.Stop()
	}
	for _, timer := range []kit.Timer{c.asking, c.looking} {
		if timer != nil {
			timer.Stop()
		}
	}
	for _, s := range c.streams {
		if s.puller != nil {
			c.root.Send(s.puller, messages.Events{Ended: true})
		}
	}
	for _, n := range c.shared.take() {
		if n.Reply != nil {
			n.Reply(messages.Answer{})
		}
	}
	for id := range c.asked {
		c.asked.answer(id, messages.Answer{})
	}
	for id, pid := range c.requests {
		c.root.Send(pid, messages.CancelRequest{Principal: c.spec.Principal, RequestID: id, Reason: "the session was closed"})
	}
}

func (c *client) touch() { c.used = c.env.Clock.Now() }

func (c *client) arm(d time.Duration) {
	self, root := c.self, c.root
	c.timer = c.env.Clock.AfterFunc(d, func() { root.Send(self, idle{}) })
}

func (c *client) checkIdle(ctx actor.Context) {
	if len(c.requests) > 0 || len(c.streams) > 0 {
		c.touch()
	}
	left := c.env.Limits.ClientIdle - c.env.Clock.Now().Sub(c.used)
	if left <= 0 {
		ctx.Stop(ctx.Self())
		return
	}
	c.arm(left)
}
