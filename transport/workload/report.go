package workload

import (
	"fmt"
	"maps"
	"runtime"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// Report is what came of a run. All times are nanoseconds in its JSON.
type Report struct {
	Started  time.Time     `json:"started"` // of measuring
	Measured time.Duration `json:"measured_ns"`
	CutOff   bool          `json:"cut_off"` // it ended before its time, because somebody wanted it to

	// Open is true for the open loop: latencies count from the appointment.
	Open     bool          `json:"open_loop"`
	Rate     float64       `json:"rate"` // asked for, per second; 0 in the closed loop
	Clients  int           `json:"clients"`
	InFlight int           `json:"in_flight"`
	Warmup   time.Duration `json:"warmup_ns"`

	Requests   int64   `json:"requests"` // that began while measuring, and were answered or failed
	Errors     int64   `json:"errors"`   // of them
	Throughput float64 `json:"throughput"`

	// Latency is of all measured requests, failed ones too: to leave out those
	// that ran into a timeout would flatter whoever caused it.
	Latency Latency            `json:"latency"`
	Methods map[string]Latency `json:"methods"`
	Faults  []FaultCount       `json:"faults"`

	Late     int64         `json:"late"`        // began more than 10 ms after their appointment
	LateMost time.Duration `json:"late_max_ns"` //
	Dropped  int64         `json:"dropped"`     // never began: their appointment had passed when the run was over
	Reopened int64         `json:"reopened"`    // sessions that were lost and opened anew

	BadEnds    int    `json:"bad_ends"` // sessions whose end was not in good order
	BadEndSaid string `json:"bad_end_said,omitempty"`

	Generator Generator  `json:"generator"`
	Used      *Resources `json:"target,omitempty"` // by the target; nil when it was not looked at
	Warnings  []string   `json:"warnings"`
	Course    []Point    `json:"course"`

	histograms map[string]*hdrhistogram.Histogram // by method
}

// Latency are the usual figures of a histogram.
type Latency struct {
	Count int64         `json:"count"`
	Min   time.Duration `json:"min_ns"`
	Mean  time.Duration `json:"mean_ns"`
	P50   time.Duration `json:"p50_ns"`
	P90   time.Duration `json:"p90_ns"`
	P99   time.Duration `json:"p99_ns"`
	P999  time.Duration `json:"p99_9_ns"`
	Max   time.Duration `json:"max_ns"`
}

// Generator is what the generator itself needed.
type Generator struct {
	CPU           time.Duration `json:"cpu_ns"`
	CPUPerRequest time.Duration `json:"cpu_per_request_ns"`
	Processors    int           `json:"processors"` // that it may use
	Share         float64       `json:"share"`      // of them that it used
	Waited        time.Duration `json:"waited_ns"`  // its threads, for a processor
	HeldUp        time.Duration `json:"held_up_ns"` // in delays of more than 5 ms
	HeldUpMost    time.Duration `json:"held_up_max_ns"`
}

// Resources are what the target's processes used while it was measured.
type Resources struct {
	CPU           time.Duration `json:"cpu_ns"`
	CPUPerRequest time.Duration `json:"cpu_per_request_ns"`
	Start         procs.Usage   `json:"start"`
	Most          procs.Usage   `json:"most"` // the greatest of each figure
	End           procs.Usage   `json:"end"`
	Problem       string        `json:"problem,omitempty"` // what could not be read
}

// Histogram returns all measured latencies, in nanoseconds.
func (r *Report) Histogram() *hdrhistogram.Histogram {
	all := newHistogram()
	for _, h := range r.histograms {
		all.Merge(h)
	}
	return all
}

// Histograms returns them by method.
func (r *Report) Histograms() map[string]*hdrhistogram.Histogram { return maps.Clone(r.histograms) }

// ErrorShare is the part of the requests that failed, from 0 to 1.
func (r *Report) ErrorShare() float64 {
	if r.Requests == 0 {
		return 0
	}
	return float64(r.Errors) / float64(r.Requests)
}

// result makes the report of a run whose workers have ended.
func (r *Run) result() *Report {
	measured := max(0, r.ended-r.plan.Warmup)
	report := &Report{
		Started: r.start.Add(r.plan.Warmup), Measured: measured,
		CutOff: r.stopping.Load(),
		Open:   r.pace.open(), Rate: r.plan.Rate, Clients: r.plan.Clients, InFlight: r.plan.InFlight, Warmup: r.plan.Warmup,
		Methods: map[string]Latency{}, Reopened: r.reopened.Load(),
		histograms: mergeSteps(r.groups, r.steps), Course: r.watch.points,
	}
	all := tally{}
	var inTime int64
	for _, w := range r.workers {
		all.merge(w.faults)
		inTime += w.inTime
		report.Late += w.late
		report.LateMost = max(report.LateMost, w.latest)
		report.Dropped += w.dropped
	}
	report.Faults = all.list()
	for _, f := range report.Faults {
		report.Errors += f.Count
	}
	for method, h := range report.histograms {
		report.Methods[method] = latencyOf(h)
	}
	report.Latency = latencyOf(report.Histogram())
	report.Requests = report.Latency.Count
	if measured > 0 {
		report.Throughput = float64(inTime) / measured.Seconds()
	}
	report.Generator = r.watch.generator(measured, report.Requests)
	report.Used = r.watch.resources(report.Requests)
	report.Warnings = report.doubts()
	return report
}

func latencyOf(h *hdrhistogram.Histogram) Latency {
	at := func(percentile float64) time.Duration { return time.Duration(h.ValueAtPercentile(percentile)) }
	return Latency{
		Count: h.TotalCount(), Min: time.Duration(h.Min()), Mean: time.Duration(h.Mean()),
		P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()),
	}
}

func (w *watch) generator(measured time.Duration, requests int64) Generator {
	g := Generator{
		CPU: w.spent.cpu, Waited: w.spent.waited, Processors: runtime.GOMAXPROCS(0),
		HeldUp: w.hiccups.lost, HeldUpMost: w.hiccups.most,
	}
	if requests > 0 {
		g.CPUPerRequest = g.CPU / time.Duration(requests)
	}
	if measured > 0 {
		g.Share = g.CPU.Seconds() / measured.Seconds() / float64(g.Processors)
	}
	return g
}

func (w *watch) resources(requests int64) *Resources {
	if w.usageErr == nil && w.first == nil {
		return nil
	}
	u := &Resources{Most: w.most}
	if w.usageErr != nil {
		u.Problem = w.usageErr.Error()
	}
	if w.first != nil {
		u.Start, u.End = *w.first, *w.recent
		u.CPU = max(0, u.End.CPU-u.Start.CPU)
		if requests > 0 {
			u.CPUPerRequest = u.CPU / time.Duration(requests)
		}
	}
	return u
}

// The thresholds beyond which a report doubts itself.
const (
	busyShare   = 0.9  // of the processors it may use
	heldUpShare = 0.01 // of the measured time
	lateShare   = 0.01 // of the requests
)

// doubts says why the figures may tell less of the target than they seem to.
func (r *Report) doubts() []string {
	doubts := []string{} // none is no null
	add := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	g := &r.Generator
	if g.Share > busyShare {
		add("the generator is overloaded: it used %.0f %% of the %d processors it may use, so these figures show its limits and not the target's",
			100*g.Share, g.Processors)
	}
	if r.Measured > 0 && g.HeldUp.Seconds() > heldUpShare*r.Measured.Seconds() {
		add("the generator is overloaded or was stopped: it could not run when it wanted to for %v in all, up to %v at a time; latencies hold that, too",
			Short(g.HeldUp), Short(g.HeldUpMost))
	}
	if n := r.Requests + r.Dropped; r.Late+r.Dropped > 0 && float64(r.Late+r.Dropped) > lateShare*float64(n) {
		add("%d of %d requests began late, by up to %v: their clients were still busy with earlier ones; latencies count from the appointments, and more --clients or --in-flight would begin in time",
			r.Late, n, Short(r.LateMost))
	}
	if r.Dropped > 0 {
		add("%d requests never began: the rate of %g per second was more than the target (or so few clients) could take; the latencies that these would have had are missing",
			r.Dropped, r.Rate)
	}
	if r.Requests == 0 {
		add("nothing was measured")
	}
	return doubts
}

// noteEnds adds what closing the sessions has shown.
func (r *Report) noteEnds(b *badEnds) {
	if b.count > 0 {
		r.BadEnds, r.BadEndSaid = b.count, b.first.Error()
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d sessions did not end in good order; the first: %s", r.BadEnds, r.BadEndSaid))
	}
}

// Short rounds a duration to three digits, for people.
func Short(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}
