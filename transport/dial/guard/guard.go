// Package guard starts a server as a child process that cannot outlive its
// owner: neither the process itself nor anything that it started.
//
// On Linux the program executes itself once more as a guard. The guard is the
// server's parent and the subreaper of its tree, stays off the data path, and
// ends the whole tree when it is told to or when the pipe from its owner
// closes, which also a SIGKILL of the owner does. One guard holds one server:
// a shared one could not tell whose orphan it has adopted.
//
//	owner ──control──▶ guard ──forks──▶ server ──▶ children, daemons
//	      ◀──status───
//	      ◀══════════ stdin, stdout, stderr ═══════▶
//
// Importing the package is all that a program (or a test) has to do: its init
// recognises the guard by its argv and never returns to main. That init must
// run early and cost little, so the package imports a handful of small packages.
//
// On other systems there is no subreaper: there the server's process group is
// what can be owned, and only for as long as the owner lives.
package guard

import (
	"os"
	"syscall"
	"time"
)

// Command is what to run.
type Command struct {
	Name      string        // the server's name: all that the process list shows of the guard
	Path      string        // the program's file: absolute, or relative to Dir
	Argv      []string      // with argv[0]
	Env       []string      // the whole environment
	Dir       string        // the working directory; empty for the owner's
	KillAfter time.Duration // from SIGTERM to SIGKILL where nobody gives another deadline
}

// Process is a running server and everything it has started. Its owner ends it
// with End or Destroy, waits for Gone, and closes the three files.
type Process struct {
	Stdin          *os.File // what the server reads; never blocks a thread
	Stdout, Stderr *os.File // what it writes

	pid    int
	at     time.Time
	exited chan struct{}
	gone   chan struct{}
	status syscall.WaitStatus // before exited is closed
	known  bool               // status holds something
	killed int                // before gone is closed

	owned
}

// Pid returns the process id of the server itself.
func (p *Process) Pid() int { return p.pid }

// At returns when the server had been executed.
func (p *Process) At() time.Time { return p.at }

// Exited is closed as soon as the server itself has died, even where a child of
// its holds the pipes open. What is left of its tree is ended by then.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Status returns how the server ended. It may be called when Exited is closed;
// ok is false when nobody saw it (the guard was killed).
func (p *Process) Status() (status syscall.WaitStatus, ok bool) { return p.status, p.known }

// Gone is closed when no process of the tree is left, the guard included.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Killed returns how many processes had to be ended with SIGKILL. It may be
// called when Gone is closed.
func (p *Process) Killed() int { return p.killed }
