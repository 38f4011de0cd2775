package dial

import (
	"encoding/json"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// question makes a request of the server into what travels to a client. answer
// sends a message to the server without waiting; it is called once.
func question(m jsonrpc.Message, answer func(message []byte)) messages.Notification {
	var once sync.Once
	return messages.Notification{
		Method: m.Method, Params: m.Params, ID: json.RawMessage(m.ID.String()),
		Reply: func(a messages.Answer) { once.Do(func() { answer(answerTo(m, a)) }) },
	}
}

const noteCancelled = "notifications/cancelled"

// answerTo is what a server gets for its request; the zero answer says that
// nobody can give one.
func answerTo(m jsonrpc.Message, a messages.Answer) []byte {
	switch {
	case a.Result != nil:
		return jsonrpc.AppendResult(nil, m.ID, a.Result)
	case a.Error != nil:
		return jsonrpc.AppendError(nil, m.ID, jsonrpc.ParseError(a.Error))
	}
	return jsonrpc.AppendError(nil, m.ID, &jsonrpc.Error{
		Code: jsonrpc.CodeInternal, Message: "the client is gone, or does not take questions: " + shorten(m.Method, 64) + " was not answered",
	})
}

// ask puts a question of the server to the client of a mirrored connection: on
// the stream of the newest request, since on a shared stream it does not say
// which one caused it; without one as what belongs to none.
func (x *mux) ask(m jsonrpc.Message) {
	id := m.ID.String()
	p := x.table.newest()
	q := question(m, func(message []byte) {
		x.questions.take(id)
		_ = x.write(message) // a server that does not read misses its own answers
	})
	x.questions.add(id, p)
	x.hand(p, q)
}

// hand hands what the server says to the caller of a request, if that is still
// there, else to whoever takes what belongs to none.
func (x *mux) hand(p *pending, n messages.Notification) {
	if p == nil {
		x.unsolicited(n)
		return
	}
	x.put(p, n)
	if x.table.look(p.id) == nil {
		x.forsake(p) // it has ended meanwhile, and nobody may have seen this
	}
}

// takenBack: the server does not ask any more. Its client hears so where it was
// asked.
func (x *mux) takenBack(id string, n messages.Notification) { x.hand(x.questions.take(id), n) }

// inquiries are the questions of a server that are not answered yet, by their ids,
// and the requests on whose streams they were put. Its zero value is ready.
type inquiries struct {
	mu   sync.Mutex
	open map[string]*pending
}

// mostAsked bounds them. What comes beyond it is asked all the same; taken back,
// it belongs to no request.
const mostAsked = 1024

func (a *inquiries) add(id string, p *pending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[string]*pending{}
	}
	if len(a.open) < mostAsked {
		a.open[id] = p
	}
}

// take returns the request on whose stream a question was put, nil for none.
func (a *inquiries) take(id string) *pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.open[id]
	delete(a.open, id)
	return p
}

// forsake sees to the questions that a request leaves behind whose caller has
// gone: the client may answer them all the same.
func (x *mux) forsake(p *pending) {
	for _, n := range p.notes.take() {
		if n.Reply != nil || n.Method == noteCancelled {
			x.unsolicited(n)
		}
	}
}

// ask puts a question that came on this request's stream to its caller.
func (x *httpExchange) question(m jsonrpc.Message) {
	if !x.c.mirror || m.Method == "ping" {
		x.c.asked(m)
		return
	}
	q := x.c.question(m)
	if x.sink == nil {
		x.c.unsolicited(q)
		return
	}
	if x.sink.Notify(q) != nil {
		x.sink = nil
		q.Reply(messages.Answer{})
	}
}

func (c *httpCore) question(m jsonrpc.Message) messages.Notification {
	return question(m, func(message []byte) { c.small("an answer to "+m.Method, c.legacyHeader(), message, 0) })
}
