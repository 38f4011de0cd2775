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
	q := question(m, func(message []byte) { _ = x.write(message) }) // a server that does not read misses its own answers
	if p := x.table.newest(); p != nil {
		x.put(p, q)
		return
	}
	x.unsolicited(q)
}

// forsake sees to the questions that a request leaves behind whose caller has
// gone: the client may answer them all the same.
func (x *mux) forsake(p *pending) {
	for _, n := range p.notes.take() {
		if n.Reply != nil {
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
