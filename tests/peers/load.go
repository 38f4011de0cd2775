package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

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
	pid     int // whose CPU counts; 0: nobody's, or it starts null servers itself
}

// mcpxLoad loads a target with sessions of their own, over HTTP one request at a
// time for each, over stdio as many requests in flight in one session.
func (b *bench) mcpxLoad(t loadTarget, text string, clients int, length time.Duration) (sample, error) {
	dir, err := b.folder()
	if err != nil {
		return sample{}, err
	}
	out := filepath.Join(dir, "load.json")
	args := []string{"load", "--quiet", "--out", out, "--max-errors", "100", "--warmup", "500ms",
		"--duration", length.String(), "--era", t.era, "--expect", text[:min(len(text), 1000)], t.tool[0], t.tool[1]}
	for name, value := range t.headers {
		args = append(args, "--header", name+": "+value)
	}
	if t.pid != 0 {
		args = append(args, "--pid", fmt.Sprint(t.pid))
	}
	if t.command == nil {
		args = append(args, "--clients", fmt.Sprint(clients), t.url)
	} else {
		args = append(append(args, "--clients", "1", "--in-flight", fmt.Sprint(clients), "--"), t.command...)
	}
	cmd := exec.Command(b.mcpx, args...)
	cmd.Dir = t.dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return sample{}, fmt.Errorf("mcpx %s: %w\n%s", strings.Join(args, " "), err, text)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		return sample{}, err
	}
	s, err := readLoad(raw)
	if t.pid == 0 {
		s.CPU, s.RSS, s.PSS = 0, 0, 0 // they would be the null servers', too
	}
	return s, err
}

// readLoad reads the one run of a report.
func readLoad(raw []byte) (sample, error) {
	var report struct {
		Runs []workload.Report `json:"runs"`
	}
	if err := json.Unmarshal(raw, &report); err != nil || len(report.Runs) != 1 {
		return sample{}, fmt.Errorf("mcpx load wrote a report of %d runs, want one (%w)", len(report.Runs), err)
	}
	r := report.Runs[0]
	if r.Requests == 0 {
		return sample{}, fmt.Errorf("mcpx load had no answer at all: %+v", r.Faults)
	}
	s := sample{
		Requests: r.Requests, Wrong: r.Errors, Rate: r.Throughput,
		P50: micros(r.Latency.P50), P99: micros(r.Latency.P99),
	}
	if s.Wrong > 0 {
		s.Said = fmt.Sprintf("%+v", r.Faults)
	}
	if r.Target != nil {
		s.CPU = micros(r.Target.CPUPerRequest)
		s.RSS, s.PSS = float64(r.Target.Most.RSS)/(1<<20), float64(r.Target.Most.PSS)/(1<<20)
	}
	return s, nil
}
