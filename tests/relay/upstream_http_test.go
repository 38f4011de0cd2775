package relay_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// httpUpstream is an upstream over Streamable HTTP. An answer is plain JSON
// unless something else has to go before it.
func httpUpstream(t testing.TB, modern bool) *upstream {
	t.Helper()
	u := newUpstream(t, modern)
	if modern {
		u.open("", nil)
	}
	server := httptest.NewServer(http.HandlerFunc(u.serveHTTP))
	u.server = map[string]any{"url": server.URL + "/mcp"}
	t.Cleanup(func() {
		close(u.stopped)
		server.CloseClientConnections()
		server.Close()
	})
	return u
}

func (u *upstream) serveHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // whoever broke off expects no answer
	}
	m, _ := parse(body) // GET and DELETE have no body
	if r.Method != http.MethodPost {
		m.Method = r.Method
	}
	id := r.Header.Get("Mcp-Session-Id")
	opening := m.Method == "initialize" && !u.modern
	if opening {
		id = u.nextSession()
	}
	if !opening || u.modern {
		u.log.add(received{message: m, session: id, header: r.Header})
	}
	if u.modern {
		id = ""
	}
	u.mu.Lock()
	s := u.sessions[id]
	u.mu.Unlock()
	switch {
	case opening:
		s = u.open(id, nil)
		u.log.add(received{message: m, session: id, header: r.Header})
		w.Header().Set("Mcp-Session-Id", id)
	case u.modern && r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case u.modern && m.Method == "initialize":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"error":{"code":-32020,"message":"Mcp-Method is missing"}}`)
		return
	case s == nil:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	out := &stream{w: w, rc: http.NewResponseController(w), modern: u.modern}
	defer out.close()
	switch {
	case r.Method == http.MethodDelete:
		u.end(s, "ended")
		return
	case r.Method == http.MethodGet:
		s.stand(out, r)
		return
	case m.ID == nil || m.Method == "":
		s.take(m)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	q := s.begin(m, r.Header, out.write)
	defer s.ended(q)
	done := make(chan struct{})
	defer close(done)
	if u.modern { // closing the stream is the cancellation
		go func() {
			select {
			case <-r.Context().Done():
			case <-u.stopped:
			case <-done:
				return
			}
			s.take(message{Method: "notifications/cancelled", Params: []byte(`{"requestId":` + string(m.ID) + `}`)})
		}()
	}
	s.serve(q)
}

// stand is the stream of a session for what belongs to no request.
func (s *session) stand(out *stream, r *http.Request) {
	out.upgrade()
	s.mu.Lock()
	s.say = out.write
	s.mu.Unlock()
	select {
	case <-r.Context().Done():
	case <-s.over:
	case <-s.up.stopped:
	}
}

// statuses are those of errors in the modern era, where it is not 200.
var statuses = map[string]int{
	"-32601": http.StatusNotFound, "-32020": http.StatusBadRequest, "-32021": http.StatusBadRequest, "-32022": http.StatusBadRequest,
}

// stream is the response to one request. Nothing is written once it is closed.
type stream struct {
	mu     sync.Mutex
	w      http.ResponseWriter
	rc     *http.ResponseController
	modern bool
	events bool
	closed bool
}

func (s *stream) upgrade() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.upgradeLocked()
}

func (s *stream) upgradeLocked() {
	if !s.events {
		s.events = true
		s.w.Header().Set("Content-Type", "text/event-stream")
		s.w.WriteHeader(http.StatusOK)
		_ = s.rc.Flush() // to a client that has gone: part of the game
	}
}

// write sends a message. A response that comes first is plain JSON.
func (s *stream) write(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if m, _ := parse([]byte(raw)); m.Method == "" && !s.events {
		s.w.Header().Set("Content-Type", "application/json")
		if status := statuses[string(member(m.Error, "code"))]; s.modern && status != 0 {
			s.w.WriteHeader(status)
		}
		_, _ = io.WriteString(s.w, raw)
		s.closed = true
		return
	}
	s.upgradeLocked()
	_, _ = io.WriteString(s.w, "data: "+strings.ReplaceAll(raw, "\n", "\ndata: ")+"\n\n")
	_ = s.rc.Flush()
}

func (s *stream) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}
