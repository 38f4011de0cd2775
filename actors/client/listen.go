package client

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// What a client wants of its server until further notice is the client's: who
// keeps a subscription says when it is lost, and is asked again, or whoever has
// taken its place by then.

// resourceUpdated queues what a server says of a resource for who asked.
func (c *client) resourceUpdated(m messages.ResourceUpdated) {
	if m.Stream == 0 {
		c.fromServer(m.Notification)
		return
	}
	if s, ok := c.streams[m.Stream]; ok { // else it was closed meanwhile
		c.dropped(s.own.add(m.Notification, c.env.Limits.ClientNotifications))
		c.flush()
	}
}

// askPause is how long a client waits until it asks again what nobody has noted.
const askPause = time.Second

// subscriptionLost asks again for what is still wanted, until a server has noted it.
func (c *client) subscriptionLost(lost messages.Subscribe) {
	lost.Call.Principal = c.spec.Principal
	c.again[lost.By] = lost
	c.askAgain()
}

func (c *client) askAgain() {
	for by, lost := range c.again {
		if c.wants(&lost) {
			c.root.Send(c.gateway(), lost)
		} else {
			delete(c.again, by)
		}
	}
	if c.asking != nil {
		c.asking.Stop()
		c.asking = nil
	}
	if len(c.again) > 0 {
		self, root := c.self, c.root
		c.asking = c.env.Clock.AfterFunc(askPause, func() { root.Send(self, askAgain{}) })
	}
}

const methodSubscribe = "resources/subscribe"

// wants tells whether somebody waits for what would come, and leaves in m what
// that is.
func (c *client) wants(m *messages.Subscribe) bool {
	switch {
	case m.By.Stream != 0:
		_, open := c.streams[m.By.Stream]
		return open
	case len(m.URIs) == 0:
		return len(c.standing) > 0 || len(c.order) > 0
	}
	m.URIs = slices.DeleteFunc(slices.Clone(m.URIs), func(uri string) bool {
		return !slices.ContainsFunc(c.standing, func(r messages.Request) bool { return r.Method == methodSubscribe && r.Name == uri })
	})
	return len(m.URIs) > 0
}

// missed: another session of the server is about to be told of what is subscribed
// to. Until now nobody has told of changes.
func (c *client) missed() {
	for _, r := range c.standing {
		if r.Method == methodSubscribe {
			params, _ := json.Marshal(map[string]string{"uri": r.Name}) // a text has a JSON form
			c.fromServer(messages.Notification{Method: "notifications/resources/updated", Params: params})
		}
	}
}

// subscriptionEnded ends a stream in good order. A session that has none of its
// own has nothing to be told.
func (c *client) subscriptionEnded(by messages.Subscriber) {
	delete(c.again, by)
	if s, ok := c.streams[by.Stream]; ok {
		s.over = true
		c.flush()
	}
}

// unsubscribe ends what a listen stream asked for.
func (c *client) unsubscribe(id messages.StreamID, s *stream) {
	if len(s.spec.Resources) > 0 {
		c.root.Send(c.gateway(), messages.Unsubscribe{By: messages.Subscriber{Client: c.spec.ID, Stream: id}, Server: c.spec.Endpoint})
	}
}

func (c *client) gateway() *actor.PID { return actor.NewPID(c.self.Address, kit.GatewayName) }
