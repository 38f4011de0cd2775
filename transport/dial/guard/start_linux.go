package guard

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// owned is what the owner holds of a guard.
type owned struct {
	guard   *os.Process
	control *os.File // the command, then deadlines; its end is the order to end everything
	reports *os.File // records; its end is the end of the guard

	reaping sync.Mutex // held while the guard's pid is used or given up
	reaped  bool
}

// Start runs the command under a guard and returns when the server has been
// executed. The error says why it could not be: an *os.PathError of the
// operation "exec" is a matter of the command, anything else is ours. When ctx
// ends first, its cause is returned and nothing is left behind. A guard that dies
// before it has a server is replaced, once: a signal to all processes of its name
// may have ended it.
func Start(ctx context.Context, c Command) (*Process, error) {
	p, err := startOnce(ctx, c)
	if diedEarly(err) {
		p, err = startOnce(ctx, c)
	}
	return p, err
}

func startOnce(ctx context.Context, c Command) (*Process, error) {
	null, err := os.Open(os.DevNull) // no gate: it has ended, and nobody waits for its end
	if err != nil {
		return nil, err
	}
	p, err := spawn(c.Name, null, null)
	_ = null.Close()
	if err == nil {
		err = p.begin(ctx, c, nil)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// guardDied is why a server was not started, and a matter of nobody's command.
type guardDied struct{ seen error }

func (e guardDied) Error() string {
	return "the process guard died before it had started the server: " + e.seen.Error()
}

func diedEarly(err error) bool {
	_, died := err.(guardDied) //nolint:errorlint // nobody wraps it
	return died
}

// spawn starts a guard, which waits for its command, and then for the end of
// entry, and lets go of exit when it has executed its server.
func spawn(name string, entry, exit *os.File) (*Process, error) {
	var w wires
	defer w.closeTheirs()
	p := &Process{exited: make(chan struct{}), gone: make(chan struct{})}
	p.Stdin, p.Stdout, p.Stderr = w.toGuard(), w.fromGuard(), w.fromGuard()
	p.control, p.reports = w.toGuard(), w.fromGuard()
	err := w.err
	if err == nil {
		// The link is resolved in the child: the very binary that runs now, even
		// when its file has been replaced. The session of its own keeps terminal
		// signals away and gives the tree a number that reap can rely on.
		p.guard, err = os.StartProcess("/proc/self/exe", []string{prefix + name}, &os.ProcAttr{
			Dir: "/", Env: guardEnv, Files: append(w.theirs, entry, exit), Sys: &syscall.SysProcAttr{Setsid: true},
		})
	}
	if err != nil {
		p.closeFiles()
		return nil, err
	}
	return p, nil // theirs are closed by now, or the end of the guard could not be seen
}

func (p *Process) guardPid() int { return p.guard.Pid }

// guardEnv is the whole environment of a guard, not of its server. One processor
// is enough for it, which spares it threads, and the look at how many it may have.
var guardEnv = []string{"GOMAXPROCS=1", "GODEBUG=containermaxprocs=0"}

// begin has the guard execute the server, when its gate is open, and returns when
// it has, and all is closed or nil. After an error nothing is left.
func (p *Process) begin(ctx context.Context, c Command, all <-chan struct{}) error {
	err := c.here()
	if err == nil {
		err = p.handshake(ctx, c, all)
	}
	if err != nil {
		p.abandon()
		return err
	}
	go p.watch()
	return nil
}

// here makes the owner's working directory the server's where it has none.
func (c *Command) here() (err error) {
	if c.Dir == "" {
		c.Dir, err = os.Getwd()
	}
	return err
}

// abandon ends a guard whose server is not wanted any more, or could not be
// executed.
func (p *Process) abandon() {
	p.Destroy()
	p.reap()
	p.closeFiles()
}

// readyBy returns when the guard is ready, at the latest at the deadline. What is
// wrong with one that is not is told to whoever begins with it.
func (p *Process) readyBy(deadline time.Time) {
	_ = p.reports.SetReadDeadline(deadline)
	_, _ = readRecord(p.reports)
	_ = p.reports.SetReadDeadline(time.Time{})
}

func (p *Process) handshake(ctx context.Context, c Command, all <-chan struct{}) error {
	stop := context.AfterFunc(ctx, func() {
		past := time.Unix(1, 0)
		_ = p.control.SetDeadline(past) // pipes in the poller take deadlines
		_ = p.reports.SetDeadline(past)
	})
	_, err := p.control.Write(encodeCommand(c))
	if err == nil && all != nil {
		select {
		case <-all: // before that others read the reports
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	r := record{op: recordReady}
	for err == nil && r.op == recordReady {
		r, err = readRecord(p.reports)
	}
	if !stop() {
		return context.Cause(ctx) // the deadlines are in the past: these pipes are of no more use
	}
	switch {
	case err != nil:
		return guardDied{err}
	case r.op == recordFailed:
		return &os.PathError{Op: "exec", Path: c.Path, Err: syscall.Errno(r.value)}
	}
	p.pid, p.at = int(r.value), time.Unix(0, r.at)
	return nil
}

// watch waits for the server's end and then for the guard's.
func (p *Process) watch() {
	finished := false
	for {
		r, err := readRecord(p.reports)
		if err != nil {
			break
		}
		switch r.op {
		case recordExited:
			p.status, p.known = syscall.WaitStatus(r.value), true
			close(p.exited)
		case recordGone:
			finished, p.killed = true, int(r.value)
		}
	}
	if !finished {
		p.killed += killSession(p.guard.Pid)
	}
	p.reap()
	_ = p.control.Close()
	_ = p.reports.Close()
	if !p.known {
		close(p.exited)
	}
	close(p.gone)
}

// reap collects the guard, which is dead or dying. What is left of its session
// has been killed before that: as long as the guard is a zombie, the number of
// its session cannot mean another one.
func (p *Process) reap() {
	p.reaping.Lock()
	defer p.reaping.Unlock()
	_, _ = p.guard.Wait() // it is our child and nobody else waits for it
	p.reaped = true
}

// End tells the guard to end the tree: SIGTERM now, SIGKILL when remaining has
// passed, at once when that is not positive. An earlier deadline stays.
func (p *Process) End(remaining time.Duration) {
	_, _ = p.control.Write(encodeDeadline(remaining)) // fails only when the guard is gone
}

// Destroy kills the tree and the guard without asking the guard, for one that
// does not answer (somebody stopped it).
func (p *Process) Destroy() {
	p.reaping.Lock()
	defer p.reaping.Unlock()
	if p.reaped {
		return
	}
	sweep(p.guard.Pid, syscall.SIGKILL, map[identity]bool{})
	_ = p.guard.Kill() // fails only when it is dead
}

func (p *Process) closeFiles() {
	for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr, p.control, p.reports} {
		_ = f.Close() // nil where a pipe could not be made
	}
}

// wires makes the pipes between owner and guard. Our ends never block a thread;
// theirs are ordinary, since a server expects that of its standard streams.
type wires struct {
	theirs []*os.File
	err    error
}

func (w *wires) toGuard() *os.File   { return w.pipe(1) }
func (w *wires) fromGuard() *os.File { return w.pipe(0) }

func (w *wires) pipe(ours int) *os.File {
	if w.err != nil {
		return nil
	}
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC); err != nil {
		w.err = os.NewSyscallError("pipe2", err)
		return nil
	}
	w.theirs = append(w.theirs, os.NewFile(uintptr(fds[1-ours]), "guard"))
	if err := syscall.SetNonblock(fds[ours], true); err != nil {
		w.err = os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fds[ours]), "server")
}

func (w *wires) closeTheirs() {
	for _, f := range w.theirs {
		_ = f.Close()
	}
	w.theirs = nil
}
