package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// pending is one request on the wire.
type pending struct {
	id       int64
	method   string
	token    json.RawMessage // the caller's progress token; nil when it wants no progress
	wantsLog bool            // a modern server may log for this request
	own      bool            // ours: the handshake, the subscription
	alone    bool            // no other request was in flight when this one came
	sent     *link.SentFlag
	batch    *messages.Batch // that it came with; may be nil
	posted   chan struct{}   // HTTP+SSE: closed when nothing more is sent of it

	done  chan messages.Outcome // takes exactly one; unused where there is an owner
	owner owner                 // for whom nobody waits; nil where somebody does
	notes ring
}

// owner is told of a request for which no goroutine waits. It does not block.
type owner interface {
	ended(out messages.Outcome) // on whoever ends it, the reader mostly
	noted()                     // on the reader: there are notes
}

func (p *pending) end(out messages.Outcome) {
	if p.owner != nil {
		p.owner.ended(out)
		return
	}
	p.done <- out // whoever took p out of the table is the only one here
}

// await hands on the notifications of p and returns its outcome, or false when
// ctx ends first.
func (p *pending) await(ctx context.Context, sink messages.Sink) (messages.Outcome, bool) {
	deliver := func() { sink = handOver(ctx, sink, p.notes.take()) }
	for {
		select {
		case out := <-p.done:
			deliver() // what came before the answer
			return out, true
		case <-p.notes.wake:
			deliver()
		case <-ctx.Done():
			return messages.Outcome{}, false
		}
	}
}

// handOver hands notifications to a sink, and returns it: nil when nobody reads
// any more.
func handOver(ctx context.Context, sink messages.Sink, notes []messages.Notification) messages.Sink {
	for _, n := range notes {
		if sink == nil || ctx.Err() != nil || sink.Notify(n) != nil {
			sink = nil // the answer may still matter
			if n.Reply != nil {
				n.Reply(messages.Answer{})
			}
		}
	}
	return sink
}

// givenUp is the failure of a request whose context has ended.
func givenUp(ctx context.Context, server, method string, sent messages.Sent) *messages.Failure {
	f := ended(ctx, server)
	f.Sent = sent
	if f.Kind == messages.KindTimeout {
		f.Message = fmt.Sprintf("server %q did not answer %s in time", server, method)
	} else {
		f.Message = fmt.Sprintf("server %q: %s was cancelled: %v", server, method, context.Cause(ctx))
	}
	return f
}

// ended tells the end of a context as a kind of failure, without a text.
func ended(ctx context.Context, server string) *messages.Failure {
	if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return &messages.Failure{Kind: messages.KindTimeout, Server: server}
	}
	return &messages.Failure{Kind: messages.KindCancelled, Server: server}
}

// reasonOf is why a request is given up, for its server.
func reasonOf(ctx context.Context) string {
	var f *messages.Failure
	if errors.As(context.Cause(ctx), &f) && f.Reason != "" {
		return f.Reason
	}
	return context.Cause(ctx).Error()
}

// cancellation is the notification that tells a server that nobody waits for
// its answer any more (all legacy revisions and 2026-07-28 on stdio, cancellation).
// A server that is connected to its client gets it as that wrote it.
func (id identity) cancellation(ctx context.Context, wire json.RawMessage, modern bool, reason string) []byte {
	params := jsonrpc.Set(nil, wire, "requestId")
	var f *messages.Failure
	if id.mirrors && errors.As(context.Cause(ctx), &f) && isObject(f.Said) {
		if params = jsonrpc.Set(f.Said, wire, "requestId"); !modern {
			params = id.legacy(params)
		}
	} else {
		params = jsonrpc.Set(params, jsonrpc.Quote(reason), "reason")
	}
	return jsonrpc.AppendNotification(nil, "notifications/cancelled", params)
}

// table is the requests in flight by their wire id. Its zero value is ready.
type table struct {
	mu     sync.Mutex
	last   int64
	open   map[int64]*pending
	closed bool
}

// add gives p its id; false when the table is closed.
func (t *table) add(p *pending) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if t.open == nil {
		t.open = map[int64]*pending{}
	}
	t.last++
	p.id = t.last
	p.alone = len(t.open) == 0
	t.open[p.id] = p
	return true
}

// take removes and returns a request: who gets it, ends it.
func (t *table) take(id int64) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.open[id]
	delete(t.open, id)
	return p
}

func (t *table) look(id int64) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[id]
}

// only returns the one request in flight that fits, nil when there is none or
// more than one.
func (t *table) only(fits func(*pending) bool) *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var one *pending
	for _, p := range t.open {
		switch {
		case !fits(p):
		case one != nil:
			return nil
		default:
			one = p
		}
	}
	return one
}

// newest returns the request in flight that was sent last, our own left out;
// nil when there is none.
func (t *table) newest() *pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	var newest *pending
	for _, p := range t.open {
		if !p.own && (newest == nil || p.id > newest.id) {
			newest = p
		}
	}
	return newest
}

// close takes all requests out; no further one can be added. first is false
// when it was closed before.
func (t *table) close() (rest map[int64]*pending, first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest, first = t.open, !t.closed
	t.open, t.closed = nil, true
	return rest, first
}

// newPending returns a request that a caller waits for.
func newPending(method string, sent *link.SentFlag, notifications int) *pending {
	return &pending{
		method: method, sent: sent, done: make(chan messages.Outcome, 1),
		notes: ring{limit: max(1, notifications), wake: make(chan struct{}, 1)},
	}
}

// ring holds the notifications of one request until its caller takes them. The
// reader puts them in and never waits: beyond the limit the oldest is dropped.
type ring struct {
	limit int
	wake  chan struct{} // of capacity 1: one wake-up, however many there are

	mu    sync.Mutex
	items []messages.Notification
	head  int // the oldest, once the ring is full
}

// put reports whether one had to be dropped for it.
func (r *ring) put(n messages.Notification) (dropped bool) {
	var lost messages.Notification
	r.mu.Lock()
	if dropped = len(r.items) == r.limit; dropped {
		lost, r.items[r.head] = r.items[r.head], n
		r.head = (r.head + 1) % r.limit
	} else {
		r.items = append(r.items, n)
	}
	r.mu.Unlock()
	if lost.Reply != nil {
		lost.Reply(messages.Answer{})
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return dropped
}

// take empties the ring, oldest first.
func (r *ring) take() []messages.Notification {
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.items
	if r.head > 0 {
		items = slices.Concat(r.items[r.head:], r.items[:r.head])
	}
	r.items, r.head = nil, 0
	return items
}
