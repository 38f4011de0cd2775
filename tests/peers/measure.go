package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mcpx/mcpx/transport/workload/procs"
)

// sample is what one load of one target has shown.
type sample struct {
	Requests int64   `json:"requests"`
	Rate     float64 `json:"per_second"`
	Wrong    int64   `json:"wrong"`          // answers that are not the right ones, and requests without one
	Said     string  `json:"said,omitempty"` // what was wrong, as whoever noticed put it
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`

	CPU float64 `json:"cpu_us_per_request,omitempty"` // of the target's processes, without null servers
	RSS float64 `json:"rss_mb,omitempty"`             // of the same, the most that was seen
	PSS float64 `json:"pss_mb,omitempty"`
}

// tree are the processes of a target: one and all below it, but for the null
// servers that it has started. They are upstreams, and no part of the target.
type tree struct{ pid int }

func (t tree) processes() []procs.Process {
	root, ok := procs.Read(t.pid)
	if !ok {
		return nil
	}
	below, err := procs.Descendants(t.pid)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(append(below, root), func(p procs.Process) bool {
		return p.Pid != t.pid && strings.Contains(procs.CommandLine(p.Pid), " null --transport stdio")
	})
}

func (t tree) cpu() (sum time.Duration) {
	for _, p := range t.processes() {
		sum += p.CPU
	}
	return sum
}

func (t tree) memory(field string) (mb float64) {
	for _, p := range t.processes() {
		if kib, err := procs.Memory(p.Pid, field); err == nil { // else it has gone meanwhile
			mb += float64(kib) / 1024
		}
	}
	return mb
}

// watch looks what a target uses while a load runs. pid 0 is nobody.
func watch(pid int, load func() (sample, error)) (sample, error) {
	if pid == 0 {
		return load()
	}
	t := tree{pid}
	var rss, pss float64
	done := make(chan struct{})
	var looking sync.WaitGroup
	before := t.cpu()
	looking.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				rss, pss = max(rss, t.memory("Rss")), max(pss, t.memory("Pss"))
			}
		}
	})
	s, err := load()
	after := t.cpu()
	close(done)
	looking.Wait()
	if err == nil && s.Requests == 0 {
		err = fmt.Errorf("no request was answered")
	}
	if err != nil {
		return s, err
	}
	s.CPU = float64((after - before).Microseconds()) / float64(s.Requests)
	s.RSS, s.PSS = max(rss, t.memory("Rss")), max(pss, t.memory("Pss"))
	return s, nil
}
