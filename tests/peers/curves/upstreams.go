package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/null"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// slowStart is how long a server of a curve takes to introduce itself, where
// that matters.
const slowStart = time.Second

// upstream is one null server that poses as many: each path is one.
type upstream struct {
	url  string
	stop func() error
}

// listen serves it; opening is how long each handshake takes.
func listen(opening time.Duration) (*upstream, error) {
	s, err := null.New(null.Options{Bytes: 100})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l, slow(s.HTTP(), opening)) }()
	return &upstream{"http://" + l.Addr().String(), func() error { cancel(); return <-done }}, nil
}

// slow delays handshakes.
func slow(h http.Handler, by time.Duration) http.Handler {
	if by == 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client has gone
		}
		if bytes.Contains(body, []byte(`"server/discover"`)) || bytes.Contains(body, []byte(`"initialize"`)) {
			select {
			case <-time.After(by):
			case <-r.Context().Done():
				return
			}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h.ServeHTTP(w, r)
	})
}

// queue is how many calls may wait for a server: all clients of a curve call at
// the same time.
const queue = 10_000

// gateway is an mcpx that serves so many servers of an upstream.
type gateway struct {
	*testkit.Gateway
	dir       string
	connected time.Duration // from its start until all servers were
}

func (o options) serve(u *upstream, servers int) (*gateway, error) {
	dir, err := os.MkdirTemp(o.dir, "run-")
	if err != nil {
		return nil, err
	}
	all := map[string]any{}
	for i := range servers {
		all[serverName(i)] = map[string]any{"url": fmt.Sprintf("%s/%d/mcp", u.url, i)}
	}
	if _, err := testkit.WriteConfig(dir, testkit.Config(all, map[string]any{"log_level": "warn", "max_queue": queue})); err != nil {
		return nil, err
	}
	begun := time.Now()
	g, err := testkit.ServeBinary(o.mcpx, dir, "mcpx.json", "--port", "0")
	if err != nil {
		return nil, err
	}
	if err := g.AwaitServers(servers); err != nil {
		g.Kill()
		return nil, err
	}
	return &gateway{g, dir, time.Since(begun)}, nil
}

func serverName(i int) string { return fmt.Sprintf("server-%d", i) }

// cpuOf measures a load and returns the CPU time per request, in microseconds.
func (o options) cpuOf(g *gateway, clients int, more ...string) (float64, error) {
	args := append([]string{"--era", "modern", "--pid", fmt.Sprint(g.Pid()), "--clients", fmt.Sprint(clients),
		"--warmup", (o.length / 4).String(), "--duration", o.length.String()}, more...)
	r, err := kit.Load(o.mcpx, g.dir, append(args, g.URL)...)
	switch {
	case err != nil:
		return 0, err
	case r.Errors > 0:
		return 0, fmt.Errorf("%d of %d requests failed: %+v", r.Errors, r.Requests, r.Faults)
	case r.Used == nil:
		return 0, errors.New("mcpx load says nothing of the target's CPU time")
	}
	return float64(r.Used.CPUPerRequest) / float64(time.Microsecond), nil
}

const (
	connectedS  = "connected s"
	connected1S = "connected s, handshakes of 1 s"
	callCPU     = "call CPU µs"
	listCPU     = "tools/list CPU µs"
	listBytes   = "tools/list bytes"
	inspectCPU  = "inspect CPU µs"
	inspectSize = "inspect bytes"
	rssMB       = "RSS MB"
)

// ofUpstreams measures with so many servers.
func (o options) ofUpstreams(n int, f figures) (err error) {
	for _, opening := range []time.Duration{slowStart, 0} {
		if err := o.withUpstreams(n, opening, f); err != nil {
			return err
		}
	}
	return nil
}

func (o options) withUpstreams(n int, opening time.Duration, f figures) (err error) {
	u, err := listen(opening)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	g, err := o.serve(u, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	if opening > 0 {
		f.add(connected1S, n, g.connected.Seconds())
		return nil
	}
	f.add(connectedS, n, g.connected.Seconds())
	if kib, err := procs.Memory(g.Pid(), "Rss"); err == nil {
		f.add(rssMB, n, float64(kib)/1024)
	}
	call := []string{}
	for i := range min(n, 100) { // spread over all of them, as far as a command line goes
		call = append(call, "--exec", serverName(i*n/min(n, 100))+"/"+null.ToolName)
	}
	for name, args := range map[string][]string{
		callCPU: call, listCPU: {"--mix", "tools/list=1"}, inspectCPU: {"--tool", "inspect", "--args", `{"server_name":"server-0"}`},
	} {
		cpu, err := o.cpuOf(g, 16, args...)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.add(name, n, cpu)
	}
	for name, params := range map[string]string{listBytes: "", inspectSize: `{"name":"inspect","arguments":{"server_name":"server-0"}}`} {
		size, err := sizeOf(g.URL, params)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		f.add(name, n, float64(size))
	}
	return nil
}

// sizeOf is the length of the answer to tools/list, or to tools/call with params.
func sizeOf(url, params string) (int, error) {
	method, tool, p := "tools/list", "", "{}"
	if params != "" {
		method, tool, p = "tools/call", "inspect", params
	}
	got, err := testkit.Ask(context.Background(), http.MethodPost, url, testkit.Modern(1, method, p), testkit.ModernHeaders(method, tool))
	if err != nil || got.Status != http.StatusOK || !strings.Contains(got.Body, `"result"`) {
		return 0, fmt.Errorf("HTTP %d: %.300s (%w)", got.Status, got.Body, err)
	}
	return len(got.Body), nil
}

func upstreamsReport(o options, f figures) string {
	if len(o.upstreams) == 0 {
		return ""
	}
	var b strings.Builder
	columns := []string{connectedS, connected1S, rssMB, callCPU, listCPU, listBytes, inspectCPU, inspectSize}
	b.WriteString("\n## Servers\n\nOver HTTP; calls by `exec` from 16 modern clients, spread over the servers.\n\n| servers | " +
		strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, n := range o.upstreams {
		fmt.Fprintf(&b, "| %d |", n)
		for _, c := range columns {
			b.WriteString(" " + f.cell(c, n) + " |")
		}
		b.WriteString("\n")
	}
	b.WriteString("\n| what | ratio | target | met |\n|---|---|---|---|\n")
	b.WriteString(f.verdict("tools/list, CPU per byte", listCPU, listBytes, 1000, 10, 1.2))
	b.WriteString(f.verdict("inspect, CPU per byte", inspectCPU, inspectSize, 1000, 10, 1.2))
	b.WriteString(f.verdict("call, CPU", callCPU, "", 1000, 10, 1.2))
	b.WriteString(f.verdict("all connected, handshakes of 1 s", connected1S, "", 1000, 10, 3))
	return b.String()
}
