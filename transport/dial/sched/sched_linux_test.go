package sched

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func attr(t *testing.T, pid int) *unix.SchedAttr {
	t.Helper()
	a, err := unix.SchedGetAttr(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A child of mcpx that was started with another policy, or to give way to others,
// goes on so.
func TestShort_WhatWasChosenStays(t *testing.T) {
	for name, c := range map[string]struct {
		attr   unix.SchedAttr
		length uint64 // 0: what it was
	}{
		"nothing was chosen": {unix.SchedAttr{Policy: unix.SCHED_NORMAL}, uint64(short)},
		"it gives way":       {unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: 10}, uint64(short)},
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
			pid := cmd.Process.Pid
			c.attr.Size = unix.SizeofSchedAttr
			if err := unix.SchedSetAttr(pid, &c.attr, 0); err != nil {
				t.Fatal(err)
			}
			before := attr(t, pid).Runtime
			Short(pid)
			got := attr(t, pid)
			if got.Policy != c.attr.Policy || got.Nice != c.attr.Nice {
				t.Errorf("policy %d, nice %d; want %d, %d", got.Policy, got.Nice, c.attr.Policy, c.attr.Nice)
			}
			// Kernels before 6.12 have no such lengths, and say 0.
			if got.Runtime != 0 && c.length != 0 && got.Runtime != c.length {
				t.Errorf("it runs for %d ns at a time, want %d", got.Runtime, c.length)
			}
			Usual(pid)
			if got := attr(t, pid).Runtime; got != before {
				t.Errorf("it runs for %d ns at a time afterwards, before %d", got, before)
			}
		})
	}
}

func TestShort_WhatIsStartedMeanwhileGetsTheUsualBackWithAllItHasStarted(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	usual := attr(t, os.Getpid()).Runtime
	back := ShortOwn()
	cmd := exec.Command("sh", "-c", "cat >&2 <&3 & echo $!; wait")
	var in *os.File
	theirs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	cmd.ExtraFiles = []*os.File{theirs}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = in.Close() // all end with it
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{cmd.Process.Pid, child} {
		if got := attr(t, pid).Runtime; got != 0 && got != uint64(short) {
			t.Errorf("%d, which is being started, runs for %d ns at a time, want %d", pid, got, short)
		}
	}
	UsualAll(cmd.Process.Pid)
	for _, pid := range []int{cmd.Process.Pid, child} {
		if got := attr(t, pid).Runtime; got != usual {
			t.Errorf("%d, which has been started, runs for %d ns at a time, want the usual %d", pid, got, usual)
		}
	}
	back()
	if got := attr(t, os.Getpid()).Runtime; got != usual {
		t.Errorf("this process runs for %d ns at a time afterwards, want the usual %d", got, usual)
	}
}
