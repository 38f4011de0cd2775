package client

import (
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

func (c *client) openStream(ctx actor.Context, m messages.OpenStream) {
	ctx.Send(ctx.Sender(), c.opened(m.Principal, m.Spec))
}

func (c *client) opened(p messages.Principal, spec messages.StreamSpec) messages.StreamOpened {
	if f := c.checked(p).Failure; f != nil {
		return messages.StreamOpened{Failure: f}
	}
	keep := spec.Keep && c.env.Limits.ResumeEvents > 0
	if spec.Request && !keep {
		return messages.StreamOpened{}
	}
	var log *log
	if !spec.After.IsZero() {
		c.kept.expire(c.env.Clock.Now(), &c.env.Limits)
		if log = c.kept.find(spec.After); log == nil {
			return messages.StreamOpened{Failure: messages.Failf(messages.KindUnavailable, "",
				"what followed the event %s is not kept (any more): initialize again", spec.After)}
		}
		if log.ended && log.last == spec.After.Number {
			return messages.StreamOpened{Over: true}
		}
	}
	if open := c.counted(log); !spec.Request && open >= c.env.Limits.StreamsPerClient {
		f := messages.Failf(messages.KindOverloaded, "", "%d streams are open in this session, the limit (limits.streams_per_client)", open)
		f.RetryAfter = time.Second
		return messages.StreamOpened{Failure: f}
	}
	c.lastID++
	s := &stream{spec: spec}
	c.streams[c.lastID] = s
	opened := messages.StreamOpened{Stream: c.lastID}
	switch {
	case log != nil:
		c.takeUp(log, c.lastID, s)
	case keep:
		s.log = c.kept.begin(c.lastID, spec.Request)
		opened.First = messages.EventID{Stream: c.lastID}
	}
	if !spec.Listen && !spec.Request && (s.log == nil || !s.log.request) {
		c.order = append(c.order, c.lastID)
		c.heard = true
	}
	return opened
}

// counted is how many streams the client itself has opened and not given up
// for another one, but for the one that it is about to take up.
func (c *client) counted(next *log) (n int) {
	for id, s := range c.streams {
		if !s.spec.Request && (s.log == nil || s.log.reader == id && s.log != next) {
			n++
		}
	}
	return n
}

// takeUp makes a new connection the one on which a stream goes on. Each message
// is sent on one connection only (2025-11-25, transports: multiple connections).
func (c *client) takeUp(l *log, id messages.StreamID, s *stream) {
	before := c.streams[l.reader]
	l.reader, s.log = id, l
	l.open++
	if before == nil {
		return
	}
	c.order = slices.DeleteFunc(c.order, func(open messages.StreamID) bool { return c.streams[open] == before })
	c.release(before, messages.Events{Ended: true})
}

// keep gives an event its id. What comes for a stream that was taken up
// elsewhere goes there.
func (c *client) keep(m messages.KeepEvent) messages.EventKept {
	s, ok := c.streams[m.Stream]
	if !ok || s.log == nil {
		return messages.EventKept{}
	}
	now := c.env.Clock.Now()
	kept := messages.EventKept{Current: s.log.reader == m.Stream}
	kept.ID = messages.EventID{Stream: s.log.id, Number: c.kept.add(s.log, m.Message, now, &c.env.Limits)}
	c.expireLater(c.env.Limits.ResumeFor)
	if !kept.Current {
		c.flush()
	}
	return kept
}

func (c *client) closeStream(id messages.StreamID) {
	s, ok := c.streams[id]
	if !ok {
		return
	}
	delete(c.streams, id)
	c.unsubscribe(id, s)
	c.order = slices.DeleteFunc(c.order, func(open messages.StreamID) bool { return open == id })
	if s.log != nil {
		s.log.ended = s.log.ended || s.spec.Request
		c.kept.leave(s.log, c.env.Clock.Now(), &c.env.Limits)
		c.expireLater(c.env.Limits.ResumeFor)
	}
	c.touch()
	c.flush() // what the newest did not fetch goes to the one before it
	c.lonely()
}

func (c *client) pull(ctx actor.Context, m messages.PullEvents) {
	s, ok := c.streams[m.Stream]
	if !ok || s.log != nil && s.log.reader != m.Stream {
		ctx.Send(ctx.Sender(), messages.Events{Ended: true})
		return
	}
	s.puller, s.sent = ctx.Sender(), m.After
	c.flush()
}

// flush answers the pulls for which there is something.
func (c *client) flush() {
	for id, s := range c.streams {
		if s.puller != nil {
			c.serve(id, s)
		}
	}
}

func (c *client) serve(id messages.StreamID, s *stream) {
	if s.over {
		c.release(s, messages.Events{Ended: true})
		return
	}
	if s.log != nil {
		events, ok := c.kept.after(s.log, s.sent)
		if len(events) > 0 || !ok || s.log.ended {
			c.release(s, messages.Events{Kept: events, Ended: len(events) == 0})
			return
		}
		if s.log.request {
			return
		}
	}
	q := &s.own
	if !s.spec.Listen {
		if n := len(c.order); n == 0 || id != c.order[n-1] {
			return // each notification goes to one stream: the newest
		}
		q = &c.shared
	}
	if !q.empty() {
		c.release(s, messages.Events{Notifications: q.take()})
	}
}

// release answers the pull of a stream, if there is one.
func (c *client) release(s *stream, events messages.Events) {
	if s.puller != nil {
		c.root.Send(s.puller, events)
		s.puller = nil
	}
}

// expireLater arms the look at what is kept, if it is not armed.
func (c *client) expireLater(d time.Duration) {
	if c.expiry != nil {
		return
	}
	self, root := c.self, c.root
	c.expiry = c.env.Clock.AfterFunc(d, func() { root.Send(self, stale{}) })
}

// expire drops what is too old, also where nobody comes to ask for it.
func (c *client) expire() {
	c.expiry = nil
	if left := c.kept.expire(c.env.Clock.Now(), &c.env.Limits); left > 0 {
		c.expireLater(left)
	}
}
