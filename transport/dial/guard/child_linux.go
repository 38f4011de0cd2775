package guard

import (
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// prefix marks the argv[0] of a guard.
const prefix = "mcpx-guard: "

// init runs before almost everything else of the program. In a guard it does
// the guard's whole work and never returns.
func init() {
	if len(os.Args) == 0 || !named(os.Args[0]) {
		return
	}
	if fd, err := syscall.Open("/proc/self/comm", syscall.O_WRONLY|syscall.O_CLOEXEC, 0); err == nil {
		_, _ = syscall.Write(fd, []byte("mcpx-guard")) // what ps shows; no harm without
		_ = syscall.Close(fd)
	}
	g := guard{stdio: [3]int{0, 1, 2}, control: fdControl, reports: fdReports, entry: fdEntry, exit: fdExit}
	g.report(recordReady, 0)
	if g.begin() {
		signal.Ignore(ownersSignals...) // not before: the server would ignore them, too
		g.guard()
	}
	syscall.Exit(0) // nothing of the program has begun that os.Exit would have to end
}

// ownersSignals are those that a guard does not care for: a signal to all
// processes of this name, or of a service, is meant for the owner, which may
// still want to drain. They are ignored and not caught, which would take a guard
// as long as all the rest of its start.
var ownersSignals = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGALRM,
}

// named tells whether a program of this name is a guard.
func named(argv0 string) bool { return len(argv0) >= len(prefix) && argv0[:len(prefix)] == prefix }

// guard is the parent of one server.
//
//	running ──the server died──▶ ending ──deadline──▶ killing ──ECHILD──▶ over
//	   └──a deadline, or the end of control──▶ ┘
type guard struct {
	stdio            [3]int
	control, reports int
	entry, exit      int       // of the gate; 0: there is none
	executed         time.Time // the server

	killAfter time.Duration
	main      int // the server's pid; 0 once it has been collected
	ending    bool
	deadline  time.Time // of SIGKILL
	timer     *time.Timer
	pause     time.Duration // between two rounds of SIGKILL
	told      map[identity]bool
	killed    map[identity]bool
}

// begin executes the server, when it is told to; false when there is none. It
// belongs on a thread that stays: the server's parent-death signal is that of the
// thread, not of the process. An init is on the first one.
func (g *guard) begin() bool {
	// Whatever else our owner was started with is none of the server's business.
	const sysCloseRange, closeRangeCloexec = 436, 4 // refused by kernels before 5.11
	_, _, _ = syscall.Syscall(sysCloseRange, fdExit+1, 1<<31-1, closeRangeCloexec)
	syscall.CloseOnExec(g.control)
	syscall.CloseOnExec(g.reports)
	command, err := readCommand(rawReader(g.control))
	if err != nil {
		return false // the owner is gone already
	}
	if g.entry == 0 {
		return g.start(command)
	}
	g.awaitGate()
	syscall.CloseOnExec(g.exit)
	begun := g.start(command)
	_ = syscall.Close(g.exit)
	return begun
}

// guard reports the server, and returns when nothing is left of its tree.
func (g *guard) guard() {
	g.tell(record{recordStarted, uint32(g.main), g.executed.UnixNano()})
	g.release()
	orders, over := make(chan time.Duration), make(chan struct{})
	defer close(over)
	go g.listen(orders, over)
	deaths, collected := make(chan struct{}), make(chan struct{})
	go awaitDeaths(deaths, collected)
	g.timer = time.NewTimer(time.Hour)
	g.timer.Stop()
	for {
		select {
		case remaining := <-orders:
			if remaining == hangUp {
				orders = nil
				if g.ending {
					break
				}
				remaining = g.killAfter
			}
			g.end(remaining)
		case <-g.timer.C:
			g.kill()
		case _, more := <-deaths:
			if !more {
				g.report(recordGone, uint32(len(g.killed)))
				return
			}
			g.collect()
			collected <- struct{}{}
		}
	}
}

// awaitGate returns when servers may be executed. Should that be because the
// owner has died, the end of control follows at once.
func (g *guard) awaitGate() {
	var b [1]byte
	for {
		if _, err := syscall.Read(g.entry, b[:]); err != syscall.EINTR {
			break
		}
	}
	_ = syscall.Close(g.entry)
}

// start executes the server in a process group of its own, or reports why not.
func (g *guard) start(c Command) bool {
	const prSetChildSubreaper = 36
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0)
	if errno != 0 {
		g.report(recordFailed, uint32(errno))
		return false
	}
	var err error
	g.killAfter = c.KillAfter
	g.told, g.killed, g.pause = map[identity]bool{}, map[identity]bool{}, 10*time.Millisecond
	g.main, err = syscall.ForkExec(c.Path, c.Argv, &syscall.ProcAttr{
		Dir: c.Dir, Env: c.Env,
		Files: []uintptr{uintptr(g.stdio[0]), uintptr(g.stdio[1]), uintptr(g.stdio[2])},
		// Should the guard be killed together with its owner, the server at
		// least goes with them.
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		errno, _ := err.(syscall.Errno) //nolint:errorlint // ForkExec returns nothing else, and errors would be an import
		g.report(recordFailed, uint32(errno))
		return false
	}
	g.executed = time.Now()
	return true
}

// release lets go of the server's pipes, or their ends could not be seen.
func (g *guard) release() {
	null, err := syscall.Open("/dev/null", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	for _, fd := range g.stdio {
		if err != nil || syscall.Dup3(null, fd, syscall.O_CLOEXEC) != nil {
			_ = syscall.Close(fd)
		}
	}
	if err == nil {
		_ = syscall.Close(null)
	}
}

// hangUp stands for the end of control among the orders.
const hangUp = time.Duration(-1)

func (g *guard) listen(orders chan<- time.Duration, over <-chan struct{}) {
	var b [4]byte
	for order := time.Duration(0); order != hangUp; {
		if _, err := io.ReadFull(rawReader(g.control), b[:]); err != nil {
			order = hangUp
		} else {
			order = time.Duration(uint32At(b[:])) * time.Millisecond
		}
		select {
		case orders <- order:
		case <-over:
			return
		}
	}
}

// awaitDeaths says when there is something to collect and leaves the collecting
// to the one that also sends signals: until then the pid cannot be reused. It
// closes deaths when there is no child left, and so no descendant.
func awaitDeaths(deaths chan<- struct{}, collected <-chan struct{}) {
	const wExited, wNoWait = 0x4, 0x1000000
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, 0, 0, 0, wExited|wNoWait, 0, 0)
		switch errno {
		case syscall.EINTR:
		case 0:
			deaths <- struct{}{}
			<-collected
		default:
			close(deaths)
			return
		}
	}
}

func (g *guard) collect() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			break
		}
		if pid == g.main {
			g.main = 0
			g.report(recordExited, uint32(status))
			if !g.ending {
				g.end(g.killAfter)
			}
		}
	}
	// Each death may have brought orphans.
	switch {
	case !g.ending:
	case time.Now().Before(g.deadline):
		g.signal(syscall.SIGTERM, g.told)
	default:
		g.signal(syscall.SIGKILL, g.killed)
	}
}

func (g *guard) end(remaining time.Duration) {
	deadline := time.Now().Add(remaining)
	if !g.ending || deadline.Before(g.deadline) {
		g.deadline = deadline
		g.timer.Reset(remaining)
	}
	g.ending = true
	if remaining > 0 {
		g.signal(syscall.SIGTERM, g.told)
	}
}

// kill is repeated: a process that forks while it is being killed leaves one
// behind that nobody has seen yet.
func (g *guard) kill() {
	g.signal(syscall.SIGKILL, g.killed)
	g.timer.Reset(g.pause)
	g.pause = min(2*g.pause, time.Second) // what does not die of SIGKILL sits in the kernel
}

// signal reaches the whole tree or, on a system whose /proc does not list
// children (the server is one as long as it has not been collected), its
// process group.
func (g *guard) signal(sig syscall.Signal, done map[identity]bool) {
	self := os.Getpid()
	sweep(self, sig, done)
	if g.main != 0 && len(children(self)) == 0 {
		_ = syscall.Kill(-g.main, sig)
	}
}

func (g *guard) report(op byte, value uint32) { g.tell(record{op, value, time.Now().UnixNano()}) }

func (g *guard) tell(r record) {
	_, _ = syscall.Write(g.reports, r.encode()) // fails only when the owner is gone
}

// rawReader reads a descriptor without the poller, which a guard never starts.
type rawReader int

func (r rawReader) Read(b []byte) (int, error) {
	for {
		n, err := syscall.Read(int(r), b)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
}
