package relay_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

const (
	v20251125 = "2025-11-25"
	v20260728 = "2026-07-28"
)

// capabilities are what an upstream declares, unless a test says otherwise.
const capabilities = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"logging":{},"completions":{}}`

// message is one message of either side.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

func parse(raw []byte) (m message, ok bool) { return m, json.Unmarshal(raw, &m) == nil }

// patience caps waits: messages may be large, and the machine busy.
const patience = 3 * testkit.Patience

// heard is what has come from somebody so far, in order.
type heard[T any] struct {
	mu      sync.Mutex
	all     []T
	changed chan struct{}
}

func (h *heard[T]) add(m T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, m)
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// sofar returns what has come. The slice is not to be changed.
func (h *heard[T]) sofar() []T {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all[:len(h.all):len(h.all)]
}

func (h *heard[T]) len() int { return len(h.sofar()) }

func (h *heard[T]) count(match func(T) bool) (n int) {
	for _, m := range h.sofar() {
		if match(m) {
			n++
		}
	}
	return n
}

// find waits for the first that matches, not looking at so many that came
// before; false after patience.
func (h *heard[T]) find(seen int, match func(T) bool) (found T, ok bool) {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		h.mu.Lock()
		for ; seen < len(h.all); seen++ {
			if match(h.all[seen]) {
				defer h.mu.Unlock()
				return h.all[seen], true
			}
		}
		if h.changed == nil {
			h.changed = make(chan struct{})
		}
		changed := h.changed
		h.mu.Unlock()
		select {
		case <-changed:
		case <-late.C:
			return found, false
		}
	}
}

func await[T any](t testing.TB, h *heard[T], what string, match func(T) bool) T {
	t.Helper()
	m, ok := h.find(0, match)
	if !ok {
		all := fmt.Sprintf("%+v", h.sofar())
		t.Fatalf("%s did not come; what came: %.2000s", what, all)
	}
	return m
}

// received is one message that has reached an upstream, or the end of a session:
// DELETE, or the end of a process ("EOF").
type received struct {
	message
	session string
	header  http.Header // over HTTP
}

func isMethod(method string) func(received) bool {
	return func(r received) bool { return r.Method == method }
}

// upstream is a server whose words are the test's, over stdio or HTTP.
type upstream struct {
	t       testing.TB
	modern  bool
	log     heard[received]
	server  map[string]any // of a configuration
	spoken  []string       // versions, the best one first
	started int            // sessions, under mu

	mu       sync.Mutex
	hello    func(s *session) string // the result of initialize or server/discover
	answers  map[string]func(*request)
	sessions map[string]*session
	listens  map[*request]bool
	stopped  chan struct{}
	work     sync.WaitGroup
}

// session is a process, or an HTTP session (all of the modern era are one).
type session struct {
	up   *upstream
	id   string
	over chan struct{}    // closed when it has ended
	die  func()           // ends the process
	say  func(raw string) // over HTTP: on the GET stream, once there is one

	mu      sync.Mutex
	asked   map[string]chan message
	running map[string]chan struct{} // by request id: closed when cancelled
}

// request is one request of a client, and how to speak on its stream.
type request struct {
	message
	on        *session
	header    http.Header
	say       func(raw string) // writes a message on its stream
	cancelled chan struct{}    // closed when it is cancelled, as its era does
}

func newUpstream(t testing.TB, modern bool) *upstream {
	u := &upstream{
		t: t, modern: modern, answers: map[string]func(*request){}, sessions: map[string]*session{},
		listens: map[*request]bool{}, stopped: make(chan struct{}),
		spoken: []string{v20251125},
	}
	u.hello = func(*session) string {
		return `{"protocolVersion":"` + u.spoken[0] + `","capabilities":` + capabilities + `,"serverInfo":{"name":"up","version":"1"}}`
	}
	if modern {
		u.spoken = []string{v20260728}
		u.hello = func(*session) string {
			return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":` + capabilities +
				`,"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"up","version":"1"}}}`
		}
	}
	return u
}

// on says what to do with requests of a method ("tools/call") or for a tool
// ("tools/call:name"). Without it lists are empty and everything else is unknown.
func (u *upstream) on(what string, do func(*request)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.answers[what] = do; do == nil {
		delete(u.answers, what)
	}
}

// says says what it answers to initialize or server/discover from now on.
func (u *upstream) says(hello string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.hello = func(*session) string { return hello }
}

var questions atomic.Int64

// nextID is the id of a question.
func nextID() string {
	n := questions.Add(1)
	if n%2 == 0 {
		return fmt.Sprintf(`"ask \u00e9 %d"`, n) // ids are of two types
	}
	return fmt.Sprint(n)
}

func (u *upstream) open(id string, say func(string)) *session {
	s := &session{
		up: u, id: id, say: say, over: make(chan struct{}), asked: map[string]chan message{}, running: map[string]chan struct{}{},
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sessions[id] = s
	return s
}

// nextSession is a name that no session has had.
func (u *upstream) nextSession() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.started++
	return fmt.Sprintf("upstream-session-%d", u.started)
}

// end ends a session: nobody waits for it any more.
func (u *upstream) end(s *session, how string) {
	u.mu.Lock()
	known := u.sessions[s.id] == s
	delete(u.sessions, s.id)
	u.mu.Unlock()
	if known {
		close(s.over)
		u.log.add(received{message: message{Method: how}, session: s.id})
	}
}

// speak waits until there is a place for what belongs to no request, and
// returns how to speak there.
func (s *session) speak(t testing.TB) func(raw string) {
	t.Helper()
	var say func(string)
	actortest.Eventually(t, "the server has a stream of its own", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		say = s.say
		return say != nil
	})
	return say
}

// lose makes the server forget a session: its process dies, or its id is
// unknown from now on.
func (u *upstream) lose(s *session) {
	u.end(s, "lost")
	if s.die != nil {
		s.die()
	}
}

// take handles a message that is no request.
func (s *session) take(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Method {
	case "notifications/cancelled":
		var p struct{ RequestID json.RawMessage }
		_ = json.Unmarshal(m.Params, &p)
		if c := s.running[string(p.RequestID)]; c != nil {
			close(c)
			delete(s.running, string(p.RequestID))
		}
	case "":
		if c := s.asked[string(m.ID)]; c != nil {
			c <- m
			delete(s.asked, string(m.ID))
		}
	}
}

// serve answers one request.
func (s *session) serve(r *request) {
	var p struct{ Name string }
	_ = json.Unmarshal(r.Params, &p) // others have none
	s.up.mu.Lock()
	do, ok := s.up.answers[r.Method+":"+p.Name]
	if !ok {
		do, ok = s.up.answers[r.Method]
	}
	s.up.mu.Unlock()
	switch {
	case ok:
		do(r)
	case r.Method == "initialize" && !s.up.modern, r.Method == "server/discover" && s.up.modern:
		s.up.mu.Lock()
		hello := s.up.hello
		s.up.mu.Unlock()
		r.result(hello(s))
	case r.Method == "ping":
		r.result("{}")
	case r.Method == "subscriptions/listen" && s.up.modern:
		s.up.listen(r)
	case lists[r.Method] != "":
		r.result(`{` + s.up.complete() + `"` + lists[r.Method] + `":[]}`)
	default:
		r.fail(`{"code":-32601,"message":"no such method: ` + r.Method + `"}`)
	}
}

var lists = map[string]string{
	"tools/list": "tools", "prompts/list": "prompts", "resources/list": "resources", "resources/templates/list": "resourceTemplates",
}

// complete are the members that every result of the upstream's era begins with.
func (u *upstream) complete() string {
	if u.modern {
		return `"resultType":"complete","ttlMs":0,"cacheScope":"private",`
	}
	return ""
}

// text is the result of a tool.
func (u *upstream) text(text string) string {
	quoted, _ := json.Marshal(text)
	kind := ""
	if u.modern {
		kind = `"resultType":"complete",`
	}
	return `{` + kind + `"content":[{"type":"text","text":` + string(quoted) + `}]}`
}

// listen acknowledges a subscription and keeps it until its client ends it.
func (u *upstream) listen(r *request) {
	r.notify("notifications/subscriptions/acknowledged", `{"_meta":{"io.modelcontextprotocol/subscriptionId":`+string(r.ID)+
		`},"notifications":`+string(member(r.Params, "notifications"))+`}`)
	u.mu.Lock()
	u.listens[r] = true
	u.mu.Unlock()
	r.hold(nil)
	u.mu.Lock()
	delete(u.listens, r)
	u.mu.Unlock()
}

// listening are the subscriptions that are open.
func (u *upstream) listening() []*request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.listens))
}

func (r *request) result(result string) {
	r.say(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":` + result + `}`)
}

func (r *request) fail(problem string) {
	r.say(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"error":` + problem + `}`)
}

func (r *request) notify(method, params string) { r.say(note(method, params)) }

func note(method, params string) string {
	return `{"jsonrpc":"2.0","method":"` + method + `","params":` + params + `}`
}

// token is the progress token of a request.
func (r *request) token() string {
	var p struct {
		Meta struct{ ProgressToken json.RawMessage } `json:"_meta"`
	}
	_ = json.Unmarshal(r.Params, &p) // others have none
	return string(p.Meta.ProgressToken)
}

// ask asks the client, on the stream of the request, and waits for the answer.
func (r *request) ask(id, method, params string) (message, bool) {
	answer := make(chan message, 1)
	r.on.mu.Lock()
	r.on.asked[id] = answer
	r.on.mu.Unlock()
	r.say(frame(id, method, params))
	select {
	case m := <-answer:
		return m, true
	case <-r.on.over:
	case <-r.on.up.stopped:
	case <-time.After(patience):
	}
	return message{}, false
}

// hold waits until the request is cancelled or let go; true for the former.
func (r *request) hold(let <-chan struct{}) bool {
	select {
	case <-r.cancelled:
		return true
	case <-let:
	case <-r.on.over:
	case <-r.on.up.stopped:
	}
	return false
}

// begin notes a request, so that a cancellation finds it.
func (s *session) begin(m message, header http.Header, say func(string)) *request {
	r := &request{message: m, on: s, header: header, say: say, cancelled: make(chan struct{})}
	s.mu.Lock()
	s.running[string(m.ID)] = r.cancelled
	s.mu.Unlock()
	return r
}

func (s *session) ended(r *request) {
	s.mu.Lock()
	delete(s.running, string(r.ID))
	s.mu.Unlock()
}

// lines reads messages, one per line, of any length.
func lines(in *bufio.Reader, take func(raw []byte)) {
	for {
		line, err := in.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			take(line)
		}
		if err != nil {
			return
		}
	}
}
