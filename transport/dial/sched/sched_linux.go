// Package sched has the kernel run a process soon rather than for long. When many
// servers are started at once, each wants a processor for seconds; what starts
// them, and what answers the client meanwhile, needs one for a moment at a time,
// and would wait until those that are there already have had their turn.
//
// Nobody gets more than his share by it, and where somebody has chosen another
// policy for mcpx and all it starts, that stays. Where there is no such thing, and
// on Linux before 6.12, nothing happens (sched_setattr(2), sched_runtime).
package sched

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// short is how long a thread runs at a time while others want to. A guard has
// less than that to do from the moment in which it may start its server to the
// server's execution.
const short = 200 * time.Microsecond

// Short gives a thread, or a process that has only one, short turns, and so all
// that it starts from now on.
func Short(pid int) { set(pid, short, 0) }

// Usual takes that back, and tells whether there was something to take back.
func Usual(pid int) (had bool) { return set(pid, 0, short) }

// UsualAll takes it back from all threads of a process and from all that it has
// started meanwhile.
func UsualAll(pid int) {
	// From above: what a thread starts that has the usual turns has them, too.
	ofEach(pid, func(tid int) { Usual(tid) })
	ofEach(pid, func(tid int) {
		children, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(tid) + "/children")
		for _, child := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(child); err == nil {
				UsualAll(pid)
			}
		}
	})
}

// set sets the length of turns, 0 for the usual one; with instead, only where that
// is what they are. It tells whether it has. Where it is not allowed things take longer.
func set(tid int, length, instead time.Duration) bool {
	a, err := unix.SchedGetAttr(tid, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL || instead != 0 && a.Runtime != uint64(instead) {
		return false
	}
	a.Runtime = uint64(length)
	return unix.SchedSetAttr(tid, a, 0) == nil
}

// ShortOwn gives this process short turns until the function that it returns is
// called.
func ShortOwn() (usual func()) {
	own := os.Getpid()
	ofEach(own, Short)
	return func() { ofEach(own, func(tid int) { Usual(tid) }) }
}

// ofEach does something with each thread of a process, and again, for those that
// were made by one that it had not been done with yet.
func ofEach(pid int, do func(tid int)) {
	for range 2 {
		threads, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task") // without it, things take longer
		for _, t := range threads {
			if tid, err := strconv.Atoi(t.Name()); err == nil {
				do(tid)
			}
		}
	}
}
