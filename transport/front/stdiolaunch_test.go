package front

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// starting is a relay that needs nobody to wait, but for the tools that are
// called so.
type starting struct{ upstream }

func (s starting) Start(ctx context.Context, req mcp.Request, sink messages.Sink, done func(json.RawMessage, error)) bool {
	if req.Request.Name == "bug" {
		return false
	}
	go func() { done(s.Serve(ctx, req, sink)) }()
	return true
}

// Describe has a bug where it describes the puppet to the modern era.
func (s starting) Describe(ctx context.Context, caller mcp.Caller) mcp.Description {
	if mcp.IsModern(caller.Protocol) {
		panic("no words")
	}
	return s.upstream.Describe(ctx, caller)
}

// manual starts requests and leaves their ends to the test.
type manual struct {
	upstream
	started chan func(json.RawMessage, error)
}

func (m manual) Start(_ context.Context, _ mcp.Request, _ messages.Sink, done func(json.RawMessage, error)) bool {
	m.started <- done
	return true
}

func TestStdioLaunch_AnswersAsServingDoes(t *testing.T) {
	var said [][]string
	for _, of := range []func(p *puppet) Service{
		func(p *puppet) Service { return upstream{p} },
		func(p *puppet) Service { return starting{upstream{p}} },
	} {
		p := newPipesOf(t, Options{}, of)
		p.initialize(mcp.V20251125)
		var lines []string
		for i, m := range []struct {
			message string
			lines   int
		}{
			{call(1, "echo"), 1},
			{call(2, "progress"), 4},
			{call(3, "pretty"), 1},
			{call(4, "unavailable"), 1},
			{call(5, "capability"), 1},
			{call(6, "nope"), 1},
			{call(7, "bug"), 1},
			{`{"jsonrpc":"2.0","id":8,"method":"tools/list"}`, 1},
			{`{"jsonrpc":"2.0","id":9,"method":"ping"}`, 1},
			{`{"jsonrpc":"2.0","id":10,"method":"logging/setLevel","params":{"level":"info"}}`, 1},
			{`{"jsonrpc":"2.0","id":11,"method":"tools/call","params":{"name":"echo","name":"echo"}}`, 1},
		} {
			p.send(m.message)
			for range m.lines {
				lines = append(lines, await(t, fmt.Sprint("what is said of ", i+1), p.lines))
			}
		}
		said = append(said, lines)
	}
	for i, line := range said[0] {
		if said[1][i] != line {
			t.Errorf("launched\n got %s\nwant %s", said[1][i], line)
		}
	}
}

func TestStdioLaunch_CancelReachesTheOneRequest(t *testing.T) {
	p := newPipesOf(t, Options{}, func(p *puppet) Service { return starting{upstream{p}} })
	p.initialize(mcp.V20251125)
	p.send(call(1, "wait"), call(2, "wait"))
	await(t, "a start", p.service.started)
	await(t, "a start", p.service.started)
	p.send(call(2, "echo"))
	if line := await(t, "the refusal", p.lines); !strings.HasPrefix(line, `{"jsonrpc":"2.0","id":2,"error":{"code":-32600`) {
		t.Errorf("the same id: %s", line)
	}
	p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	wantCancelled(t, await(t, "an end", p.service.ended))
	close(p.service.release)
	p.expect(`{"jsonrpc":"2.0","id":2,"result":` + released + `}`) // and nothing of the first
	eventually(t, "the ids are free", func() bool { _, _, n := p.clients.state(); return n == 0 })
	p.send(call(1, "wait"))
	p.expect(`{"jsonrpc":"2.0","id":1,"result":` + released + `}`)
}

func TestStdioLaunch_ABugBehindTheAnswerCostsThisRequestOnly(t *testing.T) {
	p := newPipesOf(t, Options{}, func(p *puppet) Service { return starting{upstream{p}} })
	body, _ := modernCall(1, "echo", "")
	p.send(body)
	if line := await(t, "the answer", p.lines); !strings.Contains(line, `"id":1,"error":{"code":-32603`) || !strings.Contains(line, "bug in mcpx") {
		t.Errorf("got %s", line)
	}
	p.initialize(mcp.V20251125)
	p.send(call(1, "wait"))
	close(p.service.release)
	p.expect(`{"jsonrpc":"2.0","id":1,"result":` + released + `}`)
}

// Whoever ends a request, the reader of its upstream, is not held up by a client
// that does not read; the client gets everything when it does.
func TestStdioLaunch_AClientThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	m := manual{upstream{newPuppet()}, make(chan func(json.RawMessage, error))}
	out := newGate()
	in, ended := servedTo(t, m, out)
	await(t, "the answer to initialize", out.arrived)
	out.pass <- nil
	var dones []func(json.RawMessage, error)
	for i := range 200 {
		in <- call(i+1, "manual")
		dones = append(dones, await(t, "a start", m.started))
	}
	for i, done := range dones {
		done(callResult(fmt.Sprintf("%d %s", i+1, strings.Repeat("x", 4<<10))), nil) // returns
	}
	close(in)
	var got []string
	for len(got) < len(dones) {
		batch := await(t, "a write", out.arrived)
		if len(batch) > mostWaiting+8<<10 {
			t.Fatalf("%d bytes have waited", len(batch))
		}
		for line := range strings.Lines(string(batch)) {
			id, _, _ := strings.Cut(line[strings.Index(line, `"text":"`)+8:], " ")
			got = append(got, id)
		}
		out.pass <- nil
	}
	if err := await(t, "the end", ended); err != nil { // not before everything was written
		t.Error(err)
	}
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != len(dones) {
		t.Errorf("%d different answers to %d requests", len(got), len(dones))
	}
}
