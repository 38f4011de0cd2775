package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/null"
	"github.com/mcpx/mcpx/transport/workload"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

const (
	idleKiB    = "KiB per idle session"
	streamKiB  = "KiB per idle session with a stream"
	besideIdle = "call CPU µs beside idle sessions"
	listBeside = "tools/list CPU µs beside them"
	activeCPU  = "call CPU µs, all active"
	activeRate = "calls per s, all active"
)

// ofSessions measures with so many client sessions.
func (o options) ofSessions(n int, f figures) (err error) {
	u, err := listen(0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	for _, part := range []func(*gateway, int, figures) error{o.idle, o.streaming, o.active} {
		if err := o.fresh(u, func(g *gateway) error { return part(g, n, f) }); err != nil {
			return err
		}
	}
	return nil
}

// fresh runs a gateway of its own for one measurement.
func (o options) fresh(u *upstream, measure func(*gateway) error) (err error) {
	g, err := o.serve(u, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	return measure(g)
}

func (o options) call() []string { return []string{"--exec", serverName(0) + "/" + null.ToolName} }

// idle opens sessions without streams, and looks what they weigh and whether
// they are in the way of others.
func (o options) idle(g *gateway, n int, f figures) error {
	if _, err := o.cpuOf(g, 16, o.call()...); err != nil { // what any load leaves is no session's
		return err
	}
	before, err := procs.Memory(g.Pid(), "Rss")
	if err != nil {
		return err
	}
	if err := open(g.URL, n); err != nil {
		return err
	}
	after, err := procs.Memory(g.Pid(), "Rss")
	if err != nil {
		return err
	}
	f.add(idleKiB, n, float64(max(0, after-before))/float64(n))
	cpu, err := o.cpuOf(g, 16, o.call()...)
	if err != nil {
		return err
	}
	f.add(besideIdle, n, cpu)
	if cpu, err = o.cpuOf(g, 16, "--mix", "tools/list=1"); err != nil {
		return err
	}
	f.add(listBeside, n, cpu)
	return nil
}

const hello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
	`"clientInfo":{"name":"curves","version":"1"}}}`

// open opens legacy sessions, with connections that are closed at once.
func open(url string, n int) error {
	var opening sync.WaitGroup
	slots, failed := make(chan struct{}, 64), make(chan error, n)
	for range n {
		slots <- struct{}{}
		opening.Go(func() {
			defer func() { <-slots }()
			hello, err := testkit.Ask(context.Background(), http.MethodPost, url, hello, http.Header{
				"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}})
			if err != nil || hello.Status != http.StatusOK || hello.Header.Get("Mcp-Session-Id") == "" {
				failed <- fmt.Errorf("initialize: HTTP %d: %.300s (%w)", hello.Status, hello.Body, err)
			}
		})
	}
	opening.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// streaming holds sessions with an open stream each.
func (o options) streaming(g *gateway, n int, f figures) error {
	if _, err := o.cpuOf(g, 16, o.call()...); err != nil {
		return err
	}
	held, err := o.holding(g, n, o.length)
	if err != nil {
		return err
	}
	if wrong := held.Errors(true); wrong > 0 {
		return fmt.Errorf("of %d held sessions %d were not as they should be: %+v", n, wrong, held)
	}
	f.add(streamKiB, n, float64(held.PerSession())/1024)
	return nil
}

func (o options) holding(g *gateway, n int, length time.Duration) (*workload.Held, error) {
	return kit.Hold(o.mcpx, g.dir, "--sessions", fmt.Sprint(n), "--hold", length.String(), "--era", "legacy", "--pid", fmt.Sprint(g.Pid()), g.URL)
}

// active lets all call at the same time, each in a session of its own.
func (o options) active(g *gateway, n int, f figures) error {
	r, err := kit.Load(o.mcpx, g.dir, append(o.call(), "--era", "legacy", "--pid", fmt.Sprint(g.Pid()), "--clients", fmt.Sprint(n),
		"--warmup", (o.length/4).String(), "--duration", o.length.String(), g.URL)...)
	if err != nil {
		return err
	}
	if r.Errors > 0 {
		fmt.Printf("%d active sessions: %d of %d requests failed: %+v\n", n, r.Errors, r.Requests, r.Faults)
	}
	if r.Used == nil {
		return errors.New("mcpx load says nothing of the target's CPU time")
	}
	f.add(activeCPU, n, float64(r.Used.CPUPerRequest)/float64(time.Microsecond))
	f.add(activeRate, n, r.Throughput)
	f.add("failed of a thousand, all active", n, 1000*float64(r.Errors)/float64(r.Requests))
	return nil
}

func sessionsReport(o options, f figures) string {
	if len(o.sessions) == 0 {
		return ""
	}
	var b strings.Builder
	columns := []string{idleKiB, streamKiB, besideIdle, listBeside, activeCPU, activeRate, "failed of a thousand, all active"}
	b.WriteString("\n## Client sessions\n\nLegacy sessions at `/mcp`, one server behind it. What idle ones weigh is the growth of RSS by their number, of a process that has\n" +
		"been at work before; calls beside them are those of 16 modern clients.\n\n| sessions | " +
		strings.Join(columns, " | ") + " |\n|" + strings.Repeat("---|", len(columns)+1) + "\n")
	for _, n := range o.sessions {
		fmt.Fprintf(&b, "| %d |", n)
		for _, c := range columns {
			b.WriteString(" " + f.cell(c, n) + " |")
		}
		b.WriteString("\n")
	}
	most := o.sessions[len(o.sessions)-1]
	b.WriteString("\n| what | figure | target | met |\n|---|---|---|---|\n")
	for _, c := range []struct {
		name string
		most float64
	}{{idleKiB, 8}, {streamKiB, 40}} {
		if s, ok := kit.SpreadOf(f[figure{c.name, most}]); ok {
			met := "no"
			if s.Median <= c.most {
				met = "yes"
			}
			fmt.Fprintf(&b, "| %s, %d sessions | %s | ≤ %v | %s |\n", c.name, most, s, c.most, met)
		}
	}
	return b.String()
}

// holdMany holds many sessions with streams for long.
func (o options) holdMany() (text string, err error) {
	u, err := listen(0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, u.stop()) }()
	err = o.fresh(u, func(g *gateway) error {
		held, err := o.holding(g, o.held, o.hold)
		if err != nil {
			return err
		}
		text = fmt.Sprintf("\n## Held\n\n%d legacy sessions with open event streams at `/mcp`, held for %v: %d streams when it began, %d at the end; "+
			"%d sessions lost; %d answered afterwards; not as they should be: %d. RSS %.0f KiB per session.\n",
			held.Sessions, held.For.Round(time.Second), held.Streams, held.StreamsLeft, held.Lost, held.Answered, held.Errors(true), float64(held.PerSession())/1024)
		for _, fault := range held.Faults {
			text += fmt.Sprintf("\n- %+v", fault)
		}
		return nil
	})
	return text, err
}
