package main

import (
	"fmt"
	"time"

	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/transport/workload"
)

// target as `mcpx load` is told of it.
type loadTarget struct {
	url     string
	command []string // instead of a URL
	dir     string   // of the command
	era     string   // "modern", "legacy"
	tool    []string // flag and name
	headers map[string]string
	rate    float64 // calls per second; 0: as many as it answers
	pid     int     // whose CPU counts; 0: nobody's, or it starts null servers itself
}

// mcpxLoad loads a target with sessions of their own, over HTTP one request at a
// time for each, over stdio as many requests in flight in one session.
func (b *bench) mcpxLoad(t loadTarget, text string, clients int, length time.Duration) (sample, error) {
	args := []string{"--warmup", "500ms", "--duration", length.String(), "--era", t.era,
		"--expect", text[:min(len(text), 1000)], t.tool[0], t.tool[1]}
	for name, value := range t.headers {
		args = append(args, "--header", name+": "+value)
	}
	if t.rate != 0 {
		args = append(args, "--rate", fmt.Sprintf("%.1f", t.rate))
	}
	if t.pid != 0 {
		args = append(args, "--pid", fmt.Sprint(t.pid))
	}
	if t.command == nil {
		args = append(args, "--clients", fmt.Sprint(clients), t.url)
	} else {
		args = append(append(args, "--clients", "1", "--in-flight", fmt.Sprint(clients), "--"), t.command...)
	}
	r, err := kit.Load(b.mcpx, t.dir, args...)
	if err != nil {
		return sample{}, err
	}
	return ofReport(r, t.pid != 0), nil
}

// ofReport is what a report says. resources are only those of a target that has
// no null servers below it.
func ofReport(r *workload.Report, resources bool) sample {
	s := sample{
		Requests: r.Requests, Wrong: r.Errors, Rate: r.Throughput,
		P50: micros(r.Latency.P50), P99: micros(r.Latency.P99),
	}
	if s.Wrong > 0 {
		s.Said = fmt.Sprintf("%+v", r.Faults)
	}
	if r.Used != nil && resources {
		s.CPU = micros(r.Used.CPUPerRequest)
		s.RSS, s.PSS = float64(r.Used.Most.RSS)/(1<<20), float64(r.Used.Most.PSS)/(1<<20)
	}
	return s
}
