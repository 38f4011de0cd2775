package dial

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
)

func TestStdioClose_AServerThatObeysGoesAtTheEndOfInput(t *testing.T) {
	d := stdioTo("plain")
	before := descriptors(t)
	c := d.legacy(t)
	serves(t, c)
	inFlight, _ := underway(t, c, toolCall("sleep", "{}"))
	if err := c.Close(within(t)); err != nil {
		t.Errorf("close: %v", err)
	}
	failed(t, outcome(t, inFlight), messages.KindUnavailable, messages.SentUnknown, "closed")
	if reason := awaitLost(t, c); reason != "" {
		t.Errorf("a close that was asked for has the reason %q", reason)
	}
	if status, ok := c.process.Status(); !ok || !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("status %v: the end of input was not enough", status)
	}
	d.nothingLeft(t)
	if f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo); !f.Stale {
		t.Error("a call after the close is not stale")
	}
	noneOpened(t, before, "a close")
}

func TestStdioClose_AServerThatIgnoresEverythingIsKilledAndNamed(t *testing.T) {
	d := stdioTo("stubborn")
	d.Request.Spec.Policy.KillAfter = 600 * time.Millisecond
	c := d.legacy(t)
	begun := time.Now()
	err := c.Close(within(t))
	if err == nil || !strings.Contains(err.Error(), `server "srv" ignored end of input and SIGTERM; killed after`) {
		t.Errorf("error %v", err)
	}
	if took := time.Since(begun); took < d.Request.Spec.Policy.KillAfter {
		t.Errorf("killed after %v, before kill_after", took)
	}
	d.nothingLeft(t)
}

func TestStdioClose_TheContextsEndKillsAtOnce(t *testing.T) {
	d := stdioTo("stubborn")
	d.Request.Spec.Policy.KillAfter = time.Hour
	c := d.legacy(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Close(ctx); err == nil || !strings.Contains(err.Error(), "its time was over") {
		t.Errorf("error %v", err)
	}
	d.nothingLeft(t)
}

func TestStdioClose_ManyAtOnceGetTheSameErrorAndTheLeastPatientDecides(t *testing.T) {
	d := stdioTo("stubborn")
	d.Request.Spec.Policy.KillAfter = time.Hour
	c := d.legacy(t)
	errs := make([]error, 4)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			ctx := within(t)
			if i == 3 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 10*time.Millisecond)
				defer cancel()
			}
			errs[i] = c.Close(ctx)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err == nil || !errors.Is(err, errs[0]) {
			t.Errorf("errors %v", errs)
		}
	}
	d.nothingLeft(t)
}

func TestStdioClose_ReachesTheWholeFamily(t *testing.T) {
	family := func(t *testing.T, killAfter time.Duration, args ...string) (*stdioConn, error) {
		d := stdioTo("family", args...)
		d.Request.Spec.Policy.KillAfter = killAfter
		c := d.legacy(t)
		if n := len(puppet.Marked(d.mark)); n != 3 {
			t.Fatalf("%d processes, want the server, the holder and the daemon", n)
		}
		err := c.Close(within(t))
		d.nothingLeft(t)
		return c, err
	}
	if _, err := family(t, patience); err != nil {
		t.Errorf("one that obeys: %v", err)
	}
	mercifully(t, func(killAfter time.Duration) (tooSlow bool) {
		c, err := family(t, killAfter, "deaf")
		if c.killed() {
			return true
		}
		if err == nil || !strings.Contains(err.Error(), "left 2 processes that ignored SIGTERM") {
			t.Errorf("one whose relatives do not: %v", err)
		}
		return false
	})
}

func TestStdioClose_AGuardThatDoesNotAnswerDoesNotSaveItsServer(t *testing.T) {
	d := stdioTo("family", "deaf")
	d.Request.Spec.Policy.KillAfter = 100 * time.Millisecond
	c := d.legacy(t)
	if err := syscall.Kill(parentOf(t, c.Pid()), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(within(t)); err == nil || !strings.Contains(err.Error(), "guard did not answer") {
		t.Errorf("error %v", err)
	}
	eventually(t, "the end of all", func() bool { return len(puppet.Marked(d.mark)) == 0 })
}

func TestStdioClose_LeavesNoDescriptorAfterAnyEnd(t *testing.T) {
	ends := map[string]func(c *stdioConn){
		"close": func(*stdioConn) {},
		"crash": func(c *stdioConn) { do(t, c, toolCall("crash", "{}")) },
		"kill":  func(c *stdioConn) { _ = syscall.Kill(c.Pid(), syscall.SIGKILL); awaitLost(t, c) },
	}
	before := descriptors(t)
	for name, end := range ends {
		c := stdioTo("crash").dial(t)
		end(c)
		_ = c.Close(within(t))
		noneOpened(t, before, name)
	}
	d := stdioTo("exit", "no", "reason")
	f := d.fails(t, within(t))
	if !strings.Contains(f.Message, "exited with status 7") || !strings.Contains(f.Message, "warming up | cannot start: no reason") {
		t.Errorf("%q", f.Message)
	}
	noneOpened(t, before, "failed dial")
}

// The variables by which this binary becomes an owner that is going to be killed.
const envOwner = "MCPX_TEST_OWNER"

func init() {
	marks := os.Getenv(envOwner)
	if marks == "" {
		return
	}
	for i, mark := range strings.Split(marks, ",") {
		d := stdioTo("family")
		if i == 0 {
			d = stdioTo("family", "deaf")
		}
		d.Request.Spec.Env[puppet.EnvMark] = mark
		d.Request.Spec.Policy.KillAfter = time.Second
		if _, err := d.era("legacy").Dialer.Dial(context.Background(), d.Request); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	fmt.Println("ready")
	select {}
}

func TestStdioOwner_KilledLeavesNoProcessOfFiveFamilies(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"SIGKILL": syscall.SIGKILL, "SIGTERM": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for i := range 5 {
				names = append(names, fmt.Sprintf("owner-%d-%s-%d", os.Getpid(), name, i))
			}
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			owner := exec.Command(self)
			owner.Env = append(os.Environ(), envOwner+"="+strings.Join(names, ","))
			out, err := owner.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := owner.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
				t.Fatalf("%q, %v", line, err)
			}
			var servers []int
			for _, n := range names {
				pids := puppet.Marked(n)
				if len(pids) != 3 {
					t.Fatalf("%s: %d processes, want three", n, len(pids))
				}
				servers = append(servers, pids...)
			}
			guards := childrenOf(t, owner.Process.Pid)
			if len(guards) != 5 {
				t.Fatalf("%d guards", len(guards))
			}
			if err := owner.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = owner.Wait()
			eventually(t, "the end of all fifteen", func() bool {
				for _, n := range names {
					if len(puppet.Marked(n)) != 0 {
						return false
					}
				}
				return true
			})
			eventually(t, "the end of the guards", func() bool {
				for _, pid := range append(guards, servers...) {
					if state := stateOf(pid); state != "" && state != "Z" {
						return false
					}
				}
				return true
			})
		})
	}
}

// stateOf returns the state of a process as /proc shows it, empty when there is none.
func stateOf(pid int) string {
	_, fields := statOf(pid)
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}

func statOf(pid int) (parent int, fields []string) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, nil
	}
	fields = strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields
}

func parentOf(t *testing.T, pid int) int {
	t.Helper()
	parent, _ := statOf(pid)
	if parent <= 1 {
		t.Fatalf("process %d has the parent %d", pid, parent)
	}
	return parent
}

func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, e := range entries {
		if child, err := strconv.Atoi(e.Name()); err == nil {
			if parent, _ := statOf(child); parent == pid {
				pids = append(pids, child)
			}
		}
	}
	return pids
}
