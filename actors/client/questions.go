package client

import (
	"time"

	"github.com/mcpx/mcpx/messages"
)

// questions are what a client has been asked and has not answered, by their ids.
type questions map[string]*question

type question struct {
	reply func(messages.Answer)
	until time.Time // for its client to come back; zero while the connection stands on which it was put
}

// answer hands on an answer, once; to what nobody asked it is nobody's.
func (q questions) answer(id string, a messages.Answer) {
	if asked, ok := q[id]; ok {
		delete(q, id)
		asked.reply(a)
	}
}

// comeBack is how long a client whose connection has gone, or that has none yet
// on which it could be asked, has until its server is told that nobody answers.
// One that is there comes back within a second or two.
const comeBack = 5 * time.Second

// ask notes a question under the id by which the client will answer it.
func (c *client) ask(q messages.Notification) {
	if len(c.asked) >= c.env.Limits.ClientNotifications {
		q.Reply(messages.Answer{})
		return
	}
	c.asked.answer(string(q.ID), messages.Answer{}) // of a connection that is gone: a server uses an id once
	c.asked[string(q.ID)] = &question{reply: q.Reply}
}

// left: the connection on which a question was put has ended.
func (c *client) left(id string) {
	if q, open := c.asked[id]; open {
		q.until = c.env.Clock.Now().Add(comeBack)
		c.lookLater(comeBack)
	}
}

// lonely: a question waits for a stream, and there is none.
func (c *client) lonely() {
	if len(c.order) > 0 || !c.shared.asks() {
		return
	}
	c.alone = c.env.Clock.Now().Add(comeBack)
	c.lookLater(comeBack)
}

// lookLater arms the look at questions that nobody may answer, if it is not armed.
func (c *client) lookLater(d time.Duration) {
	if c.looking != nil {
		return
	}
	self, root := c.self, c.root
	c.looking = c.env.Clock.AfterFunc(d, func() { root.Send(self, look{}) })
}

// look answers in the place of a client that has not come back.
func (c *client) look() {
	c.looking = nil
	now, next := c.env.Clock.Now(), time.Duration(0)
	due := func(at time.Time) bool {
		left := at.Sub(now)
		if left > 0 && (next == 0 || left < next) {
			next = left
		}
		return left <= 0
	}
	for id, q := range c.asked {
		if !q.until.IsZero() && due(q.until) && !c.present() {
			c.asked.answer(id, messages.Answer{})
		}
	}
	if len(c.order) == 0 && c.shared.asks() && due(c.alone) {
		c.shared.refuse()
	}
	if next > 0 {
		c.lookLater(next)
	}
}

// present tells whether the client has a connection open, beside those of its
// requests: of these nobody knows whether their client still reads them.
func (c *client) present() bool {
	for _, s := range c.streams {
		if !s.spec.Request && !s.spec.Listen {
			return true
		}
	}
	return false
}
