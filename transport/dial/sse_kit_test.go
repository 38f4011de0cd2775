package dial

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// older starts a puppet of HTTP+SSE and the way to dial it.
func older(t *testing.T) (*puppethttp.Puppet, *httpDial) {
	t.Helper()
	p := puppethttp.Start(t, puppethttp.Options{Older: true})
	return p, sseAt(p.URL)
}

func sseAt(url string) *httpDial {
	d := httpTo(url)
	d.Request.Spec.Transport = messages.TransportSSE
	return d
}

// sse connects over HTTP+SSE, and closes when the test ends.
func (d *httpDial) sse(t *testing.T) *sseConn {
	t.Helper()
	conn, err := d.Dialer.Dial(within(t), d.Request)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(within(t)) })
	c, ok := conn.(*sseConn)
	if !ok {
		t.Fatalf("the connection is a %T", conn)
	}
	return c
}

// held starts n calls that the server accepts and does not answer, and returns
// when it has accepted them.
func held(t *testing.T, p *puppethttp.Puppet, c *sseConn, n int) []<-chan messages.Outcome {
	t.Helper()
	calls := make([]<-chan messages.Outcome, n)
	for i := range calls {
		calls[i], _ = started(t, c, toolCall("sleep", fmt.Sprintf(`{"n":%d}`, i)), messages.Discard)
	}
	p.AwaitHeld(t, n)
	eventually(t, "that all are accepted", func() bool {
		c.tasks.mu.Lock()
		defer c.tasks.mu.Unlock()
		return c.tasks.open == 1 // the reader
	})
	return calls
}

// nobodyWaits checks that the connection remembers no request.
func nobodyWaits(t *testing.T, c *sseConn) {
	t.Helper()
	c.mux.table.mu.Lock()
	left := len(c.mux.table.open)
	c.mux.table.mu.Unlock()
	c.silence.mu.Lock()
	waiting := c.silence.waiting
	c.silence.mu.Unlock()
	if left != 0 || waiting != 0 {
		t.Errorf("%d requests are still known, %d counted as waiting", left, waiting)
	}
}

// stuckWire never gets a connection.
type stuckWire struct{ httpWire }

func (stuckWire) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
