package actors_test

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// tallying is a server that tells each caller on which connection it was, and
// how many calls that has had.
func tallying() *actortest.Server {
	return &actortest.Server{Do: func(_ context.Context, c *actortest.Conn, _ messages.Request, _ messages.Sink) messages.Outcome {
		return messages.Outcome{Result: fmt.Appendf(nil, `{"connection":%d,"count":%d}`, c.Number, c.Requests())}
	}}
}

type counted struct{ Connection, Count int }

// counts makes a call and returns what the server counted.
func counts(t testing.TB, r *actors.Runtime, c messages.Call) counted {
	t.Helper()
	out := r.Call(context.Background(), c, messages.Discard)
	if out.Failure != nil {
		t.Fatal(out.Failure)
	}
	var seen counted
	if err := json.Unmarshal(out.Result, &seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// isolated returns a specification with a policy.
func isolated(name string, isolation messages.Isolation, change func(*messages.ServerSpec)) messages.ServerSpec {
	spec := actortest.Spec(name)
	spec.Policy.Isolation = isolation
	if change != nil {
		change(&spec)
	}
	return spec
}

func status(t testing.TB, r *actors.Runtime, server string) messages.Status {
	t.Helper()
	s, ok := r.Status(server)
	if !ok {
		t.Fatalf("there is no server %q", server)
	}
	return s
}

// background makes a call beside the test; its outcome comes on the channel.
func background(r *actors.Runtime, c messages.Call) chan messages.Outcome {
	done := make(chan messages.Outcome, 1)
	go func() { done <- r.Call(context.Background(), c, messages.Discard) }()
	return done
}

// sessions waits until n calls have a session, waiting or not.
func sessions(t testing.TB, r *actors.Runtime, n int) {
	t.Helper()
	actortest.Eventually(t, fmt.Sprintf("%d sessions live", n), func() bool { return len(paths(r, "s")) == n })
}

// unused returns how many connections are open and have had no call.
func unused(s *actortest.Server) int {
	n := 0
	for _, c := range s.Conns() {
		if c.IsOpen() && c.Requests() == 0 {
			n++
		}
	}
	return n
}

func openClient(t testing.TB, r *actors.Runtime) messages.ClientID {
	t.Helper()
	id, err := r.OpenClient(context.Background(), messages.ClientSpec{})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestRequest_EveryCallHasAConnectionOfItsOwnWhichThenCloses(t *testing.T) {
	servers := actortest.Dialer{"a": tallying()}
	clock := actortest.NewClock()
	r, _ := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	apply(t, r, isolated("a", messages.IsolationRequest, nil))
	connect(t, r, "a")
	seen := map[int]bool{}
	for range 50 {
		got := counts(t, r, call("a"))
		if got.Count != 1 || seen[got.Connection] {
			t.Fatalf("%+v, a connection that was used before", got)
		}
		seen[got.Connection] = true
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := counts(t, r, call("a")); got.Count != 1 {
				t.Errorf("%+v, a connection that was used before", got)
			}
		})
	}
	wg.Wait()
	actortest.Eventually(t, "one spare is left and nothing else is open", func() bool {
		clock.Advance(time.Minute) // what was opened for more callers than came goes with pool.idle_ttl
		s := status(t, r, "a")
		return unused(servers["a"]) == 1 && servers["a"].Open() == 1 && s.Connections == 1 && s.Spares == 1
	})
	for _, c := range servers["a"].Conns() {
		if c.Requests() > 1 {
			t.Errorf("connection %d had %d calls", c.Number, c.Requests())
		}
	}
	if n := servers["a"].Requests(); n != 100 {
		t.Errorf("%d calls arrived", n)
	}
	if s := status(t, r, "a"); s.Isolation != messages.IsolationRequest {
		t.Errorf("the status shows the isolation %q", s.Isolation)
	}
}

func TestRequest_NoCallWaitsForADialWhileSparesExist(t *testing.T) {
	const spares = 4
	hold := make(chan struct{})
	s := tallying()
	s.Dial = func(ctx context.Context, attempt int) error {
		if attempt <= spares {
			return nil
		}
		select {
		case <-hold:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	servers := actortest.Dialer{"a": s}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) { s.Policy.PoolMin = spares }))
	connect(t, r, "a")
	actortest.Eventually(t, "the spares are there", func() bool { return status(t, r, "a").Spares == spares })
	for range spares {
		counts(t, r, call("a")) // no dial can end
	}
	next := background(r, call("a"))
	sessions(t, r, 1)
	select {
	case out := <-next:
		t.Fatalf("served from nowhere: %+v", out)
	default:
	}
	close(hold)
	if out := <-next; out.Failure != nil {
		t.Fatal(out.Failure)
	}
}

func TestRequest_ModernPeersOverHTTPShareOneConnection(t *testing.T) {
	for _, tc := range []struct {
		name      string
		transport messages.Transport
		modern    bool
		own       bool // connection per call
	}{
		{"modern over HTTP", messages.TransportHTTP, true, false},
		{"legacy over HTTP", messages.TransportHTTP, false, true},
		{"modern process", messages.TransportStdio, true, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := tallying()
			s.Peer.Modern = tc.modern
			servers := actortest.Dialer{"a": s}
			r, _ := start(t, servers, nil)
			apply(t, r, isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) { s.Transport = tc.transport }))
			connect(t, r, "a")
			var wg sync.WaitGroup
			for range 40 {
				wg.Go(func() { counts(t, r, call("a")) })
			}
			wg.Wait()
			if n := s.Attempts(); !tc.own && n != 1 {
				t.Errorf("%d connections for 40 calls", n)
			}
			for _, c := range s.Conns() {
				if tc.own && c.Requests() > 1 {
					t.Errorf("connection %d had %d calls", c.Number, c.Requests())
				}
			}
		})
	}
}

// Connections that close are still there: a server's processes, those on their
// way out included, are never more than pool.max.
func TestRequest_NeverMoreThanPoolMaxNotEvenWithThoseThatClose(t *testing.T) {
	const most, calls = 8, 200
	s := tallying()
	s.Close = func(context.Context) error {
		for range 100 {
			runtime.Gosched() // others would come in between
		}
		return nil
	}
	servers := actortest.Dialer{"a": s}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) { s.Policy.PoolMax = most }))
	// Cold: nobody has waited for the connection.
	var served, refused atomic.Int64
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			switch out := r.Call(context.Background(), call("a"), messages.Discard); {
			case out.Failure == nil:
				served.Add(1)
			case out.Failure.Kind == messages.KindOverloaded && out.Failure.Sent == messages.SentNo && out.Failure.RetryAfter > 0:
				refused.Add(1)
			default:
				t.Errorf("%+v", out.Failure)
			}
		})
	}
	wg.Wait()
	if served.Load()+refused.Load() != calls || served.Load() < most {
		t.Errorf("%d served, %d refused of %d", served.Load(), refused.Load(), calls)
	}
	if s.Most() > most {
		t.Errorf("%d connections at a time, pool.max is %d", s.Most(), most)
	}
	for _, c := range s.Conns() {
		if c.Requests() > 1 {
			t.Errorf("connection %d had %d calls", c.Number, c.Requests())
		}
	}
}

func TestClient_EachSessionKeepsItsConnectionAndTakesItAlong(t *testing.T) {
	servers := actortest.Dialer{"a": tallying()}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	one, two := call("a"), call("a")
	one.Client, two.Client = openClient(t, r), openClient(t, r)
	first, other := counts(t, r, one), counts(t, r, two)
	if first.Connection == other.Connection || first.Count != 1 || other.Count != 1 {
		t.Errorf("the first calls: %+v, %+v", first, other)
	}
	if again := counts(t, r, one); again != (counted{first.Connection, 2}) {
		t.Errorf("the second call of the first session: %+v", again)
	}
	if err := r.CloseClient(context.Background(), one.Client, messages.Anonymous); err != nil {
		t.Fatal(err)
	}
	conns := servers["a"].Conns()
	actortest.Eventually(t, "its connection is closed", func() bool { return !conns[first.Connection-1].IsOpen() })
	if again := counts(t, r, two); again != (counted{other.Connection, 2}) {
		t.Errorf("the other session: %+v", again)
	}
	if s := status(t, r, "a"); s.State != messages.StateConnected {
		t.Errorf("status %+v", s)
	}
}

func TestClient_AConnectionInUseClosesWhenItsCallIsOver(t *testing.T) {
	servers := actortest.Dialer{"a": hanging()}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	id := openClient(t, r)
	f := fly(t, r, servers, 1, func(c *messages.Call) { c.Client = id })
	used := servers["a"].Last()
	if err := r.CloseClient(context.Background(), id, messages.Anonymous); err != nil {
		t.Fatal(err)
	}
	// Whoever comes under that name now has no session any more: what it gets
	// is closed after its call.
	late := call("a")
	late.Client = id
	if out := r.Call(context.Background(), late, messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	f.cancels["a"][0]()
	wantKind(t, <-f.results["a"][0], messages.KindCancelled, messages.SentUnknown)
	actortest.Eventually(t, "its connection is closed", func() bool { return !used.IsOpen() })
	actortest.Eventually(t, "a fresh one is left, and nothing else", func() bool {
		return unused(servers["a"]) == 1 && servers["a"].Open() == 1
	})
}

func TestClient_WithoutASessionWhoeverIsAlikeSharesAConnection(t *testing.T) {
	sampling := json.RawMessage(`{"sampling":{}}`)
	who := map[string]func(*messages.Call){
		"anonymous":            func(*messages.Call) {},
		"alice":                func(c *messages.Call) { c.Principal.Name = "alice" },
		"bob":                  func(c *messages.Call) { c.Principal.Name = "bob" },
		"alice, modern":        func(c *messages.Call) { c.Principal.Name = "alice"; c.Caller.Modern = true },
		"alice, with sampling": func(c *messages.Call) { c.Principal.Name = "alice"; c.Caller.Capabilities = sampling },
		"alice, with a token": func(c *messages.Call) {
			c.Principal.Name = "alice"
			c.Caller.Headers = map[string]string{"X-Token": "1"}
		},
		"alice, another token": func(c *messages.Call) {
			c.Principal.Name = "alice"
			c.Caller.Headers = map[string]string{"X-Token": "2"}
		},
		"alice, in her own name":  func(c *messages.Call) { c.Principal.Name = "alice"; c.Caller.Mirror = true },
		"bob, in his own name":    func(c *messages.Call) { c.Principal.Name = "bob"; c.Caller.Mirror = true },
		"anonymous, with a token": func(c *messages.Call) { c.Caller.Headers = map[string]string{"X-Token": "1"} },
	}
	servers := actortest.Dialer{"a": tallying()}
	r, _ := start(t, servers, nil)
	apply(t, r, isolated("a", messages.IsolationClient, func(s *messages.ServerSpec) { s.Policy.PoolMax = 2 * len(who) }))
	connect(t, r, "a")
	taken := map[int]string{}
	for round := 1; round <= 3; round++ {
		for name, change := range who {
			c := call("a")
			change(&c)
			got := counts(t, r, c)
			if got.Count != round {
				t.Errorf("round %d: %s is the %d. caller of its connection", round, name, got.Count)
			}
			if before := taken[got.Connection]; before != "" && before != name {
				t.Errorf("%s is on the connection of %s", name, before)
			}
			taken[got.Connection] = name
		}
	}
	for n, name := range taken {
		c := call("a")
		who[name](&c)
		if got := servers["a"].Conns()[n-1].Request.Caller; got.DialKey() != c.Caller.DialKey() {
			t.Errorf("the connection of %s was opened for %+v", name, got)
		}
	}
}

// A transparent endpoint opens connections in its caller's name, whatever the
// policy: they are that caller's alone, and kept for it.
func TestMirror_IsNobodyElsesUnderEveryPolicy(t *testing.T) {
	for _, isolation := range []messages.Isolation{messages.IsolationRequest, messages.IsolationClient, messages.IsolationShared} {
		t.Run(string(isolation), func(t *testing.T) {
			servers := actortest.Dialer{"a": tallying()}
			r, _ := start(t, servers, nil)
			apply(t, r, isolated("a", isolation, nil))
			connect(t, r, "a")
			mirrored := func(id messages.ClientID) messages.Call {
				c := call("a")
				c.Client, c.Caller = id, messages.Caller{Mirror: true, Client: id}
				return c
			}
			one, two := openClient(t, r), openClient(t, r)
			first, other, plain := counts(t, r, mirrored(one)), counts(t, r, mirrored(two)), counts(t, r, call("a"))
			if first.Connection == other.Connection || plain.Connection == first.Connection || plain.Connection == other.Connection {
				t.Errorf("connections %+v, %+v and %+v", first, other, plain)
			}
			if again := counts(t, r, mirrored(one)); again != (counted{first.Connection, 2}) {
				t.Errorf("its second call: %+v", again)
			}
			if err := r.CloseClient(context.Background(), one, messages.Anonymous); err != nil {
				t.Fatal(err)
			}
			conns := servers["a"].Conns()
			actortest.Eventually(t, "it goes with its client", func() bool { return !conns[first.Connection-1].IsOpen() })
			if !conns[other.Connection-1].IsOpen() {
				t.Error("another's went, too")
			}
		})
	}
}

func TestExclusive_HasOneConnectionEver(t *testing.T) {
	s := tallying()
	servers := actortest.Dialer{"a": s}
	r, _ := start(t, servers, nil)
	spec := isolated("a", messages.IsolationRequest, func(s *messages.ServerSpec) {
		s.Exclusive, s.Transport, s.Policy.PoolMin, s.Policy.PoolMax = true, messages.TransportHTTP, 4, 9
	})
	apply(t, r, spec)
	connect(t, r, "a")
	var wg sync.WaitGroup
	for i := range 60 {
		c := call("a")
		c.Principal.Name = fmt.Sprint(i % 7)
		c.Caller.Mirror = i%3 == 0 // it is opened in nobody's name nevertheless
		wg.Go(func() { counts(t, r, c) })
	}
	wg.Wait()
	if s.Attempts() != 1 || s.Most() != 1 {
		t.Errorf("%d attempts, %d at a time", s.Attempts(), s.Most())
	}
	if _, err := r.CheckHealth(context.Background(), "a"); err != nil || s.Attempts() != 1 {
		t.Errorf("health: %v, %d attempts", err, s.Attempts())
	}
	// Callers whose headers go upstream need one of their own: the one makes
	// room for it, and comes back.
	for i, token := range []string{"1", "2", "", "1"} {
		c := call("a")
		if token != "" {
			c.Caller.Headers = map[string]string{"X-Token": token}
		}
		counts(t, r, c)
		if got := s.Last().Request.Caller.Headers["X-Token"]; got != token {
			t.Errorf("call %d with the token %q was on a connection for %q", i, token, got)
		}
	}
	if s.Most() != 1 {
		t.Errorf("%d connections at a time", s.Most())
	}
	if got := status(t, r, "a"); got.State != messages.StateConnected || got.Isolation != messages.IsolationShared {
		t.Errorf("status %+v", got)
	}
}

func TestShared_GrowsWithTheLoadAndShrinksWithoutIt(t *testing.T) {
	const most, perConnection = 4, 4
	s := hanging()
	servers := actortest.Dialer{"a": s}
	clock := actortest.NewClock()
	r, _ := start(t, servers, func(o *actors.Options) { o.Clock = clock })
	spec := isolated("a", messages.IsolationShared, func(s *messages.ServerSpec) {
		s.Policy.PoolMax, s.Policy.MaxConcurrency = most, most*perConnection
		s.Policy.RequestTimeout, s.Policy.RequestTimeoutMax = time.Hour, time.Hour
	})
	apply(t, r, spec)
	connect(t, r, "a")
	inFlight := func() int {
		n := 0
		for _, c := range s.Conns() {
			n += int(c.InFlight.Load())
		}
		return n
	}
	var cancels []context.CancelFunc
	for i := range most * perConnection {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		cancels = append(cancels, cancel)
		c := call("a")
		c.Request.Name = "hang"
		go r.Call(ctx, c, messages.Discard)
		// As many as it takes: the next is opened when the least busy has its share.
		want := min(most, i/perConnection+1)
		if i%perConnection == perConnection-1 {
			want = min(most, want+1)
		}
		actortest.Eventually(t, fmt.Sprintf("%d calls have %d connections", i+1, want), func() bool {
			clock.Advance(100 * time.Millisecond) // for the status, by which the upstream knows of the connection, too
			return inFlight() == i+1 && s.Open() == want && status(t, r, "a").Connections == want
		})
	}
	for _, c := range s.Conns() {
		if n := c.InFlight.Load(); n < perConnection-1 || n > perConnection+1 {
			t.Errorf("connection %d has %d calls", c.Number, n)
		}
	}
	for _, cancel := range cancels {
		cancel()
	}
	sessions(t, r, 0)
	actortest.Eventually(t, "those without a call go when they have been idle for long enough", func() bool {
		clock.Advance(spec.Policy.PoolIdleTTL)
		return s.Open() == 1 && status(t, r, "a").Connections == 1
	})
	if s.Attempts() != most {
		t.Errorf("%d connections were opened", s.Attempts())
	}
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Error(out.Failure)
	}
}

// A probe may look at a spare that is lent in this moment: the call does not
// close it under the probe.
func TestRequest_AProbeIsNotCutOffByTheCallThatGetsItsConnection(t *testing.T) {
	hold := make(chan struct{})
	s := &actortest.Server{Do: func(_ context.Context, c *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		if req.Method != "ping" {
			return messages.Outcome{Result: req.Params}
		}
		select {
		case <-hold:
			return messages.Outcome{Result: []byte(`{}`)}
		case <-c.Lost():
			return messages.Outcome{Failure: messages.Failf(messages.KindUnavailable, "a", "the connection was closed")}
		}
	}}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, isolated("a", messages.IsolationRequest, nil))
	connect(t, r, "a")
	healthy := make(chan error, 1)
	go func() {
		_, err := r.CheckHealth(context.Background(), "a")
		healthy <- err
	}()
	actortest.Eventually(t, "the probe asks", func() bool { return s.Requests() == 1 })
	probed := s.Last()
	if out := r.Call(context.Background(), call("a"), messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	sessions(t, r, 0)
	if probed.Requests() != 2 || !probed.IsOpen() {
		t.Fatalf("the call was elsewhere, or closed it: %d requests, open %v", probed.Requests(), probed.IsOpen())
	}
	close(hold)
	if err := <-healthy; err != nil {
		t.Error(err)
	}
	actortest.Eventually(t, "then it is closed", func() bool { return !probed.IsOpen() })
}

// What a server shows to one caller is not for the catalog that all see.
func TestCatalog_IsNeverReadOnAConnectionOfParticularCallers(t *testing.T) {
	s := &actortest.Server{}
	s.Do = func(_ context.Context, _ *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		return messages.Outcome{Result: req.Params}
	}
	var mu sync.Mutex
	var readOn []int
	s.Listed = func(c *actortest.Conn) {
		mu.Lock()
		defer mu.Unlock()
		readOn = append(readOn, c.Number)
	}
	r, _ := start(t, actortest.Dialer{"a": s}, nil)
	apply(t, r, isolated("a", messages.IsolationClient, nil))
	connect(t, r, "a")
	special := call("a")
	special.Caller.Headers = map[string]string{"Authorization": "admin"}
	if out := r.Call(context.Background(), special, messages.Discard); out.Failure != nil {
		t.Fatal(out.Failure)
	}
	sessions(t, r, 0)
	told := s.Last()
	if told.Request.Caller.Headers == nil {
		t.Fatal("it was not opened for that caller")
	}
	told.Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
	actortest.Eventually(t, "the catalog is read again", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(readOn) == 2
	})
	if readOn[1] == told.Number {
		t.Error("on the connection of a particular caller")
	}
}
