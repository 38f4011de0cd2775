package guard

import (
	"os"
	"syscall"
	"time"
)

// identity names a process beyond the reuse of its pid.
type identity struct {
	pid   int
	start string // field 22 of /proc/PID/stat
}

// facts are what /proc/PID/stat says of a process.
type facts struct {
	parent, session int
	state           byte
	start           string
}

func (f facts) dead() bool { return f.state == 'Z' || f.state == 'X' }

func look(pid int) (facts, bool) {
	b, err := os.ReadFile("/proc/" + decimal(pid) + "/stat")
	if err != nil {
		return facts{}, false
	}
	// The second field is the name in parentheses and may hold anything.
	name := len(b) - 1
	for name >= 0 && b[name] != ')' {
		name--
	}
	field := words(b[name+1:])
	if name < 0 || len(field) < 20 {
		return facts{}, false
	}
	parent, _ := number(field[1]) // the kernel writes numbers
	session, _ := number(field[3])
	return facts{parent: parent, session: session, state: field[0][0], start: field[19]}, true
}

// children returns the direct children of all threads of a process. The kernel
// may leave one out while another one dies: who relies on the list asks again.
func children(pid int) []int {
	dir := "/proc/" + decimal(pid) + "/task/"
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var pids []int
	for _, task := range tasks {
		b, err := os.ReadFile(dir + task.Name() + "/children")
		if err != nil {
			continue
		}
		for _, s := range words(b) {
			if child, ok := number(s); ok {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// sweep sends sig to every descendant of root that is not in done, parents
// before their children, and notes whom it has reached.
func sweep(root int, sig syscall.Signal, done map[identity]bool) {
	type node struct{ pid, parent int }
	var queue []node
	for _, pid := range children(root) {
		queue = append(queue, node{pid, root})
	}
	// A process that moves while we look may turn up twice, never endlessly:
	// the bound is the number of processes that a system can have.
	for i := 0; i < len(queue) && i < 1<<22; i++ {
		n := queue[i]
		for _, pid := range children(n.pid) {
			queue = append(queue, node{pid, n.pid})
		}
		deliver(n.pid, sig, done, func(f facts) bool { return f.parent == n.parent || f.parent == root })
	}
}

// The numbers are the same on all architectures that Go supports.
const (
	sysPidfdSendSignal = 424
	sysPidfdOpen       = 434
)

// deliver sends sig to the process if it is still the one that is meant. The
// descriptor is taken before the check, so a pid that is reused afterwards is
// not hit.
func deliver(pid int, sig syscall.Signal, done map[identity]bool, meant func(facts) bool) {
	fd, _, errno := syscall.Syscall(sysPidfdOpen, uintptr(pid), 0, 0)
	if errno == 0 {
		defer syscall.Close(int(fd))
	}
	f, ok := look(pid)
	who := identity{pid, f.start}
	if !ok || f.dead() || !meant(f) || done[who] {
		return
	}
	if errno == 0 {
		_, _, errno = syscall.Syscall6(sysPidfdSendSignal, fd, uintptr(sig), 0, 0, 0, 0)
	} else if syscall.Kill(pid, sig) == nil { // a kernel before 5.3
		errno = 0
	}
	if errno == 0 {
		done[who] = true
		if sig == syscall.SIGTERM {
			_ = syscall.Kill(pid, syscall.SIGCONT) // a stopped process would not see it; harmless to any other
		}
	}
}

// killSession kills every process of a session but its leader, again until
// there is none, and returns how many there were. It is what can be done when
// the guard itself was killed: descendants that made a session of their own are
// out of reach then.
func killSession(session int) int {
	killed := map[identity]bool{}
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		left := 0
		entries, err := os.ReadDir("/proc")
		if err != nil {
			break
		}
		for _, e := range entries {
			pid, ok := number(e.Name())
			if !ok || pid == session {
				continue
			}
			if f, ok := look(pid); ok && f.session == session && !f.dead() {
				left++
				deliver(pid, syscall.SIGKILL, killed, func(f facts) bool { return f.session == session })
			}
		}
		if left == 0 {
			break
		}
	}
	return len(killed)
}
