package guard

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) {
	puppet.Main()
	leak.Main(m)
}

// patience caps every wait: far more than anything here takes.
const patience = time.Minute

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

func start(t *testing.T, c Command) *Process {
	t.Helper()
	if c.Name == "" {
		c.Name = t.Name()
	}
	if c.KillAfter == 0 {
		c.KillAfter = patience
	}
	p, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Destroy()
		await(t, "the end after Destroy", p.Gone())
		for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
			_ = f.Close()
		}
	})
	return p
}

func shell(t *testing.T, script string) *Process {
	t.Helper()
	return start(t, Command{Path: "/bin/sh", Argv: []string{"sh", "-c", script}, Env: []string{"PATH=" + os.Getenv("PATH")}})
}

var marks atomic.Int64

// startFamily starts a server with relatives, who are all there when it
// returns, and the mark by which they are found.
func startFamily(t *testing.T, args ...string) (*Process, string) {
	t.Helper()
	command, _, env := puppet.Command("family")
	mark := fmt.Sprintf("%d.%d", os.Getpid(), marks.Add(1))
	p := start(t, Command{Path: command, Argv: append([]string{command}, args...), Env: []string{
		puppet.EnvBehaviour + "=" + env[puppet.EnvBehaviour], puppet.EnvMark + "=" + mark,
	}})
	ask(t, p, `{"jsonrpc":"2.0","id":1,"method":"ping"}`)
	if n := len(puppet.Marked(mark)); n != 3 {
		t.Fatalf("%d processes, want the server, the holder and the daemon", n)
	}
	return p, mark
}

func ask(t *testing.T, p *Process, line string) string {
	t.Helper()
	if _, err := io.WriteString(p.Stdin, line+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(p.Stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// noneOpened waits until no more descriptors are open than before: an earlier
// test's may be in the hands of the collector.
func noneOpened(t *testing.T, before int) {
	t.Helper()
	eventually(t, "the descriptors that were opened to be closed", func() bool { return descriptors(t) <= before })
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestStart_ServerTalksOverItsOwnPipesAndGoesAtTheEndOfInput(t *testing.T) {
	p := start(t, Command{Path: "/bin/cat", Argv: []string{"cat"}})
	if got := ask(t, p, "hello"); got != "hello\n" {
		t.Errorf("cat said %q", got)
	}
	_ = p.Stdin.Close()
	await(t, "the exit", p.Exited())
	if status, ok := p.Status(); !ok || !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("status %v, %v", status, ok)
	}
	await(t, "the guard's end", p.Gone())
	if p.Killed() != 0 {
		t.Errorf("%d processes killed by force", p.Killed())
	}
}

func TestStart_TellsWhyAServerCouldNotBeExecuted(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	for name, c := range map[string]struct {
		command Command
		want    error
	}{
		"missing":     {Command{Path: filepath.Join(dir, "missing")}, syscall.ENOENT},
		"no program":  {Command{Path: text}, syscall.EACCES},
		"a directory": {Command{Path: dir}, syscall.EACCES},
		"bad dir":     {Command{Path: "/bin/cat", Dir: filepath.Join(dir, "missing")}, syscall.ENOENT},
		"too long":    {Command{Path: "/bin/cat", Argv: []string{"cat", strings.Repeat("x", 1<<20)}}, syscall.E2BIG},
	} {
		c.command.Name = "failing"
		p, err := Start(t.Context(), c.command)
		var path *os.PathError
		if p != nil || !errors.Is(err, c.want) || !errors.As(err, &path) || path.Op != "exec" {
			t.Errorf("%s: %v, want exec: %v", name, err, c.want)
		}
	}
	noneOpened(t, before)
}

func TestStart_LeavesNothingWhenItsContextHasEnded(t *testing.T) {
	before := descriptors(t)
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	p, err := Start(ctx, Command{Name: "late", Path: "/bin/cat", Argv: []string{"cat"}})
	if p != nil || !errors.Is(err, why) {
		t.Errorf("%v, %v", p, err)
	}
	noneOpened(t, before)
}

func TestStart_SaysWhichPipeCouldNotBeMade(t *testing.T) {
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	before := descriptors(t)
	short := syscall.Rlimit{Cur: uint64(before + 2), Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &short); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), Command{Name: "starved", Path: "/bin/cat", Dir: "/"})
	if e := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, syscall.EMFILE) {
		t.Errorf("error %v, want EMFILE", err)
	}
	noneOpened(t, before)
}

func TestExited_IsSeenAtOnceThoughAGrandchildHoldsThePipes(t *testing.T) {
	p, mark := startFamily(t)
	if _, err := io.WriteString(p.Stdin, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"orphan"}}`+"\n"); err != nil {
		t.Fatal(err)
	}
	await(t, "the exit", p.Exited())
	if status, ok := p.Status(); !ok || status.ExitStatus() != 5 {
		t.Errorf("status %v, %v", status, ok)
	}
	await(t, "the end of the relatives", p.Gone())
	if pids := puppet.Marked(mark); len(pids) != 0 || p.Killed() != 0 {
		t.Errorf("left: %v; killed by force: %d", pids, p.Killed())
	}
}

func TestEnd_ReachesDescendantsInSessionsOfTheirOwn(t *testing.T) {
	p, mark := startFamily(t)
	p.End(patience)
	await(t, "the end of the tree", p.Gone())
	if pids := puppet.Marked(mark); len(pids) != 0 {
		t.Errorf("left: %v", pids)
	}
	if p.Killed() != 0 {
		t.Errorf("%d killed by force, though all obey SIGTERM", p.Killed())
	}
	if status, ok := p.Status(); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("status %v, %v; want SIGTERM", status, ok)
	}
}

func TestEnd_KillsWhatIgnoresSIGTERMAndCountsIt(t *testing.T) {
	p, mark := startFamily(t, "deaf")
	p.End(50 * time.Millisecond)
	await(t, "the end of the tree", p.Gone())
	want := 2 // the relatives
	if status, ok := p.Status(); ok && status.Signal() == syscall.SIGKILL {
		want++ // the server obeys, but not in no time
	}
	if pids := puppet.Marked(mark); len(pids) != 0 || p.Killed() != want {
		t.Errorf("left: %v; killed by force: %d, want %d", pids, p.Killed(), want)
	}
}

func TestEnd_AnEarlierDeadlineStaysAndZeroMeansNow(t *testing.T) {
	p, mark := startFamily(t, "deaf")
	p.End(2 * patience)
	await(t, "the end of the server, which obeys", p.Exited())
	p.End(0)
	p.End(2 * patience)
	await(t, "the end of the tree", p.Gone())
	if pids := puppet.Marked(mark); len(pids) != 0 {
		t.Errorf("left: %v", pids)
	}
}

func TestEnd_AStoppedServerIsWokenToSeeSIGTERM(t *testing.T) {
	p, _ := startFamily(t)
	if err := syscall.Kill(p.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.End(patience)
	await(t, "the end of the tree", p.Gone())
	if p.Killed() != 0 {
		t.Errorf("%d killed by force", p.Killed())
	}
}

func TestGuard_TheEndOfTheDeathPipeEndsTheTree(t *testing.T) {
	p, mark := startFamily(t)
	_ = p.control.Close() // what the system does for an owner that was killed
	await(t, "the end of the tree", p.Gone())
	if pids := puppet.Marked(mark); len(pids) != 0 {
		t.Errorf("left: %v", pids)
	}
}

func TestGuard_KilledItselfTheServerAndItsSessionGo(t *testing.T) {
	p := shell(t, "sleep 1000 & cat")
	eventually(t, "the sleeper", func() bool { return len(children(p.Pid())) == 2 })
	members := append(children(p.Pid()), p.Pid())
	if err := syscall.Kill(p.guard.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the news", p.Exited())
	if _, ok := p.Status(); ok {
		t.Error("a status that nobody has seen")
	}
	await(t, "the end", p.Gone())
	for _, pid := range members {
		eventually(t, fmt.Sprintf("the death of process %d", pid), func() bool {
			f, ok := look(pid)
			return !ok || f.dead()
		})
	}
}

func TestDestroy_EndsTheTreeOfAGuardThatDoesNotAnswer(t *testing.T) {
	p, mark := startFamily(t, "deaf")
	if err := syscall.Kill(p.guard.Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.End(0)
	p.Destroy()
	await(t, "the end", p.Gone())
	eventually(t, "the death of all relatives", func() bool { return len(puppet.Marked(mark)) == 0 })
	p.Destroy() // on nothing: no error, no signal to a stranger
}

func TestGuard_SignalsForTheOwnerDoNotReachTheServer(t *testing.T) {
	p := start(t, Command{Path: "/bin/cat", Argv: []string{"cat"}})
	for _, sig := range ownersSignals {
		if err := p.guard.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "delivery", func() bool { return statusLine(t, p.guard.Pid, "ShdPnd") == "0000000000000000" })
	if got := ask(t, p, "still here"); got != "still here\n" {
		t.Errorf("cat said %q", got)
	}
}

func TestGuard_ShowsTheServersNameAndNothingElse(t *testing.T) {
	p := start(t, Command{Name: "github", Path: "/bin/cat", Argv: []string{"cat", "-"}, Env: []string{"SECRET=1"}, Dir: t.TempDir()})
	proc := fmt.Sprintf("/proc/%d/", p.guard.Pid)
	for file, want := range map[string]string{"cmdline": "mcpx-guard: github\x00", "environ": strings.Join(guardEnv, "\x00") + "\x00", "comm": "mcpx-guard\n"} {
		if b, err := os.ReadFile(proc + file); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v; want %q", file, b, err, want)
		}
	}
	if dir, err := os.Readlink(proc + "cwd"); err != nil || dir != "/" {
		t.Errorf("directory %q, %v: a guard must not hold one", dir, err)
	}
	eventually(t, "the release of the pipes", func() bool {
		for fd := range 3 {
			if target, err := os.Readlink(proc + "fd/" + strconv.Itoa(fd)); err != nil || target != "/dev/null" {
				return false
			}
		}
		return true
	})
}

func TestServer_InheritsThreeDescriptorsAndNoIgnoredSignal(t *testing.T) {
	p := start(t, Command{Path: "/bin/cat", Argv: []string{"cat"}})
	eventually(t, "three descriptors, when it has loaded its libraries", func() bool {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.Pid()))
		return err == nil && len(entries) == 3
	})
	for _, line := range []string{"SigIgn", "SigBlk"} {
		// It may ignore fewer than we do: under nohup we ignore SIGHUP, and Go gives that back to a child.
		got, err1 := strconv.ParseUint(statusLine(t, p.Pid(), line), 16, 64)
		ours, err2 := strconv.ParseUint(statusLine(t, os.Getpid(), line), 16, 64)
		if got&^ours != 0 || err1 != nil || err2 != nil {
			t.Errorf("%s %x, ours %x (%v, %v)", line, got, ours, err1, err2)
		}
	}
	if group, err := syscall.Getpgid(p.Pid()); err != nil || group != p.Pid() {
		t.Errorf("process group %d, %v; want its own", group, err)
	}
}

// TestGuard_CostsLittle prints what a guard costs.
func TestGuard_CostsLittle(t *testing.T) {
	begun := time.Now()
	p := start(t, Command{Path: "/bin/cat", Argv: []string{"cat"}})
	took := time.Since(begun)
	eventually(t, "the release of the pipes", func() bool {
		target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/2", p.guard.Pid))
		return err == nil && target == "/dev/null"
	})
	kb := func(file, field string) int {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.guard.Pid, file))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, ok := strings.Cut("\n"+string(b), "\n"+field+":")
		if !ok {
			t.Fatalf("no %s in %s", field, file)
		}
		n, err := strconv.Atoi(strings.Fields(rest)[0])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	pss, anonymous := kb("smaps_rollup", "Pss"), kb("smaps_rollup", "Anonymous")
	t.Logf("start %v; RSS %d KiB, PSS %d KiB, anonymous %d KiB, %d threads",
		took, kb("smaps_rollup", "Rss"), pss, anonymous, kb("status", "Threads"))
	if !raceEnabled && anonymous > 4<<10 {
		t.Errorf("%d KiB of its own: 150 servers would notice", anonymous)
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(b.Context(), Command{Name: "bench", Path: "/bin/cat", Argv: []string{"cat"}, KillAfter: patience})
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		p.End(0)
		<-p.Gone()
		p.closeFiles()
		b.StartTimer()
	}
}

func statusLine(t *testing.T, pid int, field string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\n"+field+":")
	return strings.Fields(rest)[0]
}
