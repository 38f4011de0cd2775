// Package sched has the kernel run a process soon rather than for long. When many
// servers are started at once, each wants a processor for seconds; what starts
// them, and what answers the client meanwhile, needs one for a moment at a time,
// and would wait until those that are there already have had their turn.
//
// Nobody gets more than his share by it, and where somebody has chosen a policy
// for mcpx and all it starts, that stays. Where there is no such thing, and on
// Linux before 6.12, nothing happens (sched_setattr(2), sched_runtime).
package sched

import (
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// short is how long a thread runs at a time while others want to. A guard has
// less than that to do from the moment in which it may start its server to the
// server's execution.
const short = 200 * time.Microsecond

// Short gives a thread, or a process that has only one, short turns, and so all
// that it starts from now on.
func Short(pid int) { set(pid, short) }

// Usual takes that back.
func Usual(pid int) { set(pid, 0) }

// set sets the length of turns; 0 is the usual one. Where it is not allowed
// things take longer.
func set(pid int, length time.Duration) {
	a, err := unix.SchedGetAttr(pid, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL {
		return
	}
	a.Runtime = uint64(length)
	_ = unix.SchedSetAttr(pid, a, 0)
}

// ShortOwn gives this process short turns until the function that it returns is
// called.
func ShortOwn() (usual func()) {
	own(Short)
	return func() { own(Usual) }
}

// own does something with each thread of this process. One that is being made in
// this moment may be left out.
func own(do func(tid int)) {
	threads, _ := os.ReadDir("/proc/self/task") // without it, things take longer
	for _, t := range threads {
		if tid, err := strconv.Atoi(t.Name()); err == nil {
			do(tid)
		}
	}
}
