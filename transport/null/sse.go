package null

import (
	"bytes"
	"crypto/rand"
	"net/http"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Paths of HTTP+SSE.
const (
	ssePath     = "/sse"
	messagePath = "/message"
)

// SSE serves HTTP+SSE (2024-11-05, transports): the stream at /sse, messages at
// the address that it names first.
func (s *Server) SSE() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+ssePath, s.serveStream)
	mux.HandleFunc("POST "+messagePath, s.servePost)
	return mux
}

func appendEvent(dst, message []byte) []byte { return jsonrpc.AppendEvent(dst, "", message) }

func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	beginStream(w)
	flush := http.NewResponseController(w).Flush
	out := newOutbox(w, func() { _ = flush() }) // the next write fails as well
	p, id := s.newPipe(out, appendEvent), rand.Text()
	s.streams.Store(id, p)
	out.add(func(dst []byte) []byte {
		return append(dst, "event: endpoint\ndata: "+messagePath+"?session="+id+"\n\n"...)
	})
	out.flush()
	select {
	case <-r.Context().Done():
	case <-s.stop:
	}
	s.streams.Delete(id)
	close(p.quit)
	p.end()
	_ = out.close() // the client knows
}

func (s *Server) servePost(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	found, ok := s.streams.Load(r.URL.Query().Get("session"))
	if !ok {
		http.Error(w, "there is no such session; open the stream at "+ssePath, http.StatusNotFound)
		return
	}
	body := bodies.Get().(*bytes.Buffer)
	defer giveBack(body)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, int64(limits.RequestBytes))); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p := found.(*pipe)
	status := p.take(body.Bytes())
	if status == 0 {
		status = http.StatusAccepted
	}
	w.WriteHeader(status)
	p.out.flush()
}
