package testkit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/dial"
)

// House is a runtime with the real dialer, in the process of the test.
type House struct {
	*actors.Runtime
	T      testing.TB
	Events *actortest.Recorder
	Mark   string // of all its processes; see puppet.Marked
}

var marks atomic.Int64

// NewMark returns a mark for puppets that nobody else uses.
func NewMark() string { return fmt.Sprintf("testkit-%d-%d", os.Getpid(), marks.Add(1)) }

// Open runs a runtime until the test ends, and then nothing of it may be left.
// Change, which may be nil, changes its options.
func Open(t testing.TB, change func(*actors.Options)) *House {
	t.Helper()
	o := actors.Options{Dialer: dial.New(json.RawMessage(`{"name":"mcpx-test","version":"0"}`)), Limits: messages.DefaultLimits()}
	if change != nil {
		change(&o)
	}
	r := actors.New(o)
	h := &House{Runtime: r, T: t, Events: actortest.Record(t, r), Mark: NewMark()}
	t.Cleanup(func() {
		h.Close()
		h.NothingLeft()
	})
	return h
}

// NothingLeft looks for actors and processes after a close.
func (h *House) NothingLeft() {
	h.T.Helper()
	if left := h.Tree().Children; len(left) > 0 {
		h.T.Errorf("actors are left: %v", left)
	}
	if left := puppet.Marked(h.Mark); len(left) > 0 {
		h.T.Errorf("processes are left: %v", left)
	}
}

// Holds is Holds with the processes of the house.
func (h *House) Holds() Holdings { return Holds(h.Mark) }

// Stdio describes a server that is a puppet process.
func (h *House) Stdio(name, behaviour string, args ...string) messages.ServerSpec {
	s := messages.ServerSpec{Name: name, Transport: messages.TransportStdio, Protocol: "auto", Policy: messages.DefaultPolicy()}
	s.Command, s.Args, s.Env = puppet.Command(behaviour, args...)
	s.Env[puppet.EnvMark] = h.Mark
	s.Policy.KillAfter = Patience / 2 // who means to see a server killed says less
	return s
}

// HTTP describes a server that is a puppet over Streamable HTTP or HTTP+SSE.
func (h *House) HTTP(name string, p *puppethttp.Puppet) messages.ServerSpec {
	return messages.ServerSpec{
		Name: name, Transport: messages.TransportHTTP, URL: p.URL, Protocol: "auto", Policy: messages.DefaultPolicy(),
	}
}

// Serve makes the specifications the set of servers.
func (h *House) Serve(specs ...messages.ServerSpec) {
	h.T.Helper()
	if _, err := h.Apply(h.T.Context(), specs); err != nil {
		h.T.Fatal(err)
	}
}

// ServeAll is Serve, and waits until all are connected.
func (h *House) ServeAll(specs ...messages.ServerSpec) {
	h.T.Helper()
	h.Serve(specs...)
	for _, s := range specs {
		if err := h.Connect(h.T.Context(), s.Name); err != nil {
			h.T.Fatal(err)
		}
	}
}

// StatusOf returns the status of a server that exists.
func (h *House) StatusOf(server string) messages.Status {
	h.T.Helper()
	s, ok := h.Status(server)
	if !ok {
		h.T.Fatalf("server %q is unknown", server)
	}
	return s
}

// Paths returns the paths of all living actors whose last element starts so
// ("s": sessions, "l": links).
func (h *House) Paths(prefix string) []string {
	var found []string
	var walk func(messages.TreeNode)
	walk = func(n messages.TreeNode) {
		if strings.HasPrefix(n.Path[strings.LastIndexByte(n.Path, '/')+1:], prefix) {
			found = append(found, n.Path)
		}
		for _, c := range n.Children {
			walk(c)
		}
	}
	walk(h.Tree())
	return found
}

// UpstreamOf returns the path of the actor of a server.
func (h *House) UpstreamOf(server string) string {
	h.T.Helper()
	found := h.Paths("upstream:" + server + "#")
	if len(found) != 1 {
		h.T.Fatalf("actors of server %q: %v, want one", server, found)
	}
	return found[0]
}

// ToolCall is a call of one tool with the arguments n and text, which is "t"
// and n.
func ToolCall(server, tool string, n int) messages.Call {
	return messages.Call{Server: server, Request: messages.Request{
		Method: "tools/call", Name: tool,
		Params: json.RawMessage(fmt.Sprintf(`{"name":%q,"arguments":{"n":%d,"text":"t%d"}}`, tool, n, n)),
	}}
}

// Pending is a call that is under way.
type Pending struct {
	N      int
	Cancel context.CancelFunc // as its caller would
	answer chan messages.Outcome
}

// Start begins a call; n names it in messages of the test.
func (h *House) Start(c messages.Call, n int) Pending {
	ctx, cancel := context.WithCancel(context.Background())
	h.T.Cleanup(cancel)
	p := Pending{n, cancel, make(chan messages.Outcome, 1)}
	go func() { p.answer <- h.Call(ctx, c, messages.Discard) }()
	return p
}

// Outcome waits for the answer.
func (p Pending) Outcome(t testing.TB) messages.Outcome {
	t.Helper()
	select {
	case out := <-p.answer:
		return out
	case <-time.After(Patience):
		t.Fatalf("call %d has no answer after %v", p.N, Patience)
		return messages.Outcome{}
	}
}

// Answered tells whether the answer has come.
func (p Pending) Answered() bool { return len(p.answer) > 0 }

// WantKind insists on a failure.
func WantKind(t testing.TB, out messages.Outcome, kind messages.Kind, sent messages.Sent) {
	t.Helper()
	if out.Failure == nil || out.Failure.Kind != kind || out.Failure.Sent != sent {
		t.Fatalf("outcome %s %+v, want kind %v, sent %v", out.Result, out.Failure, kind, sent)
	}
}

// WantResult insists on a result that holds a text.
func WantResult(t testing.TB, out messages.Outcome, text string) {
	t.Helper()
	if out.Failure != nil || !strings.Contains(string(out.Result), text) {
		t.Errorf("outcome %s %+v, want a result with %q", out.Result, out.Failure, text)
	}
}
