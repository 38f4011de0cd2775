package dial

import (
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A child of mcpx that was started with another policy, or to give way to others,
// goes on so.
func TestProcess_AGuardKeepsTheSchedulingThatWasChosen(t *testing.T) {
	for name, c := range map[string]struct {
		attr  unix.SchedAttr
		slice uint64 // 0: what it was
	}{
		"nothing was chosen": {unix.SchedAttr{Policy: unix.SCHED_NORMAL}, uint64(guardSlice)},
		"it gives way":       {unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: 10}, uint64(guardSlice)},
		"it runs in batch":   {unix.SchedAttr{Policy: unix.SCHED_BATCH}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("cat")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = in.Close() // it ends with its input
				if err := cmd.Wait(); err != nil {
					t.Error(err)
				}
			}()
			c.attr.Size = unix.SizeofSchedAttr
			if err := unix.SchedSetAttr(cmd.Process.Pid, &c.attr, 0); err != nil {
				t.Fatal(err)
			}
			preferAtStart(cmd.Process.Pid)
			got, err := unix.SchedGetAttr(cmd.Process.Pid, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got.Policy != c.attr.Policy || got.Nice != c.attr.Nice {
				t.Errorf("policy %d, nice %d; want %d, %d", got.Policy, got.Nice, c.attr.Policy, c.attr.Nice)
			}
			// Kernels before 6.12 have no slices.
			if got.Runtime != 0 && c.slice != 0 && got.Runtime != c.slice {
				t.Errorf("it runs for %d ns at a time, want %d", got.Runtime, c.slice)
			}
		})
	}
}
