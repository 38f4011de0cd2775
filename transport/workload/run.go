package workload

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Run is a plan being carried out.
type Run struct {
	plan  Plan
	pace  pace
	steps []Step
	order []int // of steps

	clients []*client
	workers []*worker
	groups  []*group

	ctx      context.Context // of everything; ends at once when the run is cut off
	cut      context.CancelFunc
	stopping atomic.Bool // nothing begins any more
	start    time.Time   // of the warm-up
	ended    time.Duration
	reopened atomic.Int64

	watch    *watch
	badEnds  badEnds
	working  sync.WaitGroup
	finished chan struct{}
	report   *Report
}

// OpenError says that sessions could not be opened, and the run did not begin.
type OpenError struct {
	Failed, Clients int
	First           error // of them
}

// Error implements error.
func (e *OpenError) Error() string {
	if e.Clients == 1 {
		return e.First.Error()
	}
	return fmt.Sprintf("%d of %d sessions could not be opened; the first said: %v", e.Failed, e.Clients, e.First)
}

// Unwrap returns the first error.
func (e *OpenError) Unwrap() error { return e.First }

// Start opens all sessions, and returns when every client has begun. When ctx
// ends, requests in flight are given up and the run is over; its report is of
// what was measured till then. An error is an *OpenError, or says what in the
// plan makes no sense, or is that of ctx; then nothing is left.
func Start(ctx context.Context, plan Plan) (*Run, error) {
	r, err := prepare(ctx, plan)
	if err != nil {
		return nil, err
	}
	if err := r.openAll(); err != nil {
		r.closeAll()
		r.cut()
		return nil, err
	}
	r.begin()
	return r, nil
}

func prepare(ctx context.Context, plan Plan) (*Run, error) {
	if err := plan.check(); err != nil {
		return nil, err
	}
	r := &Run{
		plan: plan, steps: plan.Steps, finished: make(chan struct{}),
		pace: pace{
			rate: plan.Rate, clients: plan.Clients,
			warmup: plan.Warmup, length: plan.Duration, quota: plan.Requests,
		},
	}
	weights := make([]int, len(r.steps))
	for i, s := range r.steps {
		weights[i] = s.Weight
	}
	r.order = sequence(weights)
	r.ctx, r.cut = context.WithCancel(ctx)
	context.AfterFunc(r.ctx, r.Stop)
	r.groups = newGroups(plan.Clients*plan.InFlight, len(r.steps))
	for i := range plan.Clients {
		c := newClient(i, r.pace.share(i))
		r.clients = append(r.clients, c)
		for range plan.InFlight {
			group := r.groups[len(r.workers)%len(r.groups)]
			r.workers = append(r.workers, &worker{run: r, client: c, batch: newBatch(group), faults: tally{}})
		}
	}
	return r, nil
}

// openAll opens the sessions, some at a time, and gives up with the first that fails.
func (r *Run) openAll() error {
	var opened, failed atomic.Int64
	var first error
	var once sync.Once
	stop := r.announce(func() Progress {
		return Progress{Phase: PhaseOpening, Opened: int(opened.Load()), Clients: len(r.clients)}
	})
	defer stop()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(r.plan.Opening, len(r.clients)) {
		wg.Go(func() {
			for failed.Load() == 0 && r.ctx.Err() == nil {
				i := next.Add(1) - 1
				if i >= int64(len(r.clients)) {
					return
				}
				s, err := r.open(r.ctx, int(i))
				if err != nil {
					failed.Add(1)
					once.Do(func() { first = err })
					return
				}
				r.clients[i].session.Store(&held{s})
				opened.Add(1)
			}
		})
	}
	wg.Wait()
	switch {
	case r.ctx.Err() != nil:
		return context.Cause(r.ctx)
	case failed.Load() > 0:
		return &OpenError{Failed: int(failed.Load()), Clients: len(r.clients), First: first}
	}
	return nil
}

func (r *Run) open(ctx context.Context, client int) (Session, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.plan.OpenTimeout, context.DeadlineExceeded)
	defer cancel()
	return r.plan.Target.Open(ctx, client)
}

// begin lets all clients begin at the same moment.
func (r *Run) begin() {
	barrier := make(chan struct{})
	var ready sync.WaitGroup
	ready.Add(len(r.workers))
	for _, w := range r.workers {
		r.working.Go(func() {
			ready.Done()
			<-barrier
			w.work()
		})
	}
	ready.Wait()
	r.start = time.Now()
	r.watch = newWatch(r)
	close(barrier)
	go r.finish()
}

// finish waits for the end and makes the report.
func (r *Run) finish() {
	defer close(r.finished)
	r.working.Wait()
	r.ended = r.now()
	if r.plan.Duration > 0 {
		r.ended = min(r.ended, r.plan.Warmup+r.plan.Duration)
	}
	r.watch.end()
	r.report = r.result()
	r.closeAll()
	r.report.noteEnds(&r.badEnds)
	r.cut()
}

// Stop lets nothing begin any more. What is in flight goes on.
func (r *Run) Stop() { r.stopping.Store(true) }

// Wait returns the report when everything is over, the sessions are closed, and
// nothing of the run is left.
func (r *Run) Wait() *Report {
	<-r.finished
	return r.report
}

// Answers is how many answers there have been so far, the warm-up's included:
// the good ones, and the others.
func (r *Run) Answers() (good, bad int64) {
	for _, w := range r.workers {
		good += w.good.Load()
		bad += w.bad.Load()
	}
	return good, bad
}

// Begun tells whether every worker of every client has had an answer.
func (r *Run) Begun() bool {
	for _, w := range r.workers {
		if w.good.Load()+w.bad.Load() == 0 {
			return false
		}
	}
	return true
}

// now is the time since the start.
func (r *Run) now() time.Duration { return time.Since(r.start) }

// nap bounds how long a worker that waits does not see that the run is over. A
// channel for all of them to wait at would have a lock for all of them.
const nap = 50 * time.Millisecond

// sleepUntil waits for a time; false when the run is over before.
func (r *Run) sleepUntil(t time.Time) bool {
	for {
		left := time.Until(t)
		switch {
		case r.stopping.Load():
			return false
		case left <= 0:
			return true
		}
		time.Sleep(min(left, nap))
	}
}

// closeAll closes the sessions that are open, some at a time.
func (r *Run) closeAll() {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(r.plan.Opening, len(r.clients)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(r.clients)); i = next.Add(1) - 1 {
				if s := r.clients[i].session.Load(); s != nil {
					r.close(s)
				}
			}
		})
	}
	wg.Wait()
}

// badEnds counts sessions whose end was not in good order.
type badEnds struct {
	sync.Mutex
	count int
	first error
}

func (b *badEnds) add(err error) {
	b.Lock()
	defer b.Unlock()
	if b.count++; b.first == nil {
		b.first = err
	}
}

// close ends a session. That it did not go in good order changes nothing of
// what was measured.
func (r *Run) close(s Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.plan.OpenTimeout)
	defer cancel()
	if err := s.Close(ctx); err != nil && !errors.Is(err, context.Canceled) {
		r.badEnds.add(err)
	}
}
