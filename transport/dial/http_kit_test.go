package dial

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/dial/h1"
)

// httpDial is a dial as tests make it: quick to try again, and with what came
// outside of requests kept.
type httpDial struct {
	Dialer  *Dialer
	Request link.DialRequest
	heard   *hearing
}

// hearing keeps notifications and lets a test wait for them.
type hearing struct {
	mu   sync.Mutex
	got  []messages.Notification
	more chan struct{}
}

func (h *hearing) Notify(n messages.Notification) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got = append(h.got, n)
	close(h.more)
	h.more = make(chan struct{})
	return nil
}

// await waits for the n-th notification of a method, from 1.
func (h *hearing) await(t *testing.T, method string, n int) messages.Notification {
	t.Helper()
	late := time.NewTimer(puppethttp.Patience)
	defer late.Stop()
	for {
		h.mu.Lock()
		left, more := n, h.more
		for _, got := range h.got {
			if got.Method == method {
				if left--; left == 0 {
					h.mu.Unlock()
					return got
				}
			}
		}
		h.mu.Unlock()
		select {
		case <-more:
		case <-late.C:
			t.Fatalf("%s did not come (%d)", method, n)
		}
	}
}

func (h *hearing) all() []messages.Notification {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]messages.Notification(nil), h.got...)
}

func newHearing() *hearing { return &hearing{more: make(chan struct{})} }

func httpTo(url string) *httpDial {
	heard := newHearing()
	policy := messages.DefaultPolicy()
	policy.ConnectionTimeout = puppethttp.Patience
	d := &httpDial{
		Dialer: New(json.RawMessage(`{"name":"mcpx-test","version":"0"}`)),
		heard:  heard,
		Request: link.DialRequest{
			Spec: messages.ServerSpec{
				Name: "srv", Transport: messages.TransportHTTP, URL: url, Policy: policy,
				Headers: map[string]string{"X-Team": "blue", "Authorization": "Bearer sesame-open"},
			},
			Limits:      messages.DefaultLimits(),
			Unsolicited: func(n messages.Notification) { _ = heard.Notify(n) },
		},
	}
	d.Dialer.pace = httpPace{first: time.Millisecond, most: 4 * time.Millisecond, asked: time.Second, tries: 3}
	return d
}

// era makes the dial demand an era ("legacy", "modern").
func (d *httpDial) era(protocol string) *httpDial {
	d.Request.Spec.Protocol = protocol
	return d
}

// dial connects, and closes when the test ends.
func (d *httpDial) dial(t *testing.T) *httpConn {
	t.Helper()
	conn, err := d.Dialer.Dial(within(t), d.Request)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(within(t)) })
	return conn.(*httpConn)
}

// fails connects in vain and returns why.
func (d *httpDial) fails(t *testing.T, ctx context.Context) *messages.Failure {
	t.Helper()
	conn, err := d.Dialer.Dial(ctx, d.Request)
	if err == nil {
		_ = conn.Close(ctx)
		t.Fatal("the dial succeeded")
	}
	var f *messages.Failure
	if !errors.As(err, &f) {
		t.Fatalf("the error is no failure: %v", err)
	}
	return f
}

// within is a context for what must not hang. It outlives the test's own, which
// ends before its cleanups.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), puppethttp.Patience)
	t.Cleanup(cancel)
	return ctx
}

func toolCall(name, arguments string) messages.Request {
	return messages.Request{Method: "tools/call", Name: name,
		Params: json.RawMessage(`{"name":"` + name + `","arguments":` + arguments + `}`)}
}

// do makes a request that nothing hinders.
func do(t *testing.T, c link.Conn, req messages.Request) messages.Outcome {
	t.Helper()
	return c.Do(within(t), req, new(link.SentFlag), messages.Discard)
}

// want checks a failure.
func want(t *testing.T, out messages.Outcome, kind messages.Kind, sent messages.Sent, parts ...string) *messages.Failure {
	t.Helper()
	f := out.Failure
	if f == nil {
		t.Fatalf("no failure, but the result %s", out.Result)
	}
	if f.Kind != kind || f.Sent != sent {
		t.Errorf("kind %v, sent %v; want %v, %v: %s", f.Kind, f.Sent, kind, sent, f.Message)
	}
	for _, part := range parts {
		if !strings.Contains(f.Message, part) {
			t.Errorf("%q says nothing of %q", f.Message, part)
		}
	}
	if f.Server != "srv" {
		t.Errorf("the failure is of server %q", f.Server)
	}
	return f
}

// wantText checks the text of a tool's result.
func wantText(t *testing.T, out messages.Outcome, text string) {
	t.Helper()
	if out.Failure != nil {
		t.Fatalf("failed: %v: %s", out.Failure.Kind, out.Failure.Message)
	}
	var r struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(out.Result, &r); err != nil || len(r.Content) != 1 || r.Content[0].Text != text {
		t.Fatalf("result %s, want the text %q", out.Result, text)
	}
}

// lives checks that the connection still serves.
func lives(t *testing.T, c link.Conn) {
	t.Helper()
	wantText(t, do(t, c, toolCall("echo", `{"text":"still here"}`)), "still here")
}

func isLost(c link.Conn) bool {
	select {
	case <-c.Lost():
		return true
	default:
		return false
	}
}

// awaitLost waits for the end of the connection and returns its reason.
func awaitLost(t *testing.T, c link.Conn) string {
	t.Helper()
	select {
	case <-c.Lost():
	case <-within(t).Done():
		t.Fatal("the connection is not lost")
	}
	if c.Err() == nil {
		return ""
	}
	return c.Err().Error()
}

// bothEras runs a test against a puppet of either era.
func bothEras(t *testing.T, o puppethttp.Options, test func(t *testing.T, p *puppethttp.Puppet, d *httpDial)) {
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			p := puppethttp.Start(t, o)
			test(t, p, httpTo(p.URL).era(era))
		})
	}
}

// openConns is the number of network connections that c has open.
func openConns(c *httpCore) int {
	switch wire := c.wire.(type) {
	case *h1.Transport:
		return wire.Connections()
	case *netWire:
		wire.mu.Lock()
		defer wire.mu.Unlock()
		return len(wire.conns)
	}
	panic("another wire")
}
