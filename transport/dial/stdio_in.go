package dial

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// What a server writes on stdout, sorted out. This runs on the connection's one
// reader, which waits for nobody.

// mostNotes bounds how many lines of a server that mixes text into its stdout
// are shown.
const mostNotes = 20

func (c *stdioConn) read() {
	defer close(c.readEnd)
	defer c.survive()
	lines := jsonrpc.NewLineReader(c.process.stdout, c.limits.MessageBytes)
	for {
		line, err := lines.Next()
		switch {
		case errors.Is(err, jsonrpc.ErrTooLong):
			c.tooLong(line)
		case err != nil:
			return // the end, or a pipe that was closed under us
		default:
			c.message(line)
		}
	}
}

func (c *stdioConn) message(line []byte) {
	m, problem := jsonrpc.Parse(line, c.limits.Depth)
	if problem != nil {
		c.malformed(line, m, problem)
		return
	}
	switch m.Kind {
	case jsonrpc.Response:
		c.answer(m.ID, messages.Outcome{Result: m.Result})
	case jsonrpc.ErrorResponse:
		e := jsonrpc.ParseError(m.Err)
		c.answer(m.ID, messages.Outcome{Failure: &messages.Failure{
			Kind: messages.KindUpstream, Server: c.name, Sent: messages.SentDone,
			Code: e.Code, Message: e.Message, Data: e.Data,
		}})
	case jsonrpc.Notification:
		c.notification(messages.Notification{Method: m.Method, Params: m.Params})
	case jsonrpc.Request:
		c.request(m)
	}
}

// answer ends the request of that id. An id that nobody waits for belongs to a
// duplicate, to an answer after the deadline or to nobody; the message is dropped.
func (c *stdioConn) answer(id jsonrpc.ID, out messages.Outcome) {
	if p := c.requestOf(id.String()); p != nil {
		p.end(out)
		return
	}
	c.counts.stray.Add(1)
}

func (c *stdioConn) requestOf(id string) *pending {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil
	}
	return c.table.take(n)
}

// malformed answers the request that a broken message belongs to, if that can
// be known, and otherwise shows the line: servers greet on stdout, or print
// what was meant for stderr.
func (c *stdioConn) malformed(line []byte, m jsonrpc.Message, problem *jsonrpc.Error) {
	if !m.ID.IsZero() && m.Method == "" {
		if p := c.requestOf(m.ID.String()); p != nil {
			p.end(c.unreadable("its answer to %s is malformed: %s", p.method, problem.Message))
			return
		}
	}
	c.counts.junk.Add(1)
	c.note("on stdout, and no message (%s): %s", problem.Message, shorten(string(line), 200))
}

// tooLong answers the request whose answer exceeded the limit: the one that the
// beginning of the line names, or else the only one that it can be.
func (c *stdioConn) tooLong(head []byte) {
	c.counts.junk.Add(1)
	c.note("a message on stdout exceeds limits.message_bytes (%d bytes) and was skipped", c.limits.MessageBytes)
	if _, call := jsonrpc.Get(head, "method"); call {
		return
	}
	var p *pending
	if id, ok := jsonrpc.Get(head, "id"); !ok || bytes.HasSuffix(head, id) { // a suffix may be half an id
		if p = c.table.only(func(*pending) bool { return true }); p != nil {
			p = c.table.take(p.id)
		}
	} else {
		p = c.requestOf(string(id))
	}
	if p != nil {
		p.end(c.unreadable("message too large: its answer to %s exceeds limits.message_bytes (%d bytes)", p.method, c.limits.MessageBytes))
	}
}

// unreadable is the outcome of a request whose answer came and cannot be used.
func (c *stdioConn) unreadable(format string, args ...any) messages.Outcome {
	return messages.Outcome{Failure: &messages.Failure{
		Kind: messages.KindUpstream, Server: c.name, Sent: messages.SentDone, Code: jsonrpc.CodeInternal,
		Message: fmt.Sprintf("server %q: %s", c.name, fmt.Sprintf(format, args...)),
	}}
}

// request answers what the server asks: this connection declares no client
// capabilities. To a modern server nothing may be answered, since it may not
// ask (2026-07-28, stdio: sending messages).
func (c *stdioConn) request(m jsonrpc.Message) {
	if c.modern.Load() {
		c.counts.stray.Add(1)
		c.note("on stdout: a request (%s), which a server of this protocol version must not send; ignored", shorten(m.Method, 64))
		return
	}
	var line []byte
	if m.Method == "ping" {
		line = jsonrpc.AppendResult(nil, m.ID, nil)
	} else {
		line = jsonrpc.AppendError(nil, m.ID, &jsonrpc.Error{
			Code:    jsonrpc.CodeMethodNotFound,
			Message: "this connection declares no client capabilities: " + shorten(m.Method, 64) + " is not available",
		})
	}
	_ = c.write(line) // a server that does not read misses its own answers
}

func (c *stdioConn) notification(n messages.Notification) {
	switch n.Method {
	case "notifications/progress":
		c.progress(n)
	case "notifications/message":
		c.logged(n)
	case "notifications/cancelled":
		// Only an open subscription can be meant: requests of the server are
		// answered at once.
		if id, ok := jsonrpc.Get(n.Params, "requestId"); ok {
			c.subscription.cancelled(string(id))
		}
	default:
		if id, ok := jsonrpc.Get(n.Params, "_meta", mcp.MetaSubscriptionID); ok {
			c.subscription.notification(string(id), n)
			return
		}
		c.unsolicited(n)
	}
}

// progress goes to its request under the caller's own token.
func (c *stdioConn) progress(n messages.Notification) {
	token, _ := jsonrpc.Get(n.Params, "progressToken")
	id, err := strconv.ParseInt(string(token), 10, 64)
	if err != nil {
		c.counts.stray.Add(1)
		return
	}
	p := c.table.look(id)
	if p == nil || p.token == nil {
		c.counts.stray.Add(1) // after the answer, or never asked for
		return
	}
	n.Params = jsonrpc.Set(n.Params, p.token, "progressToken")
	c.put(p, n)
}

// logged goes to the only request that it can belong to, if there is just one:
// on stdio a log message does not say.
func (c *stdioConn) logged(n messages.Notification) {
	modern := c.modern.Load()
	p := c.table.only(func(p *pending) bool { return !p.own && (!modern || p.wantsLog) })
	if p == nil {
		c.unsolicited(n)
		return
	}
	c.put(p, n)
}

func (c *stdioConn) put(p *pending, n messages.Notification) {
	if p.notes.put(n) {
		c.counts.dropped.Add(1)
	}
}

// note shows a line of ours among those of the server's stderr.
func (c *stdioConn) note(format string, args ...any) {
	switch n := c.counts.notes.Add(1); {
	case n <= mostNotes:
		c.process.stderr.add("mcpx: " + fmt.Sprintf(format, args...))
	case n == mostNotes+1:
		c.process.stderr.add("mcpx: further problems on stdout are not shown")
	}
}

// integer is the JSON text of a wire id.
func integer(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }
