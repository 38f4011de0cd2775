//go:build unix && !linux

package guard

import (
	"context"
	"os"
	"sync"
	"syscall"
	"time"
)

// owned is what the owner holds of a server that has no guard.
type owned struct {
	server *os.Process

	mu       sync.Mutex
	timer    *time.Timer // of SIGKILL
	deadline time.Time
	after    time.Duration
}

// Start runs the command in a process group of its own and returns when it has
// been executed. The error says why it could not: an *os.PathError of the
// operation "exec" is a matter of the command, anything else is ours.
func Start(ctx context.Context, c Command) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	p := &Process{exited: make(chan struct{}), gone: make(chan struct{})}
	p.after = c.KillAfter
	var theirs []*os.File
	var err error
	pipe := func(ours **os.File, write bool) {
		if err != nil {
			return
		}
		var r, w *os.File
		if r, w, err = os.Pipe(); err != nil {
			return
		}
		if write {
			*ours, theirs = w, append(theirs, r)
		} else {
			*ours, theirs = r, append(theirs, w)
		}
	}
	pipe(&p.Stdin, true)
	pipe(&p.Stdout, false)
	pipe(&p.Stderr, false)
	if err == nil {
		p.server, err = os.StartProcess(c.Path, c.Argv, &os.ProcAttr{
			Dir: c.Dir, Env: c.Env, Files: theirs, Sys: &syscall.SysProcAttr{Setpgid: true},
		})
		if e, ok := err.(*os.PathError); ok { //nolint:errorlint // StartProcess returns it unwrapped
			e.Op = "exec"
		}
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		for _, f := range []*os.File{p.Stdin, p.Stdout, p.Stderr} {
			_ = f.Close()
		}
		return nil, err
	}
	p.pid, p.at = p.server.Pid, time.Now()
	go p.watch()
	return p, nil
}

func (p *Process) watch() {
	state, err := p.server.Wait()
	if err == nil {
		p.status, p.known = state.Sys().(syscall.WaitStatus)
	}
	close(p.exited)
	// The group is named by the server's pid, which stays taken as long as the
	// group has a member.
	p.End(p.after)
	pause := time.Millisecond
	for p.group(0) {
		time.Sleep(pause)
		pause = min(2*pause, 100*time.Millisecond)
	}
	p.mu.Lock()
	p.timer.Stop()
	p.mu.Unlock()
	close(p.gone)
}

// group signals the process group and tells whether it has a member.
func (p *Process) group(sig syscall.Signal) bool { return syscall.Kill(-p.pid, sig) == nil }

// End sends SIGTERM to the group now and SIGKILL when remaining has passed, at
// once when that is not positive. An earlier deadline stays.
func (p *Process) End(remaining time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if deadline := time.Now().Add(remaining); p.timer == nil {
		p.timer, p.deadline = time.AfterFunc(max(remaining, 0), p.Destroy), deadline
	} else if deadline.Before(p.deadline) {
		p.deadline = deadline
		p.timer.Reset(max(remaining, 0))
	}
	if remaining > 0 {
		p.group(syscall.SIGTERM)
	}
}

// Destroy kills the group.
func (p *Process) Destroy() {
	select {
	case <-p.gone:
	default:
		if p.group(syscall.SIGKILL) {
			p.mu.Lock()
			p.killed++
			p.mu.Unlock()
		}
	}
}

// There is no guard here that could be started ahead of its server.

func spawn(string, *os.File, *os.File) (*Process, error) { return nil, nil }

func (p *Process) guardPid() int { return 0 }

func (p *Process) readyBy(time.Time) {}

func (p *Process) begin(context.Context, Command, <-chan struct{}) error { return nil }

func (p *Process) abandon() {}

func diedEarly(error) bool { return false }

func startOnce(ctx context.Context, c Command) (*Process, error) { return Start(ctx, c) }
