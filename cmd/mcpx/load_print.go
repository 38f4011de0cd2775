package main

import (
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/mcpx/mcpx/transport/workload"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// loadResult is everything that was measured.
type loadResult struct {
	Mcpx       string           `json:"mcpx"` // version
	Targets    []loadTarget     `json:"targets"`
	Runs       []loadRun        `json:"runs"`
	Comparison []workload.Ratio `json:"comparison,omitempty"` // of the first target to the second
}

// loadTarget is what is known of a target.
type loadTarget struct {
	Name     string   `json:"name"`
	Server   string   `json:"server,omitempty"` // its own name and version
	Protocol string   `json:"protocol,omitempty"`
	Over     string   `json:"transport,omitempty"`
	Asks     []string `json:"asks"` // one request of each kind

	described string
}

// loadRun is one run of a target.
type loadRun struct {
	Target int `json:"target_index"` // of targets; "target" is what it used
	Round  int `json:"round"`
	*workload.Report
	Kills *kills `json:"kills,omitempty"`
}

func newLoadResult(sides []*side) *loadResult {
	r := &loadResult{Mcpx: version}
	for _, t := range sides {
		r.Targets = append(r.Targets, loadTarget{
			Name: t.name, Server: strings.TrimSpace(t.peer.Name + " " + t.peer.Version),
			Protocol: t.peer.Protocol, Over: string(t.peer.Transport), Asks: t.asks, described: t.described(),
		})
	}
	return r
}

func (r *loadResult) add(target, round int, report *workload.Report, killed *kills) {
	r.Runs = append(r.Runs, loadRun{target, round, report, killed})
}

// of returns the reports of one target, by their rounds.
func (r *loadResult) of(target int) (reports []*workload.Report) {
	for _, run := range r.Runs {
		if run.Target == target {
			reports = append(reports, run.Report)
		}
	}
	return reports
}

func (r *loadResult) compare() {
	if len(r.Targets) == 2 {
		r.Comparison = workload.Compare(r.of(0), r.of(1))
	}
}

// print writes the result for people.
func (r *loadResult) print(w io.Writer) {
	if len(r.Targets) == 1 {
		fmt.Fprintln(w, r.Targets[0].described)
		for _, run := range r.Runs {
			run.print(w, r.Targets[0])
		}
		return
	}
	for i, t := range r.Targets {
		fmt.Fprintf(w, "%c  %s\n", 'A'+i, t.described)
		fmt.Fprintf(w, "   asks %s\n", strings.Join(t.Asks, "; "))
	}
	r.printPairs(w)
}

// printPairs writes what two targets did in each round, and the ratios.
func (r *loadResult) printPairs(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "\nround\t\trequests/s\tp50\tp90\tp99\tmax\terrors\tCPU/request\t")
	for _, run := range r.Runs {
		cpu := "–"
		if run.Used != nil && run.Used.CPUPerRequest > 0 {
			cpu = short(run.Used.CPUPerRequest)
		}
		l := run.Latency
		fmt.Fprintf(table, "%d\t%c\t%.0f\t%s\t%s\t%s\t%s\t%d\t%s\t\n", run.Round, 'A'+run.Target,
			run.Throughput, short(l.P50), short(l.P90), short(l.P99), short(l.Max), run.Errors, cpu)
	}
	_ = table.Flush() // who cannot read has seen to it
	if len(r.Comparison) > 0 {
		fmt.Fprintln(table, "\nA / B\tmedian\tmin\tmax\t")
		for _, c := range r.Comparison {
			fmt.Fprintf(table, "%s\t%.3f\t%.3f\t%.3f\t\n", c.Figure, c.Median, c.Min, c.Max)
		}
		_ = table.Flush()
	}
	for _, run := range r.Runs {
		run.printFaults(w, "  ")
		for _, warning := range run.Warnings {
			fmt.Fprintf(w, "warning: round %d, %c: %s\n", run.Round, 'A'+run.Target, warning)
		}
	}
}

func (r *loadRun) print(w io.Writer, t loadTarget) {
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("asked", "%s", strings.Join(t.Asks, "; "))
	line("loop", "%s", loop(r.Report))
	line("requests", "%d in %s, %.0f per second", r.Requests, short(r.Measured), r.Throughput)
	if r.Errors == 0 {
		line("errors", "none")
	} else {
		line("errors", "%d, %.3g %%", r.Errors, 100*r.ErrorShare())
	}
	line("latency", "%s", figures(r.Latency))
	if len(r.Methods) > 1 {
		for method, l := range sortedMethods(r.Methods) {
			line("  "+method, "%s, %d requests", figures(l), l.Count)
		}
	}
	if r.Open {
		line("late", "%d began more than 10 ms after their appointment, the worst %s; %d never began", r.Late, short(r.LateMost), r.Dropped)
	}
	if r.Reopened > 0 {
		line("sessions", "%d were lost and opened anew", r.Reopened)
	}
	if k := r.Kills; k != nil {
		line("killed", "%d processes, one every %s; %d times there was none", len(k.Done), k.Every, k.None)
	}
	if u := r.Used; u != nil {
		line("target", "%s", used(u))
	}
	g := r.Generator
	line("generator", "%s CPU per request, %.0f %% of %d processors", short(g.CPUPerRequest), 100*g.Share, g.Processors)
	_ = table.Flush() // who cannot read has seen to it
	r.printFaults(w, "  ")
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}

// loop says how a target was asked.
func loop(r *workload.Report) string {
	who := fmt.Sprintf("%d clients", r.Clients)
	if r.Clients == 1 {
		who = "one client"
	}
	if r.InFlight > 1 {
		who += fmt.Sprintf(" with %d requests in flight each", r.InFlight)
	}
	if r.Open {
		return fmt.Sprintf("open: %g per second by appointment, %s", r.Rate, who)
	}
	return "closed: " + who + ", one request after the other"
}

func (r *loadRun) printFaults(w io.Writer, indent string) {
	for _, f := range r.Faults {
		fmt.Fprintf(w, "%s%d × %s: %s\n", indent, f.Count, f.Fault, f.Example)
	}
}

func figures(l workload.Latency) string {
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, p99.9 %s, max %s", short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max))
}

// used says what the target's processes used.
func used(u *workload.Resources) string {
	if u.Problem != "" && u.Most.Processes == 0 {
		return "could not be watched: " + u.Problem
	}
	text := fmt.Sprintf("%s CPU per request, %s; processes %d, threads %d, descriptors %d",
		short(u.CPUPerRequest), memory(u.Most), u.Most.Processes, u.Most.Threads, u.Most.Descriptors)
	if u.Problem != "" {
		text += "; at last: " + u.Problem
	}
	return text
}

func memory(u procs.Usage) string {
	text := "RSS " + size(u.RSS)
	if u.PSS > 0 {
		text += " (PSS " + size(u.PSS) + ")"
	}
	return text
}

// size writes a size for people.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.2f GiB", float64(n)/(1<<30))
}

// short writes a time with three digits.
func short(d time.Duration) string { return workload.Short(d).String() }

// sortedMethods yields the methods of a report in their order.
func sortedMethods(methods map[string]workload.Latency) iter.Seq2[string, workload.Latency] {
	return func(yield func(string, workload.Latency) bool) {
		for _, method := range slices.Sorted(maps.Keys(methods)) {
			if !yield(method, methods[method]) {
				return
			}
		}
	}
}

// teller writes the progress of runs: on a terminal over and over the same
// line, else one line a second.
type teller struct {
	w        io.Writer
	terminal bool

	mu   sync.Mutex
	last time.Time
	sum  workload.Point // since the last line
}

func newTeller(w io.Writer) *teller {
	file, isFile := w.(interface{ Fd() uintptr })
	return &teller{w: w, terminal: isFile && isatty.IsTerminal(file.Fd())}
}

func (t *teller) tell(p workload.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sum.Good += p.Point.Good
	t.sum.Bad += p.Point.Bad
	t.sum.Length += p.Length
	t.sum.Max = max(t.sum.Max, p.Max)
	if time.Since(t.last) < 900*time.Millisecond {
		return
	}
	t.last = time.Now()
	text := fmt.Sprintf("%-9s  %d of %d sessions", p.Phase, p.Opened, p.Clients)
	switch p.Phase {
	case workload.PhaseOpening:
	case workload.PhaseHolding:
		text = fmt.Sprintf("%-9s  %5.1f s  %d streams of %d sessions", p.Phase, p.At.Seconds(), p.Opened, p.Clients)
	default:
		text = fmt.Sprintf("%-9s  %5.1f s  %8.0f/s  slowest %s", p.Phase, p.At.Seconds(), t.sum.Rate(), short(t.sum.Max))
		if p.AllBad > 0 {
			text += fmt.Sprintf("  %d errors", p.AllBad)
		}
		if p.Usage != nil {
			text += "  target " + memory(*p.Usage)
		}
	}
	t.sum = workload.Point{}
	if t.terminal {
		fmt.Fprintf(t.w, "\r\x1b[K%s", text)
		return
	}
	fmt.Fprintln(t.w, text)
}

// end leaves the terminal as it was.
func (t *teller) end() {
	if t.terminal {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}
