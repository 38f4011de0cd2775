package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// patience caps every wait of these tests.
const patience = time.Minute

// stdioDial is a dial of a puppet, whose processes can be found by its mark.
type stdioDial struct {
	Dialer  *Dialer
	Request link.DialRequest
	heard   *hearing
	stderr  *said
	mark    string
}

// said keeps lines.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) add(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, line)
}

func (s *said) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

var marks atomic.Int64

func stdioTo(behaviour string, args ...string) *stdioDial {
	d := &stdioDial{
		Dialer: New(json.RawMessage(`{"name":"mcpx-test","version":"0"}`)),
		heard:  newHearing(), stderr: &said{},
		mark: fmt.Sprintf("dial-%d-%d", os.Getpid(), marks.Add(1)),
	}
	d.Dialer.pace = httpPace{first: time.Millisecond, most: time.Hour}
	spec := messages.ServerSpec{Name: "srv", Transport: messages.TransportStdio, Policy: messages.DefaultPolicy()}
	spec.Policy.ConnectionTimeout = patience
	spec.Policy.KillAfter = patience // who means to see a server killed says less
	spec.Command, spec.Args, spec.Env = puppet.Command(behaviour, args...)
	spec.Env = maps.Clone(spec.Env)
	spec.Env[puppet.EnvMark] = d.mark
	d.Request = link.DialRequest{
		Spec: spec, Limits: messages.DefaultLimits(), Stderr: d.stderr.add,
		Unsolicited: func(n messages.Notification) { _ = d.heard.Notify(n) },
	}
	return d
}

// recording makes the puppet write down what it receives.
func (d *stdioDial) recording(t *testing.T) (received func() []string) {
	file := t.TempDir() + "/received"
	d.Request.Spec.Args = append([]string{file, d.Request.Spec.Env[puppet.EnvBehaviour]}, d.Request.Spec.Args...)
	d.Request.Spec.Env[puppet.EnvBehaviour] = "record"
	return func() []string { return puppet.Recorded(file) }
}

func (d *stdioDial) era(protocol string) *stdioDial {
	d.Request.Spec.Protocol = protocol
	return d
}

// dial connects; when the test ends it closes, and nothing may be left.
func (d *stdioDial) dial(t *testing.T) *stdioConn {
	t.Helper()
	t.Cleanup(func() { d.nothingLeft(t) })
	conn, err := d.Dialer.Dial(within(t), d.Request)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close(within(t)) })
	return conn.(*stdioConn)
}

// legacy connects to a puppet of whose era nothing is to be found out.
func (d *stdioDial) legacy(t *testing.T) *stdioConn {
	t.Helper()
	return d.era("legacy").dial(t)
}

// fails connects in vain, returns why and makes sure that nothing is left.
func (d *stdioDial) fails(t *testing.T, ctx context.Context) *messages.Failure {
	t.Helper()
	conn, err := d.Dialer.Dial(ctx, d.Request)
	if err == nil {
		_ = conn.Close(within(t))
		t.Fatal("the dial succeeded")
	}
	var f *messages.Failure
	if !errors.As(err, &f) {
		t.Fatalf("the error is no failure: %v", err)
	}
	d.nothingLeft(t)
	return f
}

func (d *stdioDial) nothingLeft(t *testing.T) {
	t.Helper()
	if pids := puppet.Marked(d.mark); len(pids) != 0 {
		t.Errorf("processes are left: %v", pids)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// started runs a request that is not over soon, and returns its answer to come
// and the way to give it up.
func started(t *testing.T, c link.Conn, req messages.Request, sink messages.Sink) (<-chan messages.Outcome, context.CancelCauseFunc) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(within(t))
	t.Cleanup(func() { cancel(nil) })
	out := make(chan messages.Outcome, 1)
	go func() { out <- c.Do(ctx, req, new(link.SentFlag), sink) }()
	return out, cancel
}

// underway is started for a server that reads: it returns when the request has
// been written.
func underway(t *testing.T, c link.Conn, req messages.Request) (<-chan messages.Outcome, context.CancelCauseFunc) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(within(t))
	t.Cleanup(func() { cancel(nil) })
	out, sent := make(chan messages.Outcome, 1), new(link.SentFlag)
	go func() { out <- c.Do(ctx, req, sent, messages.Discard) }()
	eventually(t, "the request to be written", func() bool { return sent.Sent() != messages.SentNo })
	return out, cancel
}

func outcome(t *testing.T, out <-chan messages.Outcome) messages.Outcome {
	t.Helper()
	select {
	case o := <-out:
		return o
	case <-time.After(patience):
		t.Fatal("no answer")
		return messages.Outcome{}
	}
}

// failed is want with a value that is no error, so that it may be left alone.
func failed(t *testing.T, out messages.Outcome, kind messages.Kind, sent messages.Sent, parts ...string) messages.Failure {
	t.Helper()
	return *want(t, out, kind, sent, parts...)
}

// count counts the lines that hold a text.
func count(lines []string, text string) int {
	n := 0
	for _, line := range lines {
		n += strings.Count(line, text)
	}
	return n
}

// structured reads the structured content of a result.
func structured[T any](t *testing.T, out messages.Outcome) T {
	t.Helper()
	var r struct{ StructuredContent T }
	if out.Failure != nil {
		t.Fatalf("failed: %s", out.Failure.Message)
	}
	if err := json.Unmarshal(out.Result, &r); err != nil {
		t.Fatalf("%s: %v", out.Result, err)
	}
	return r.StructuredContent
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// noneOpened waits until no more descriptors are open than before: an earlier
// test's may be in the hands of the collector.
func noneOpened(t *testing.T, before int, after string) {
	t.Helper()
	eventually(t, "the descriptors that were opened to be closed: "+after, func() bool { return descriptors(t) <= before })
}

// mercifully runs a test of a close by force. What obeys may be too slow for it
// on a busy machine, and is killed then, too: the test is repeated with more
// time if it says so.
func mercifully(t *testing.T, test func(killAfter time.Duration) (tooSlow bool)) {
	t.Helper()
	for killAfter := 600 * time.Millisecond; test(killAfter); killAfter *= 4 {
		if killAfter > patience {
			t.Fatalf("not even within %v", killAfter)
		}
	}
}

// killed tells whether the server itself was killed.
func (c *stdioConn) killed() bool {
	status, ok := c.process.Status()
	return ok && status.Signal() == syscall.SIGKILL
}
