package testkit

import (
	"fmt"
	"os"
	"runtime"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// Descendants returns the processes below one, at this moment.
func Descendants(pid int) []procs.Process {
	all, err := procs.Descendants(pid)
	if err != nil {
		panic(err) // Linux always tells
	}
	return all
}

// Alive returns those that still run.
func Alive(all []procs.Process) []procs.Process { return procs.Alive(all) }

// Memory returns a line of /proc/PID/smaps_rollup ("Rss", "Pss", "Anonymous") in KiB.
func Memory(pid int, field string) (kib int, err error) { return procs.Memory(pid, field) }

// Descriptors returns how many file descriptors a process has open.
func Descriptors(pid int) (int, error) { return procs.Descriptors(pid) }

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
