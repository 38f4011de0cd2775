package dial

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// subscription is the long request by which a modern server tells of changed
// lists (2026-07-28, subscriptions). It is opened with the connection and, when
// the server ends it in good order, again: after growing pauses, so that a
// server that ends it at once is not kept busy.
//
//	closed ──open──▶ open ──ended──▶ waiting ──pause──▶ open …
//	                   └──refused, connection lost──▶ closed
type subscription struct {
	conn *stdioConn

	mu     sync.Mutex
	id     string // of the open request; empty when there is none
	opened time.Time
	again  bool // it was open before: changes may have been missed
	pause  time.Duration
	timer  *time.Timer
	closed bool
}

// announced returns the filter of the lists whose changes the server can tell, nil for none.
func announced(capabilities json.RawMessage) json.RawMessage {
	var filter json.RawMessage
	for _, list := range listChanged {
		if v, ok := jsonrpc.Get(capabilities, list.capability, "listChanged"); ok && string(v) == "true" {
			filter = jsonrpc.Set(filter, json.RawMessage("true"), list.filter)
		}
	}
	return filter
}

// open sends the request. It does not wait for the acknowledgement: a server
// that reads its requests in order sees this one before the first list.
func (s *subscription) open() {
	c := s.conn
	filter := announced(c.peer.Capabilities)
	if filter == nil {
		return
	}
	p := &pending{method: methodListen, own: true, sent: &link.SentFlag{}}
	p.owner = opened{s, p}
	s.mu.Lock()
	if s.closed || !c.table.add(p) {
		s.mu.Unlock()
		return
	}
	s.id, s.opened = string(integer(p.id)), time.Now()
	s.mu.Unlock()
	params := jsonrpc.Set(nil, filter, "notifications")
	params = c.as.modern(params, c.peer.Protocol, "")
	_ = c.send(p, params) // a connection that cannot write is being lost
}

// opened is the subscription's request.
type opened struct {
	of      *subscription
	request *pending
}

func (o opened) ended(out messages.Outcome) {
	o.of.ended(string(integer(o.request.id)), out.Failure == nil)
}

func (opened) noted() {} // what it is told comes by its id

// ended takes note of the end of the request of that id.
func (s *subscription) ended(id string, gracefully bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != id {
		return
	}
	s.id, s.again = "", true
	if !gracefully || s.closed {
		return
	}
	pace := s.conn.pace
	if time.Since(s.opened) > pace.most {
		s.pause = 0
	}
	s.pause = min(max(2*s.pause, pace.first), pace.most)
	s.timer = time.AfterFunc(s.pause, s.open)
}

// cancelled is the other way in which a server ends a subscription.
func (s *subscription) cancelled(id string) {
	s.mu.Lock()
	open := s.id != "" && s.id == id
	s.mu.Unlock()
	if !open && s.conn.listener(id) == nil {
		return // it may name nothing else
	}
	p := s.conn.requestOf(id)
	switch {
	case p == nil: // it was answered, too
	case open:
		s.ended(id, true)
	default:
		p.end(messages.Outcome{Result: json.RawMessage("{}")})
	}
}

// methodListen is a request like any other, which goes on for long: its sink
// hears of what it listens to.
const methodListen = "subscriptions/listen"

// listener returns the open subscription of that id that somebody called for.
func (x *mux) listener(id string) *pending {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	if p := x.table.look(n); p != nil && p.method == methodListen && !p.own {
		return p
	}
	return nil
}

// notification takes what carries the id of a subscription. The acknowledgement
// is for us: where the subscription stands for an earlier one, it is the moment
// to say what may have been missed. Of any other subscription nothing is taken.
func (s *subscription) notification(id string, n messages.Notification) {
	s.mu.Lock()
	mine, again := s.id != "" && s.id == id, s.again
	s.mu.Unlock()
	c := s.conn
	switch {
	case !mine:
		if p := c.listener(id); p != nil {
			n.Params = jsonrpc.Delete(n.Params, "_meta", mcp.MetaSubscriptionID)
			c.put(p, n)
			return
		}
		c.counts.stray.Add(1)
	case n.Method != "notifications/subscriptions/acknowledged":
		n.Params = jsonrpc.Delete(n.Params, "_meta", mcp.MetaSubscriptionID) // our wire id means nothing to others
		c.unsolicited(n)
	case again:
		filter := announced(c.peer.Capabilities)
		for _, list := range listChanged {
			if _, ok := jsonrpc.Get(filter, list.filter); ok {
				c.unsolicited(messages.Notification{Method: list.method})
			}
		}
	}
}

// close ends it for good; the connection is lost.
func (s *subscription) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
}
