package front

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

const (
	typeJSON = "application/json"
	typeSSE  = "text/event-stream"
)

// httpFront serves one endpoint over Streamable HTTP, to clients of every era
// on the same URL. Each POST is judged by itself: per-request metadata makes
// it modern (modern.go), anything else is legacy and needs a session (legacy.go).
type httpFront struct{ *endpoint }

// NewHTTP returns the handler of an endpoint over Streamable HTTP
// (2025-03-26 to 2025-11-25, transports; 2026-07-28, streamable-http). It
// expects that Host, Origin and credentials were checked before it and takes
// the principal from the request's context.
func NewHTTP(service Service, clients Clients, opts Options) http.Handler {
	return &httpFront{newEndpoint(service, clients, opts)}
}

func (h *httpFront) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	accepts := readAccept(r.Header)
	rep := newReply(w, accepts, &h.opts)
	rep.life, rep.pauses = r.Context(), r.ProtoMajor > 1
	defer func() {
		// Whatever happens, the keep-alive timer must not outlive the handler.
		if rep.end(); rep.isCut() {
			panic(http.ErrAbortHandler) // the one way to end a response that is not whole
		}
	}()

	modern := mcp.IsModern(mcp.VersionHeader(r.Header))
	switch {
	case r.Method == http.MethodPost:
		h.post(rep, r)
	case modern && (r.Method == http.MethodGet || r.Method == http.MethodDelete):
		w.Header().Set("Allow", "POST")
		rep.refuse(http.StatusMethodNotAllowed, jsonrpc.ID{},
			invalidRequest("%s has no use in %s: it has neither sessions nor a GET stream; see %s", r.Method, mcp.LatestModern, methodListen))
	case r.Method == http.MethodGet:
		h.get(rep, r)
	case r.Method == http.MethodDelete:
		h.delete(rep, r)
	default:
		w.Header().Set("Allow", "GET, POST, DELETE")
		rep.refuse(http.StatusMethodNotAllowed, jsonrpc.ID{}, invalidRequest("an MCP endpoint takes POST, GET and DELETE, not %s", r.Method))
	}
}

// post reads one message (or a batch) and hands it to the era it belongs to.
func (h *httpFront) post(rep *reply, r *http.Request) {
	if !rep.accept.json && !rep.accept.sse {
		rep.refuse(http.StatusNotAcceptable, jsonrpc.ID{}, invalidRequest("the Accept header must list %s and %s", typeJSON, typeSSE))
		return
	}
	body, ok := h.readMessage(rep, r)
	if !ok {
		return
	}
	if jsonrpc.IsBatch(body) {
		h.batch(rep, r, body)
		return
	}
	msg, problem := jsonrpc.Parse(body, h.opts.Limits.Depth)
	if problem != nil {
		rep.refuse(http.StatusBadRequest, msg.ID, problem)
		return
	}

	req := request{msg: msg, params: mcp.ReadParams(msg.Method, msg.Params)}
	req.caller.Principal = messages.PrincipalFrom(r.Context())
	version := mcp.VersionHeader(r.Header)
	// initialize without per-request metadata selects the legacy era, whatever
	// version a client that falls back left in its header.
	opening := msg.Kind == jsonrpc.Request && msg.Method == methodInitialize
	req.modern = req.params.Meta.HasProtocolVersion || mcp.IsModern(version) && !opening
	switch {
	case req.modern:
		h.modern(rep, r, req)
	case version != "" && !mcp.Known(version) && !opening:
		rep.refuse(http.StatusBadRequest, msg.ID, unsupportedVersion(version))
	default:
		h.legacy(rep, r, req)
	}
}

// readMessage reads the body of a POST, or refuses it.
func (e *endpoint) readMessage(rep *reply, r *http.Request) ([]byte, bool) {
	if !isJSON(r.Header.Get("Content-Type")) {
		rep.refuse(http.StatusUnsupportedMediaType, jsonrpc.ID{}, invalidRequest("the Content-Type must be %s", typeJSON))
		return nil, false
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		rep.refuse(http.StatusUnsupportedMediaType, jsonrpc.ID{}, invalidRequest("bodies in the Content-Encoding %q are not read; send them plain", coding))
		return nil, false
	}
	body, status, problem := e.readBody(rep, r)
	if problem == nil {
		return body, true
	}
	if status == http.StatusRequestEntityTooLarge {
		rep.w.Header().Set("Connection", "close")
		_ = rep.rc.EnableFullDuplex() // HTTP/2 is so anyway
		rep.refuse(status, jsonrpc.ID{}, problem)
		hearOut(rep, r)
		return nil, false
	}
	rep.refuse(status, jsonrpc.ID{}, problem)
	return nil, false
}

func isJSON(contentType string) bool {
	if contentType == typeJSON {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == typeJSON
}

// lastWords is how long a client may go on sending what nobody wants.
const lastWords = 5 * time.Second

// hearOut reads on behind a refusal: most clients read no answer before they
// have sent everything, and a connection that is closed under them is none.
func hearOut(rep *reply, r *http.Request) {
	_ = rep.rc.SetReadDeadline(time.Now().Add(lastWords)) // or the client is bounded by others
	_, _ = io.Copy(io.Discard, r.Body)                    // to its end, whatever that is
}

// readBody reads the whole body, within the limit and without waiting for a
// client that stalls. On failure it returns a status and an error.
func (e *endpoint) readBody(rep *reply, r *http.Request) ([]byte, int, *jsonrpc.Error) {
	limit := int64(e.opts.Limits.RequestBytes)
	tooLarge := func() ([]byte, int, *jsonrpc.Error) {
		return nil, http.StatusRequestEntityTooLarge, invalidRequest("the message is larger than %d bytes (limits.request_bytes)", limit)
	}
	if r.ContentLength > limit {
		return tooLarge()
	}
	if n := r.ContentLength; 0 < n && n <= chunk {
		body := make([]byte, n) // the usual case: of a known length, and small
		source := patientReader{r: r.Body, rc: &rep.rc, patience: e.opts.ReadTimeout}
		for got := 0; got < len(body); {
			more, err := source.Read(body[got:])
			if got += more; err != nil && got < len(body) {
				return e.unread(rep, err)
			}
		}
		rep.heard(r)
		return body, 0, nil
	}
	var body bytes.Buffer
	if r.ContentLength > 0 {
		body.Grow(chunk)
	}
	_, err := io.Copy(&body, &patientReader{r: http.MaxBytesReader(rep.w, r.Body, limit), rc: &rep.rc, patience: e.opts.ReadTimeout})
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge()
	case err != nil:
		return e.unread(rep, err)
	}
	rep.heard(r)
	return body.Bytes(), 0, nil
}

// heard comes when a body has been read to its end: from here on the connection is
// only watched for its own.
func (r *reply) heard(req *http.Request) {
	_ = r.rc.SetReadDeadline(time.Time{})
	_ = req.Body.Close() // or net/http looks whether something is left of it
}

// unread is the failure of a body that did not come. The deadline stays:
// net/http reads on before it answers.
func (e *endpoint) unread(rep *reply, err error) ([]byte, int, *jsonrpc.Error) {
	rep.w.Header().Set("Connection", "close")
	return nil, http.StatusBadRequest, invalidRequest("the body could not be read: %v", err)
}

// patientReader reads with a deadline that every read renews.
type patientReader struct {
	r        io.Reader
	rc       *http.ResponseController
	patience time.Duration
}

func (p *patientReader) Read(b []byte) (int, error) {
	// Not supported by every ResponseWriter: those are bounded by others.
	_ = p.rc.SetReadDeadline(time.Now().Add(p.patience))
	return p.r.Read(b)
}

// refuse answers with an error of the protocol and a status. The id is null
// where none could be read.
func (r *reply) refuse(status int, id jsonrpc.ID, problem *jsonrpc.Error) {
	r.answer(status, jsonrpc.AppendError(nil, id, problem))
}

// accepted answers notifications and responses: 202 and no body.
func (r *reply) accepted() { r.bare(http.StatusAccepted) }

func (r *reply) bare(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.w.WriteHeader(status)
		r.err = errStreamClosed
	}
}

// retryAfter adds what a client needs to know of a failure that passes.
func (r *reply) retryAfter(f *messages.Failure) {
	seconds := max(1, int(math.Ceil(f.RetryAfter.Seconds())))
	r.w.Header().Set("Retry-After", strconv.Itoa(seconds))
}

// refuseFailure answers with what a client actor said. overloaded is the
// status of a limit that was reached.
func (r *reply) refuseFailure(id jsonrpc.ID, err error, modern bool, overloaded int) {
	f := failureOf(err)
	problem := mcp.ErrorOf(f, modern)
	switch f.Kind {
	case messages.KindUnavailable:
		r.refuse(http.StatusNotFound, id, problem)
	case messages.KindOverloaded:
		r.retryAfter(f)
		r.refuse(overloaded, id, problem)
	default:
		r.refuse(http.StatusInternalServerError, id, problem)
	}
}

// accept is what a client takes as an answer.
type accept struct{ json, sse bool }

// readAccept reads the Accept header. The specification demands both types in
// it; one of them, a wildcard or no header at all are served as far as they go.
func readAccept(h http.Header) accept {
	values := h["Accept"]
	if len(values) == 0 || len(values) == 1 && (values[0] == typeJSON+", "+typeSSE || values[0] == typeJSON+","+typeSSE) {
		return accept{json: true, sse: true} // what the specification demands, as nearly everybody writes it
	}
	var a accept
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		switch media {
		case typeJSON, "application/*":
			a.json = true
		case typeSSE, "text/*":
			a.sse = true
		case "*/*":
			a.json, a.sse = true, true
		}
	}
	return a
}

// detached is the context of a request that outlives its connection.
func detached(r *http.Request) *link.Scope {
	return &link.Scope{Values: context.WithoutCancel(r.Context())}
}
