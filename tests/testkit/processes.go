package testkit

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

// Process is one process. Its start time tells it from a later one of the same pid.
type Process struct {
	Pid, Parent int
	Command     string
	started     string
}

// String returns the pid and the program.
func (p Process) String() string { return fmt.Sprintf("%d (%s)", p.Pid, p.Command) }

// readProcess reads /proc/PID/stat (proc(5)); false when there is no such
// process, or only what its parent has not yet reaped.
func readProcess(pid int) (Process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, false
	}
	// The name stands in parentheses and may hold anything, even those.
	open, shut := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	fields := strings.Fields(string(stat[shut+1:])) // from the third one, the state
	parent, err := strconv.Atoi(fields[1])
	if err != nil || fields[0] == "Z" {
		return Process{}, false
	}
	return Process{pid, parent, string(stat[open+1 : shut]), fields[19]}, true
}

// Descendants returns the processes below one, at this moment.
func Descendants(pid int) []Process {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	children := map[int][]Process{}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProcess(n); ok {
				children[p.Parent] = append(children[p.Parent], p)
			}
		}
	}
	all := append([]Process{}, children[pid]...)
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].Pid]...)
	}
	return all
}

// Alive returns those that still run.
func Alive(all []Process) (left []Process) {
	for _, p := range all {
		if now, ok := readProcess(p.Pid); ok && now.started == p.started {
			left = append(left, p)
		}
	}
	return left
}

// Memory returns a line of /proc/PID/smaps_rollup ("Rss", "Pss", "Anonymous") in KiB.
func Memory(pid int, field string) (kib int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("%d: there is no %s in\n%s", pid, field, text)
}

// Descriptors returns how many file descriptors a process has open.
func Descriptors(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}

// Holdings are what this process has of the system, the processes of a mark
// included.
type Holdings struct {
	Goroutines, Descriptors, Processes int
	Heap                               uint64 // bytes in use
}

// Holds collects garbage and counts.
func Holds(mark string) Holdings {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	descriptors, err := Descriptors(os.Getpid())
	if err != nil {
		panic(err) // Linux always tells
	}
	return Holdings{runtime.NumGoroutine(), descriptors, len(puppet.Marked(mark)), m.HeapInuse}
}

// Within tells whether nothing has grown; the heap is another matter.
func (h Holdings) Within(before Holdings) bool {
	return h.Goroutines <= before.Goroutines && h.Descriptors <= before.Descriptors && h.Processes <= before.Processes
}

// String renders all figures.
func (h Holdings) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d processes, heap %d KiB", h.Goroutines, h.Descriptors, h.Processes, h.Heap>>10)
}
