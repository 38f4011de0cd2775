package workload

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Session is what one client holds of a target. Its methods may be called
// concurrently.
type Session interface {
	// Do makes one request and returns its one outcome; promptly when ctx ends.
	Do(ctx context.Context, req messages.Request) messages.Outcome
	// Lost is closed when the session is of no use any more. A Do that fails
	// because of that returns after it.
	Lost() <-chan struct{}
	// Close ends the session. The error says what did not go in good order.
	Close(ctx context.Context) error
}

// Target is what is measured.
type Target interface {
	// Open opens the session of one client, in a name of its own. On error
	// nothing is left behind.
	Open(ctx context.Context, client int) (Session, error)
}

// TargetFunc makes a function a Target.
type TargetFunc func(ctx context.Context, client int) (Session, error)

// Open calls f.
func (f TargetFunc) Open(ctx context.Context, client int) (Session, error) { return f(ctx, client) }

// Links is a target that is reached over a wire.
type Links struct {
	Dialer link.Dialer
	Spec   messages.ServerSpec
	Limits messages.Limits

	// Modern: the sessions are of the modern era where the target offers it.
	Modern bool
	// Version is that of the client, of which the target is told.
	Version string
	// Told gets what the target says outside of any request. It returns at
	// once and may be nil.
	Told func(client int, n messages.Notification)
	// Stream hears of the standing event streams; see link.DialRequest. May be nil.
	Stream func(client int, open bool)
	// Stderr takes what a process writes there, line by line. May be nil.
	Stderr func(line string)

	mu   sync.Mutex
	pids map[*Link]int
}

// Open implements Target. The error is a *messages.Failure, for people.
func (t *Links) Open(ctx context.Context, client int) (Session, error) {
	told := t.Told
	if told == nil {
		told = func(int, messages.Notification) {}
	}
	req := link.DialRequest{
		Spec: t.Spec, Limits: t.Limits, Stderr: t.Stderr,
		// A caller in whose name the session is opened has it for itself.
		Caller: messages.Caller{Mirror: true, Modern: t.Modern, Info: clientInfo(t.Version, client)},
		Unsolicited: func(n messages.Notification) {
			decline(n)
			told(client, n)
		},
	}
	if t.Stream != nil {
		req.Stream = func(open bool) { t.Stream(client, open) }
	}
	conn, err := t.Dialer.Dial(ctx, req)
	if err != nil {
		return nil, err
	}
	l := &Link{Conn: conn, of: t}
	if pid := conn.Pid(); pid != 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.pids == nil {
			t.pids = map[*Link]int{}
		}
		t.pids[l] = pid
	}
	return l, nil
}

// Pids are the processes of the sessions that are open, where they are processes.
func (t *Links) Pids() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	pids := make([]int, 0, len(t.pids))
	for _, pid := range t.pids {
		pids = append(pids, pid)
	}
	return pids
}

// Link is a session over a wire.
type Link struct {
	link.Conn
	of *Links
}

// Do implements Session.
func (l *Link) Do(ctx context.Context, req messages.Request) messages.Outcome {
	return l.Conn.Do(ctx, req, new(link.SentFlag), deaf)
}

// Close implements Session.
func (l *Link) Close(ctx context.Context) error {
	l.of.mu.Lock()
	delete(l.of.pids, l)
	l.of.mu.Unlock()
	return l.Conn.Close(ctx)
}

// deaf is the sink of a client that wants the answer only and can do nothing
// for a server.
var deaf messages.Sink = messages.SinkFunc(func(n messages.Notification) error {
	decline(n)
	return nil
})

// decline answers what a server asks: with nothing.
func decline(n messages.Notification) {
	if n.Reply != nil {
		n.Reply(messages.Answer{})
	}
}

// clientInfo is how a client introduces itself (2025-11-25, lifecycle: initialization).
func clientInfo(version string, client int) json.RawMessage {
	return fmt.Appendf(nil, `{"name":"mcpx-load","title":"client %d","version":%s}`, client, jsonrpc.Quote(version))
}

// Door is what of a runtime in this process a target needs.
type Door interface {
	Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome
	OpenClient(ctx context.Context, spec messages.ClientSpec) (messages.ClientID, error)
	CloseClient(ctx context.Context, id messages.ClientID, p messages.Principal) error
}

// Doors is a target that is a runtime in this process, without any wire.
type Doors struct {
	Door    Door
	Server  func(client int) string // the server that a client calls
	Modern  bool                    // the clients have no sessions, as that era has none
	Version string
}

// Open implements Target.
func (t *Doors) Open(ctx context.Context, client int) (Session, error) {
	s := &doorSession{
		door: t.Door, lost: make(chan struct{}),
		call: messages.Call{Server: t.Server(client), Caller: messages.Caller{Modern: t.Modern}},
	}
	if t.Modern {
		return s, nil
	}
	id, err := t.Door.OpenClient(ctx, messages.ClientSpec{Info: clientInfo(t.Version, client)})
	s.call.Client = id
	return s, err
}

type doorSession struct {
	door Door
	call messages.Call
	lost chan struct{} // never closed: the door is in this process
}

// Do implements Session.
func (s *doorSession) Do(ctx context.Context, req messages.Request) messages.Outcome {
	call := s.call
	call.Request = req
	return s.door.Call(ctx, call, deaf)
}

// Lost implements Session.
func (s *doorSession) Lost() <-chan struct{} { return s.lost }

// Close implements Session.
func (s *doorSession) Close(ctx context.Context) error {
	if s.call.Client == "" {
		return nil
	}
	return s.door.CloseClient(ctx, s.call.Client, s.call.Principal)
}
