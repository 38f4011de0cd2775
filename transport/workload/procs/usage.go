package procs

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Usage is what some processes use together, those below them included.
type Usage struct {
	Processes   int           `json:"processes"`
	Threads     int           `json:"threads"`
	Descriptors int           `json:"descriptors"` // 0 where they may not be read
	RSS         int64         `json:"rss_bytes"`   // resident; what processes share counts for each
	PSS         int64         `json:"pss_bytes"`   // the same, shared memory divided by its users; 0 where it may not be read, or was not
	CPU         time.Duration `json:"cpu_ns"`      // since they were started, those that they have waited for included
}

// Of reads what processes and all below them use. PSS, which makes the kernel
// walk through all their memory, is read only where it is asked for. The error
// says that one of the processes is gone.
func Of(pss bool, roots ...int) (Usage, error) {
	all, err := All()
	if err != nil {
		return Usage{}, err
	}
	var u Usage
	seen := map[int]bool{}
	for _, root := range roots {
		p, ok := all[root]
		if !ok {
			return Usage{}, fmt.Errorf("there is no process %d", root)
		}
		for _, p := range slices.Concat([]Process{p}, below(all, root)) {
			if !seen[p.Pid] {
				seen[p.Pid] = true
				u.add(p, pss)
			}
		}
	}
	return u, nil
}

func (u *Usage) add(p Process, pss bool) {
	u.Processes++
	u.Threads += p.Threads
	u.CPU += p.CPU
	if n, err := Descriptors(p.Pid); err == nil {
		u.Descriptors += n
	}
	u.RSS += int64(resident(p.Pid)) << 10
	if pss {
		if kib, err := Memory(p.Pid, "Pss"); err == nil {
			u.PSS += int64(kib) << 10
		}
	}
}

// resident is the resident memory of a process in KiB, as the kernel counts it along.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	kib, err := fieldOf(string(text), "VmRSS")
	if err != nil {
		return 0 // it is about to end
	}
	return kib
}

// Most is the greater of two readings in each figure.
func (u Usage) Most(other Usage) Usage {
	return Usage{
		max(u.Processes, other.Processes), max(u.Threads, other.Threads), max(u.Descriptors, other.Descriptors),
		max(u.RSS, other.RSS), max(u.PSS, other.PSS), max(u.CPU, other.CPU),
	}
}

// Named returns the processes below one whose command line holds a text.
func Named(pid int, text string) ([]Process, error) {
	list, err := Descendants(pid)
	return slices.DeleteFunc(list, func(p Process) bool { return !strings.Contains(CommandLine(p.Pid), text) }), err
}
