package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// stdioTarget talks to a null server over stdio, with mcpx between or without.
func stdioTarget(gateway bool, delay string) func(*bench, *running, int) (*target, error) {
	return func(b *bench, _ *running, size int) (*target, error) {
		dir, err := b.folder()
		if err != nil {
			return nil, err
		}
		args := []string{"null", "--transport", "stdio", "--delay", delay, "--bytes", fmt.Sprint(size)}
		if gateway {
			server := b.nullCommand(args[3:]...)
			if _, err := testkit.WriteConfig(dir, testkit.Config(map[string]any{"null": server}, map[string]any{"log_level": "warn"})); err != nil {
				return nil, err
			}
			args = []string{"stdio", "mcpx.json", "--endpoint", "null"}
		}
		p, err := testkit.StartPiped(testkit.Command(b.mcpx, dir, args...))
		if err != nil {
			return nil, err
		}
		c := &lineClient{p: p, text: []byte(payload(size))}
		c.lines = jsonrpc.NewLineReader(flushing{p.Out, c}, 64<<20)
		if err := c.hello(); err != nil {
			p.Kill()
			return nil, fmt.Errorf("%w\n%s", err, p.Errs)
		}
		t := &target{check: c.check, load: c.load, stop: func() error { return p.End(p.In.Close) }, text: payload(size)}
		if gateway {
			t.pid = p.Pid()
		}
		t.mcp = &loadTarget{command: append([]string{b.mcpx}, args...), dir: dir, era: "legacy", tool: []string{"--tool", "null"}}
		return t, nil
	}
}

// lineClient is a client over stdio that keeps many requests in flight: lean,
// so that it is not what is measured. It writes what has come together when
// there is nothing more to read.
type lineClient struct {
	p     *testkit.Program
	lines *jsonrpc.LineReader
	out   []byte
	text  []byte // of each answer
	next  int64  // id
}

// flushing lets the client write before it waits.
type flushing struct {
	in io.Reader
	c  *lineClient
}

func (f flushing) Read(b []byte) (int, error) {
	if len(f.c.out) > 0 {
		if _, err := f.c.p.In.Write(f.c.out); err != nil {
			return 0, err
		}
		f.c.out = f.c.out[:0]
	}
	return f.in.Read(b)
}

func (c *lineClient) hello() error {
	c.out = append(c.out, legacyHello+"\n"...)
	line, err := c.lines.Next()
	if err != nil || !bytes.Contains(line, []byte(`"protocolVersion"`)) {
		return fmt.Errorf("initialize over stdio: %.300s (%w)", line, err)
	}
	c.out = append(c.out, initialized+"\n"...)
	return nil
}

func (c *lineClient) check() error {
	s, err := c.turns(1, func() bool { return false })
	if err == nil && s.Wrong > 0 {
		err = errors.New("the answer over stdio is not the upstream's")
	}
	return err
}

func (c *lineClient) load(clients int, length time.Duration) (sample, error) {
	end := time.Now().Add(length)
	return c.turns(clients, func() bool { return time.Now().Before(end) })
}

// turns keeps n requests in flight while it is to go on, and waits for the rest.
func (c *lineClient) turns(n int, goOn func() bool) (sample, error) {
	var s sample
	var took []time.Duration
	asked := map[int64]time.Time{}
	ask := func() {
		c.next++
		c.out = jsonrpc.AppendRequest(c.out, jsonrpc.IntID(c.next), "tools/call", []byte(nullCall))
		c.out = append(c.out, '\n')
		asked[c.next] = time.Now()
	}
	begun := time.Now()
	for range n {
		ask()
	}
	for len(asked) > 0 {
		line, err := c.lines.Next()
		if err != nil {
			return s, fmt.Errorf("reading answers: %w", err)
		}
		m, problem := jsonrpc.Parse(line, 100)
		if problem != nil {
			return s, fmt.Errorf("an answer is no message: %w: %.200s", problem, line)
		}
		if m.Kind == jsonrpc.Notification {
			continue
		}
		id, err := strconv.ParseInt(m.ID.String(), 10, 64)
		if _, found := asked[id]; err != nil || !found {
			return s, fmt.Errorf("an answer to nothing that was asked: %.200s", line)
		}
		took = append(took, time.Since(asked[id]))
		delete(asked, id)
		s.Requests++
		if m.Kind != jsonrpc.Response || !bytes.Contains(m.Result, c.text) {
			s.Wrong++
		}
		if goOn() {
			ask()
		}
	}
	slices.Sort(took)
	s.Rate = float64(s.Requests-s.Wrong) / time.Since(begun).Seconds()
	s.P50, s.P99 = micros(took[len(took)/2]), micros(took[len(took)*99/100])
	return s, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
