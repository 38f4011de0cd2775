// Package puppethttp holds MCP servers over HTTP, of both transports, that do what a test
// tells them, faults above all. They are written with net/http and encoding/json
// alone, so that they do not share a mistake with what they test.
package puppethttp

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Patience is the longest that a test waits for something that must happen.
const Patience = time.Minute

// The revisions that puppets speak.
const (
	Legacy = "2025-11-25"
	Modern = "2026-07-28"
)

// Options say what kind of server a puppet is. The zero value speaks both eras
// and answers with JSON.
type Options struct {
	Versions  []string // that it supports; both when empty
	Stream    bool     // answers come as event streams
	Stateless bool     // legacy: no session id, no GET stream
	Resources bool     // modern: it tells of changes of its resources, see Update
	Older     bool     // HTTP+SSE instead, with the first of Versions; 2024-11-05 when empty
}

// Record is one HTTP request as it came.
type Record struct {
	HTTP   string // GET, POST or DELETE
	Header http.Header
	Body   []byte

	ID     json.RawMessage // nil for notifications
	Method string          // of JSON-RPC; empty for a response, GET and DELETE
	Params json.RawMessage
	Result json.RawMessage // of a client's response
	Error  json.RawMessage
}

// Tool returns the name of the tool that a tools/call is about.
func (r Record) Tool() string {
	var p struct{ Name string }
	_ = json.Unmarshal(r.Params, &p) // of another shape it is about none
	return p.Name
}

// Puppet is one server. What it has seen is there to be asked for.
type Puppet struct {
	URL     string
	options Options
	server  *httptest.Server
	stopped chan struct{}
	ending  sync.Once
	release func() // of the port that Stop keeps; nil without

	mu        sync.Mutex
	changed   chan struct{} // closed and replaced whenever something below changes
	records   []Record
	once      map[string][]Behaviour
	always    map[string]Behaviour
	sessions  map[string]bool
	minted    int
	streams   map[*stream]bool       // standing: GET and subscriptions/listen
	running   map[string]chan string // calls on hold of the legacy era, by session and id; told how they end
	ended     []Ended
	overtaken map[string]bool    // keys as in running: cancelled before they were on hold
	older     map[string]*stream // HTTP+SSE: the streams of its sessions

	work sync.WaitGroup // HTTP+SSE: answers on their way
}

// Ended is how a call of the tool sleep ended before its time.
type Ended struct {
	ID  string
	How string // "notified", "disconnected" or "session ended"
}

// Start runs a puppet until the test ends.
func Start(t testing.TB, o Options) *Puppet {
	t.Helper()
	switch {
	case len(o.Versions) > 0:
	case o.Older:
		o.Versions = []string{Older}
	default:
		o.Versions = []string{Modern, Legacy}
	}
	p := &Puppet{
		options: o, stopped: make(chan struct{}), changed: make(chan struct{}),
		once: map[string][]Behaviour{}, always: map[string]Behaviour{},
		sessions: map[string]bool{}, streams: map[*stream]bool{}, running: map[string]chan string{},
		older: map[string]*stream{}, overtaken: map[string]bool{},
	}
	p.server = httptest.NewServer(p)
	p.URL = p.server.URL + "/mcp"
	if o.Older {
		p.URL = p.server.URL + "/sse"
	}
	t.Cleanup(func() {
		p.ending.Do(p.stop)
		if p.release != nil {
			p.release()
		}
	})
	return p
}

// Stop ends the server as if it had crashed; its address refuses connections then.
func (p *Puppet) Stop() {
	p.ending.Do(func() {
		p.stop()
		if _, release, err := Occupy(p.server.Listener.Addr().(*net.TCPAddr).Port); err == nil { // else somebody was very quick
			p.release = release
		}
	})
}

func (p *Puppet) stop() {
	close(p.stopped)
	p.server.CloseClientConnections()
	p.server.Close()
	p.work.Wait()
}

// ServeHTTP implements http.Handler.
func (p *Puppet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client broke off
	}
	rec := Record{HTTP: r.Method, Header: r.Header.Clone(), Body: body}
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if len(body) > 0 && json.Unmarshal(body, &m) == nil {
		rec.ID, rec.Method, rec.Params, rec.Result, rec.Error = m.ID, m.Method, m.Params, m.Result, m.Error
	}
	x := &Exchange{Record: rec, P: p, W: w, R: r}
	kinds := keys(rec)
	if p.options.Older && rec.HTTP == http.MethodPost {
		for i := range kinds {
			kinds[i] = "POST " + kinds[i]
		}
	}
	behave := p.order(kinds)
	p.note(rec) // whoever sees it in the records knows that its order is taken
	if behave == nil {
		behave = usual
	}
	behave(x)
}

// note keeps the record.
func (p *Puppet) note(rec Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records = append(p.records, rec)
	p.tellLocked()
}

// order returns what was ordered for a request of these kinds; nil for nothing.
func (p *Puppet) order(kinds []string) Behaviour {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range kinds {
		if list := p.once[key]; len(list) > 0 {
			p.once[key] = list[1:]
			return list[0]
		}
		if b := p.always[key]; b != nil {
			return b
		}
	}
	return nil
}

// keys are the names under which a behaviour for a request may be ordered.
func keys(rec Record) []string {
	if rec.Method == "" {
		return []string{rec.HTTP}
	}
	if rec.Method == "tools/call" {
		return []string{rec.Method + ":" + rec.Tool(), rec.Method}
	}
	return []string{rec.Method}
}

// Once orders a behaviour for the next request of that kind: a method
// ("tools/list"), a tool ("tools/call:echo"), "GET" or "DELETE". Several are
// used up in their order.
func (p *Puppet) Once(kind string, b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.once[kind] = append(p.once[kind], b)
}

// Always orders a behaviour for all requests of that kind; nil ends it.
func (p *Puppet) Always(kind string, b Behaviour) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.always[kind] = b
}

// Records returns what has come so far.
func (p *Puppet) Records() []Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Record(nil), p.records...)
}

// Count returns how many requests of that kind have come (see Once).
func (p *Puppet) Count(kind string) int {
	n := 0
	for _, rec := range p.Records() {
		for _, key := range keys(rec) {
			if key == kind {
				n++
			}
		}
	}
	return n
}

// Await waits for a request of that kind (see Once), the n-th from 1, and returns it.
func (p *Puppet) Await(t testing.TB, kind string, n int) Record {
	t.Helper()
	var found Record
	p.until(t, kind, func() bool {
		left := n
		for _, rec := range p.records {
			for _, key := range keys(rec) {
				if key == kind {
					if left--; left == 0 {
						found = rec
						return true
					}
				}
			}
		}
		return false
	})
	return found
}

// AwaitRecord waits for a request that matches.
func (p *Puppet) AwaitRecord(t testing.TB, what string, match func(Record) bool) Record {
	t.Helper()
	var found Record
	p.until(t, what, func() bool {
		for _, rec := range p.records {
			if match(rec) {
				found = rec
				return true
			}
		}
		return false
	})
	return found
}

// AwaitEnded waits for the n-th call of the tool sleep that ended before its time.
func (p *Puppet) AwaitEnded(t testing.TB, n int) Ended {
	t.Helper()
	var e Ended
	p.until(t, "a call that is cancelled", func() bool {
		if len(p.ended) < n {
			return false
		}
		e = p.ended[n-1]
		return true
	})
	return e
}

// until waits for what holds under the lock.
func (p *Puppet) until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	late := time.NewTimer(Patience)
	defer late.Stop()
	for {
		p.mu.Lock()
		ok, changed := holds(), p.changed
		p.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			t.Fatalf("puppet: %s did not come within %v", what, Patience)
		}
	}
}

// tellLocked wakes whoever waits.
func (p *Puppet) tellLocked() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// ExpireSessions makes the server forget all its sessions.
func (p *Puppet) ExpireSessions() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sessions)
}

// Sessions returns how many sessions are open.
func (p *Puppet) Sessions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sessions)
}
