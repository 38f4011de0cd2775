package workload

import (
	"sync"
	"syscall"
	"time"

	"github.com/mcpx/mcpx/transport/workload/procs"
)

// Phase is what a run is busy with.
type Phase string

// The phases of a run, in their order.
const (
	PhaseOpening   Phase = "opening"   // sessions
	PhaseWarmup    Phase = "warm-up"   //
	PhaseMeasuring Phase = "measuring" //
	PhaseHolding   Phase = "holding"   // of Hold: sessions
	PhaseFinishing Phase = "finishing" // nothing begins any more, something is in flight
)

// Progress is what is known of a run while it runs.
type Progress struct {
	Phase           Phase
	Opened, Clients int          // while opening
	Point                        // of the last tick
	AllGood, AllBad int64        // since the start
	Usage           *procs.Usage // nil when it is not read
}

// Point is what came of the requests that were answered in one tick.
type Point struct {
	At     time.Duration `json:"at_ns"`     // its end, since the warm-up began
	Length time.Duration `json:"length_ns"` //
	Good   int64         `json:"good"`
	Bad    int64         `json:"bad"`
	Mean   time.Duration `json:"mean_ns"` // latency
	Max    time.Duration `json:"max_ns"`

	RSS int64         `json:"rss_bytes,omitempty"` // of the target
	CPU time.Duration `json:"cpu_ns,omitempty"`    // in this tick
}

// Rate is how many good answers came per second.
func (p Point) Rate() float64 {
	if p.Length <= 0 {
		return 0
	}
	return float64(p.Good) / p.Length.Seconds()
}

// watch looks at a run from outside: what comes of the requests tick by tick,
// what the target uses, and whether the generator itself gets to run when it
// wants to.
type watch struct {
	run  *Run
	over chan struct{}
	done sync.WaitGroup

	// Of the one goroutine that counts; others look after done.
	points        []Point
	last          totals
	first, recent *procs.Usage
	most          procs.Usage
	usageErr      error
	begun         effort // of the generator, when measuring began
	spent         effort // since then

	// Of the one that listens to the clock.
	hiccups hiccups
}

type totals struct {
	at        time.Duration
	good, bad int64
	sum       time.Duration
}

func newWatch(r *Run) *watch {
	w := &watch{run: r, over: make(chan struct{})}
	w.done.Go(w.listen)
	w.done.Go(w.count)
	return w
}

func (w *watch) end() {
	close(w.over)
	w.done.Wait()
}

// count makes the points.
func (w *watch) count() {
	measuring := time.NewTimer(w.run.plan.Warmup)
	defer measuring.Stop()
	tick := make(<-chan time.Time)
	if w.run.plan.Tick > 0 {
		ticker := time.NewTicker(w.run.plan.Tick)
		defer ticker.Stop()
		tick = ticker.C
	}
	begun := false
	for {
		select {
		case <-measuring.C:
			begun = true
			w.begin()
		case <-tick:
			w.point(begun)
		case <-w.over:
			w.spent = effortNow().since(w.begun)
			if begun {
				w.look(true)
			}
			w.point(false)
			return
		}
	}
}

func (w *watch) begin() {
	w.look(false)
	w.first = w.recent
	w.begun = effortNow()
}

// look reads what the target uses.
func (w *watch) look(last bool) {
	if w.run.plan.Usage == nil {
		return
	}
	u, err := w.run.plan.Usage(last)
	if err != nil {
		w.usageErr = err
		return
	}
	w.recent = &u
	w.most = w.most.Most(u)
}

// point ends a tick.
func (w *watch) point(look bool) {
	r := w.run
	var now totals
	var slowest int64
	for _, k := range r.workers {
		now.good += k.good.Load()
		now.bad += k.bad.Load()
		now.sum += time.Duration(k.total.Load())
		slowest = max(slowest, k.slowest.Swap(0))
	}
	now.at = r.now()
	p := Point{
		At: now.at, Length: now.at - w.last.at, Max: time.Duration(slowest),
		Good: now.good - w.last.good, Bad: now.bad - w.last.bad,
	}
	if n := p.Good + p.Bad; n > 0 {
		p.Mean = (now.sum - w.last.sum) / time.Duration(n)
	}
	before := w.recent
	if look {
		w.look(false)
	}
	if w.recent != nil {
		p.RSS = w.recent.RSS
		if before != nil {
			p.CPU = max(0, w.recent.CPU-before.CPU)
		}
	}
	w.last = now
	w.points = append(w.points, p)
	if r.plan.Progress != nil && r.plan.Tick > 0 {
		r.plan.Progress(Progress{Phase: r.phase(now.at), Point: p, AllGood: now.good, AllBad: now.bad, Usage: w.recent, Clients: len(r.clients)})
	}
}

func (r *Run) phase(now time.Duration) Phase {
	switch {
	case r.stopping.Load() || r.pace.over(now):
		return PhaseFinishing
	case !r.pace.measured(now):
		return PhaseWarmup
	}
	return PhaseMeasuring
}

// announce tells the progress of opening with each tick, until it is stopped.
func (r *Run) announce(progress func() Progress) (stop func()) {
	if r.plan.Progress == nil || r.plan.Tick == 0 {
		return func() {}
	}
	over := make(chan struct{})
	var told sync.WaitGroup
	told.Go(func() {
		ticker := time.NewTicker(r.plan.Tick)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.plan.Progress(progress())
			case <-over:
				return
			}
		}
	})
	return func() {
		close(over)
		told.Wait()
	}
}

// effort is what the generator itself has used.
type effort struct {
	at     time.Time
	cpu    time.Duration
	waited time.Duration // for a processor; 0 where the system does not tell
}

func effortNow() effort {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for ourselves
	waited, err := procs.Waited()
	if err != nil {
		waited = 0
	}
	return effort{time.Now(), time.Duration(u.Utime.Nano() + u.Stime.Nano()), waited}
}

func (e effort) since(begun effort) effort {
	if begun.at.IsZero() {
		return effort{}
	}
	return effort{cpu: e.cpu - begun.cpu, waited: max(0, e.waited-begun.waited)}
}

// hiccups is how late somebody gets to run who wants to run at fixed times and
// has nothing else to do: what delays it has delayed the requests too, and was
// not the target's doing.
type hiccups struct {
	lost time.Duration // all delays of more than hiccupFrom
	most time.Duration
}

const (
	heartbeat  = 10 * time.Millisecond
	hiccupFrom = 5 * time.Millisecond
)

// listen measures hiccups while the run is measured.
func (w *watch) listen() {
	timer := time.NewTimer(w.run.plan.Warmup)
	defer timer.Stop()
	due := time.Now().Add(w.run.plan.Warmup)
	for {
		select {
		case <-w.over:
			return
		case <-timer.C:
		}
		w.hiccups.add(time.Since(due))
		due = time.Now().Add(heartbeat)
		timer.Reset(heartbeat)
	}
}

func (h *hiccups) add(delay time.Duration) {
	if delay > hiccupFrom {
		h.lost += delay
		h.most = max(h.most, delay)
	}
}
