package testkit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Program is a process that a test runs: mcpx, or a server of the tests. It
// dies with the test binary, however that ends.
type Program struct {
	Cmd  *exec.Cmd
	Errs *Buffer // its stderr

	// Of a program that StartPiped has started.
	In  io.WriteCloser
	Out *bufio.Reader

	// Exited is closed when the process has ended.
	Exited chan struct{}
	err    error // of Wait; before Exited is closed
}

// Start runs a command. What it writes on stdout goes where cmd.Stdout says.
func Start(cmd *exec.Cmd) (*Program, error) {
	p := &Program{Cmd: cmd, Errs: &Buffer{}, Exited: make(chan struct{})}
	cmd.Stderr = p.Errs
	cmd.WaitDelay = Patience // who holds stderr longer than that is a failure, not a hang
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.Exited)
	}()
	return p, nil
}

// StartPiped runs a command with pipes. Whoever started it reads Out until it ends.
func StartPiped(cmd *exec.Cmd) (*Program, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe: Wait would close it, with the last lines unread.
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout = theirs
	p, err := Start(cmd)
	_ = theirs.Close() // the program has its own
	if err != nil {
		_ = out.Close()
		return nil, err
	}
	p.In, p.Out = in, bufio.NewReader(closing{out})
	return p, nil
}

// closing closes a pipe at its end.
type closing struct{ pipe *os.File }

func (c closing) Read(b []byte) (int, error) {
	n, err := c.pipe.Read(b)
	if err != nil {
		_ = c.pipe.Close() // it has nothing more to say
	}
	return n, err
}

// Pid returns the process id.
func (p *Program) Pid() int { return p.Cmd.Process.Pid }

// Err waits for the end of the process and returns what was wrong with it.
func (p *Program) Err() error {
	<-p.Exited
	return p.err
}

// Ended tells whether the process has ended.
func (p *Program) Ended() bool {
	select {
	case <-p.Exited:
		return true
	default:
		return false
	}
}

// Signal sends a signal.
func (p *Program) Signal(sig syscall.Signal) error { return p.Cmd.Process.Signal(sig) }

// Terminate asks the program to stop, as a service manager would.
func (p *Program) Terminate() error { return p.Signal(syscall.SIGTERM) }

// Kill ends what is not itself under test.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill() // it may have gone by itself
	<-p.Exited
}

// End asks the program to stop, waits, and says what was not as it should be:
// an exit code, a data race, a bug that it reported, or a process of its tree
// that is left.
func (p *Program) End(ask func() error) error {
	tree := Descendants(p.Pid())
	if err := ask(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.Exited:
	case <-time.After(Patience):
		p.Kill()
		return fmt.Errorf("%s did not end in time:\n%s", p.Cmd, p.Errs)
	}
	var problems []error
	if p.err != nil {
		problems = append(problems, fmt.Errorf("it ended with %w", p.err))
	}
	for _, sign := range []string{"DATA RACE", "this is a bug in mcpx", "panic: "} {
		if strings.Contains(p.Errs.String(), sign) {
			problems = append(problems, fmt.Errorf("it said %q", sign))
		}
	}
	for _, left := range Alive(tree) {
		problems = append(problems, fmt.Errorf("it left the process %v", left))
	}
	if problems != nil {
		return fmt.Errorf("%s: %w\n%s", p.Cmd, errors.Join(problems...), p.Errs)
	}
	return nil
}
