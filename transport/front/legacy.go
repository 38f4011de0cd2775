package front

import (
	"context"
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// legacy serves one message of the revisions 2024-11-05 to 2025-11-25.
func (h *httpFront) legacy(rep *reply, r *http.Request, req request) {
	switch {
	case req.msg.Kind != jsonrpc.Request:
		if spec, ok := h.session(rep, r, req.msg.ID); ok {
			h.take(r.Context(), spec, req.msg)
			rep.accepted()
		}
	case req.msg.Method == methodInitialize:
		h.initialize(rep, r, req)
	default:
		if name, ok := h.sessionName(rep, r, req.msg.ID); ok {
			h.answerInSession(rep, r, name, req)
		}
	}
}

// answerInSession answers the one request of a POST.
func (h *httpFront) answerInSession(rep *reply, r *http.Request, name messages.ClientID, req request) {
	req.pieces = rep
	answer, status := h.inSession(rep, r, name, req)
	if answer.none() {
		rep.closeSilently()
		return
	}
	rep.respond(status, answer)
}

// initialize opens a session (2025-11-25, lifecycle; transports: session management).
func (h *httpFront) initialize(rep *reply, r *http.Request, req request) {
	hello, problem := readInitialize(req.msg.Params)
	if problem != nil {
		rep.refuse(http.StatusOK, req.msg.ID, problem)
		return
	}
	caller := hello.caller(req.caller.Principal, "")
	id, err := h.clients.OpenClient(r.Context(), h.specOf(caller))
	if err != nil {
		rep.refuseFailure(req.msg.ID, err, false, http.StatusServiceUnavailable)
		return
	}
	caller.Client = id
	greeting, problem := h.greeting(r.Context(), caller)
	if problem != nil {
		h.closeClient(r.Context(), id, caller.Principal)
		rep.refuse(http.StatusOK, req.msg.ID, problem)
		return
	}
	rep.w.Header().Set(mcp.HeaderSessionID, string(id))
	rep.answer(http.StatusOK, jsonrpc.AppendResult(nil, req.msg.ID, greeting))
}

// sessionName is the session that a request names, or else the request is refused.
func (h *httpFront) sessionName(rep *reply, r *http.Request, id jsonrpc.ID) (messages.ClientID, bool) {
	name := r.Header.Get(mcp.HeaderSessionID)
	if name == "" {
		rep.refuse(http.StatusBadRequest, id, invalidRequest(
			"the header %s is missing: send initialize first and repeat the session id of its answer (or speak %s, which needs no session)",
			mcp.HeaderSessionID, mcp.LatestModern))
	}
	return messages.ClientID(name), name != ""
}

// session finds the session of a request, or refuses the request. A foreign
// session looks like one that does not exist.
func (h *httpFront) session(rep *reply, r *http.Request, id jsonrpc.ID) (messages.ClientSpec, bool) {
	name, ok := h.sessionName(rep, r, id)
	if !ok {
		return messages.ClientSpec{}, false
	}
	spec, err := h.clients.CheckClient(name, messages.PrincipalFrom(r.Context()))
	if err == nil {
		err = h.isHere(spec)
	}
	if err == nil {
		spec.ID = name
		return spec, true
	}
	if f := failureOf(err); f.Kind != messages.KindUnavailable {
		rep.refuseFailure(id, err, false, http.StatusTooManyRequests)
		return messages.ClientSpec{}, false
	}
	rep.refuse(http.StatusNotFound, id, noSuchSession())
	return messages.ClientSpec{}, false
}

// isHere is nil for a session of this endpoint.
func (e *endpoint) isHere(spec messages.ClientSpec) error {
	if spec.Endpoint == e.opts.Endpoint {
		return nil
	}
	return messages.Failf(messages.KindUnavailable, "", "the session belongs to another endpoint")
}

func noSuchSession() *jsonrpc.Error {
	return invalidRequest("there is no session of this id (any more): send initialize without %s to open one", mcp.HeaderSessionID)
}

// take takes a notification or a response of a session's client.
func (e *endpoint) take(ctx context.Context, spec messages.ClientSpec, msg jsonrpc.Message) {
	if msg.Kind != jsonrpc.Notification || msg.Method != noteCancelled {
		e.pass(ctx, callerOf(spec, spec.Principal), msg)
		return
	}
	if id, reason, ok := cancelledID(msg.Params); ok {
		e.clients.CancelRequest(spec.ID, spec.Principal, id.String(), reason, msg.Params)
	}
}

// inSession answers one request of a session: what to send and its status, or
// nothing when the client cancelled it. A disconnect is no
// cancellation: the call runs on, and its answer is kept where its client could
// come back for it (2025-11-25, transports: sending messages).
func (h *httpFront) inSession(rep *reply, r *http.Request, name messages.ClientID, req request) (response, int) {
	id := req.msg.ID
	ctx := detached(r)
	defer ctx.Cancel(nil)
	principal := messages.PrincipalFrom(r.Context())
	begun, err := h.clients.BeginRequest(name, principal, id.String(), ctx.Cancel)
	if err == nil {
		if err = h.isHere(begun.Spec); err != nil {
			begun.End()
		}
	}
	if err != nil && failureOf(err).Kind == messages.KindUnavailable {
		return response{ready: jsonrpc.AppendError(nil, id, noSuchSession())}, http.StatusNotFound
	}
	if err != nil {
		message, status := h.notBegun(rep, id, err)
		return response{ready: message}, status
	}
	spec := begun.Spec
	spec.ID = name
	rep.streamLater(h.requestRecord(spec, principal))
	req.caller, req.stream = callerOf(spec, principal), rep.streamNow
	return h.conclude(ctx, req, h.notifier(rep, name), begun.End), http.StatusOK
}

// notifier writes on the stream of a reply what is for a session. Where the
// client accepts no stream it is dropped: there is no place for it.
func (h *httpFront) notifier(rep *reply, client messages.ClientID) func(messages.Notification) error {
	return func(n messages.Notification) error {
		switch {
		case rep.accept.sse:
			return h.putOn(rep, client, n)
		case n.Reply != nil:
			n.Reply(messages.Answer{})
		}
		return nil
	}
}

func (e *endpoint) notBegun(rep *reply, id jsonrpc.ID, err error) ([]byte, int) {
	message := jsonrpc.AppendError(nil, id, beginError(err, id, false))
	switch f := failureOf(err); f.Kind {
	case messages.KindInvalidArgs:
		return message, http.StatusBadRequest
	case messages.KindUnavailable:
		return message, http.StatusNotFound
	case messages.KindOverloaded:
		rep.retryAfter(f)
		return message, http.StatusTooManyRequests
	}
	return message, http.StatusInternalServerError
}

// delete ends a session (2025-11-25, transports: session management).
func (h *httpFront) delete(rep *reply, r *http.Request) {
	if version := r.Header.Get(mcp.HeaderProtocolVersion); version != "" && !mcp.Known(version) {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, unsupportedVersion(version))
		return
	}
	spec, ok := h.session(rep, r, jsonrpc.ID{})
	if !ok {
		return
	}
	if err := h.clients.CloseClient(r.Context(), spec.ID, messages.PrincipalFrom(r.Context())); err != nil {
		rep.refuseFailure(jsonrpc.ID{}, err, false, http.StatusTooManyRequests)
		return
	}
	rep.bare(http.StatusNoContent)
}
