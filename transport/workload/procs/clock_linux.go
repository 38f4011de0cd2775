package procs

import (
	"time"

	"golang.org/x/sys/unix"
)

// clock is what a process has used, in nanoseconds and with its threads that have
// ended: clock_getcpuclockid(3), whose number is made of the pid.
func clock(pid int) (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|scheduler), &used); err != nil {
		return 0, err
	}
	return time.Duration(used.Nano()), nil
}
