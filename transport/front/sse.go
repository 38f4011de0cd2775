package front

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// sessionParameter names the session in the query of what is posted.
const sessionParameter = "sessionId"

// sseFront serves one endpoint over HTTP+SSE, to clients of the legacy era: a
// GET opens a session and the one stream on which everything is sent, and
// messages are posted beside it.
//
// A session lives as long as its stream: without it there is nowhere to answer.
// The client actor owns the session; the table here only says which stream is
// whose, as a link's table says which wire id is whose.
type sseFront struct {
	*endpoint
	path string // where messages are posted

	mu   sync.Mutex
	open map[messages.ClientID]*sseSession
}

// NewSSE returns the handler of an endpoint over HTTP+SSE (2024-11-05,
// transports): GET is the stream, on whatever path, and POST takes the messages
// on the given one. It expects that Host, Origin and credentials were checked
// before it and takes the principal from the request's context. What is posted
// names its session in the query, which is a secret: nobody should log it.
func NewSSE(service Service, clients Clients, path string, opts Options) http.Handler {
	return &sseFront{endpoint: newEndpoint(service, clients, opts), path: path, open: map[messages.ClientID]*sseSession{}}
}

func (h *sseFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rep := newReply(w, readAccept(r.Header), &h.opts)
	// Whatever happens, the keep-alive timer must not outlive the handler.
	defer rep.end()
	switch r.Method {
	case http.MethodGet:
		h.stream(rep, r)
	case http.MethodPost:
		h.post(rep, r)
	default:
		w.Header().Set("Allow", "GET, POST")
		rep.refuse(http.StatusMethodNotAllowed, jsonrpc.ID{}, invalidRequest("an endpoint of HTTP+SSE takes GET and POST, not %s", r.Method))
	}
}

// stream opens a session and keeps it for as long as its client reads.
func (h *sseFront) stream(rep *reply, r *http.Request) {
	if !rep.accept.sse {
		rep.refuse(http.StatusNotAcceptable, jsonrpc.ID{}, invalidRequest("the Accept header must list %s", typeSSE))
		return
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	rep.broken = cancel
	principal := messages.PrincipalFrom(ctx)
	// What is agreed upon later is for the requests to know; what nobody has
	// agreed upon yet is the revision whose transport this is.
	caller := mcp.Caller{Principal: principal, Protocol: mcp.V20241105}
	var err error
	// Not given up with its client, who may leave in this moment: what is opened
	// then would be nobody's to close.
	caller.Client, err = h.clients.OpenClient(context.WithoutCancel(ctx), messages.ClientSpec{
		Endpoint: h.opts.Endpoint, Principal: principal, Protocol: caller.Protocol,
	})
	if err != nil {
		rep.refuseFailure(jsonrpc.ID{}, err, false, http.StatusServiceUnavailable)
		return
	}
	topics := offered(h.service.Describe(ctx, caller).Capabilities)
	stream, err := h.clients.OpenStream(caller.Client, principal, messages.StreamSpec{Topics: topics})
	if err != nil {
		h.closeClient(ctx, caller.Client, principal)
		rep.refuseFailure(jsonrpc.ID{}, err, false, http.StatusTooManyRequests)
		return
	}
	s := &sseSession{endpoint: h.endpoint, out: rep, base: ctx, caller: caller, slots: make(chan struct{}, sseParallel)}
	h.enter(caller.Client, s)
	defer func() {
		cancel(messages.Failf(messages.KindCancelled, "", "the session ended with its event stream")) // there is nowhere to answer
		h.enter(caller.Client, nil)
		h.clients.CloseStream(caller.Client, stream)
		h.closeClient(ctx, caller.Client, principal)
		s.end()
	}()
	query := url.Values{sessionParameter: {string(caller.Client)}}
	if rep.named("endpoint", []byte(h.path+"?"+query.Encode())) == nil {
		_ = h.feed(ctx, caller.Client, stream, s.announce)
	}
}

// enter notes whose stream is which; nil when it is nobody's any more.
func (h *sseFront) enter(id messages.ClientID, s *sseSession) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s != nil {
		h.open[id] = s
	} else {
		delete(h.open, id)
	}
}

// session finds the session that a POST names, or refuses it. A foreign session
// looks like one that does not exist.
func (h *sseFront) session(rep *reply, r *http.Request) *sseSession {
	id := messages.ClientID(r.URL.Query().Get(sessionParameter))
	if id == "" {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, invalidRequest(
			"the query names no %s: open an event stream first and post to the endpoint that it names", sessionParameter))
		return nil
	}
	if _, err := h.clients.CheckClient(id, messages.PrincipalFrom(r.Context())); err != nil {
		if f := failureOf(err); f.Kind == messages.KindUnavailable {
			err = noSession()
		}
		rep.refuseFailure(jsonrpc.ID{}, err, false, http.StatusTooManyRequests)
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.open[id] // nil also for the sessions of other endpoints and transports
	if s == nil {
		rep.refuseFailure(jsonrpc.ID{}, noSession(), false, http.StatusTooManyRequests)
	}
	return s
}

func noSession() *messages.Failure {
	return messages.Failf(messages.KindUnavailable, "", "there is no session of this id (any more): open a new event stream")
}

// post takes one message or a batch. What can be served is accepted, and
// answered on the stream; what cannot is refused here.
func (h *sseFront) post(rep *reply, r *http.Request) {
	s := h.session(rep, r)
	if s == nil {
		return
	}
	body, ok := h.readMessage(rep, r)
	if !ok {
		return
	}
	version := r.Header.Get(mcp.HeaderProtocolVersion)
	if jsonrpc.IsBatch(body) {
		s.batch(rep, body, version)
		return
	}
	msg, problem := jsonrpc.Parse(body, h.opts.Limits.Depth)
	switch {
	case problem != nil:
		rep.refuse(http.StatusBadRequest, msg.ID, problem)
	case !spoken(version) && !(msg.Kind == jsonrpc.Request && msg.Method == methodInitialize):
		rep.refuse(http.StatusBadRequest, msg.ID, unsupportedVersion(version))
	case msg.Kind != jsonrpc.Request:
		s.take(msg)
		rep.accepted()
	default:
		if refusal, status := s.start(rep, msg); refusal != nil {
			rep.answer(status, refusal)
			return
		}
		rep.accepted()
	}
}

// spoken tells whether a version, as a header names it, can be spoken over
// HTTP+SSE. Clients of before 2025-06-18 name none.
func spoken(version string) bool {
	return version == "" || mcp.Known(version) && !mcp.IsModern(version)
}
