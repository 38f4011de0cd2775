package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
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

// house is a runtime with the real dialer.
type house struct {
	*actors.Runtime
	t      *testing.T
	events *actortest.Recorder
	mark   string // of all its processes
}

var marks atomic.Int64

func newMark() string { return fmt.Sprintf("faults-%d-%d", os.Getpid(), marks.Add(1)) }

// open runs a runtime until the test ends, and then nothing of it may be left.
func open(t *testing.T, change func(*actors.Options)) *house {
	t.Helper()
	o := actors.Options{Dialer: dial.New(json.RawMessage(`{"name":"mcpx-test","version":"0"}`)), Limits: messages.DefaultLimits()}
	if change != nil {
		change(&o)
	}
	r := actors.New(o)
	h := &house{Runtime: r, t: t, events: actortest.Record(t, r), mark: newMark()}
	t.Cleanup(func() {
		h.Close()
		h.nothingLeft()
	})
	return h
}

// nothingLeft looks for actors and processes after a close.
func (h *house) nothingLeft() {
	h.t.Helper()
	if left := h.Tree().Children; len(left) > 0 {
		h.t.Errorf("actors are left: %v", left)
	}
	if left := puppet.Marked(h.mark); len(left) > 0 {
		h.t.Errorf("processes are left: %v", left)
	}
}

// stdio describes a server that is a puppet process.
func (h *house) stdio(name, behaviour string, args ...string) messages.ServerSpec {
	s := messages.ServerSpec{Name: name, Transport: messages.TransportStdio, Protocol: "auto", Policy: messages.DefaultPolicy()}
	s.Command, s.Args, s.Env = puppet.Command(behaviour, args...)
	s.Env[puppet.EnvMark] = h.mark
	s.Policy.KillAfter = time.Second
	return s
}

// http describes a server that is a puppet over Streamable HTTP.
func (h *house) http(name string, p *puppethttp.Puppet) messages.ServerSpec {
	return messages.ServerSpec{
		Name: name, Transport: messages.TransportHTTP, URL: p.URL, Protocol: "auto", Policy: messages.DefaultPolicy(),
	}
}

func legacyHTTP(t *testing.T) *puppethttp.Puppet {
	return puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
}

func modernHTTP(t *testing.T) *puppethttp.Puppet {
	return puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Modern}})
}

func (h *house) apply(specs ...messages.ServerSpec) {
	h.t.Helper()
	if _, err := h.Apply(h.t.Context(), specs); err != nil {
		h.t.Fatal(err)
	}
}

// connect makes the specs the set of servers and waits until all are connected.
func (h *house) connect(specs ...messages.ServerSpec) {
	h.t.Helper()
	h.apply(specs...)
	for _, s := range specs {
		if err := h.Connect(h.t.Context(), s.Name); err != nil {
			h.t.Fatal(err)
		}
	}
}

func (h *house) status(server string) messages.Status {
	h.t.Helper()
	s, ok := h.Status(server)
	if !ok {
		h.t.Fatalf("server %q is unknown", server)
	}
	return s
}

// paths returns the paths of all living actors whose last element starts so.
func (h *house) paths(prefix string) []string {
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

// upstreamOf returns the path of the actor of a server.
func (h *house) upstreamOf(server string) string {
	h.t.Helper()
	found := h.paths("upstream:" + server + "#")
	if len(found) != 1 {
		h.t.Fatalf("actors of server %q: %v, want one", server, found)
	}
	return found[0]
}

// toolCall is a call of one tool with the number n as its argument.
func toolCall(server, tool string, n int) messages.Call {
	return messages.Call{Server: server, Request: messages.Request{
		Method: "tools/call", Name: tool,
		Params: json.RawMessage(fmt.Sprintf(`{"name":%q,"arguments":{"n":%d,"text":"t%d"}}`, tool, n, n)),
	}}
}

// pending is a call that is under way.
type pending struct {
	n      int
	answer chan messages.Outcome // gets exactly one
	cancel context.CancelFunc
}

// start begins a call.
func (h *house) start(c messages.Call, n int) pending {
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	p := pending{n, make(chan messages.Outcome, 1), cancel}
	go func() { p.answer <- h.Call(ctx, c, messages.Discard) }()
	return p
}

// outcome waits for the answer.
func (p pending) outcome(t *testing.T) messages.Outcome {
	t.Helper()
	select {
	case out := <-p.answer:
		return out
	case <-time.After(actortest.Patience):
		t.Fatalf("call %d has no answer after %v", p.n, actortest.Patience)
		return messages.Outcome{}
	}
}

func (p pending) answered() bool { return len(p.answer) > 0 }

func wantKind(t *testing.T, out messages.Outcome, kind messages.Kind, sent messages.Sent) {
	t.Helper()
	if out.Failure == nil || out.Failure.Kind != kind || out.Failure.Sent != sent {
		t.Fatalf("outcome %s %+v, want kind %v, sent %v", out.Result, out.Failure, kind, sent)
	}
}

func wantResult(t *testing.T, out messages.Outcome, text string) {
	t.Helper()
	if out.Failure != nil || !strings.Contains(string(out.Result), text) {
		t.Errorf("outcome %s %+v, want a result with %q", out.Result, out.Failure, text)
	}
}

// holdings are what this process has of the system, and the heap.
type holdings struct {
	goroutines, descriptors, processes int
	heap                               uint64
}

func (h *house) holds() holdings {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	descriptors, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		h.t.Fatal(err)
	}
	return holdings{runtime.NumGoroutine(), len(descriptors), len(puppet.Marked(h.mark)), m.HeapInuse}
}

// within tells whether nothing has grown; the heap is another matter.
func (now holdings) within(before holdings) bool {
	return now.goroutines <= before.goroutines && now.descriptors <= before.descriptors && now.processes <= before.processes
}

func (now holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d processes, heap %d KiB", now.goroutines, now.descriptors, now.processes, now.heap>>10)
}

func contains(result json.RawMessage, text string) bool {
	return strings.Contains(string(result), text)
}
