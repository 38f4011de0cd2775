package workload

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The histograms: 128 ns or three digits, up to ten minutes. Anything longer
// counts as ten minutes.
const (
	shortest = 128
	longest  = int64(10 * time.Minute)
	digits   = 3
)

// newHistogram returns an empty one, of nanoseconds.
func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(shortest, longest, digits) }

// groupsMost bounds the memory: a histogram is some 180 KiB, and thousands of
// workers share a few.
const groupsMost = 16

// group keeps the histograms of some workers, one for each step.
type group struct {
	mu    sync.Mutex
	steps []*hdrhistogram.Histogram
}

func newGroups(n, steps int) []*group {
	groups := make([]*group, min(n, groupsMost))
	for i := range groups {
		groups[i] = &group{steps: make([]*hdrhistogram.Histogram, steps)}
	}
	return groups
}

// sample is one measured latency.
type sample struct {
	step    int
	latency time.Duration
}

// batchSize is how many samples a worker keeps before it takes the lock of its group.
const batchSize = 128

// batch is what a worker has measured and not yet handed to its group.
type batch struct {
	group   *group
	samples []sample
}

func newBatch(g *group) batch { return batch{group: g} }

func (b *batch) add(step int, latency time.Duration) {
	b.samples = append(b.samples, sample{step, latency})
	if len(b.samples) == batchSize {
		b.flush()
	}
}

func (b *batch) flush() {
	b.group.mu.Lock()
	defer b.group.mu.Unlock()
	for _, s := range b.samples {
		h := &b.group.steps[s.step]
		if *h == nil {
			*h = newHistogram()
		}
		_ = (*h).RecordValue(min(max(0, int64(s.latency)), longest)) // within its range
	}
	b.samples = b.samples[:0]
}

// mergeSteps returns one histogram for each method, over all groups and the
// steps of that method.
func mergeSteps(groups []*group, steps []Step) map[string]*hdrhistogram.Histogram {
	byMethod := map[string]*hdrhistogram.Histogram{}
	for _, g := range groups {
		g.mu.Lock()
		for i, h := range g.steps {
			if h == nil {
				continue
			}
			method := steps[i].Method
			if byMethod[method] == nil {
				byMethod[method] = newHistogram()
			}
			byMethod[method].Merge(h)
		}
		g.mu.Unlock()
	}
	return byMethod
}
