package dial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// httpExchange is one request on its way: its HTTP exchange, the stream of its
// answer, and who is told what comes on it.
type httpExchange struct {
	c      *httpConn
	caller context.Context // whose request it is
	watch  link.Watch      // over that
	answer answerBody

	link.Scope // of the HTTP exchange: ends with the caller's, the connection's, or by silence

	id     jsonrpc.ID // on the wire, and the progress token too
	method string
	token  json.RawMessage // the caller's own progress token; nil for none
	sink   messages.Sink   // nil once nobody reads any more
	sent   *link.SentFlag

	begun      bool // the answer has begun: the server knows the request
	handedOver bool // the HTTP exchange ends without us

	// What a cut stream needs to be taken up again (legacy).
	eventID string
	retry   time.Duration // what the server asked for; negative when it did not
	tries   int           // since the last event
}

// reply is how a server answered: exactly one of result, taken, err and failure is set.
type reply struct {
	result  json.RawMessage
	err     *jsonrpc.Error    // its own error, whatever the status
	failure *messages.Failure // no answer that could be read

	taken    bool        // the result has gone to the sink
	status   int         // 0 when none came
	streamed bool        // it is an event stream
	header   http.Header // nil when none came
}

var errSilent = errors.New("silence")

func (c *httpConn) exchange(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) *httpExchange {
	x := &httpExchange{
		c: c, caller: ctx, id: jsonrpc.IntID(c.ids.Add(1)),
		method: req.Method, token: req.ProgressToken, sink: sink, sent: sent, retry: -1,
	}
	x.watch.Begin(ctx, x)
	c.exchanges.begin(x)
	return x
}

// Ended implements link.Ender: the caller's context has ended.
func (x *httpExchange) Ended() { x.Cancel(context.Cause(x.caller)) }

// end releases what the exchange holds of the network.
func (x *httpExchange) end() {
	x.watch.End()
	if !x.handedOver {
		x.over()
	}
}

func (x *httpExchange) over() {
	x.Cancel(nil)
	x.c.exchanges.end(x)
}

// params puts our progress token in the place of the caller's.
func (x *httpExchange) params(req messages.Request) json.RawMessage {
	if req.ProgressToken == nil {
		return req.Params
	}
	return jsonrpc.Set(req.Params, json.RawMessage(x.id.String()), "_meta", mcp.MetaProgressToken)
}

// ask sends the request and returns the answer. The exchange must be ended
// after it, whatever it says.
func (x *httpExchange) ask(header http.Header, params json.RawMessage) reply {
	if x.caller.Err() != nil {
		return reply{failure: x.givenUp()}
	}
	body := jsonrpc.AppendRequest(nil, x.id, x.method, params)
	resp, err := x.c.sendUntil(x, x, &x.answer, http.MethodPost, header, body) //nolint:bodyclose // read closes it
	if err != nil {
		return reply{failure: x.broken(err)}
	}
	x.begun = true
	r := x.read(resp)
	r.status, r.header = resp.StatusCode, resp.Header
	r.streamed = r.status == http.StatusOK && mediaType(r.header) == typeEvents
	return r
}

// GotConn raises sent: see raising.
func (x *httpExchange) GotConn() { x.sent.Raise() }

func (x *httpExchange) read(resp *http.Response) reply {
	if resp.StatusCode == http.StatusOK {
		switch mediaType(resp.Header) {
		case typeEvents:
			return x.stream(resp)
		case typeJSON:
			return x.whole(resp)
		}
		head := x.c.headOf(resp)
		defer x.c.release(resp)
		return reply{failure: x.c.unusable(messages.SentUnknown, "it answered %s with content type %q instead of JSON or an event stream%s",
			x.method, x.c.sanitise(resp.Header.Get("Content-Type")), x.c.said(resp, head))}
	}
	return x.refused(resp)
}

// whole reads an answer that is one JSON text.
func (x *httpExchange) whole(resp *http.Response) reply {
	defer x.c.release(resp)
	var begun []byte
	if to := x.taker(resp); to != nil {
		var r reply
		var ok bool
		if r, begun, ok = x.inPieces(resp, to); ok {
			return r
		}
	}
	body, err := x.c.body(resp, begun)
	switch {
	case errors.Is(err, jsonrpc.ErrTooLong):
		return reply{failure: x.c.tooLarge(x.method)}
	case err != nil:
		return reply{failure: x.broken(err)}
	}
	r, ok := x.take(body)
	if !ok {
		r.failure = x.c.unusable(messages.SentUnknown, "its answer to %s holds no response to it", x.method)
	}
	return r
}

// refused reads an answer with an error status.
func (x *httpExchange) refused(resp *http.Response) reply {
	defer x.c.release(resp)
	if x.c.sessionLost(resp.StatusCode) {
		return reply{failure: x.c.expired(x.method)}
	}
	var body []byte
	if mediaType(resp.Header) == typeJSON {
		var err error
		if body, err = x.c.body(resp, nil); errors.Is(err, jsonrpc.ErrTooLong) {
			return reply{failure: x.c.tooLarge(x.method)}
		} else if err != nil {
			return reply{failure: x.broken(err)}
		}
	} else {
		body = x.c.headOf(resp)
	}
	return x.c.refused(resp, body, x.method)
}

// believed is the length up to which there is room for an answer before it comes.
const believed = 4 << 20

// body reads an answer's body, of which begun has been read, within
// limits.message_bytes; ErrTooLong beyond it.
func (c *httpCore) body(resp *http.Response, begun []byte) ([]byte, error) {
	limit := int64(c.limits.MessageBytes)
	if resp.ContentLength > limit {
		return nil, jsonrpc.ErrTooLong
	}
	if n := resp.ContentLength; n > 0 && n <= believed {
		whole := slices.Grow(begun, int(n)-len(begun))[:n]
		if _, err := io.ReadFull(resp.Body, whole[len(begun):]); err != nil {
			return nil, err
		}
		return whole, nil
	}
	b := bytes.NewBuffer(begun)
	if _, err := b.ReadFrom(io.LimitReader(resp.Body, limit+1-int64(len(begun)))); err != nil {
		return nil, err
	}
	if int64(b.Len()) > limit {
		return nil, jsonrpc.ErrTooLong
	}
	return b.Bytes(), nil
}

// take handles the bytes of one message or, from servers of 2025-03-26, of a
// batch; ok when the answer was among them.
func (x *httpExchange) take(b []byte) (r reply, ok bool) {
	parts := []json.RawMessage{b}
	if x.c.peer.Protocol == mcp.V20250326 && jsonrpc.IsBatch(b) {
		var problem *jsonrpc.Error
		if parts, problem = jsonrpc.SplitBatch(b, x.c.limits.Depth); problem != nil {
			return x.malformed(problem), true
		}
	}
	for _, part := range parts {
		if got, is := x.message(part); is && !ok {
			r, ok = got, true
		}
	}
	return r, ok
}

func (x *httpExchange) message(b []byte) (r reply, ok bool) {
	m, problem := jsonrpc.Parse(b, x.c.limits.Depth)
	if problem != nil {
		return x.malformed(problem), true
	}
	switch m.Kind {
	case jsonrpc.Response:
		return reply{result: m.Result}, m.ID == x.id
	case jsonrpc.ErrorResponse:
		return reply{err: jsonrpc.ParseError(m.Err)}, m.ID == x.id || m.ID.IsZero()
	case jsonrpc.Notification:
		x.deliver(m)
	case jsonrpc.Request:
		x.question(m)
	}
	return reply{}, false
}

func (x *httpExchange) malformed(problem *jsonrpc.Error) reply {
	return reply{failure: x.c.unusable(messages.SentUnknown, "its answer to %s is not a message: %s", x.method, problem.Message)}
}

// deliver hands a notification to whom it belongs. That may block on the
// caller's reader, and on nobody else's.
func (x *httpExchange) deliver(m jsonrpc.Message) {
	n := messages.Notification{Method: m.Method, Params: m.Params}
	switch {
	case x.method == methodListen: // all that comes there was asked for
		n.Params = jsonrpc.Delete(n.Params, "_meta", mcp.MetaSubscriptionID)
	case m.Method == "notifications/progress":
		token, _ := jsonrpc.Get(m.Params, mcp.MetaProgressToken)
		if x.token == nil || string(token) != x.id.String() {
			return // nobody asked for it
		}
		n.Params = jsonrpc.Set(m.Params, x.token, mcp.MetaProgressToken)
	case ofServer(m.Method):
		x.c.unsolicited(n)
		return
	}
	if x.sink != nil && x.sink.Notify(n) != nil {
		x.sink = nil // the answer is still wanted: who gave up ends the context
	}
}

// ofServer tells whether a notification concerns all callers, on whatever stream it comes.
func ofServer(method string) bool {
	switch method {
	case "notifications/tools/list_changed", "notifications/prompts/list_changed",
		"notifications/resources/list_changed", "notifications/resources/updated":
		return true
	}
	return false
}

// broken is the failure of a request whose HTTP exchange ended with err.
func (x *httpExchange) broken(err error) *messages.Failure {
	sent := x.sent.Sent()
	switch {
	case x.caller.Err() != nil:
		return x.givenUp()
	case x.c.life.Err() != nil:
		return x.c.ended(sent)
	case errors.Is(x.Err(), errSilent):
		x.c.abandon(x, "no sign of life")
		return x.c.failf(messages.KindUnavailable, "no sign of life on the answer to %s for %v (sse_read_timeout)",
			x.method, x.c.spec.Policy.SSEReadTimeout)
	}
	if sent == messages.SentNo {
		return x.c.unreachable(err)
	}
	return x.c.failf(messages.KindUnavailable, "%s: %s", x.method, x.c.plain(err))
}

// unreachable: the server cannot even be reached, so the connection is lost,
// and whoever supervises it connects anew.
func (c *httpCore) unreachable(err error) *messages.Failure {
	f := messages.Failf(messages.KindUnavailable, c.name, "server %q: %s", c.name, c.plain(err))
	f.Stale = true
	c.lose(f)
	return f
}

// givenUp: the caller's context has ended.
func (x *httpExchange) givenUp() *messages.Failure {
	cause := context.Cause(x.caller)
	x.c.abandon(x, x.c.sanitise(reasonOf(x.caller)))
	f := x.c.failf(messages.KindCancelled, "%s was cancelled: %v", x.method, cause)
	if errors.Is(cause, context.DeadlineExceeded) {
		f = x.c.failf(messages.KindTimeout, "it did not answer %s in time", x.method)
	}
	f.Sent = x.sent.Sent()
	return f
}
