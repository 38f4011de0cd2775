package actors_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// storm is a server that counts how often it saw each call, answers, is slow,
// or breaks its connection, as the call's name says.
type storm struct {
	*actortest.Server
	tick chan struct{} // a call has come
	mu   sync.Mutex
	seen map[string]int
}

func newStorm(seed uint64) *storm {
	s := &storm{seen: map[string]int{}, tick: make(chan struct{}, 100)}
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 5))
	dice := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return r.IntN(n)
	}
	s.Server = &actortest.Server{
		List: hinting,
		Dial: func(context.Context, int) error {
			if dice(10) == 0 {
				return errors.New("connection refused")
			}
			return nil
		},
		Do: func(ctx context.Context, c *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
			s.mu.Lock()
			s.seen[string(req.Params)]++
			s.mu.Unlock()
			select {
			case s.tick <- struct{}{}:
			default:
			}
			switch dice(40) {
			case 0:
				c.Break()
				return c.Hang(ctx)
			case 1:
				return c.Hang(ctx)
			}
			return messages.Outcome{Result: req.Params}
		},
	}
	return s
}

// Everything at once, under each policy: whoever called is answered, with its
// own answer; what may not be made twice is made once; nothing is left.
func TestStorm_EverybodyIsAnsweredOnceAndNothingIsLeft(t *testing.T) {
	const callers, each = 24, 60
	for i, isolation := range []messages.Isolation{messages.IsolationRequest, messages.IsolationClient, messages.IsolationShared} {
		t.Run(string(isolation), func(t *testing.T) {
			s := newStorm(uint64(i))
			servers := actortest.Dialer{"a": s.Server}
			r, _ := start(t, servers, func(o *actors.Options) { o.Limits.CloseTimeout = 8 * time.Second })
			spec := isolated("a", isolation, func(s *messages.ServerSpec) {
				p := &s.Policy
				p.PoolMax, p.MaxConcurrency, p.MaxQueue = 4, 8, 20
				p.ConnectionTimeout, p.RequestTimeout, p.PoolIdleTTL = 2*time.Second, 300*time.Millisecond, 100*time.Millisecond
				p.RetryDelay, p.RetryDelayMax, p.BreakerOpenFor = 5*time.Millisecond, 20*time.Millisecond, 20*time.Millisecond
				p.DrainTimeout, p.KillAfter, p.CacheTTL = 100*time.Millisecond, time.Second, 50*time.Millisecond
			})
			apply(t, r, spec)
			connect(t, r, "a")

			var wg sync.WaitGroup
			for n := range callers {
				wg.Go(func() {
					dice := rand.New(rand.NewPCG(uint64(n), uint64(i)))
					var id messages.ClientID
					if n%3 == 0 {
						id = openClient(t, r)
					}
					served := 0
					for j := 0; j < each || served < each/10 && j < 1000*each; j++ {
						if id != "" && j == each/2 {
							_ = r.CloseClient(context.Background(), id, messages.Anonymous)
						}
						out, c := stormCall(r, dice, n, j, id)
						if out.Failure != nil {
							checkFailure(t, out.Failure)
							continue
						}
						served++
						if string(out.Result) != string(c.Request.Params) {
							t.Errorf("%s got the answer %s", c.Request.Params, out.Result)
						}
					}
					if served < each/10 { // the others were refused, in time
						t.Errorf("of the calls of caller %d %d were served", n, served)
					}
				})
			}
			stop := make(chan struct{})
			var troubles sync.WaitGroup
			troubles.Go(func() { trouble(t, r, s, spec, stop) })
			wg.Wait()
			close(stop)
			troubles.Wait()
			if s.Most() > 10*spec.Policy.PoolMax { // several generations at a time, as many as come while one is closing
				t.Errorf("%d connections at a time", s.Most())
			}
			s.mu.Lock()
			for params, times := range s.seen {
				var p struct{ Name string }
				_ = json.Unmarshal([]byte(params), &p)
				if p.Name == "adds" && times > 1 {
					t.Errorf("%s was made %d times", params, times)
				}
			}
			s.mu.Unlock()
			// It closes in the middle of it all.
			for n := range callers {
				wg.Go(func() { stormCall(r, rand.New(rand.NewPCG(uint64(n), 99)), n, each, "") })
			}
			r.Close()
			wg.Wait()
			if n := s.Open(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			if left := paths(r, ""); len(left) > 1 {
				t.Errorf("%v are left", left)
			}
		})
	}
}

// stormCall makes one random call.
func stormCall(r *actors.Runtime, dice *rand.Rand, n, j int, id messages.ClientID) (messages.Outcome, messages.Call) {
	name := []string{"reads", "sets", "adds"}[dice.IntN(3)]
	c := calling("tools/call", name)
	c.Request.Params = fmt.Appendf(nil, `{"name":%q,"arguments":{"caller":%d,"call":%d}}`, name, n, j)
	if name == "reads" {
		c.Request.Params = fmt.Appendf(nil, `{"name":"reads","arguments":{"n":%d}}`, j/10) // equal ones
	}
	c.Principal.Name, c.Client = fmt.Sprint(n%5), id
	if n%4 == 1 {
		c.Caller.Headers = map[string]string{"X-Token": fmt.Sprint(n % 2)}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if dice.IntN(10) == 0 {
		go cancel()
	}
	return r.Call(ctx, c, messages.Discard), c
}

func checkFailure(t *testing.T, f *messages.Failure) {
	switch f.Kind {
	case messages.KindUnavailable, messages.KindTimeout, messages.KindOverloaded, messages.KindCancelled, messages.KindInternal:
	default:
		t.Errorf("%+v", f)
	}
	if f.Kind == messages.KindOverloaded && (f.Sent != messages.SentNo || f.RetryAfter <= 0) {
		t.Errorf("%+v", f)
	}
}

// trouble does what can happen to a server while it is called.
func trouble(t *testing.T, r *actors.Runtime, s *storm, spec messages.ServerSpec, stop chan struct{}) {
	dice := rand.New(rand.NewPCG(1, 2))
	one := func(prefix string) string {
		if found := paths(r, prefix); len(found) > 0 {
			return found[dice.IntN(len(found))]
		}
		return "gateway/none"
	}
	for n := 0; ; n++ {
		select {
		case <-stop:
			if err := r.Connect(context.Background(), "a"); err != nil {
				t.Logf("at last: %v", err)
			}
			return
		default:
		}
		switch dice.IntN(9) {
		case 0:
			_, _ = r.Disconnect(context.Background(), "a")
			_ = r.Connect(context.Background(), "a")
		case 1:
			changed := spec
			changed.Args = []string{fmt.Sprint(n)}
			apply(t, r, changed)
		case 2:
			_ = r.Crash(one("upstream:a#"), "a bug")
		case 3:
			_ = r.Kill(one("l"))
		case 4, 5:
			_ = r.Kill(one("s"))
		case 6:
			_ = r.Crash(one("s"), "a bug")
		case 7:
			if conns := s.Conns(); len(conns) > 0 {
				conns[max(0, len(conns)-1-dice.IntN(4))].Break()
			}
		case 8:
			if last := s.Last(); last != nil {
				last.Request.Unsolicited(messages.Notification{Method: "notifications/tools/list_changed"})
			}
		}
		for range 20 { // some calls in between
			select {
			case <-s.tick:
			case <-stop:
			}
		}
	}
}
