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
// before 6.12 take no notice (sched_setattr(2), sched_runtime). Where somebody
// has chosen a policy or a better place for mcpx and all it starts, that stays.
func preferAtStart(pid int) {
	a, err := unix.SchedGetAttr(pid, 0)
	if err != nil || a.Policy != unix.SCHED_NORMAL || a.Nice < 0 {
		return
	}
	a.Flags |= unix.SCHED_FLAG_RESET_ON_FORK // which leaves a nice value above 0 as it is
	a.Runtime = uint64(guardSlice)
	_ = unix.SchedSetAttr(pid, a, 0) // where it is not allowed things take longer
}
