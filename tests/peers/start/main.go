// Command start measures how long `mcpx stdio` takes from its own start to the
// answer to initialize while many servers are still being connected, against
// `node -e 0`, pair by pair. `make bench-start` runs it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

func main() {
	var (
		pairs   = flag.Int("pairs", 20, "how often each is started")
		servers = flag.Int("servers", 20, "upstreams over stdio")
		node    = flag.String("node", "node", "`program` to compare with, run with -e 0")
		mcpx    = flag.String("mcpx", "", "`program` to measure instead of building one")
		out     = flag.String("out", "tests/reports/start.md", "report; empty for none")
	)
	flag.Parse()
	if err := run(*pairs, *servers, *node, *mcpx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "start:", err)
		os.Exit(1)
	}
}

func run(pairs, servers int, node, mcpx, out string) error {
	dir, err := os.MkdirTemp("", "mcpx-start-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if mcpx == "" {
		if mcpx, err = kit.Build(dir, "mcpx", "./cmd/mcpx"); err != nil {
			return err
		}
	}
	all := map[string]any{}
	for i := range servers {
		all[fmt.Sprintf("server-%d", i)] = map[string]any{"command": mcpx, "args": []string{"null", "--transport", "stdio"}}
	}
	if _, err := testkit.WriteConfig(dir, testkit.Config(all, logged)); err != nil {
		return err
	}
	s := scene{dir: dir, mcpx: mcpx, node: node, servers: servers}
	for range 2 { // files come into the page cache
		if _, err := s.start(); err != nil {
			return err
		}
		if _, err := s.compared(nil); err != nil {
			return err
		}
	}
	var r results
	for pair := range pairs {
		if err := s.pair(pair, &r); err != nil {
			return fmt.Errorf("pair %d: %w", pair+1, err)
		}
	}
	text := r.markdown(s)
	fmt.Print("\n" + text)
	if out == "" {
		return nil
	}
	return os.WriteFile(out, []byte(text), 0o644)
}

// logged are the settings with which mcpx says when it has started a process.
var logged = map[string]any{"log_level": "debug", "log_format": "json"}

// scene is what is started.
type scene struct {
	dir, mcpx, node string
	servers         int
}

// pair starts both, in turn the one and the other first.
func (s scene) pair(n int, r *results) error {
	for turn := range 2 {
		if turn == n%2 {
			took, err := s.compared(nil)
			if err != nil {
				return err
			}
			asHere, err := s.compared(os.Environ())
			if err != nil {
				return err
			}
			r.node, r.here = append(r.node, ms(took)), append(r.here, ms(asHere))
			continue
		}
		m, err := s.start()
		if err != nil {
			return err
		}
		r.mcpx = append(r.mcpx, ms(m.took))
		r.said = append(r.said, float64(m.said))
		r.last = append(r.last, ms(m.last))
		r.servers.add(m.servers)
		r.guards.add(m.guards)
	}
	last := len(r.mcpx) - 1
	fmt.Printf("pair %2d: mcpx %6.1f ms, node %6.1f ms, ratio %.2f; before the answer %.0f of %d servers were started, the last after %.1f ms "+
		"(by ticks %.0f to %.0f servers, %.0f to %.0f guards)\n",
		n+1, r.mcpx[last], r.node[last], r.mcpx[last]/r.node[last], r.said[last], s.servers, r.last[last],
		r.servers.before[last], r.servers.perhaps[last], r.guards.before[last], r.guards.perhaps[last])
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// compared runs what mcpx is compared with, in this environment, or in one with
// little in it if that is nil, as mcpx itself.
func (s scene) compared(env []string) (time.Duration, error) {
	cmd := testkit.Command(s.node, s.dir, "-e", "0")
	if env != nil {
		cmd.Env = env
	}
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(begun)
	if err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return took, nil
}

const hello = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
	`"clientInfo":{"name":"start","version":"1"}}}` + "\n"

// measured is one start of mcpx.
type measured struct {
	took time.Duration // from its start to the answer
	said int           // servers that had been executed before it, as mcpx says
	last time.Duration // from its start to the execution of the last one

	servers, guards count // as the kernel says
}

// count is how many processes had been started when the answer was there. The
// kernel tells start times in ticks of 10 ms: of those in the tick of the answer
// it cannot be said.
type count struct{ before, perhaps int }

func countOf(started []time.Duration, answered time.Duration) (c count) {
	for _, at := range started {
		if at+tick <= answered {
			c.before++
		}
		if at <= answered {
			c.perhaps++
		}
	}
	return c
}

func (s scene) start() (measured, error) {
	cmd := testkit.Command(s.mcpx, s.dir, "stdio", "mcpx.json")
	begun := time.Now()
	p, err := testkit.StartPiped(cmd)
	if err != nil {
		return measured{}, err
	}
	_, err = io.WriteString(p.In, hello)
	line, readErr := p.Out.ReadBytes('\n')
	at := time.Now()
	answered, clockErr := sinceBoot()
	if err := errors.Join(err, readErr, clockErr); err != nil || !bytes.Contains(line, []byte(`"protocolVersion"`)) {
		p.Kill()
		return measured{}, fmt.Errorf("initialize was answered with %q (%w)\n%s", line, err, p.Errs)
	}
	go func() { _, _ = io.Copy(io.Discard, p.Out) }() // ends with the program
	servers, guards := s.started(p.Pid())
	if len(servers) != s.servers || len(guards) != s.servers {
		p.Kill()
		return measured{}, fmt.Errorf("%d servers and %d guards of %d were started in the end\n%s", len(servers), len(guards), s.servers, p.Errs)
	}
	m := measured{took: at.Sub(begun), servers: countOf(servers, answered), guards: countOf(guards, answered)}
	executed := map[string]time.Time{}
	testkit.Until(func() bool {
		executed = executions(p.Errs.String())
		return len(executed) == s.servers
	})
	for _, e := range executed {
		if !e.After(at) {
			m.said++
		}
		m.last = max(m.last, e.Sub(begun))
	}
	return m, p.End(p.In.Close)
}

// executions reads in the log of mcpx when each server was executed, by the clock
// of its guard.
func executions(log string) map[string]time.Time {
	at := map[string]time.Time{}
	for line := range strings.Lines(log) {
		var l struct {
			Message, Server string
			At              time.Time
		}
		if json.Unmarshal([]byte(line), &l) != nil || l.Message != "Process started" {
			continue
		}
		if _, known := at[l.Server]; !known { // later ones are further connections
			at[l.Server] = l.At
		}
	}
	return at
}

const tick = 10 * time.Millisecond // of start times in /proc

// sinceBoot is the clock of these.
func sinceBoot() (time.Duration, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t)
	return time.Duration(t.Nano()), err
}

// started waits until all servers are processes of their own, and returns when
// they and their guards, which are children of mcpx itself, were started.
func (s scene) started(pid int) (servers, guards []time.Duration) {
	testkit.Until(func() bool {
		below, err := procs.Descendants(pid)
		if err != nil {
			return false
		}
		servers, guards = servers[:0], guards[:0]
		for _, p := range below {
			ticks, err := strconv.ParseInt(p.Started, 10, 64)
			switch at := time.Duration(ticks) * tick; {
			case err != nil:
			case p.Parent == pid:
				guards = append(guards, at)
			case strings.HasSuffix(procs.CommandLine(p.Pid), " null --transport stdio"):
				servers = append(servers, at)
			}
		}
		return len(servers) == s.servers
	})
	return servers, guards
}

// results are those of all pairs.
type results struct {
	mcpx, node      []float64 // milliseconds
	here            []float64 // milliseconds: node in the environment of whoever measures
	said, last      []float64 // servers; milliseconds
	servers, guards counts
}

type counts struct{ before, perhaps []float64 }

func (c *counts) add(n count) {
	c.before, c.perhaps = append(c.before, float64(n.before)), append(c.perhaps, float64(n.perhaps))
}

func (r *results) markdown(s scene) string {
	var ratios, ratiosHere []float64
	for i := range r.mcpx {
		ratios = append(ratios, r.mcpx[i]/r.node[i])
		ratiosHere = append(ratiosHere, r.mcpx[i]/r.here[i])
	}
	ratio, _ := kit.SpreadOf(ratios)
	ratioHere, _ := kit.SpreadOf(ratiosHere)
	met := "no"
	if ratio.Median <= 1 {
		met = "yes"
	}
	return kit.Head("Cold start") + fmt.Sprintf(`; %d pairs, in turn one and the other first.

From the start of the process to the answer to initialize, with %d servers over stdio that are being connected (`+"`mcpx null`"+`, each behind
its guard), against the whole run of `+"`%s -e 0`"+` (%s). Medians (smallest–largest).

| | ms |
|---|---|
| mcpx stdio, to the answer to initialize | %s |
| %s -e 0 | %s |
| ratio, pair by pair (target: ≤ 1.0; met: %s) | %s |
| %s -e 0 with all variables of the shell that measured%s | %s |
| ratio to that | %s |

| mcpx's start to the execution of the last server | %s |

Had been started before the answer, of %d: what mcpx logs is the moment in which a server had been executed, by the clock of its guard, in nanoseconds.
The kernel's start times are ticks of 10 ms: of those in the tick of the answer it cannot be said which was first.

| | by the log | by the kernel, for sure | or in the same tick |
|---|---|---|---|
| servers | %s | %s | %s |
| their guards, which mcpx starts and which start them | | %s | %s |
`, len(r.mcpx), s.servers, s.node, version(s.node), kit.Cell(r.mcpx), s.node, kit.Cell(r.node), met, ratio,
		s.node, certificates(), kit.Cell(r.here), ratioHere, kit.Cell(r.last),
		s.servers, kit.Cell(r.said), kit.Cell(r.servers.before), kit.Cell(r.servers.perhaps), kit.Cell(r.guards.before), kit.Cell(r.guards.perhaps))
}

// certificates says what takes node most of its time where it is set.
func certificates() string {
	if os.Getenv("NODE_EXTRA_CA_CERTS") == "" {
		return ""
	}
	return ", which has it load more certificates (NODE_EXTRA_CA_CERTS)"
}

func version(program string) string {
	out, err := exec.CommandContext(context.Background(), program, "--version").Output()
	if err != nil {
		return "version unknown"
	}
	return strings.TrimSpace(string(out))
}
