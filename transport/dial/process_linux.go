package dial

import (
	"time"

	"golang.org/x/sys/unix"
)

// guardSlice is how long a guard runs at a time while others want to. It has less
// than that to do from the moment in which its gate opens to the start of its
// server.
const guardSlice = 200 * time.Microsecond

// preferAtStart has the kernel run a guard soon rather than for long, or each
// would wait until the servers that were started before its own have had their
// turn, with several milliseconds for each. Servers do not inherit it. Kernels
// before 6.12 take no notice (sched_setattr(2), sched_runtime).
func preferAtStart(pid int) {
	_ = unix.SchedSetAttr(pid, &unix.SchedAttr{ // where it is not allowed things take longer
		Size: unix.SizeofSchedAttr, Policy: unix.SCHED_NORMAL, Flags: unix.SCHED_FLAG_RESET_ON_FORK,
		Runtime: uint64(guardSlice),
	}, 0)
}
