package dial

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"sync/atomic"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// mux sorts out what a server says on the one stream that all its requests
// share: the stdout of a process, or the event stream of HTTP+SSE. It runs on
// the connection's one reader, which waits for nobody.
type mux struct {
	name     string // of the server
	limits   messages.Limits
	mirror   bool                        // opened in a client's name, which is asked what the server asks
	onNotice func(messages.Notification) // takes what belongs to no request; may be nil
	place    string                      // where messages come, for people: "on stdout"
	say      func(text string)           // shows what is wrong with what comes
	write    func(message []byte) error  // sends our answer to a request of the server, without waiting

	table        table
	questions    inquiries     // mirror
	modern       atomic.Bool   // once that is agreed
	subscription *subscription // nil where there can be none
	counts       counts
	held         holding // of the reader
	more         bool    // the reader has another message already
}

// holding is what takes the answers that have come together, of one client: it
// writes nothing until it is released.
type holding struct {
	answers messages.Holder // nil for none
}

// hold holds where the answer to a request of this batch goes.
func (h *holding) hold(b *messages.Batch) {
	if b == nil || b.Answers == h.answers {
		return
	}
	h.release()
	if h.answers = b.Answers; h.answers != nil {
		h.answers.Hold()
	}
}

func (h *holding) release() {
	if h.answers != nil {
		h.answers.Release()
		h.answers = nil
	}
}

// counts are what was dropped, for whoever has to explain it.
type counts struct {
	dropped atomic.Int64 // notifications of requests whose callers were too slow
	stray   atomic.Int64 // messages that nobody waited for
	junk    atomic.Int64 // lines and events that are no usable message
	notes   atomic.Int64 // of these, shown
}

// mostNotes bounds how many complaints about a server's messages are shown.
const mostNotes = 20

// message takes one message or, from servers of 2025-03-26, a batch.
func (x *mux) message(b []byte) {
	if !jsonrpc.IsBatch(b) {
		x.one(b)
		return
	}
	parts, problem := jsonrpc.SplitBatch(b, x.limits.Depth)
	if problem != nil {
		x.malformed(b, jsonrpc.Message{}, problem)
	}
	for _, part := range parts {
		x.one(part)
	}
}

func (x *mux) one(b []byte) {
	m, problem := jsonrpc.Parse(b, x.limits.Depth)
	if problem != nil {
		x.malformed(b, m, problem)
		return
	}
	switch m.Kind {
	case jsonrpc.Response:
		x.answer(m.ID, messages.Outcome{Result: m.Result})
	case jsonrpc.ErrorResponse:
		x.answer(m.ID, messages.Outcome{Failure: upstreamError(x.name, jsonrpc.ParseError(m.Err))})
	case jsonrpc.Notification:
		x.notification(messages.Notification{Method: m.Method, Params: m.Params})
	case jsonrpc.Request:
		x.request(m)
	}
}

// answer ends the request of that id. An id that nobody waits for belongs to a
// duplicate, to an answer after the deadline or to nobody; the message is dropped.
func (x *mux) answer(id jsonrpc.ID, out messages.Outcome) {
	if p := x.requestOf(id.String()); p != nil {
		if x.more { // else what a server says last would wait for what its end brings about
			x.held.hold(p.batch)
		}
		p.end(out)
		return
	}
	x.counts.stray.Add(1)
}

func (x *mux) requestOf(id string) *pending {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return x.table.take(n)
}

// malformed answers the request that a broken message belongs to, if that can
// be known, and otherwise shows it: servers greet on stdout, or print what was
// meant for stderr.
func (x *mux) malformed(b []byte, m jsonrpc.Message, problem *jsonrpc.Error) {
	if !m.ID.IsZero() && m.Method == "" {
		if p := x.requestOf(m.ID.String()); p != nil {
			p.end(x.unreadable("its answer to %s is malformed: %s", p.method, problem.Message))
			return
		}
	}
	x.counts.junk.Add(1)
	x.note("%s, and no message (%s): %s", x.place, problem.Message, shorten(string(b), 200))
}

// tooLong answers the request whose answer exceeded the limit: the one that the
// beginning or the end of the message names, or else the only one that it can be.
func (x *mux) tooLong(head, tail []byte) {
	x.counts.junk.Add(1)
	x.note("a message %s exceeds limits.message_bytes (%d bytes) and was skipped", x.place, x.limits.MessageBytes)
	if _, call := jsonrpc.Get(head, "method"); call {
		return
	}
	var p *pending
	if id, ok := jsonrpc.Get(head, "id"); ok && !bytes.HasSuffix(head, id) { // a suffix may be half an id
		p = x.requestOf(string(id))
	} else if last := lastID.FindSubmatch(tail); last != nil {
		p = x.requestOf(string(last[1]))
	} else if p = x.table.only(func(*pending) bool { return true }); p != nil {
		p = x.table.take(p.id)
	}
	if p != nil {
		p.end(x.unreadable("message too large: its answer to %s exceeds limits.message_bytes (%d bytes)", p.method, x.limits.MessageBytes))
	}
}

// lastID is an id that is the last member of a message, as the TypeScript SDK's
// servers write it. What stands before the last brace is the message's own.
var lastID = regexp.MustCompile(`[,{]\s*"id"\s*:\s*(\d+)\s*\}\s*$`)

// unreadable is the outcome of a request whose answer came and cannot be used.
func (x *mux) unreadable(format string, args ...any) messages.Outcome {
	return messages.Outcome{Failure: &messages.Failure{
		Kind: messages.KindUpstream, Server: x.name, Sent: messages.SentDone, Code: jsonrpc.CodeInternal,
		Message: fmt.Sprintf("server %q: %s", x.name, fmt.Sprintf(format, args...)),
	}}
}

// request answers what the server asks: these connections declare no client
// capabilities. To a modern server nothing may be answered, since it may not
// ask (2026-07-28, stdio: sending messages).
func (x *mux) request(m jsonrpc.Message) {
	if x.modern.Load() {
		x.counts.stray.Add(1)
		x.note("%s: a request (%s), which a server of this protocol version must not send; ignored", x.place, shorten(m.Method, 64))
		return
	}
	if x.mirror && m.Method != "ping" {
		x.ask(m)
		return
	}
	var answer []byte
	if m.Method == "ping" {
		answer = jsonrpc.AppendResult(nil, m.ID, nil)
	} else {
		answer = jsonrpc.AppendError(nil, m.ID, &jsonrpc.Error{
			Code:    jsonrpc.CodeMethodNotFound,
			Message: "this connection declares no client capabilities: " + shorten(m.Method, 64) + " is not available",
		})
	}
	_ = x.write(answer) // a server that does not read misses its own answers
}

func (x *mux) notification(n messages.Notification) {
	switch n.Method {
	case "notifications/progress":
		x.progress(n)
	case "notifications/message":
		x.logged(n)
	case noteCancelled:
		// A modern server can only mean an open subscription; where nobody is
		// asked, questions are answered at once.
		id, ok := jsonrpc.Get(n.Params, "requestId")
		switch {
		case !ok:
		case x.modern.Load() && x.subscription != nil:
			x.subscription.cancelled(string(id))
		case x.mirror:
			x.takenBack(string(id), n)
		}
	default:
		if id, ok := jsonrpc.Get(n.Params, "_meta", mcp.MetaSubscriptionID); ok && x.subscription != nil {
			x.subscription.notification(string(id), n)
			return
		}
		// In the modern era the only streams of a client are those of its
		// requests and of its subscriptions.
		if p := x.table.newest(); p != nil && x.mirror && x.modern.Load() && !ofServer(n.Method) {
			x.put(p, n)
			return
		}
		x.unsolicited(n)
	}
}

func (x *mux) unsolicited(n messages.Notification) {
	switch {
	case x.onNotice != nil:
		x.onNotice(n)
	case n.Reply != nil:
		n.Reply(messages.Answer{})
	}
}

// progress goes to its request under the caller's own token.
func (x *mux) progress(n messages.Notification) {
	token, _ := jsonrpc.Get(n.Params, "progressToken")
	id, err := strconv.ParseInt(string(token), 10, 64)
	if err != nil {
		x.counts.stray.Add(1)
		return
	}
	p := x.table.look(id)
	if p == nil || p.token == nil {
		x.counts.stray.Add(1) // after the answer, or never asked for
		return
	}
	n.Params = jsonrpc.Set(n.Params, p.token, "progressToken")
	x.put(p, n)
}

// logged goes to the only request that it can belong to, if there is just one:
// on a shared stream a log message does not say.
func (x *mux) logged(n messages.Notification) {
	modern := x.modern.Load()
	p := x.table.only(func(p *pending) bool { return !p.own && (!modern || p.wantsLog) })
	if p == nil {
		x.unsolicited(n)
		return
	}
	x.put(p, n)
}

func (x *mux) put(p *pending, n messages.Notification) {
	if p.notes.put(n) {
		x.counts.dropped.Add(1)
	}
	if p.owner != nil {
		p.owner.noted()
	}
}

// note shows a complaint of ours about the server.
func (x *mux) note(format string, args ...any) {
	switch n := x.counts.notes.Add(1); {
	case n <= mostNotes:
		x.say(fmt.Sprintf(format, args...))
	case n == mostNotes+1:
		x.say("further problems " + x.place + " are not shown")
	}
}

// integer is the JSON text of a wire id.
func integer(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }
