package workload

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// lateAfter is how long after its appointment a request begins that is late.
const lateAfter = 10 * time.Millisecond

// failurePause keeps a worker of the closed loop from running in circles where
// it is refused at once.
const failurePause = 10 * time.Millisecond

// counts are what others read while a worker works.
type counts struct {
	good, bad atomic.Int64 // answers, warm-up included
	slowest   atomic.Int64 // latency since it was last read, in ns
	total     atomic.Int64 // of all latencies, in ns
}

// worker makes one request of a client after the other.
type worker struct {
	run    *Run
	client *client

	counts
	batch  batch
	faults tally

	inTime  int64 // good answers that came before the end
	dropped int64 // appointments that had passed when the run was over
	late    int64
	latest  time.Duration

	ctx    context.Context // of its requests
	cancel context.CancelCauseFunc
	timer  *time.Timer // ends ctx when a request takes too long

	params, expect []byte // of the request, reused

	_ [64]byte // the next worker's counts are on a cache line of their own
}

// work asks until the run is over.
func (w *worker) work() {
	defer w.end()
	for {
		at, step, seq, ok := w.next()
		if !ok {
			return
		}
		w.ask(at, step, seq)
	}
}

// next waits for the next request's time to begin.
func (w *worker) next() (at time.Duration, step *Step, seq int64, ok bool) {
	r := w.run
	for !r.stopping.Load() {
		k := w.client.begun.Add(1) - 1
		now := r.now()
		at = now
		if r.pace.open() {
			at = r.pace.appointment(w.client.number, k)
		}
		if r.pace.over(at) {
			return 0, nil, 0, false
		}
		if r.pace.measured(at) && !w.client.mayMeasure() {
			return 0, nil, 0, false
		}
		if r.pace.over(now) {
			w.dropped++
			continue
		}
		if r.pace.open() {
			if !r.sleepUntil(r.start.Add(at)) {
				return 0, nil, 0, false
			}
			if delay := r.now() - at; delay > lateAfter && r.pace.measured(at) {
				w.late++
				w.latest = max(w.latest, delay)
			}
		}
		i := r.order[(k+int64(w.client.number))%int64(len(r.order))]
		return at, &r.steps[i], int64(w.client.number) + k*int64(r.pace.clients), true
	}
	return 0, nil, 0, false
}

// mayMeasure takes one of the client's share of the requests that count.
func (c *client) mayMeasure() bool {
	return c.share < 0 || c.measured.Add(1) <= c.share
}

// ask makes a request that was to begin at a time, and counts what comes of it.
func (w *worker) ask(at time.Duration, step *Step, seq int64) {
	r := w.run
	w.params = step.Params.Append(w.params[:0], w.client.number, seq)
	req := messages.Request{Method: step.Method, Name: step.Name}
	if len(w.params) > 0 {
		req.Params = w.params
	}
	out := w.do(req)
	if out.Failure != nil {
		if r.ctx.Err() != nil {
			return // the run was cut off, and with it the request
		}
		w.params = nil // who knows who still reads it
	}
	end := r.now()
	w.expect = step.Expect.Append(w.expect[:0], w.client.number, seq)
	fault := step.verdict(out, w.expect)
	w.count(end-at, fault)
	if r.pace.measured(at) {
		w.batch.add(step.index, end-at)
		if fault != (Fault{}) {
			w.faults.add(fault, func() string { return say(out) })
		}
	}
	if fault == (Fault{}) && r.pace.measured(end) && !r.pace.over(end) {
		w.inTime++
	}
	if !r.pace.open() {
		pause := r.plan.Pause
		if out.Failure != nil {
			pause = max(pause, failurePause)
		}
		if pause > 0 {
			r.sleepUntil(time.Now().Add(pause))
		}
	}
}

func (w *worker) count(latency time.Duration, fault Fault) {
	if fault == (Fault{}) {
		w.good.Add(1)
	} else {
		w.bad.Add(1)
	}
	w.total.Add(int64(latency))
	for {
		slowest := w.slowest.Load()
		if int64(latency) <= slowest || w.slowest.CompareAndSwap(slowest, int64(latency)) {
			return
		}
	}
}

// do makes a request within the plan's timeout.
func (w *worker) do(req messages.Request) messages.Outcome {
	ctx := w.deadline()
	defer w.relax()
	s, err := w.client.get(ctx, w.run)
	if err != nil {
		return messages.Outcome{Failure: failure(err)}
	}
	return s.Do(ctx, req)
}

// failure is why a session could not be opened.
func failure(err error) *messages.Failure {
	var f *messages.Failure
	if errors.As(err, &f) {
		return f
	}
	return &messages.Failure{Kind: messages.KindUnavailable, Message: err.Error()}
}

// deadline returns a context that ends when the timeout has passed. It is the
// same one for request after request: one of its own for each would cost more
// than all the rest that is done here.
func (w *worker) deadline() context.Context {
	if w.ctx != nil {
		w.timer.Reset(w.run.plan.Timeout)
		return w.ctx
	}
	ctx, cancel := context.WithCancelCause(w.run.ctx)
	w.ctx, w.cancel = ctx, cancel
	w.timer = time.AfterFunc(w.run.plan.Timeout, func() { cancel(context.DeadlineExceeded) })
	return ctx
}

// relax lets the timer rest until the next request.
func (w *worker) relax() {
	if !w.timer.Stop() {
		w.cancel(nil) // it has fired, or is about to: the next request needs another context
		w.ctx = nil
	}
}

func (w *worker) end() {
	w.batch.flush()
	if w.ctx != nil {
		w.cancel(nil)
	}
}

// say quotes an outcome that is not as it should be.
func say(out messages.Outcome) string {
	if out.Failure != nil {
		return out.Failure.Message
	}
	content, _ := jsonrpc.Get(out.Result, "content")
	for item := range jsonrpc.Elements(content) {
		if text, ok := jsonrpc.GetString(item, "text"); ok {
			return text
		}
	}
	return string(out.Result[:min(len(out.Result), 4096)])
}
