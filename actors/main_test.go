package actors_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// start runs a runtime with the given servers and checks at the end that
// nothing of it is left.
func start(t testing.TB, servers actortest.Dialer, change func(*actors.Options)) (*actors.Runtime, *actortest.Recorder) {
	t.Helper()
	opts := actors.Options{Dialer: servers, Limits: messages.DefaultLimits()}
	if change != nil {
		change(&opts)
	}
	r := actors.New(opts)
	rec := actortest.Record(t, r)
	t.Cleanup(func() {
		r.Close()
		if left := r.Tree().Children; len(left) > 0 {
			t.Errorf("actors are left: %v", left)
		}
		for name, s := range servers {
			if n := s.Open(); n != 0 {
				t.Errorf("server %q: %d connections are left", name, n)
			}
		}
	})
	return r, rec
}

func apply(t testing.TB, r *actors.Runtime, specs ...messages.ServerSpec) messages.Diff {
	t.Helper()
	d, err := r.Apply(context.Background(), specs)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func connect(t testing.TB, r *actors.Runtime, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := r.Connect(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
}

func call(server string) messages.Call {
	return messages.Call{Server: server, Request: messages.Request{
		Method: "tools/call", Name: "echo", Params: []byte(`{"name":"echo","arguments":{"n":9007199254740993}}`),
	}}
}

// hanging answers no call but "echo" with its params.
func hanging() *actortest.Server {
	return &actortest.Server{Do: func(ctx context.Context, c *actortest.Conn, req messages.Request, _ messages.Sink) messages.Outcome {
		if req.Name == "echo" {
			return messages.Outcome{Result: req.Params}
		}
		return c.Hang(ctx)
	}}
}

// paths returns the paths of all living actors whose last element starts so.
func paths(r *actors.Runtime, prefix string) []string {
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
	walk(r.Tree())
	return found
}

func upstreamPath(t testing.TB, r *actors.Runtime, server string) string {
	t.Helper()
	found := paths(r, "upstream:"+server+"#")
	if len(found) != 1 {
		t.Fatalf("actors of server %q: %v, want one", server, found)
	}
	return found[0]
}

func wantKind(t testing.TB, out messages.Outcome, kind messages.Kind, sent messages.Sent) {
	t.Helper()
	if out.Failure == nil || out.Failure.Kind != kind || out.Failure.Sent != sent {
		t.Fatalf("outcome %s %+v, want kind %v, sent %v", out.Result, out.Failure, kind, sent)
	}
}
