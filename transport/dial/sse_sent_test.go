package dial

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// luckyWire gets a network connection for a POST in the very moment in which
// the link is already answering what was in flight: a byte may be out then.
type luckyWire struct {
	httpWire
	c       *sseConn
	waiting *atomic.Int64 // POSTs for a connection
}

func (w luckyWire) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return w.httpWire.RoundTrip(r)
	}
	w.waiting.Add(1)
	<-r.Context().Done()
	for over := false; !over; {
		w.c.mux.table.mu.Lock()
		over = w.c.mux.table.closed
		w.c.mux.table.mu.Unlock()
		<-time.After(time.Millisecond) // between two looks
	}
	r.Context().(interface{ GotConn() }).GotConn()
	return nil, r.Context().Err()
}

// Who is told "not sent" tries again: a side effect would happen twice.
func TestSSESent_ARequestThatMayStillGoOutIsNotCalledUnsent(t *testing.T) {
	for name, end := range map[string]func(*puppethttp.Puppet, *sseConn){
		"the stream ends": func(p *puppethttp.Puppet, _ *sseConn) { p.DropStreams() },
		"it is closed":    func(_ *puppethttp.Puppet, c *sseConn) { _ = c.Close(within(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			p, d := older(t)
			c := d.sse(t)
			var waiting atomic.Int64
			c.wire = luckyWire{c.wire, c, &waiting}
			const n = 20
			calls, flags := make(chan messages.Outcome, n), make([]link.SentFlag, n)
			for i := range n {
				go func() { calls <- c.Do(within(t), toolCall("echo", "{}"), &flags[i], messages.Discard) }()
			}
			eventually(t, "the requests", func() bool { return waiting.Load() == n })
			end(p, c)
			for range n {
				if f := failed(t, outcome(t, calls), messages.KindUnavailable, messages.SentUnknown); f.Stale {
					t.Error("it would be sent again")
				}
			}
		})
	}
}

// Who is told "closed, try again" while it is being closed must find it lost:
// otherwise the next try is sent here, too.
func TestHTTPClose_WhoIsSentAwayFindsTheConnectionLost(t *testing.T) {
	for name, test := range map[string]struct {
		older bool
		hangs string // what keeps the close waiting
	}{
		"HTTP+SSE":        {true, "POST notifications/cancelled"},
		"Streamable HTTP": {false, "DELETE"},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{Older: test.older})
			d := httpTo(p.URL).era("legacy")
			if test.older {
				d.Request.Spec.Transport = messages.TransportSSE
			}
			conn, err := d.Dialer.Dial(within(t), d.Request)
			if err != nil {
				t.Fatal(err)
			}
			p.Always(test.hangs, puppethttp.Hang)
			_, cancel := started(t, conn, toolCall("sleep", "{}"), messages.Discard)
			p.AwaitHeld(t, 1)
			cancel(nil)
			p.Await(t, "notifications/cancelled", 1)
			ctx, hurry := context.WithCancel(within(t))
			closed := make(chan error, 1)
			go func() { closed <- conn.Close(ctx) }()
			for stale := false; !stale; {
				f := do(t, conn, toolCall("echo", "{}")).Failure
				if stale = f != nil && f.Stale; stale && !isLost(conn) {
					t.Error("it is not lost")
				}
			}
			hurry()
			t.Log(<-closed) // hurried, it may say that the session was not ended
		})
	}
}
