package puppethttp

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
)

// Older is the revision whose transport is HTTP+SSE.
const Older = "2024-11-05"

// olderTransport answers as a server of HTTP+SSE (2024-11-05): a GET opens the
// stream on which everything comes, and messages are posted to /messages.
//
// What is ordered for a message (see Once) happens on the stream, after the
// POST was accepted; what is ordered under "POST " and the kind of message
// happens to the POST itself. "GET" is the opening of the stream.
func olderTransport(x *Exchange) {
	p := x.P
	switch {
	case x.HTTP == http.MethodGet:
		p.openOlder(x)
		return
	case x.HTTP != http.MethodPost || x.R.URL.Path != "/messages":
		http.Error(x.W, "Not found", http.StatusNotFound)
		return
	}
	session := x.R.URL.Query().Get("sessionId")
	p.mu.Lock()
	s := p.older[session]
	p.mu.Unlock()
	if s == nil {
		http.Error(x.W, "Session not found", http.StatusNotFound)
		return
	}
	x.Header.Set("Mcp-Session-Id", session) // where the rest of a puppet looks for it
	if x.Method == "notifications/cancelled" {
		p.cancel(x)
	}
	x.W.WriteHeader(http.StatusAccepted)
	x.write("Accepted")
	if x.ID == nil || x.Method == "" { // a notification, or a response
		return
	}
	y := x.on(s)
	behave := p.order(keys(x.Record))
	if behave == nil {
		behave = usual
	}
	p.work.Go(func() { behave(y) })
}

// on returns the same exchange with the stream as the place of its answer.
func (x *Exchange) on(s *stream) *Exchange {
	return &Exchange{Record: x.Record, P: x.P, W: streamWriter{s, x.P}, R: x.R.WithContext(s.life), streaming: true}
}

func olderUsual(x *Exchange) {
	if x.Method == "initialize" {
		x.Result(fmt.Sprintf(hello, x.P.options.Versions[0]))
		return
	}
	serve(x)
}

// openOlder opens a session, for as long as its stream is open.
func (p *Puppet) openOlder(x *Exchange) {
	x.Stream()
	id := p.mint()
	s := newStream(x, nil)
	p.mu.Lock()
	p.older[id] = s
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.sessions, id)
		delete(p.older, id)
		p.endCallsLocked(id)
		p.tellLocked()
	}()
	x.Raw("event: endpoint\ndata: /messages?sessionId=" + id + "\n\n")
	x.standOn(s)
}

// streamWriter writes on a standing stream.
type streamWriter struct {
	s *stream
	p *Puppet
}

func (streamWriter) Header() http.Header { return http.Header{} }
func (streamWriter) WriteHeader(int)     {}

func (w streamWriter) Write(b []byte) (int, error) {
	select {
	case w.s.say <- string(b):
	case <-w.s.quit:
	case <-w.s.life.Done():
	case <-w.p.stopped:
	}
	return len(b), nil
}

// Say sends bytes on every standing stream, of which it waits for none.
func (p *Puppet) Say(text string) {
	p.mu.Lock()
	open := slices.Collect(maps.Keys(p.streams))
	p.mu.Unlock()
	for _, s := range open {
		_, _ = streamWriter{s, p}.Write([]byte(text)) // cannot fail
	}
}

// ResetStreams breaks all standing streams.
func (p *Puppet) ResetStreams() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := range p.streams {
		s.reset = true
		close(s.quit)
		delete(p.streams, s)
	}
}

// Deafen lets nobody connect any more; what is connected and at work stays.
func (p *Puppet) Deafen() {
	_ = p.server.Listener.Close()
	p.server.Config.SetKeepAlivesEnabled(false)
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a close is a reset then
	}
	_ = conn.Close()
}
