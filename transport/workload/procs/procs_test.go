package procs

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestStat_IsReadWhateverTheProgramIsCalled(t *testing.T) {
	const rest = " 0 0 0 0 0 0 0 0 0 0 5 7 11 13 0 0 9 0 12345 0 0\n"
	none := func(int) (time.Duration, error) { return 0, errors.ErrUnsupported }
	for _, c := range []struct {
		text string
		want Process
		ok   bool
	}{
		{"17 (plain) S 4" + rest[2:], Process{}, true},
		{"17 (a) b (c)) R 4" + rest[2:], Process{}, true},
		{"17 (gone) Z 4" + rest[2:], Process{}, false},
		{"17 (short) S 4", Process{}, false},
		{"", Process{}, false},
		{"17 )( S", Process{}, false},
	} {
		got, ok := parseStat(17, []byte(c.text), none)
		if ok != c.ok {
			t.Errorf("%q: %v", c.text, got)
		}
		if ok && (got.Parent != 4 || got.Threads != 9 || got.CPU != 360*time.Millisecond || got.Started != "12345" || got.Pid != 17) {
			t.Errorf("%q: %+v", c.text, got)
		}
	}
	own := func(int) (time.Duration, error) { return 1234, nil }
	if p, _ := parseStat(17, []byte("17 (plain) S 4"+rest[2:]), own); p.CPU != 240*time.Millisecond+1234 {
		t.Errorf("with a clock of its own: %v", p.CPU)
	}
	if p, _ := parseStat(17, []byte("17 (a) b (c)) R 4"+rest[2:]), none); p.Command != "a) b (c)" || p.String() != "17 (a) b (c))" {
		t.Errorf("%v", p)
	}
}

func TestClock_SeesLessThanATick(t *testing.T) {
	before, ok := Read(os.Getpid())
	if !ok || before.CPU%tick == 0 {
		t.Errorf("%v %v: whole ticks", before, before.CPU)
	}
	if after, ok := Read(os.Getpid()); !ok || after.CPU <= before.CPU {
		t.Errorf("%v, then %v", before.CPU, after.CPU)
	}
	if _, err := clock(1 << 22); err == nil { // above every pid there may be
		t.Error("a process that is not has used time")
	}
}

// tree starts a shell with two children that wait for the end of their input.
func tree(t *testing.T) *exec.Cmd {
	t.Helper()
	// The shell says when both have begun.
	cmd := exec.Command("/bin/sh", "-c", `exec 3<&0; cat <&3 & cat /dev/fd/3 & echo ready; wait`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // they end with their input
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	// They have been forked, and are still on their way to what they run.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		list, err := Descendants(cmd.Process.Pid)
		if err == nil && len(list) == 2 && strings.HasPrefix(CommandLine(list[0].Pid), "cat") && strings.HasPrefix(CommandLine(list[1].Pid), "cat") {
			return cmd
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%v %v", list, err)
		}
	}
}

func TestDescendants_AreFoundAndMissedWhenTheyAreGone(t *testing.T) {
	pid := tree(t).Process.Pid
	list, err := Descendants(pid)
	if err != nil || len(list) != 2 || len(Alive(list)) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	named, err := Named(pid, "/dev/fd/3")
	if err != nil || len(named) > 1 || len(named) == 1 && !strings.Contains(CommandLine(named[0].Pid), "cat /dev/fd/3") {
		t.Errorf("%v %v", named, err)
	}
	of, err := Descendants(os.Getpid())
	if err != nil || len(of) < 3 {
		t.Errorf("below the test: %v %v", of, err)
	}
	stale := list[0]
	stale.Started = "1"
	if len(Alive([]Process{stale})) != 0 {
		t.Error("another process of the same pid is taken for the one that is gone")
	}
	if _, ok := Read(1 << 30); ok || CommandLine(1<<30) != "" {
		t.Error("there is a process that cannot be")
	}
}

func TestUsage_IsThatOfAWholeTreeCountedOnce(t *testing.T) {
	pid := tree(t).Process.Pid
	list, err := Descendants(pid)
	if err != nil || len(list) == 0 {
		t.Fatal(list, err)
	}
	u, err := Of(true, pid, list[0].Pid) // the second one is below the first
	if err != nil || u.Processes != 3 || u.Threads != 3 || u.Descriptors < 9 || u.RSS <= 0 || u.PSS <= 0 || u.PSS > u.RSS {
		t.Errorf("%+v %v", u, err)
	}
	if quick, err := Of(false, pid); err != nil || quick.PSS != 0 || quick.Processes != 3 {
		t.Errorf("%+v %v", quick, err)
	}
	if _, err := Of(false, 1<<30); err == nil {
		t.Error("a process that cannot be uses something")
	}
	if most := (Usage{RSS: 1, Threads: 9}).Most(Usage{RSS: 7, CPU: 3}); most != (Usage{RSS: 7, Threads: 9, CPU: 3}) {
		t.Errorf("%+v", most)
	}
}

func TestMemoryAndDescriptors_OfThisProcess(t *testing.T) {
	rss, err := Memory(os.Getpid(), "Rss")
	if err != nil || rss <= 0 {
		t.Errorf("%d KiB, %v", rss, err)
	}
	if _, err := Memory(os.Getpid(), "Nonsense"); err == nil {
		t.Error("there is no such line")
	}
	if _, err := Memory(1<<30, "Rss"); err == nil {
		t.Error("there is no such process")
	}
	before, err := Descriptors(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if after, err := Descriptors(os.Getpid()); err != nil || after <= before-1 {
		t.Errorf("%d before, %d after, %v", before, after, err)
	}
	if _, err := Waited(); err != nil {
		t.Error(err)
	}
}
