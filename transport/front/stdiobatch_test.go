package front

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// gathered is a relay that answers at the end of the batch that a request came with.
type gathered struct {
	upstream
	mu    *sync.Mutex
	sizes *[]int // of the batches, in the order of their ends
	open  map[*messages.Batch]int
}

func (s gathered) Start(_ context.Context, req mcp.Request, _ messages.Sink, done func(json.RawMessage, error)) bool {
	b := req.Request.Batch
	s.mu.Lock()
	first := s.open[b] == 0
	s.open[b]++
	s.mu.Unlock()
	if first && !b.Later(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		*s.sizes = append(*s.sizes, s.open[b])
	}) {
		panic("a batch that is over")
	}
	return b.Later(func() { done(callResult("together"), nil) })
}

func newGathered(t *testing.T) (p *pipes, sizes func() []int) {
	s := gathered{mu: new(sync.Mutex), sizes: new([]int), open: map[*messages.Batch]int{}}
	p = newPipesOf(t, Options{}, func(p *puppet) Service {
		s.upstream = upstream{p}
		return s
	})
	return p, func() []int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Clone(*s.sizes)
	}
}

func calls(from, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintln(&b, call(from+i, "echo"))
	}
	return b.String()
}

func (p *pipes) expectAnswers(n int) {
	p.t.Helper()
	for range n {
		if line := await(p.t, "an answer", p.lines); !strings.Contains(line, "together") {
			p.t.Errorf("got %s", line)
		}
	}
}

func TestStdioBatch_WhatCameTogetherIsBegunTogetherUpToABound(t *testing.T) {
	p, sizes := newGathered(t)
	p.initialize(mcp.V20251125)
	for _, n := range []int{1, 3, mostTogether, mostTogether + 1, 3*mostTogether + 2} {
		before := len(sizes())
		if _, err := io.WriteString(p.in, calls(1, n)); err != nil {
			t.Fatal(err)
		}
		p.expectAnswers(n)
		eventually(t, "the ids to be free", func() bool { _, _, open := p.clients.state(); return open == 0 })
		var want []int
		for left := n; left > 0; left -= mostTogether {
			want = append(want, min(left, mostTogether))
		}
		if got := sizes()[before:]; !slices.Equal(got, want) {
			t.Errorf("%d came together, begun by %v, want %v", n, got, want)
		}
	}
}

// Whatever comes behind a request, it goes out before the reading loop waits.
func TestStdioBatch_EndsBeforeTheLoopWaits(t *testing.T) {
	for name, behind := range map[string]string{
		"half a line":      `{"jsonrpc":"2.0","id":"half`,
		"blank lines":      "\n\r\n  \n",
		"a notification":   `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":77}}` + "\n",
		"no message":       "{}\n",
		"a batch":          "[]\n",
		"a long beginning": `{"x":"` + strings.Repeat("y", 100<<10),
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newGathered(t)
			p.initialize(mcp.V20251125)
			if _, err := io.WriteString(p.in, calls(1, 2)+behind); err != nil {
				t.Fatal(err)
			}
			for answers := 0; answers < 2; {
				if strings.Contains(await(t, "an answer", p.lines), "together") {
					answers++
				}
			}
		})
	}
	t.Run("the end of input", func(t *testing.T) {
		p, _ := newGathered(t)
		p.initialize(mcp.V20251125)
		if _, err := io.WriteString(p.in, calls(1, 2)+call(3, "echo")); err != nil {
			t.Fatal(err)
		}
		if err := p.end(); err != nil {
			t.Error(err)
		}
		p.expectAnswers(3)
	})
}

// A client that does not read its refusals makes the loop wait: what it has begun goes out.
func TestStdioBatch_EndsBeforeTheLoopWaitsForItsClient(t *testing.T) {
	stop := make(chan struct{})
	c := &stdio{out: newLineWriter(io.Discard), stop: stop, replies: make(chan struct{}), launched: new(messages.Batch)}
	ended := make(chan struct{})
	c.launched.Later(func() { close(ended) })
	returned := make(chan struct{})
	go func() {
		c.reply([]byte("{}")) // there is never room
		close(returned)
	}()
	await(t, "the end of the batch", ended)
	close(stop)
	await(t, "the loop", returned)
}
