package guard

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inside runs the guard's own loop in this process, which becomes the subreaper
// for as long as it takes.
type inside struct {
	control, reports *os.File
	stdin, stdout    *os.File
	done             chan struct{}
}

func runInside(t *testing.T, c Command) *inside {
	t.Helper()
	var w wires
	in := &inside{done: make(chan struct{})}
	in.stdin = w.toGuard()
	in.stdout = w.fromGuard()
	stderr := w.fromGuard()
	in.control, in.reports = w.toGuard(), w.fromGuard()
	if w.err != nil {
		t.Fatal(w.err)
	}
	fd := func(i int) int { return int(w.theirs[i].Fd()) }
	g := guard{stdio: [3]int{fd(0), fd(1), fd(2)}, control: fd(3), reports: fd(4)}
	go func() {
		defer close(in.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if g.begin() {
			g.guard()
		}
	}()
	if _, err := in.control.Write(encodeCommand(c)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.control.Close()
		await(t, "the end of the guard's loop", in.done)
		const prSetChildSubreaper = 36
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 0, 0)
		w.closeTheirs()
		for _, f := range []*os.File{in.stdin, in.stdout, stderr, in.reports} {
			_ = f.Close()
		}
	})
	return in
}

func (in *inside) expect(t *testing.T, op byte) uint32 {
	t.Helper()
	_ = in.reports.SetReadDeadline(time.Now().Add(patience))
	r, err := readRecord(in.reports)
	if err != nil || r.op != op {
		t.Fatalf("record %c %d, %v; want %c", r.op, r.value, err, op)
	}
	return r.value
}

// ready waits until the script has said something.
func (in *inside) ready(t *testing.T) {
	t.Helper()
	_ = in.stdout.SetReadDeadline(time.Now().Add(patience))
	if _, err := in.stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

func script(text string, killAfter time.Duration) Command {
	return Command{
		Path: "/bin/sh", Argv: []string{"sh", "-c", text}, Env: []string{"PATH=" + os.Getenv("PATH")},
		Dir: "/", KillAfter: killAfter,
	}
}

func TestLoop_ReportsStartExitAndEnd(t *testing.T) {
	in := runInside(t, script("read x; exit 9", patience))
	in.expect(t, recordStarted)
	_, _ = in.stdin.WriteString("go\n")
	if status := syscall.WaitStatus(in.expect(t, recordExited)); status.ExitStatus() != 9 {
		t.Errorf("status %v", status)
	}
	if n := in.expect(t, recordGone); n != 0 {
		t.Errorf("%d killed", n)
	}
}

func TestLoop_ReportsAFailedStart(t *testing.T) {
	in := runInside(t, Command{Path: "/does/not/exist", Dir: "/"})
	if errno := syscall.Errno(in.expect(t, recordFailed)); errno != syscall.ENOENT {
		t.Errorf("%v", errno)
	}
}

func TestLoop_HangUpGivesKillAfterAndThenKills(t *testing.T) {
	in := runInside(t, script(`trap "" TERM; (while :; do sleep 1000; done) & echo ready; while :; do sleep 1000; done`, 200*time.Millisecond))
	in.expect(t, recordStarted)
	in.ready(t)
	_ = in.control.Close()
	if status := syscall.WaitStatus(in.expect(t, recordExited)); status.Signal() != syscall.SIGKILL {
		t.Errorf("status %v", status)
	}
	if n := in.expect(t, recordGone); n < 2 {
		t.Errorf("%d killed, want both shells at least", n)
	}
}

func TestLoop_ADeadlineOfZeroKillsAtOnce(t *testing.T) {
	in := runInside(t, script(`trap "" TERM; echo ready; while :; do sleep 1000; done`, patience))
	in.expect(t, recordStarted)
	in.ready(t)
	_, _ = in.control.Write(encodeDeadline(patience))
	_, _ = in.control.Write(encodeDeadline(0))
	if status := syscall.WaitStatus(in.expect(t, recordExited)); status.Signal() != syscall.SIGKILL {
		t.Errorf("status %v", status)
	}
	in.expect(t, recordGone)
}

func TestLoop_AnOwnerThatDiesBeforeTheCommandLeavesNothing(t *testing.T) {
	var w wires
	control, reports := w.toGuard(), w.fromGuard()
	if w.err != nil {
		t.Fatal(w.err)
	}
	_ = control.Close()
	g := guard{control: int(w.theirs[0].Fd()), reports: int(w.theirs[1].Fd())}
	if g.begin() {
		t.Error("begun, though nobody said what")
	}
	w.closeTheirs()
	if _, err := readRecord(reports); err == nil {
		t.Error("a record, though nothing was started")
	}
	_ = reports.Close()
}

func TestCommand_SurvivesItsWire(t *testing.T) {
	want := Command{
		Path: "/p a/th", Dir: "/d", Argv: []string{"", "a b", "\x01ü\n"}, Env: []string{"A=", "B=x=y"},
		KillAfter: 1500 * time.Millisecond,
	}
	got, err := readCommand(bytes.NewReader(encodeCommand(want)))
	if err != nil || got.Path != want.Path || got.Dir != want.Dir || got.KillAfter != want.KillAfter ||
		strings.Join(got.Argv, "|") != strings.Join(want.Argv, "|") || strings.Join(got.Env, "|") != strings.Join(want.Env, "|") {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestCommand_MalformedIsAnErrorAndNoPanic(t *testing.T) {
	good := encodeCommand(Command{Path: "/p", Dir: "/d", Argv: []string{"a"}, Env: []string{"B=c"}})[4:]
	for n := range good {
		if c, err := decodeCommand(good[:n]); err == nil && n < len(good)-len("B=c\x00") {
			t.Errorf("cut at %d of %d: %+v", n, len(good), c)
		}
		if _, err := readCommand(bytes.NewReader(encodeCommand(Command{Path: "/p"})[:n%18])); err == nil {
			t.Errorf("cut at %d: accepted", n%18)
		}
	}
	if _, err := readCommand(bytes.NewReader([]byte{0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("4 GiB accepted")
	}
}

func TestMilliseconds_NeverTurnSomethingIntoAtOnce(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		-1: 0, 0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 1 << 62: 1 << 31,
	} {
		if got := milliseconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func TestDeliver_SparesAProcessThatIsNotTheOneMeant(t *testing.T) {
	p := start(t, Command{Path: "/bin/cat", Argv: []string{"cat"}})
	done := map[identity]bool{}
	deliver(p.Pid(), syscall.SIGKILL, done, func(f facts) bool { return f.parent == 1 })
	if len(done) != 0 {
		t.Error("signalled")
	}
	if got := ask(t, p, "alive"); got != "alive\n" {
		t.Errorf("cat said %q", got)
	}
	if _, ok := look(1 << 30); ok {
		t.Error("facts about a process that cannot exist")
	}
}
