package dial

import (
	"context"
	"sync"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// unattended is a request that no goroutine waits for: whoever ends it, the reader
// of the connection mostly, hands its outcome on. Notifications, which may have
// to wait for their reader, are delivered by a goroutine that lives as long as
// there are any.
type unattended struct {
	pending
	conn *stdioConn
	ctx  context.Context
	sink messages.Sink
	done func(messages.Outcome)

	mu         sync.Mutex
	watch      link.Watch // over ctx
	watched    bool
	delivering bool
	over       bool
	left       bool // its caller has given it up
	out        messages.Outcome
}

// mostAtOnce is how many bytes of params or of a result are looked through on
// the goroutine of an upstream or of a reader, for which others wait.
const mostAtOnce = 16 << 10

// Start implements link.Starter.
func (c *stdioConn) Start(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink, done func(messages.Outcome)) {
	if ctx.Err() != nil {
		done(messages.Outcome{Failure: givenUp(ctx, c.name, req.Method, messages.SentNo)})
		return
	}
	s := &unattended{conn: c, ctx: ctx, sink: sink, done: done, pending: pending{
		method: req.Method, token: req.ProgressToken, wantsLog: req.LogLevel != "", sent: sent, batch: req.Batch,
		notes: ring{limit: max(1, c.limits.RequestNotifications)},
	}}
	s.owner = s
	if len(req.Params) > mostAtOnce {
		kit.Go(func() { s.begin(req) })
		return
	}
	s.begin(req)
}

func (s *unattended) begin(req messages.Request) {
	c, p := s.conn, &s.pending
	defer func() {
		if r := recover(); r != nil { // a bug costs this request
			c.table.take(p.id)
			s.ended(link.Panicked(r, c.name, p.method, p.sent))
		}
	}()
	if !c.table.add(p) {
		kit.Go(func() { s.ended(messages.Outcome{Failure: c.gone(p.sent)}) }) // it is lost in a moment
		return
	}
	params := c.paramsOf(p, req)
	if s.ctx.Err() != nil { // since it was begun: what is long begins later, and takes its time
		c.table.take(p.id)
		s.ended(messages.Outcome{Failure: givenUp(s.ctx, c.name, p.method, messages.SentNo)})
		return
	}
	if failure := c.send(p, params); failure != nil {
		s.ended(messages.Outcome{Failure: failure})
		return
	}
	s.watch.Begin(s.ctx, s)
	s.mu.Lock()
	s.watched = true
	over := s.over
	s.mu.Unlock()
	if over {
		s.watch.End()
	}
}

// Ended implements link.Ender: it ends the request with its context, unless it
// has ended in this moment.
func (s *unattended) Ended() {
	c, p := s.conn, &s.pending
	if c.table.take(p.id) == nil {
		return
	}
	out := c.withdraw(s.ctx, p)
	s.mu.Lock()
	s.left = true
	s.mu.Unlock()
	s.ended(out)
}

// ended notes the outcome; the first one counts.
func (s *unattended) ended(out messages.Outcome) {
	s.mu.Lock()
	if s.over {
		s.mu.Unlock()
		return
	}
	s.over, s.out = true, out
	watched, delivering := s.watched, s.delivering
	s.mu.Unlock()
	if watched { // else begin ends it
		s.watch.End()
	}
	if !delivering { // else what came before comes first
		s.finish()
	}
}

// finish hands the outcome on.
func (s *unattended) finish() {
	if s.left {
		s.conn.forsake(&s.pending)
	}
	if len(s.out.Result) > mostAtOnce {
		kit.Go(func() { s.done(s.finished()) })
		return
	}
	s.done(s.finished())
}

// finished is the outcome as it is handed on. A bug in what is made of it costs
// this request.
func (s *unattended) finished() (out messages.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			out = link.Panicked(r, s.conn.name, s.method, s.sent)
		}
	}()
	return s.conn.finished(s.method, s.out)
}

// noted sees to it that notifications are delivered that have just come.
func (s *unattended) noted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.delivering {
		return
	}
	s.delivering = true
	kit.Go(s.pump)
}

// pump delivers what there is.
func (s *unattended) pump() {
	for {
		s.mu.Lock()
		notes := s.notes.take()
		if len(notes) == 0 {
			s.delivering = false
			over := s.over
			s.mu.Unlock()
			if over {
				s.finish()
			}
			return
		}
		s.mu.Unlock()
		s.hand(notes)
	}
}

// hand hands notifications to the sink. A panic there costs this request.
func (s *unattended) hand(notes []messages.Notification) {
	defer func() {
		if r := recover(); r != nil {
			s.sink = nil
			s.conn.table.take(s.id)
			out := link.Panicked(r, s.conn.name, s.method, s.sent)
			s.ended(out)
			s.mu.Lock()
			s.out = out // also where it was answered: nobody has been told yet
			s.mu.Unlock()
		}
	}()
	s.sink = handOver(s.ctx, s.sink, notes)
}
