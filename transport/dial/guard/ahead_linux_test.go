package guard

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// command is one whose server reads until the end of its input.
func command(name string) Command {
	return Command{Name: name, Path: "/bin/cat", Argv: []string{"cat"}, KillAfter: patience}
}

// end ends a server and waits until nothing of it is left.
func end(t *testing.T, p *Process) {
	t.Helper()
	p.Destroy()
	await(t, "the end after Destroy", p.Gone())
	for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
		_ = f.Close()
	}
}

// guards returns the children of this process that are guards.
func guards(t *testing.T) (pids []int) {
	t.Helper()
	for _, pid := range children(os.Getpid()) {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.HasPrefix(string(b), prefix) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func settled(a *Ahead) bool {
	select {
	case <-a.Settled():
		return true
	default:
		return false
	}
}

func TestAhead_AllServersAreExecutedWhenAllGuardsAreReady(t *testing.T) {
	var names []string
	for i := range 5 {
		names = append(names, "server-"+strconv.Itoa(i))
	}
	ready := make(chan int64, len(names)) // what is told when a guard is there
	a := Prepare(names, func(int) { ready <- time.Now().UnixNano() })
	defer a.Close()
	var all sync.WaitGroup
	executed := make(chan int64, len(names))
	for _, name := range names {
		all.Go(func() {
			p, err := a.Start(t.Context(), command(name))
			if err != nil {
				t.Error(err)
				return
			}
			if !settled(a) {
				t.Error("somebody looks after a server before all have been executed")
			}
			executed <- p.At().UnixNano()
			end(t, p)
		})
	}
	all.Wait()
	var last int64
	for range names {
		last = max(last, <-ready)
	}
	for range names {
		if at := <-executed; at < last {
			t.Errorf("a server was executed %d ns before the last guard was started", last-at)
		}
	}
}

func TestAhead_AServerThatNobodyAsksForHoldsNobodyUp(t *testing.T) {
	a := Prepare([]string{"asked for", "not asked for"}, nil)
	defer a.Close()
	p, err := a.Start(t.Context(), command("asked for"))
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, p)
	await(t, "what has been waited for long enough", a.Settled())
}

func TestAhead_AServerHasTheGuardThatWaitsForItOnce(t *testing.T) {
	a := Prepare([]string{"one", "one"}, nil)
	defer a.Close()
	first, err := a.Start(t.Context(), command("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, first)
	await(t, "the only server", a.Settled())
	second, err := a.Start(t.Context(), command("one"))
	if err != nil {
		t.Fatal(err)
	}
	defer end(t, second)
	if first.guard.Pid == second.guard.Pid {
		t.Error("two servers have one guard")
	}
}

func TestAhead_WhatIsForgottenOrNeverAskedForLeavesNothing(t *testing.T) {
	before := descriptors(t)
	a := Prepare([]string{"forgotten", "unasked"}, nil)
	a.Forget("forgotten")
	eventually(t, "the other one's guard", func() bool { return len(guards(t)) == 1 })
	a.Close()
	await(t, "the last server", a.Settled())
	if left := guards(t); len(left) > 0 {
		t.Errorf("guards %v are left", left)
	}
	noneOpened(t, before)
}

func TestAhead_AServerThatCannotBeExecutedSaysWhy(t *testing.T) {
	a := Prepare([]string{"missing"}, nil)
	defer a.Close()
	c := command("missing")
	c.Path = "/does/not/exist"
	_, err := a.Start(t.Context(), c)
	var path *os.PathError
	if !errors.As(err, &path) || path.Op != "exec" || !errors.Is(err, syscall.ENOENT) {
		t.Errorf("%v, want that /does/not/exist does not exist", err)
	}
	await(t, "the only server", a.Settled())
}

func TestAhead_AStartThatIsGivenUpLeavesNothing(t *testing.T) {
	before := descriptors(t)
	gone := errors.New("no more")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	a := Prepare([]string{"given up"}, nil)
	if _, err := a.Start(ctx, command("given up")); !errors.Is(err, gone) {
		t.Errorf("%v, want %v", err, gone)
	}
	await(t, "the only server", a.Settled())
	a.Close()
	if left := guards(t); len(left) > 0 {
		t.Errorf("guards %v are left", left)
	}
	noneOpened(t, before)
}

func TestAhead_AGuardThatDiesBeforeItHasAServerIsReplaced(t *testing.T) {
	a := Prepare([]string{"sick", "well"}, nil)
	defer a.Close()
	sick := a.places["sick"]
	<-sick.spawned
	if err := sick.process.guard.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sick", "well"} {
		p, err := a.Start(t.Context(), command(name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "sick" && p.guard.Pid == sick.process.guard.Pid {
			t.Error("a server was started under a guard that is dead")
		}
		end(t, p)
	}
}

// As on systems without guards.
func TestAhead_WithoutGuardsEveryStartIsWaitedFor(t *testing.T) {
	places := map[string]*place{"a": {over: make(chan struct{})}, "b": {over: make(chan struct{})}, "none": {err: errors.New("no gate")}}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		awaitOver(places)
	}()
	new(Ahead).giveUp(places["a"])
	close(places["b"].over)
	await(t, "both", waited)
	awaitOver(map[string]*place{"never": {over: make(chan struct{})}}) // returns
}

func TestAhead_NothingToPrepareIsSettledAtOnceAndStartsAsUsual(t *testing.T) {
	a := Prepare(nil, nil)
	defer a.Close()
	await(t, "nothing", a.Settled())
	for _, a := range []*Ahead{a, nil} {
		p, err := a.Start(t.Context(), command("other"))
		if err != nil {
			t.Fatal(err)
		}
		end(t, p)
		a.Forget("other")
		a.Close()
	}
}

func TestText_ReadsWhatTheKernelWrites(t *testing.T) {
	for _, n := range []int{0, 7, 10, 4194304, 1<<31 - 1} {
		if got := decimal(n); got != strconv.Itoa(n) {
			t.Errorf("decimal(%d) is %q", n, got)
		}
		if got, ok := number(decimal(n)); !ok || got != n {
			t.Errorf("number(%q) is %d, %v", decimal(n), got, ok)
		}
	}
	for _, s := range []string{"", "self", "-1", "1a", "9999999999999999999"} {
		if n, ok := number(s); ok {
			t.Errorf("number(%q) is %d", s, n)
		}
	}
	for _, s := range []string{"", " ", "1", " 1  22 \n333\n"} {
		got, want := words([]byte(s)), strings.Fields(s)
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("words(%q) are %q, want %q", s, got, want)
		}
	}
}
