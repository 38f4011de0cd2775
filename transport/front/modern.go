package front

import (
	"context"
	"errors"
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// modern serves one message of 2026-07-28: stateless, with everything that
// must be known in the message itself. Mcp-Session-Id is ignored.
func (h *httpFront) modern(rep *reply, r *http.Request, req request) {
	switch req.msg.Kind {
	case jsonrpc.Notification:
		// None is defined over HTTP; the transport takes them all.
		rep.accepted()
		return
	case jsonrpc.Response, jsonrpc.ErrorResponse:
		rep.refuse(http.StatusBadRequest, req.msg.ID, invalidRequest("clients of %s send no responses: nothing is asked of them", mcp.LatestModern))
		return
	}
	if problem := checkModern(req, r.Header); problem != nil {
		rep.refuse(http.StatusBadRequest, req.msg.ID, problem)
		return
	}
	if problem := h.checkMirrored(req, r.Header); problem != nil {
		rep.refuse(http.StatusBadRequest, req.msg.ID, problem)
		return
	}
	req.caller.Protocol, req.caller.Capabilities, req.caller.Info = req.params.Meta.ProtocolVersion, req.params.Meta.ClientCapabilities, req.params.Meta.ClientInfo

	// The end of the response stream is the cancellation (2026-07-28,
	// streamable-http: cancellation), and a client that does not read ended it.
	ctx := detached(r)
	defer ctx.Cancel(nil)
	gone := func() { ctx.Cancel(context.Cause(r.Context())) }
	if w, ok := rep.w.(leaver); ok && w.Leaving(gone) {
		defer w.Leaving(nil)
	} else {
		defer context.AfterFunc(r.Context(), gone)()
	}
	rep.broken = func(err error) {
		ctx.Cancel(messages.Failf(messages.KindCancelled, "", "the client does not read its stream: %v", err))
	}
	if req.msg.Method == methodListen {
		h.listen(ctx, rep, req)
		return
	}
	req.stream, req.pieces = rep.want, rep
	result, problem := h.answer(ctx, req, rep.notify)
	switch {
	case ctx.Err() != nil: // nobody is there
	case problem != nil:
		rep.answer(modernStatus(problem.Code), jsonrpc.AppendError(nil, req.msg.ID, problem))
	default:
		if rep.wanted {
			rep.streamNow() // only now: an error has a status
		}
		rep.respond(http.StatusOK, response{id: req.msg.ID, result: result})
	}
}

// leaver is a ResponseWriter that can tell of its client's end what the request's
// context tells, for less: f is called then, until it is nil, and must not block.
type leaver interface {
	Leaving(f func()) bool
}

// checkMirrored compares the headers in which the client repeats arguments.
func (h *httpFront) checkMirrored(req request, header http.Header) *jsonrpc.Error {
	if h.relay == nil || req.msg.Method != "tools/call" {
		return nil
	}
	params := h.relay.Mirrored(req.params.Name)
	if len(params) == 0 {
		return nil // as nearly always
	}
	arguments, _ := jsonrpc.Get(req.msg.Params, "arguments")
	return mcp.CheckParamHeaders(header, params, arguments)
}

// modernStatus is the HTTP status of an error that a request got
// (2026-07-28, streamable-http: protocol version header; basic: _meta).
func modernStatus(code int) int {
	switch code {
	case jsonrpc.CodeMethodNotFound:
		return http.StatusNotFound
	case mcp.CodeHeaderMismatch, mcp.CodeMissingCapability, mcp.CodeUnsupportedVersion:
		return http.StatusBadRequest
	}
	return http.StatusOK
}

// listen serves subscriptions/listen over HTTP: the request has a client actor
// of its own, for as long as its stream is open.
func (h *httpFront) listen(ctx context.Context, rep *reply, req request) {
	if !rep.accept.sse {
		rep.refuse(http.StatusNotAcceptable, req.msg.ID, invalidRequest("the Accept header must list %s: %s answers with a stream", typeSSE, methodListen))
		return
	}
	filter, problem := readFilter(req.msg.Params)
	if problem != nil {
		rep.refuse(http.StatusBadRequest, req.msg.ID, problem)
		return
	}
	principal := req.caller.Principal
	client, err := h.clients.OpenClient(ctx, h.specOf(req.caller))
	if err != nil {
		rep.refuseFailure(req.msg.ID, err, true, http.StatusServiceUnavailable)
		return
	}
	defer h.closeClient(ctx, client, principal)
	sub, err := h.subscribe(client, req, filter)
	if err != nil {
		rep.refuseFailure(req.msg.ID, err, true, http.StatusTooManyRequests)
		return
	}
	defer h.clients.CloseStream(client, sub.by.Stream)
	if err := sub.agree(ctx, h.endpoint); err != nil {
		if ctx.Err() == nil {
			problem := errorOf(err, true)
			rep.refuse(modernStatus(problem.Code), req.msg.ID, problem)
		}
		return
	}
	if err := sub.run(ctx, h.endpoint, rep.notify); errors.Is(err, errEnded) {
		rep.answer(http.StatusOK, sub.result())
	}
}
