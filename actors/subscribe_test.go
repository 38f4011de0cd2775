package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

const listenMethod = "subscriptions/listen"

// library is a server that tells of its resources, and notes who asks for what.
type library struct {
	actortest.Server

	mu      sync.Mutex
	said    []string          // "listen [a b]", "resources/subscribe a", …
	streams []*shelf          // open, the oldest first
	refuses map[string]bool   // uris
	error   *messages.Failure // to every request
	hold    chan struct{}     // legacy: until then nothing is answered
}

// shelf is one open stream.
type shelf struct {
	on    *actortest.Conn
	uris  []string
	notes chan messages.Notification
	end   chan struct{}
}

func newLibrary(modern bool) *library {
	l := &library{refuses: map[string]bool{}}
	l.Do = l.do
	l.Peer.Capabilities = json.RawMessage(`{"resources":{"subscribe":true}}`)
	if l.Peer.Modern = modern; modern {
		l.Peer.Protocol = "2026-07-28"
	}
	return l
}

// spec is that of a server over HTTP, where the modern era has no sessions.
func (l *library) spec() messages.ServerSpec {
	s := actortest.Spec("lib")
	s.Transport, s.URL = messages.TransportHTTP, "http://lib/"
	s.Policy.RetryDelay = 10 * time.Millisecond
	return s
}

func (l *library) do(ctx context.Context, c *actortest.Conn, req messages.Request, sink messages.Sink) messages.Outcome {
	var p struct {
		URI           string
		Notifications struct{ ResourceSubscriptions []string }
	}
	_ = json.Unmarshal(req.Params, &p)
	wanted := p.Notifications.ResourceSubscriptions
	l.mu.Lock()
	failure, hold := l.error, l.hold
	l.said = append(l.said, strings.TrimSpace(fmt.Sprint(req.Method, " ", p.URI, wanted)))
	if req.Method != listenMethod {
		l.mu.Unlock()
		if hold != nil {
			<-hold
		}
		return messages.Outcome{Result: json.RawMessage("{}"), Failure: failure}
	}
	s := &shelf{on: c, notes: make(chan messages.Notification, 64), end: make(chan struct{})}
	for _, uri := range wanted {
		if !l.refuses[uri] {
			s.uris = append(s.uris, uri)
		}
	}
	if failure == nil {
		l.streams = append(l.streams, s)
	}
	l.mu.Unlock()
	if failure != nil {
		return messages.Outcome{Failure: failure}
	}
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.streams = slices.DeleteFunc(l.streams, func(open *shelf) bool { return open == s })
	}()
	granted, _ := json.Marshal(map[string]any{"notifications": map[string]any{"resourceSubscriptions": s.uris}})
	_ = sink.Notify(messages.Notification{Method: "notifications/subscriptions/acknowledged", Params: granted})
	for {
		select {
		case n := <-s.notes:
			_ = sink.Notify(n)
		case <-s.end:
			return messages.Outcome{Result: json.RawMessage("{}")}
		case <-ctx.Done():
			return messages.Outcome{Failure: messages.Failf(messages.KindCancelled, "lib", "cancelled")}
		case <-c.Lost():
			return messages.Outcome{Failure: messages.Failf(messages.KindUnavailable, "lib", "the connection was lost")}
		}
	}
}

func updated(uri string) messages.Notification {
	return messages.Notification{Method: "notifications/resources/updated", Params: json.RawMessage(`{"uri":"` + uri + `"}`)}
}

// changes tells of a change on every stream that listens to it; on a connection
// of the legacy era to whoever reads there.
func (l *library) changes(uri string) {
	if !l.Peer.Modern {
		l.Last().Request.Unsolicited(updated(uri))
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.streams {
		if s.on.IsOpen() && slices.ContainsFunc(s.uris, func(u string) bool { return strings.HasPrefix(uri, u) }) {
			s.notes <- updated(uri)
		}
	}
}

func (l *library) heard() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.said)
}

// listens returns what the open streams listen to.
func (l *library) listens() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, s := range l.streams {
		if s.on.IsOpen() {
			all = append(all, fmt.Sprint(s.uris))
		}
	}
	return strings.Join(all, " ")
}

// reader is a client that listens.
type reader struct {
	t      testing.TB
	r      *actors.Runtime
	id     messages.ClientID
	stream messages.StreamID
}

func newReader(t testing.TB, r *actors.Runtime, uris ...string) *reader {
	t.Helper()
	id, err := r.OpenClient(t.Context(), messages.ClientSpec{Principal: alice, Endpoint: "lib"})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := r.OpenStream(id, alice, messages.StreamSpec{Listen: len(uris) > 0, Resources: uris, Topics: messages.TopicTools})
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t, r, id, stream}
}

func (c *reader) subscribe(uris ...string) ([]string, *messages.Failure) {
	return c.r.SubscribeResources(c.t.Context(), messages.Subscribe{
		By:   messages.Subscriber{Client: c.id, Stream: c.stream},
		Call: messages.Call{Server: "lib", Principal: alice, Caller: messages.Caller{Mirror: true, Modern: true}},
		URIs: uris,
	})
}

// listening is a client that listens to what it is granted.
func listening(t testing.TB, r *actors.Runtime, uris ...string) *reader {
	t.Helper()
	c := newReader(t, r, uris...)
	if granted, f := c.subscribe(uris...); f != nil || !slices.Equal(granted, uris) {
		t.Fatalf("granted %v, %v", granted, f)
	}
	return c
}

// hears waits for what comes next.
func (c *reader) hears(uri string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), actortest.Patience)
	defer cancel()
	got, err := c.r.NextEvents(ctx, c.id, c.stream)
	if err != nil || len(got) != 1 || string(got[0].Params) != string(updated(uri).Params) {
		c.t.Fatalf("heard %v, %v; want %s", got, err, uri)
	}
}

func TestSubscribe_OnceForEachResourceHoweverManyAsk(t *testing.T) {
	l := newLibrary(true)
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	apply(t, r, l.spec())
	one, two := listening(t, r, "a", "b"), listening(t, r, "b", "c")
	three := listening(t, r, "b")
	if got := l.listens(); got != "[a b] [c]" {
		t.Fatalf("it is asked to tell of %s", got)
	}
	l.changes("b")
	for _, c := range []*reader{one, two, three} {
		c.hears("b")
	}
	l.changes("a")
	l.changes("c/part") // of c, not of b
	one.hears("a")
	two.hears("c/part")
	r.CloseStream(one.id, one.stream)
	if err := r.CloseClient(t.Context(), two.id, alice); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "nobody hears of c", func() bool { return l.listens() == "[a b]" })
	l.changes("a")
	l.changes("b")
	three.hears("b") // and not a
	r.CloseStream(three.id, three.stream)
	actortest.Eventually(t, "the last one has gone", func() bool { return l.listens() == "" })
	if said := l.heard(); len(said) != 2 {
		t.Errorf("it was asked %q", said)
	}
	listening(t, r, "a").r.CloseStream(one.id, 99) // nobody's
	if got := l.listens(); got != "[a]" {
		t.Errorf("asked anew it tells of %s", got)
	}
}

func TestSubscribe_GrantsWhatTheServerGrants(t *testing.T) {
	l := newLibrary(true)
	l.refuses["no"] = true
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	apply(t, r, l.spec())
	c := newReader(t, r, "a")
	if granted, f := c.subscribe("no", "a", "a"); f != nil || !slices.Equal(granted, []string{"a"}) {
		t.Errorf("granted %v, %v", granted, f)
	}
	if granted, f := c.subscribe("no"); f != nil || granted != nil {
		t.Errorf("granted %v, %v", granted, f)
	}
	l.mu.Lock()
	l.error = &messages.Failure{Kind: messages.KindUpstream, Code: -32601, Message: "no subscriptions here"}
	l.mu.Unlock()
	if granted, f := c.subscribe("b", "a"); f == nil || f.Code != -32601 || !slices.Equal(granted, []string{"a"}) {
		t.Errorf("granted %v, %v", granted, f)
	}
	l.changes("a")
	c.hears("a")
}

// What is lost is asked for again, without a call of the client.
func TestSubscribe_OutlivesTheConnectionTheGenerationAndADisconnect(t *testing.T) {
	l := newLibrary(true)
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, nil)
	apply(t, r, l.spec())
	c := listening(t, r, "a")
	other := listening(t, r, "b")
	again := func(what string) {
		t.Helper()
		actortest.Eventually(t, what, func() bool {
			got := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(l.listens()))
			slices.Sort(got)
			return slices.Equal(got, []string{"a", "b"})
		})
		if what != "at first" { // what may have been missed is told
			c.hears("a")
			other.hears("b")
		}
		l.changes("a")
		c.hears("a")
		l.changes("b")
		other.hears("b")
	}
	again("at first")

	before := l.Last()
	before.Break()
	actortest.Eventually(t, "there is another connection", func() bool { return l.Last() != before })
	again("on the next connection")

	changed := l.spec()
	changed.Policy.MaxQueue++
	before = l.Last()
	apply(t, r, changed)
	actortest.Eventually(t, "the old generation has gone", func() bool { return !before.IsOpen() })
	again("in the next generation")

	if was, err := r.Disconnect(t.Context(), "lib"); !was || err != nil {
		t.Fatal(was, err)
	}
	if granted, f := c.subscribe("c"); f == nil || f.Kind != messages.KindUnavailable || granted != nil {
		t.Errorf("granted %v, %v", granted, f)
	}
	connect(t, r, "lib")
	again("once it is connected again")

	before = l.Last()
	if err := r.Crash(upstreamPath(t, r, "lib"), "a bug"); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "the upstream has been restarted", func() bool { return l.Last() != before })
	again("after a bug in the upstream")

	before = l.Last()
	if err := r.Kill(upstreamPath(t, r, "lib")); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "there is a new upstream", func() bool { return l.Last() != before })
	again("after it was killed")

	said := len(l.heard())
	if err := r.Crash(paths(r, "w")[0], "a bug"); err != nil {
		t.Fatal(err)
	}
	actortest.Eventually(t, "both have asked again", func() bool { return len(l.heard()) == said+2 })
	again("after a bug in the child that kept them")
}

func TestSubscribe_AStreamThatItsServerEndsIsOpenedAgainOrEnded(t *testing.T) {
	l := newLibrary(true)
	clock := actortest.NewClock()
	r, _ := start(t, actortest.Dialer{"lib": &l.Server}, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, l.spec())
	a, b := listening(t, r, "a", "b"), listening(t, r, "b")
	end := func() {
		l.mu.Lock()
		close(l.streams[0].end)
		l.mu.Unlock()
	}
	for _, pause := range []time.Duration{250 * time.Millisecond, 500 * time.Millisecond} {
		end()
		actortest.Eventually(t, "the pause", func() bool { return slices.Contains(clock.Pending(), pause.String()) })
		clock.Advance(pause)
		// What may have been missed is told.
		b.hears("b")
		got := drain(t, a, 2)
		if !slices.Equal(got, []string{`{"uri":"a"}`, `{"uri":"b"}`}) {
			t.Errorf("missed: %v", got)
		}
	}
	l.mu.Lock()
	l.refuses["a"] = true
	l.mu.Unlock()
	end()
	actortest.Eventually(t, "the pause", func() bool { return slices.Contains(clock.Pending(), "1s") })
	clock.Advance(time.Second)
	b.hears("b")
	if _, err := r.NextEvents(t.Context(), a.id, a.stream); err != io.EOF {
		t.Errorf("who listened to what is not granted any more: %v", err)
	}
}

// drain takes so many notifications and returns their params.
func drain(t testing.TB, c *reader, n int) []string {
	t.Helper()
	var all []string
	for len(all) < n {
		got, err := c.r.NextEvents(t.Context(), c.id, c.stream)
		if err != nil {
			t.Fatal(err)
		}
		for _, note := range got {
			all = append(all, string(note.Params))
		}
	}
	return all
}

func TestSubscribe_AServerThatAcknowledgesNothingDelaysNobodyForEver(t *testing.T) {
	var asked sync.WaitGroup
	asked.Add(1)
	server := &actortest.Server{Do: func(ctx context.Context, c *actortest.Conn, _ messages.Request, _ messages.Sink) messages.Outcome {
		asked.Done()
		return c.Hang(ctx)
	}}
	server.Peer.Modern = true
	clock := actortest.NewClock()
	r, _ := start(t, actortest.Dialer{"lib": server}, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, (&library{}).spec())
	c := newReader(t, r, "a")
	refused := make(chan *messages.Failure, 1)
	go func() {
		_, f := c.subscribe("a")
		refused <- f
	}()
	asked.Wait()
	actortest.Eventually(t, "the patience", func() bool { return slices.Contains(clock.Pending(), "1m0s") })
	clock.Advance(time.Minute)
	if f := <-refused; f == nil || f.Kind != messages.KindTimeout {
		t.Errorf("%v", f)
	}
	actortest.Eventually(t, "it is told that nobody waits", func() bool { return server.Last().Cancelled.Load() == 1 })
}
