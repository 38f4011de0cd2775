package null

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// patience is how long Serve lets requests in flight go on when ctx has ended.
const patience = 5 * time.Second

// Serve serves a handler (HTTP or SSE) on a listener until ctx ends; then it
// closes the Server. The error is that of the listener.
func (s *Server) Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: limits.ReadHeaderTimeout, MaxHeaderBytes: limits.HeaderBytes}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	s.Close()
	inTime, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := errors.Join(server.Shutdown(inTime), server.Close())
	if ended := <-failed; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func giveBack(body *bytes.Buffer) {
	if body.Cap() <= 1<<20 { // a single giant is not worth keeping
		body.Reset()
		bodies.Put(body)
	}
}

// Values of headers, which the response only reads.
var (
	typeJSON   = []string{"application/json"}
	typeStream = []string{"text/event-stream"}
	noStore    = []string{"no-cache"}
	noBuffers  = []string{"no"}
)

// HTTP serves Streamable HTTP at any path, in both eras (2025-11-25 and
// 2026-07-28, transports). Legacy sessions get an id, which nobody checks.
func (s *Server) HTTP() http.Handler { return http.HandlerFunc(s.serveHTTP) }

func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	if r.Method != http.MethodPost {
		if r.Method != http.MethodDelete { // the end of a session that nobody knows
			w.Header().Set("Allow", "POST, DELETE")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer giveBack(body)
	m, ok := s.message(w, r, body)
	if !ok {
		return
	}
	if m.Kind != jsonrpc.Request {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	params := mcp.ReadParams(m.Method, m.Params)
	var rep reply
	if e := checkHeaders(r.Header, m, params); e != nil {
		rep = refuse(m.ID, http.StatusBadRequest, e)
	} else {
		rep = s.judge(m, params.Meta)
	}
	if m.Method == methodInitialize && rep.status == 0 {
		w.Header()[sessionHeader] = []string{rand.Text()}
	}
	if rep.call && !s.await(w, r, rep) {
		return
	}
	rep.write(w)
}

// sessionHeader as net/http writes it.
var sessionHeader = http.CanonicalHeaderKey(mcp.HeaderSessionID)

// checkHeaders compares headers and body of a modern request.
func checkHeaders(h http.Header, m jsonrpc.Message, params mcp.Params) *jsonrpc.Error {
	if !params.Meta.HasProtocolVersion {
		if version := h.Get(mcp.HeaderProtocolVersion); mcp.IsModern(version) {
			return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "_meta must hold " + mcp.MetaProtocolVersion}
		}
		return nil
	}
	return mcp.CheckHeaders(h, m, params)
}

// allowed refuses web pages: a server for measurements has none (2026-07-28,
// streamable-http: security).
func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Header["Origin"] != nil {
		http.Error(w, "pages may not use this server", http.StatusForbidden)
		return false
	}
	return true
}

// message reads the one message of a request, or refuses it.
func (s *Server) message(w http.ResponseWriter, r *http.Request, into *bytes.Buffer) (jsonrpc.Message, bool) {
	if _, err := into.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limits.RequestBytes))); err != nil {
		status := http.StatusBadRequest
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, err.Error(), status)
		return jsonrpc.Message{}, false
	}
	m, problem := jsonrpc.Parse(into.Bytes(), limits.Depth)
	if problem != nil {
		refuse := refuse(m.ID, http.StatusBadRequest, problem)
		refuse.write(w)
		return m, false
	}
	return m, true
}

// await lets the time go by that a call takes. What is told of its progress
// makes the response a stream, and then it is answered here; false: there is
// nothing left to answer.
func (s *Server) await(w http.ResponseWriter, r *http.Request, rep reply) bool {
	wait := s.hold()
	if wait == 0 && !s.tells(rep) {
		return true
	}
	stream := s.tells(rep) && rep.status == 0
	if !stream {
		rep.token = nil
	} else {
		beginStream(w)
	}
	send := func(message []byte) {
		_, _ = w.Write(appendEvent(nil, message)) // a client that has gone ends the request
		_ = http.NewResponseController(w).Flush()
	}
	s.pass(rep, wait, nil, r.Context().Done(), send)
	if r.Context().Err() != nil {
		return false
	}
	if stream {
		send(rep.appendResponse(nil))
	}
	return !stream
}

// write writes the response as one JSON object, with its length: a long one
// goes out without being copied.
func (r *reply) write(w http.ResponseWriter) {
	id := r.id.String()
	if r.id.IsZero() {
		id = "null"
	}
	h := w.Header()
	h["Content-Type"] = typeJSON
	h["Content-Length"] = []string{strconv.Itoa(len(head) + len(id) + len(r.rest))}
	if r.status != 0 {
		w.WriteHeader(r.status)
	}
	// Errors are those of a client that has gone.
	_, _ = io.WriteString(w, head)
	_, _ = io.WriteString(w, id)
	_, _ = w.Write(r.rest)
}

func beginStream(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"], h["X-Accel-Buffering"] = typeStream, noStore, noBuffers
	w.WriteHeader(http.StatusOK)
	_ = http.NewResponseController(w).Flush() // of a client that has gone
}
