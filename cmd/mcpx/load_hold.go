package main

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/mcpx/mcpx/transport/workload"
)

// spareDescriptors are those of a generator beside its sessions: files, the
// runtime, connections that close.
const spareDescriptors = 64

// descriptorHint says that the limit on open files may be too low for so many
// sessions; empty where it is not. Go has raised the soft limit to the hard one
// when the program started.
func descriptorHint(sessions int, each uint64) string {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return ""
	}
	need := uint64(sessions)*each + spareDescriptors
	if uint64(limit.Cur) >= need { //nolint:unconvert // its type differs between systems
		return ""
	}
	return fmt.Sprintf(" (%d sessions may need %d open files, and the limit is %d: raise it with ulimit -n, here and for the target)", sessions, need, limit.Cur)
}

// holdSessions is --sessions with --hold.
func (l *loadFlags) holdSessions(ctx context.Context, s streams, t *side) error {
	if hint := descriptorHint(l.sessions, t.descriptors()); hint != "" {
		fmt.Fprintf(s.err, "mcpx: warning:%s\n", hint)
	}
	plan := workload.Plan{
		Target: t.target, Steps: []workload.Step{{Method: "tools/list"}}, Clients: l.sessions,
		Timeout: l.timeout, OpenTimeout: l.openTimeout, Opening: t.opening(), Tick: time.Second, Usage: t.usage(),
	}
	if !l.quiet {
		told := newTeller(s.err)
		plan.Progress = told.tell
		defer told.end()
	}
	held, err := workload.Hold(ctx, plan, l.hold, t.streams)
	if err != nil {
		return l.notBegun(ctx, t, err)
	}
	printHeld(s.out, t, held)
	if l.out != "" {
		if err := writeJSON(l.out, held); err != nil {
			return err
		}
	}
	if held.Errors(t.streams) > 0 {
		return exitWith(exitErrors)
	}
	return nil
}

func printHeld(w io.Writer, t *side, h *workload.Held) {
	fmt.Fprintln(w, t.described())
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(table, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("sessions", "%d opened in %s, held for %s", h.Sessions, short(h.Opened), short(h.For))
	if t.streams {
		line("streams", "%d when holding began, %d at the end; %d ended meanwhile", h.Streams, h.StreamsLeft, h.StreamsEnded)
	}
	line("at the end", "%d answered, %d were lost", h.Answered, h.Lost)
	if h.End != nil && h.Before != nil {
		line("target", "%s, %d descriptors, %d threads; before: RSS %s; %s for each session",
			memory(*h.End), h.End.Descriptors, h.End.Threads, size(h.Before.RSS), size(h.PerSession()))
	}
	_ = table.Flush() // who cannot read has seen to it
	for _, f := range h.Faults {
		fmt.Fprintf(w, "  %d × %s: %s\n", f.Count, f.Fault, f.Example)
	}
}

// descriptors is how many open files a session may need: over HTTP its event
// stream and, for some seconds, the connection of its last request; a process
// has three pipes, and one to its guard.
func (t *side) descriptors() uint64 {
	if t.process {
		return 4
	}
	return 2
}

// opening is how many sessions are opened at a time.
func (t *side) opening() int {
	if t.process {
		return 8 // processes
	}
	return 64
}
