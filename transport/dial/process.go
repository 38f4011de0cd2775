package dial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial/guard"
	"github.com/mcpx/mcpx/transport/dial/sched"
)

// process is a running server, its streams and its way out.
//
//	running ──shutDown──▶ stdin closed ──grace──▶ SIGTERM ──kill_after──▶ SIGKILL ──▶ gone
//
// The times count from the beginning of shutDown, and hurry makes them all pass.
type process struct {
	*guard.Process
	short     bool // it had short turns at first, and so may have what it has started
	name      string
	killAfter time.Duration
	stdout    *drainReader
	stderr    *stderrTail
	stderrEnd chan struct{} // closed when stderr has been read to its end

	errOutput *drainReader
	hurried   chan struct{}
	hurryOnce sync.Once
}

// startProcess executes the server of req under a guard. When ctx ends first,
// nothing is left behind.
func (d *Dialer) startProcess(ctx context.Context, req link.DialRequest) (*process, *messages.Failure) {
	spec := req.Spec
	command, failure := commandOf(spec)
	if failure != nil {
		d.ahead.Forget(spec.Name)
		return nil, failure
	}
	child, err := d.ahead.Start(ctx, command)
	switch {
	case ctx.Err() != nil && err != nil:
		f := ended(ctx, spec.Name)
		f.Message = fmt.Sprintf("server %q was not started in time (connection_timeout: %v)", spec.Name, spec.Policy.ConnectionTimeout)
		if f.Kind == messages.KindCancelled {
			f.Message = fmt.Sprintf("server %q: its start was cancelled: %v", spec.Name, context.Cause(ctx))
		}
		return nil, f
	case err != nil:
		return nil, messages.Failf(messages.KindUnavailable, spec.Name, "server %q: %s", spec.Name, startProblem(spec.Command, err))
	}
	short := sched.Usual(child.Pid()) // it has inherited how it is started
	if req.Started != nil {
		req.Started(child.Pid(), child.At())
	}
	p := &process{
		Process: child, short: short, name: spec.Name, killAfter: max(0, spec.Policy.KillAfter),
		stderr: newStderrTail(spec, req.Limits.StderrTailBytes, req.Stderr), stderrEnd: make(chan struct{}),
		hurried: make(chan struct{}),
	}
	p.stdout, p.errOutput = newDrainReader(child.Stdout), newDrainReader(child.Stderr)
	go func() {
		defer close(p.stderrEnd)
		p.stderr.read(p.errOutput)
	}()
	return p, nil
}

// drain makes the readers of stdout and stderr end with what has been written
// by now, though somebody may hold the pipes open.
func (p *process) drain() {
	p.stdout.drain()
	p.errOutput.drain()
}

// exit says how the server ended, for people. Exited is closed.
func (p *process) exit() string {
	status, ok := p.Status()
	how := "ended together with its guard, which somebody killed"
	switch {
	case ok && status.Exited():
		how = fmt.Sprintf("exited with status %d", status.ExitStatus())
	case ok && status.Signaled():
		how = fmt.Sprintf("was ended by signal %d (%v)", status.Signal(), status.Signal())
	}
	return fmt.Sprintf("server %q %s%s", p.name, how, p.stderr.quote())
}

// hurry kills what is left of the tree.
func (p *process) hurry() {
	p.hurryOnce.Do(func() { close(p.hurried) })
}

func (p *process) inHurry() bool {
	select {
	case <-p.hurried:
		return true
	default:
		return false
	}
}

const (
	mostGrace  = time.Second     // from the end of input to SIGTERM, at most
	slowKernel = 2 * time.Second // for SIGKILL to do its work
)

// shutDown ends the tree and returns when nothing of it is left. The error says
// what had to be forced. It is called once.
func (p *process) shutDown(grace time.Duration) error {
	begun := time.Now()
	_ = p.Stdin.Close() // also stops a write that waits for a server that does not read
	forced := !p.endInTime(grace)
	if forced { // the guard does not answer, or the kernel is in the way
		p.Destroy()
		select {
		case <-p.Gone():
		case <-time.After(2 * slowKernel):
			_ = p.closeOutputs()
			return fmt.Errorf("server %q (process %d) cannot be killed", p.name, p.Pid())
		}
	}
	_ = p.closeOutputs()
	took := time.Since(begun).Round(100 * time.Millisecond)
	status, ok := p.Status()
	switch {
	case forced:
		return fmt.Errorf("server %q: its guard did not answer; killed with all its processes", p.name)
	case p.Killed() == 0:
		return nil
	case p.inHurry():
		return fmt.Errorf("server %q had not ended in good order when its time was over; killed after %v", p.name, took)
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL:
		return fmt.Errorf("server %q ignored end of input and SIGTERM; killed after %v", p.name, took)
	}
	return fmt.Errorf("server %q left %d processes that ignored SIGTERM; killed after %v", p.name, p.Killed(), took)
}

func (p *process) endInTime(grace time.Duration) bool {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.Gone():
		return true
	case <-timer.C:
		timer.Reset(p.killAfter - grace + slowKernel)
		p.End(p.killAfter - grace)
	case <-p.hurried:
	}
	select {
	case <-p.Gone():
		return true
	case <-timer.C:
		return false
	case <-p.hurried:
		p.End(0)
	}
	timer.Reset(slowKernel)
	select {
	case <-p.Gone():
		return true
	case <-timer.C:
		return false
	}
}

func (p *process) closeOutputs() error {
	p.drain() // somebody outside of the tree may still hold the pipes
	<-p.stderrEnd
	return errors.Join(p.Stdout.Close(), p.Stderr.Close())
}

// drainReader reads a pipe to its end or, once drained, to the end of what is
// in it.
type drainReader struct {
	file *os.File
	raw  syscall.RawConn
	once sync.Once
	left int // bytes that may still be read when draining; -1 before
}

// pipeMost is what a pipe can hold on any system: what a dead process has
// written is within that, whoever goes on writing.
const pipeMost = 1 << 20

func newDrainReader(file *os.File) *drainReader {
	raw, err := file.SyscallConn()
	if err != nil {
		panic(err) // only a nil file has none
	}
	return &drainReader{file: file, raw: raw, left: -1}
}

func (r *drainReader) drain() {
	r.once.Do(func() { _ = r.file.SetReadDeadline(time.Unix(1, 0)) }) // fails only when it is closed
}

func (r *drainReader) Read(b []byte) (int, error) {
	if r.left < 0 {
		n, err := r.file.Read(b)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		r.left = pipeMost
		_ = r.file.SetReadDeadline(time.Time{})
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n := 0
	var err error
	b = b[:min(len(b), r.left)]
	if e := r.raw.Read(func(fd uintptr) bool {
		n, err = ignoringEINTR(syscall.Read, int(fd), b)
		return true // never wait
	}); e != nil {
		return 0, e
	}
	if err != nil || n <= 0 {
		return 0, io.EOF // EAGAIN: nothing is left
	}
	r.left -= n
	return n, nil
}

func ignoringEINTR(call func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := call(fd, b)
		if !errors.Is(err, syscall.EINTR) {
			return n, err
		}
	}
}
