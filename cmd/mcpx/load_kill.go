package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/transport/workload/procs"
)

// killing is --kill-upstream.
type killing struct {
	every time.Duration
	below int    // the process whose descendants are killed; 0: those of the target
	name  string // part of their command line
}

// kill is one process that was killed.
type kill struct {
	At      time.Duration `json:"at_ns"` // since it began
	Pid     int           `json:"pid"`
	Command string        `json:"command"`
}

// kills are what --kill-upstream has done.
type kills struct {
	Every time.Duration `json:"every_ns"`
	Done  []kill        `json:"killed"`
	None  int           `json:"found_none"` // times when there was nobody to kill
}

// readKilling reads "every=2s,name=server" or "every=2s,pid=4711"; nil for an empty text.
func readKilling(text string) (*killing, error) {
	if text == "" {
		return nil, nil
	}
	k := &killing{}
	for item := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(item, "=")
		var err error
		switch key {
		case "every":
			k.every, err = time.ParseDuration(value)
		case "pid":
			k.below, err = strconv.Atoi(value)
		case "name":
			k.name = value
		default:
			err = errors.New("expected every=2s, name=TEXT or pid=N")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", item, err)
		}
	}
	switch {
	case k.every <= 0:
		return nil, errors.New("it needs every=, such as every=2s")
	case k.name == "" && k.below == 0:
		return nil, errors.New("it needs name=, a part of the command line of what is killed, or pid=, the process below which it is")
	}
	return k, nil
}

// guarded marks what watches over a server of mcpx: that is not an upstream.
const guarded = "mcpx-guard: "

// victims are the processes that may be killed, the oldest first: none that is
// the target itself, or this program.
func (k *killing) victims(roots []int) ([]procs.Process, error) {
	if k.below != 0 {
		roots = []int{k.below}
	}
	var found []procs.Process
	for _, root := range roots {
		list, err := procs.Named(root, k.name)
		if err != nil {
			return nil, err
		}
		found = append(found, list...)
	}
	found = slices.DeleteFunc(found, func(p procs.Process) bool {
		return p.Pid == os.Getpid() || slices.Contains(roots, p.Pid) || strings.HasPrefix(procs.CommandLine(p.Pid), guarded)
	})
	slices.SortFunc(found, func(a, b procs.Process) int {
		return cmp.Or(cmp.Compare(len(a.Started), len(b.Started)), cmp.Compare(a.Started, b.Started), cmp.Compare(a.Pid, b.Pid))
	})
	return found, nil
}

// begin kills until the function that it returns is called, which tells what
// was killed; nil where nothing was to be.
func (k *killing) begin(t *side) (end func() *kills) {
	if k == nil {
		return func() *kills { return nil }
	}
	done := &kills{Every: k.every}
	over := make(chan struct{})
	var wg sync.WaitGroup
	start := time.Now()
	wg.Go(func() {
		ticker := time.NewTicker(k.every)
		defer ticker.Stop()
		for {
			select {
			case <-over:
				return
			case <-ticker.C:
			}
			var roots []int
			if t.roots != nil {
				roots = t.roots()
			}
			found, err := k.victims(roots)
			if err != nil || len(found) == 0 {
				done.None++
				continue
			}
			command := procs.CommandLine(found[0].Pid)
			if syscall.Kill(found[0].Pid, syscall.SIGKILL) == nil {
				done.Done = append(done.Done, kill{time.Since(start), found[0].Pid, command})
			}
		}
	})
	return func() *kills {
		close(over)
		wg.Wait()
		return done
	}
}
