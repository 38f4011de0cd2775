// Package actortest is what tests of the runtime use: upstreams without a wire,
// a recorder of events, a clock that stands still.
package actortest

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// Spec returns the specification of a server that a Dialer serves.
func Spec(name string) messages.ServerSpec {
	return messages.ServerSpec{
		Name: name, Transport: messages.TransportStdio, Command: "none", Protocol: "auto", Policy: messages.DefaultPolicy(),
	}
}

// Server is the behaviour of one upstream without a wire. The zero value
// connects at once, offers the tool "echo", and answers every call with its params.
type Server struct {
	Peer messages.Peer
	// Dial, if set, may wait or fail before the connection is made.
	Dial func(ctx context.Context, attempt int) error
	// Refuse, if set, may turn away those for whom the connection is opened.
	Refuse func(req link.DialRequest) error
	// Do, if set, answers requests other than lists.
	Do func(ctx context.Context, c *Conn, req messages.Request, sink messages.Sink) messages.Outcome
	// Start, if set, is how a request is started for which nobody waits.
	Start func(c *Conn, req messages.Request, sink messages.Sink, done func(messages.Outcome))
	// Listed, if set, is told on which connection a list is asked for.
	Listed func(c *Conn)
	// List, if set, answers lists: the raw result of method and cursor.
	List func(method, cursor string) messages.Outcome
	// Close, if set, ends a close; nil ends it at once in good order.
	Close func(ctx context.Context) error
	// Forget keeps no list of all connections: there will be too many.
	Forget bool

	attempts atomic.Int64
	open     atomic.Int64
	most     atomic.Int64
	last     atomic.Pointer[Conn]

	mu    sync.Mutex
	conns []*Conn
	made  int
}

// Attempts returns how often the server was dialled.
func (s *Server) Attempts() int { return int(s.attempts.Load()) }

// Open returns how many connections are open.
func (s *Server) Open() int { return int(s.open.Load()) }

// Most returns how many connections were open at the same time at most.
func (s *Server) Most() int { return int(s.most.Load()) }

// Last returns the newest connection, nil before the first.
func (s *Server) Last() *Conn { return s.last.Load() }

// Conns returns all connections that were ever made, in order: the n-th has
// the number n.
func (s *Server) Conns() []*Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Conn(nil), s.conns...)
}

// Requests returns how many requests other than lists all connections have got
// so far.
func (s *Server) Requests() int {
	n := 0
	for _, c := range s.Conns() {
		n += c.Requests()
	}
	return n
}

func (s *Server) opened(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	c.Number = s.made
	if !s.Forget {
		s.conns = append(s.conns, c)
	}
	s.most.Store(max(s.most.Load(), s.open.Add(1)))
	s.last.Store(c)
}

// Dialer serves the servers it holds, by name.
type Dialer map[string]*Server

// Dial implements link.Dialer.
func (d Dialer) Dial(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	s, ok := d[req.Spec.Name]
	if !ok {
		return nil, messages.Failf(messages.KindUnavailable, req.Spec.Name, "server %q: nobody listens", req.Spec.Name)
	}
	n := s.attempts.Add(1)
	if s.Dial != nil {
		if err := s.Dial(ctx, int(n)); err != nil {
			return nil, err
		}
	}
	if s.Refuse != nil {
		if err := s.Refuse(req); err != nil {
			return nil, err
		}
	}
	c := &Conn{server: s, Request: req, lost: make(chan struct{})}
	c.ctx, c.end = context.WithCancelCause(context.Background())
	s.opened(c)
	return c, nil
}

// Conn is a connection without a wire.
type Conn struct {
	Request link.DialRequest
	Number  int // from 1, in the order in which the server's connections were made
	server  *Server
	ctx     context.Context
	end     context.CancelCauseFunc
	lost    chan struct{}
	once    sync.Once
	err     atomic.Value
	closing sync.Once
	closed  error

	Cancelled atomic.Int64 // requests whose context ended before their answer
	InFlight  atomic.Int64
	requests  atomic.Int64
}

// Requests returns how many requests other than lists the connection has got.
func (c *Conn) Requests() int { return int(c.requests.Load()) }

// IsOpen tells whether the connection is there.
func (c *Conn) IsOpen() bool { return c.ctx.Err() == nil }

// ErrBroken is why a connection that Break ended was lost.
var ErrBroken = errors.New("connection reset")

// Break ends the connection as a died process or a reset would.
func (c *Conn) Break() { c.lose(ErrBroken) }

func (c *Conn) lose(err error) {
	c.once.Do(func() {
		if err != nil {
			c.err.Store(err)
		}
		c.server.open.Add(-1)
		close(c.lost) // before anybody sees its effect
		c.end(err)
	})
}

// Peer implements link.Conn.
func (c *Conn) Peer() messages.Peer {
	p := c.server.Peer
	if p.Capabilities == nil {
		p.Capabilities = json.RawMessage(`{"tools":{"listChanged":true}}`)
	}
	if p.Protocol == "" {
		p.Protocol = "2025-11-25"
	}
	return p
}

// Pid implements link.Conn.
func (c *Conn) Pid() int { return 0 }

// Do implements link.Conn.
func (c *Conn) Do(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if c.ctx.Err() != nil {
		return messages.Outcome{Failure: &messages.Failure{
			Kind: messages.KindUnavailable, Server: c.Request.Spec.Name, Stale: true, Message: "the connection is gone",
		}}
	}
	sent.Raise()
	c.InFlight.Add(1)
	defer c.InFlight.Add(-1)
	switch req.Method {
	case "tools/list", "resources/list", "resources/templates/list", "prompts/list":
		return c.list(req)
	}
	c.requests.Add(1)
	if c.server.Do == nil {
		return messages.Outcome{Result: req.Params}
	}
	return c.server.Do(ctx, c, req, sink)
}

// Start implements link.Starter.
func (c *Conn) Start(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink, done func(messages.Outcome)) {
	if c.server.Start != nil {
		sent.Raise()
		c.server.Start(c, req, sink, done)
		return
	}
	go func() { done(c.Do(ctx, req, sent, sink)) }()
}

func (c *Conn) list(req messages.Request) messages.Outcome {
	if c.server.Listed != nil {
		c.server.Listed(c)
	}
	var p struct{ Cursor string }
	_ = json.Unmarshal(req.Params, &p)
	if c.server.List != nil {
		return c.server.List(req.Method, p.Cursor)
	}
	return messages.Outcome{Result: json.RawMessage(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`)}
}

// Hang waits like a server that is slow, until the request or the connection
// ends, and returns the outcome that a link would.
func (c *Conn) Hang(ctx context.Context) messages.Outcome {
	f := &messages.Failure{Server: c.Request.Spec.Name, Sent: messages.SentUnknown}
	select {
	case <-ctx.Done():
		c.Cancelled.Add(1)
		f.Kind, f.Message = messages.KindCancelled, "cancelled"
	case <-c.ctx.Done():
		f.Kind, f.Message = messages.KindUnavailable, "the connection was lost: "+context.Cause(c.ctx).Error()
	}
	return messages.Outcome{Failure: f}
}

// Notify implements link.Conn.
func (c *Conn) Notify(context.Context, messages.Notification) error { return nil }

// Lost implements link.Conn.
func (c *Conn) Lost() <-chan struct{} { return c.lost }

// Err implements link.Conn.
func (c *Conn) Err() error {
	err, _ := c.err.Load().(error)
	return err
}

// Close implements link.Conn.
func (c *Conn) Close(ctx context.Context) error {
	c.closing.Do(func() {
		if c.server.Close != nil {
			c.closed = c.server.Close(ctx)
		}
		c.lose(nil)
	})
	return c.closed
}
