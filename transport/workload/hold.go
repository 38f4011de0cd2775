package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/workload/procs"
)

// Held is what became of sessions that were opened, kept for a while, and asked
// for one last sign of life.
type Held struct {
	Sessions int           `json:"sessions"`
	Opened   time.Duration `json:"opened_in_ns"` // all of them, their streams too
	For      time.Duration `json:"held_ns"`
	CutOff   bool          `json:"cut_off"`

	Streams      int64 `json:"streams"`       // open when holding began
	StreamsEnded int64 `json:"streams_ended"` // while they were held, also those that were opened again
	StreamsLeft  int64 `json:"streams_left"`  // open at the end
	Lost         int   `json:"lost"`          // sessions

	Answered int          `json:"answered"` // sessions that gave the sign of life
	Faults   []FaultCount `json:"faults"`

	// Of the target: before the sessions were opened, when holding began, and
	// when it ended. Nil where its processes are not known.
	Before *procs.Usage `json:"before,omitempty"`
	Begun  *procs.Usage `json:"begun,omitempty"`
	End    *procs.Usage `json:"end,omitempty"`
}

// PerSession is the resident memory that the target has for each session at the
// end, in bytes; 0 where it is not known.
func (h *Held) PerSession() int64 {
	if h.Before == nil || h.End == nil || h.Sessions == 0 {
		return 0
	}
	return max(0, h.End.RSS-h.Before.RSS) / int64(h.Sessions)
}

// Errors is how much was not as it should be. With streams, each session must
// have had one all the time.
func (h *Held) Errors(streams bool) int64 {
	var n int64
	for _, f := range h.Faults {
		n += f.Count
	}
	n += int64(h.Lost)
	if streams {
		n += h.StreamsEnded + max(0, int64(h.Sessions)-h.Streams)
	}
	return n
}

// streams counts the standing event streams of all sessions.
type streams struct{ open, ended atomic.Int64 }

// Stream is told of one; see Links.Stream.
func (s *streams) told(open bool) {
	if open {
		s.open.Add(1)
	} else {
		s.open.Add(-1)
		s.ended.Add(1)
	}
}

// Hold opens the plan's sessions, waits for their event streams where links is
// the target and streams are expected, keeps them for a time, and asks each for
// the plan's first step at the end. Errors are those of Start; when ctx ends
// while they are held, the report is of what there was till then.
func Hold(ctx context.Context, plan Plan, length time.Duration, expectStreams bool) (*Held, error) {
	h := &Held{Sessions: plan.Clients, Before: usageOf(&plan)}
	var streams streams
	if links, ok := plan.Target.(*Links); ok {
		links.Stream = func(_ int, open bool) { streams.told(open) }
	}
	r, err := prepare(ctx, plan)
	if err != nil {
		return nil, err
	}
	defer func() { r.cut() }()
	defer r.closeAll()
	r.start = time.Now()
	if err := r.openAll(); err != nil {
		return nil, err
	}
	if expectStreams {
		r.awaitStreams(&streams)
	}
	h.Opened = r.now()
	h.Streams, h.Begun = streams.open.Load(), usageOf(&plan)
	before := streams.ended.Load()
	h.For = r.hold(length, &streams)
	h.CutOff = r.ctx.Err() != nil
	h.StreamsLeft, h.StreamsEnded = streams.open.Load(), streams.ended.Load()-before
	h.End = usageOf(&plan)
	r.cutFree()
	r.lastSigns(h)
	return h, nil
}

func usageOf(plan *Plan) *procs.Usage {
	if plan.Usage == nil {
		return nil
	}
	u, err := plan.Usage(true)
	if err != nil {
		return nil
	}
	return &u
}

// awaitStreams gives the streams the time that opening a session may take.
func (r *Run) awaitStreams(s *streams) {
	const look = 10 * time.Millisecond
	for until := time.Now().Add(r.plan.OpenTimeout); time.Now().Before(until) && r.ctx.Err() == nil; {
		if s.open.Load() >= int64(len(r.clients)) {
			return
		}
		time.Sleep(look)
	}
}

// hold waits, and returns how long.
func (r *Run) hold(length time.Duration, s *streams) time.Duration {
	begun := time.Now()
	stop := r.announce(func() Progress {
		return Progress{Phase: PhaseHolding, Opened: int(s.open.Load()), Clients: len(r.clients), Point: Point{At: time.Since(begun)}}
	})
	defer stop()
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.ctx.Done():
	}
	return time.Since(begun)
}

// cutFree lets the last signs be asked for although the run was cut off.
func (r *Run) cutFree() {
	r.cut()
	r.ctx, r.cut = context.WithCancel(context.WithoutCancel(r.ctx))
}

// lastSigns asks every session once.
func (r *Run) lastSigns(h *Held) {
	step := r.steps[0]
	var mu sync.Mutex
	faults := tally{}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(r.plan.Opening, len(r.clients)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(r.clients)); i = next.Add(1) - 1 {
				s := r.clients[i].session.Load()
				lost := isLost(s)
				var out messages.Outcome
				var fault Fault
				if !lost {
					ctx, cancel := context.WithTimeoutCause(r.ctx, r.plan.Timeout, context.DeadlineExceeded)
					req := messages.Request{Method: step.Method, Name: step.Name, Params: step.Params.Append(nil, int(i), i)}
					out = s.Do(ctx, req)
					cancel()
					fault = step.verdict(out, step.Expect.Append(nil, int(i), i))
				}
				mu.Lock()
				switch {
				case lost:
					h.Lost++
				case fault != Fault{}:
					faults.add(fault, func() string { return say(out) })
				default:
					h.Answered++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	h.Faults = faults.list()
}
