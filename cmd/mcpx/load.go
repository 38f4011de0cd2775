package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mcpx/mcpx/transport/mcp"
	"github.com/mcpx/mcpx/transport/workload"
	"github.com/spf13/cobra"
)

const loadLong = `Measure an MCP server or gateway.

The target is a URL (Streamable HTTP, or HTTP+SSE), a command behind --, or one
server of a configuration, run by mcpx in this process. All clients open a
session of their own, and begin together when all are open.

Without --rate each client asks again when it has been answered. With --rate
requests have appointments, so many per second, and latencies count from those:
what a target that stalls would have kept waiting is counted as having waited.

What is called: the first tool, unless --tool or --exec name others. Arguments
that the tool requires are made up; --args gives them, and {{seq}} in it is a
number that no other request has, {{client}} that of the client.

An error is an error, whatever the HTTP status: failed connections, timeouts,
JSON-RPC errors, results with isError, answers without what --expect says.

With --pid, or where the target is a command, what its processes use is measured
too. With --against two targets are measured in turn, and the ratio of each pair
is printed. --sessions and --hold open sessions with event streams, keep them,
and look what becomes of them.

Exit codes: 0 all is well; 1 the target was not reached; 2 the command line makes
no sense; 3 more requests failed than --max-errors allows.`

const loadExample = `  mcpx load http://127.0.0.1:8000/mcp --exec demo/add --args '{"a": {{seq}}, "b": 1}'
  mcpx load http://127.0.0.1:8000/mcp/github --clients 64 --duration 30s --pid 4711
  mcpx load http://127.0.0.1:8000/mcp --rate 500 --clients 32 --html load.html --out load.json
  mcpx load --in-flight 16 -- npx -y @modelcontextprotocol/server-everything
  mcpx load --config mcpx.json --server files --tool list_directory --args '{"path": "."}'
  mcpx load http://127.0.0.1:9000/mcp --against http://127.0.0.1:9001/mcp --rounds 8
  mcpx load http://127.0.0.1:8000/mcp --sessions 8000 --hold 1m --pid 4711
  mcpx load http://127.0.0.1:8000/mcp --pid 4711 --kill-upstream every=2s,name=server-files`

// loadFlags are the command line of mcpx load, and what it means.
type loadFlags struct {
	of, against sideFlags

	args, mix, expect string
	payload           int
	clients, inFlight int
	rate              float64
	duration, warmup  time.Duration
	requests          int64
	timeout, pause    time.Duration
	openTimeout       time.Duration
	env               []string
	stderr            bool

	sessions  int
	hold      time.Duration
	rounds    int
	kill      string
	maxErrors float64
	out, html string
	quiet     bool

	shares    []workload.Share
	expected  workload.Template
	variables map[string]string
	killing   *killing // nil: nothing is killed
}

func newLoad(s streams) *cobra.Command {
	l := &loadFlags{}
	var other string
	cmd := &cobra.Command{
		Use:     "load URL | load [-- command…] | load --config FILE --server NAME",
		Short:   "Measure an MCP server or gateway",
		Long:    loadLong,
		Example: loadExample,
		Args:    upTo(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, after, _ := split(cmd, args)
			if err := l.read(cmd, before, after, other); err != nil {
				return err
			}
			return l.run(cmd, s)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	l.of.register(flags, "", sideHelp)
	flags.StringVarP(&l.of.config, "config", "c", "", "run a server of this configuration `file` in this process")
	flags.StringVar(&l.of.server, "server", "", "its `name`; needless where there is only one")
	flags.StringArrayVarP(&l.env, "env", "e", nil, "`NAME=value` for a target that is a command; repeatable")
	flags.BoolVar(&l.stderr, "stderr", false, "show what a target that is a command writes there")

	flags.StringVar(&l.args, "args", "", "arguments of the tool, a `JSON` object with {{seq}} and {{client}}")
	flags.IntVar(&l.payload, "payload", 0, "add an argument of so many `bytes`")
	flags.StringVar(&l.mix, "mix", "tools/call", "`what` is asked: tools/call=8,tools/list=1,ping=1")
	flags.StringVar(&l.expect, "expect", "", "`text` that each result of a tool must hold; {{seq}} and {{client}} too")

	flags.IntVar(&l.clients, "clients", 16, "sessions, each of a client of its own")
	flags.IntVar(&l.inFlight, "in-flight", 1, "requests of each client at a time")
	flags.Float64Var(&l.rate, "rate", 0, "requests per second of all clients, however long answers take")
	flags.DurationVar(&l.pause, "pause", 0, "of each client after an answer; not with --rate")
	flags.DurationVar(&l.warmup, "warmup", 2*time.Second, "before anything is measured")
	flags.DurationVar(&l.duration, "duration", 10*time.Second, "measured")
	flags.Int64Var(&l.requests, "requests", 0, "measure so many, however long that takes, instead of --duration")
	flags.DurationVar(&l.timeout, "timeout", workload.DefaultTimeout, "of a request")
	flags.DurationVar(&l.openTimeout, "open-timeout", workload.DefaultTimeout, "of opening a session")

	flags.IntVar(&l.sessions, "sessions", 0, "open so many legacy sessions with event streams, and --hold them")
	flags.DurationVar(&l.hold, "hold", time.Minute, "how long --sessions are kept")
	flags.StringVar(&l.kill, "kill-upstream", "", "kill a process below the target, by a part of its command line:\n`every=2s,name=TEXT`, or every=2s,pid=N for one below process N")

	flags.StringVar(&other, "against", "", "measure the target at this `URL` in turn with the first, and compare")
	short := sideHelp
	for i, name := range []string{"--transport", "--era", "--header", "--api-key", "--tool", "--exec", "--pid"} {
		short[i] = name + " of that target"
	}
	l.against.register(flags, "against-", short)
	flags.IntVar(&l.rounds, "rounds", 6, "pairs that --against measures")

	flags.Float64Var(&l.maxErrors, "max-errors", 0, "`percent` of the requests that may fail before the exit code is 3")
	flags.StringVar(&l.out, "out", "", "write everything to this `file` as JSON, histograms beside it (.hlog)")
	flags.StringVar(&l.html, "html", "", "write one page with plots to this `file`")
	flags.BoolVarP(&l.quiet, "quiet", "q", false, "no progress on stderr")
	return cmd
}

// read makes sense of the command line.
func (l *loadFlags) read(cmd *cobra.Command, before, after []string, other string) error {
	l.of.words = append(before, after...) //nolint:gocritic // one of them is empty
	configured := l.of.config != "" || l.of.server != ""
	switch {
	case len(before) > 0 && len(after) > 0:
		return usagef("two targets: %s, and what stands behind --", before[0])
	case len(l.of.words) == 0 && !configured:
		return usagef("expected a URL, a command behind --, or --config FILE --server NAME")
	case len(l.of.words) > 0 && configured:
		return usagef("two targets: %s, and --config", l.of.words[0])
	case len(before) == 1 && !strings.Contains(before[0], "://"):
		return usagef("%q is no URL; a command goes behind --", before[0])
	case l.requests > 0 && cmd.Flags().Changed("duration"):
		return usagef("--requests and --duration exclude each other")
	case l.sessions > 0 && other != "":
		return usagef("--sessions and --against exclude each other")
	case other != "" && l.rounds < 1:
		return usagef("--rounds must be 1 at least")
	case l.maxErrors < 0 || l.maxErrors > 100:
		return usagef("--max-errors is a percentage, from 0 to 100")
	}
	if l.requests > 0 {
		l.duration = 0
	}
	if l.sessions > 0 && l.of.era == "auto" {
		l.of.era = "legacy" // the latest one has none
	}
	if l.sessions > 0 {
		l.mix = "tools/list" // the sign of life
	}
	if other != "" {
		l.against.words = []string{other}
	}
	for _, f := range []*sideFlags{&l.of, &l.against} {
		for _, name := range f.exec {
			if server, tool, ok := strings.Cut(name, "/"); !ok || server == "" || tool == "" {
				return usagef("--exec expects SERVER/TOOL, not %q", name)
			}
		}
	}
	for _, f := range []struct{ flag, era string }{{"--era", l.of.era}, {"--against-era", l.against.era}} {
		if _, err := mcp.Allowed(f.era); err != nil {
			return usagef("%s: %w", f.flag, err)
		}
	}
	for _, f := range []struct {
		flag     string
		negative bool
	}{
		{"--warmup", l.warmup < 0}, {"--duration", l.duration < 0}, {"--requests", l.requests < 0}, {"--timeout", l.timeout < 0},
		{"--open-timeout", l.openTimeout < 0}, {"--pause", l.pause < 0}, {"--payload", l.payload < 0},
	} {
		if f.negative {
			return usagef("%s must not be negative", f.flag)
		}
	}
	if strings.TrimSpace(l.args) != "" {
		if err := workload.CheckArguments(l.args); err != nil {
			return usagef("--args: %w", err)
		}
	}
	var err error
	if l.shares, err = workload.ParseMix(l.mix); err != nil {
		return usagef("--mix %w", err)
	}
	if l.expected, err = workload.NewTemplate(l.expect); err != nil {
		return usagef("--expect: %w", err)
	}
	if l.killing, err = readKilling(l.kill); err != nil {
		return usagef("--kill-upstream: %w", err)
	}
	l.variables, err = (&sourceFlags{env: l.env}).variables()
	return err
}

// run measures, and tells.
func (l *loadFlags) run(cmd *cobra.Command, s streams) error {
	sides := []*side{}
	for _, f := range []*sideFlags{&l.of, &l.against} {
		if f == &l.against && len(f.words) == 0 {
			continue
		}
		t, err := f.open(cmd, s, l)
		if err != nil {
			return err
		}
		defer t.close()
		sides = append(sides, t)
	}
	if l.sessions > 0 {
		return l.holdSessions(cmd.Context(), s, sides[0])
	}
	result, err := l.measure(cmd.Context(), s, sides)
	if err != nil {
		return err
	}
	result.print(s.out)
	if err := l.write(result); err != nil {
		return err
	}
	return l.judge(s, result)
}

// measure runs the plan once, or for two targets in turn.
func (l *loadFlags) measure(ctx context.Context, s streams, sides []*side) (*loadResult, error) {
	result := newLoadResult(sides)
	order := []int{0}
	if len(sides) == 2 {
		order = workload.Order(l.rounds)
	}
	for i, which := range order {
		t := sides[which]
		if len(order) > 1 && !l.quiet {
			fmt.Fprintf(s.err, "round %d of %d: %s\n", i/2+1, len(order)/2, t.name)
		}
		plan := l.plan(t)
		if !l.quiet {
			told := newTeller(s.err)
			plan.Progress = told.tell
			defer told.end()
		}
		run, err := workload.Start(ctx, plan)
		if err != nil {
			if ctx.Err() != nil && len(result.Runs) > 0 {
				break // what was measured counts
			}
			return nil, l.notBegun(ctx, t, err)
		}
		killed := l.killing.begin(t)
		report := run.Wait()
		result.add(which, i/2+1, report, killed())
		if ctx.Err() != nil {
			break
		}
	}
	result.compare()
	return result, nil
}

// notBegun says why a run did not begin.
func (l *loadFlags) notBegun(ctx context.Context, t *side, err error) error {
	var open *workload.OpenError
	switch {
	case ctx.Err() != nil:
		return errors.New("stopped before anything was measured")
	case errors.As(err, &open):
		return fmt.Errorf("%w%s", t.unreachable(err), descriptorHint(max(l.clients, l.sessions), t.descriptors()))
	}
	return usageError{err}
}

func (l *loadFlags) plan(t *side) workload.Plan {
	return workload.Plan{
		Target: t.target, Steps: t.steps,
		Clients: l.clients, InFlight: l.inFlight, Rate: l.rate, Pause: l.pause,
		Warmup: l.warmup, Duration: l.duration, Requests: l.requests,
		Timeout: l.timeout, OpenTimeout: l.openTimeout, Opening: t.opening(),
		Tick: tickOf(l.warmup, l.duration), Usage: t.usage(),
	}
}

// tickOf is how fine the course over time is: a second, but ticks enough for a
// plot of a short run and few enough for one of a long run.
func tickOf(warmup, duration time.Duration) time.Duration {
	const least, most = 20, 600
	length, tick := warmup+duration, time.Second
	switch {
	case duration == 0:
		tick /= 2 // who knows how long it takes
	case length > 0 && length/tick < least:
		tick = max(100*time.Millisecond, (length / least).Truncate(10*time.Millisecond))
	case length/tick > most:
		tick = (length / most).Round(time.Second)
	}
	return tick
}

// judge turns a result into an exit code.
func (l *loadFlags) judge(s streams, result *loadResult) error {
	for _, run := range result.Runs {
		if run.Requests == 0 {
			return errReported // the warning says so
		}
		if share := 100 * run.ErrorShare(); share > l.maxErrors {
			fmt.Fprintf(s.err, "mcpx: %s: %.3g %% of the requests failed, and --max-errors is %g\n", result.Targets[run.Target].Name, share, l.maxErrors)
			return exitWith(exitErrors)
		}
	}
	return nil
}
