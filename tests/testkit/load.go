package testkit

import (
	"sync"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/transport/workload"
)

// Load are callers at work, each with one call after the other: the traffic of
// mcpx load, at the door of a house.
type Load struct {
	Callers int
	Done    Done // calls with the right result

	h     *House
	runs  []serverLoad
	ended sync.Once
}

// serverLoad are the callers of one server.
type serverLoad struct {
	server string
	*workload.Run
}

// Done counts calls with the right result.
type Done struct{ of *Load }

// Load returns how many there have been.
func (d Done) Load() (n int64) {
	for _, r := range d.of.runs {
		good, _ := r.Answers()
		n += good
	}
	return n
}

// Work lets n callers call "echo" of the given servers in turn until End, and
// returns when each of them has had an answer.
func (h *House) Work(n int, servers ...string) *Load {
	h.T.Helper()
	return h.Pace(n, 0, servers...)
}

// Pace is Work with a pause after each call, to leave the processors to others.
func (h *House) Pace(n int, pause time.Duration, servers ...string) *Load {
	h.T.Helper()
	l := &Load{Callers: n, h: h}
	l.Done.of = l
	h.T.Cleanup(func() { l.End() })
	step, err := workload.Call("echo", h.template(`{"n":{{seq}},"text":"t{{seq}}"}`))
	if err != nil {
		h.T.Fatal(err)
	}
	step.Expect = h.template(`"t{{seq}}"`)
	for i, server := range servers {
		callers := (n + len(servers) - 1 - i) / len(servers)
		if callers == 0 {
			continue
		}
		run, err := workload.Start(h.T.Context(), workload.Plan{
			// Callers without a session: how many may have one is another matter.
			Target: &workload.Doors{Door: h, Server: func(int) string { return server }, Modern: true},
			Steps:  []workload.Step{step}, Clients: callers, Pause: pause, Timeout: time.Hour,
		})
		if err != nil {
			h.T.Fatal(err)
		}
		l.runs = append(l.runs, serverLoad{server, run})
	}
	for _, r := range l.runs {
		actortest.Eventually(h.T, "all callers are at work", r.Begun)
	}
	return l
}

func (h *House) template(text string) workload.Template {
	h.T.Helper()
	t, err := workload.NewTemplate(text)
	if err != nil {
		h.T.Fatal(err)
	}
	return t
}

// More waits until so many more calls are done.
func (l *Load) More(n int64) {
	l.h.T.Helper()
	until := l.Done.Load() + n
	actortest.Eventually(l.h.T, "the others go on", func() bool { return l.Done.Load() >= until })
}

// End stops the callers and returns what else than results they have got:
// server, kind and sent, and how often.
func (l *Load) End() map[string]int {
	l.ended.Do(func() {
		for _, r := range l.runs {
			r.Stop()
		}
	})
	failed := map[string]int{}
	for _, r := range l.runs {
		for _, f := range r.Wait().Faults {
			failed[r.server+": "+f.Fault] += int(f.Count)
		}
	}
	return failed
}
