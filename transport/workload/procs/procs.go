// Package procs reads what processes use, and who started whom, from /proc
// (proc(5)). On systems without it every reading is an error.
package procs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Process is one process. Its start time tells it from a later one of the same pid.
type Process struct {
	Pid, Parent int
	Command     string        // its program, at most 15 bytes
	Threads     int           //
	CPU         time.Duration // used by it and by those of its children that it has waited for
	Started     string        // ticks since the system was started
}

// String returns the pid and the program.
func (p Process) String() string { return fmt.Sprintf("%d (%s)", p.Pid, p.Command) }

// tick is the unit of times in /proc: USER_HZ is 100 on every architecture of Linux.
const tick = 10 * time.Millisecond

// Read reads one process; false when there is no such process, or only what its
// parent has not yet waited for.
func Read(pid int) (Process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, false
	}
	return parseStat(pid, stat, clock)
}

// parseStat takes the process's own time from its clock where that can be read:
// a short load is less than a tick.
func parseStat(pid int, stat []byte, clock func(pid int) (time.Duration, error)) (Process, bool) {
	// The name stands in parentheses and may hold anything, even those.
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return Process{}, false
	}
	fields := strings.Fields(string(stat[shut+1:])) // from the third one, the state
	if len(fields) < 20 || fields[0] == "Z" {
		return Process{}, false
	}
	number := func(i int) int64 {
		n, err := strconv.ParseInt(fields[i-3], 10, 64) // as proc(5) numbers them
		if err != nil {
			return 0
		}
		return n
	}
	own, err := clock(pid)
	if err != nil {
		own = time.Duration(number(14)+number(15)) * tick
	}
	return Process{
		Pid: pid, Parent: int(number(4)), Command: string(stat[open+1 : shut]), Threads: int(number(20)),
		CPU: own + time.Duration(number(16)+number(17))*tick, Started: fields[19],
	}, true
}

// All returns all processes, by their pids.
func All() (map[int]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	all := map[int]Process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := Read(pid); ok {
			all[pid] = p
		}
	}
	if len(all) == 0 {
		return nil, errors.New("/proc lists no processes")
	}
	return all, nil
}

// Descendants returns the processes below one, parents before children.
func Descendants(pid int) ([]Process, error) {
	all, err := All()
	if err != nil {
		return nil, err
	}
	return below(all, pid), nil
}

func below(all map[int]Process, pid int) []Process {
	children := map[int][]Process{}
	for _, p := range all {
		children[p.Parent] = append(children[p.Parent], p)
	}
	found := append([]Process{}, children[pid]...)
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].Pid]...)
	}
	return found
}

// Alive returns those that still run.
func Alive(list []Process) (left []Process) {
	for _, p := range list {
		if now, ok := Read(p.Pid); ok && now.Started == p.Started {
			left = append(left, p)
		}
	}
	return left
}

// CommandLine returns the words of a process, separated by blanks; empty when
// they cannot be read.
func CommandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}

// Memory returns a line of /proc/PID/smaps_rollup ("Rss", "Pss", "Anonymous") in KiB.
func Memory(pid int, field string) (kib int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	return fieldOf(string(text), field)
}

// fieldOf returns the number behind "NAME:" in a text of such lines.
func fieldOf(text, field string) (int, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("there is no %s in\n%s", field, text)
}

// Descriptors returns how many file descriptors a process has open.
func Descriptors(pid int) (int, error) {
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(open), err
}

// Waited is how long the threads of this process have been ready to run and did
// not get a processor.
func Waited() (time.Duration, error) {
	files, err := filepath.Glob("/proc/self/task/*/schedstat")
	if err != nil || len(files) == 0 {
		return 0, errors.New("/proc/self/task/*/schedstat cannot be read")
	}
	var sum time.Duration
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has ended
		}
		fields := strings.Fields(string(text)) // on a processor, waiting for one, how often
		if len(fields) != 3 {
			return 0, fmt.Errorf("%s reads %q", file, text)
		}
		ns, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}
