package e2e_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// proc is one process. Its start time tells it from a later one of the same pid.
type proc struct {
	pid, parent int
	started     string
	command     string
}

func (p proc) String() string { return fmt.Sprintf("%d (%s)", p.pid, p.command) }

// readProc reads /proc/PID/stat (proc(5)); false when there is no such process,
// or only what its parent has not yet reaped.
func readProc(pid int) (proc, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, false
	}
	// The name stands in parentheses and may hold anything, even those.
	open, shut := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	fields := strings.Fields(string(stat[shut+1:])) // from the third one, the state
	parent, err := strconv.Atoi(fields[1])
	if err != nil || fields[0] == "Z" {
		return proc{}, false
	}
	return proc{pid, parent, fields[19], string(stat[open+1 : shut])}, true
}

// descendants returns the processes below one, at this moment.
func descendants(pid int) []proc {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	children := map[int][]proc{}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			if p, ok := readProc(n); ok {
				children[p.parent] = append(children[p.parent], p)
			}
		}
	}
	all := append([]proc{}, children[pid]...)
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i].pid]...)
	}
	return all
}

// alive returns those that still run.
func alive(all []proc) (left []proc) {
	for _, p := range all {
		if now, ok := readProc(p.pid); ok && now.started == p.started {
			left = append(left, p)
		}
	}
	return left
}
