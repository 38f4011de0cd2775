package guard

import (
	"context"
	"runtime"
	"sync"
	"time"
)

// Ahead is the start of many servers at once. Their guards are started before
// anybody asks for the servers, and a server is executed only when the guards of
// all are ready: there are many servers, each takes seconds of processor
// time to come up, and those that are started first would take it away from the
// start of the others. For the same reason nobody looks after one of them before
// all have been executed.
//
//	Prepare ──▶ guards ──all ready──▶ the gate opens ──all executed──▶ Settled ──▶ Start returns
//
// The zero value and nil have prepared nothing.
type Ahead struct {
	mu      sync.Mutex
	places  map[string]*place // nobody has asked for them yet
	settled chan struct{}
	over    sync.WaitGroup // what starts guards
	spawned func(pid int)
}

// place is where the guard of one server will be.
type place struct {
	spawned chan struct{}   // closed when there is a guard, or an error
	all     <-chan struct{} // closed when all servers of the wave have been executed

	// Of the one that starts guards until spawned, or under Ahead.mu.
	process *Process
	err     error
	given   bool // up: nobody will ask

	over chan struct{} // where there are no guards: closed when its server has been started or will not be
}

// wave is how many servers wait for each other.
const wave = 64

const (
	readyMost    = time.Second            // is how long they wait for a guard that does not come up,
	executedMost = 250 * time.Millisecond // and whoever looks after one for a server that is not executed
)

// Prepare starts guards for servers of these names, in the background and one
// after another, and tells spawned, unless that is nil, the process id of each.
// Whoever calls it asks for each server, with Start or Forget, and calls Close in
// the end.
func Prepare(names []string, spawned func(pid int)) *Ahead {
	a := &Ahead{places: map[string]*place{}, settled: make(chan struct{}), spawned: spawned}
	var waves []func(executed func())
	for len(names) > 0 {
		n := min(wave, len(names))
		waves = append(waves, a.plan(names[:n]))
		names = names[n:]
	}
	a.over.Go(func() {
		for i, start := range waves {
			start(func() {
				if i < len(waves)-1 {
					return
				}
				close(a.settled)
				runtime.Gosched() // whoever waits for that goes first
			})
		}
	})
	if len(waves) == 0 {
		close(a.settled)
	}
	return a
}

// plan makes places, and returns what starts their guards and has them execute
// their servers; executed is called when they have, before anybody else hears of it.
func (a *Ahead) plan(names []string) (start func(executed func())) {
	all := make(chan struct{})
	var planned []string
	places := map[string]*place{}
	for _, name := range names {
		if a.places[name] != nil {
			continue
		}
		places[name] = &place{spawned: make(chan struct{}), all: all, over: make(chan struct{})}
		a.places[name] = places[name]
		planned = append(planned, name)
	}
	return func(executed func()) {
		defer close(all)
		defer executed()
		g, err := newGate()
		var guards []*Process
		for _, name := range planned {
			if p := a.spawn(name, places[name], g, err); p != nil {
				guards = append(guards, p)
			}
		}
		if err != nil {
			return
		}
		most := time.Now().Add(readyMost)
		for _, p := range guards {
			p.readyBy(most)
		}
		g.open()
		g.passed(time.Now().Add(executedMost))
		if len(guards) == 0 {
			awaitOver(places)
		}
	}
}

// awaitOver is what the gate does for servers that have no guards.
func awaitOver(places map[string]*place) {
	enough := time.NewTimer(executedMost)
	defer enough.Stop()
	for _, p := range places {
		if p.err != nil {
			continue
		}
		select {
		case <-p.over:
		case <-enough.C:
			return
		}
	}
}

// spawn starts one guard, unless nobody wants it any more, or there is no gate.
func (a *Ahead) spawn(name string, to *place, g *gate, err error) *Process {
	defer close(to.spawned)
	a.mu.Lock()
	given := to.given
	a.mu.Unlock()
	if given {
		return nil
	}
	var p *Process
	if err == nil {
		p, err = spawn(name, g.entry, g.exit)
	}
	if p != nil && a.spawned != nil {
		a.spawned(p.guardPid())
	}
	a.mu.Lock()
	to.process, to.err = p, err
	given = to.given
	a.mu.Unlock()
	if given && p != nil {
		p.abandon()
		return nil
	}
	return p
}

// Start is Start under the guard that was prepared for this server, where there
// is one.
func (a *Ahead) Start(ctx context.Context, c Command) (*Process, error) {
	to := a.take(c.Name)
	if to == nil {
		return Start(ctx, c)
	}
	select {
	case <-to.spawned:
	case <-ctx.Done():
		a.giveUp(to)
		return nil, context.Cause(ctx)
	}
	switch {
	case to.err != nil:
		return nil, to.err
	case to.process == nil: // there are no guards on this system
		defer close(to.over)
		return Start(ctx, c)
	}
	p, err := to.process, to.process.begin(ctx, c, to.all)
	if diedEarly(err) {
		return startOnce(ctx, c)
	}
	return p, err
}

// Forget says that the server will not be started: its command cannot be run.
func (a *Ahead) Forget(name string) {
	if to := a.take(name); to != nil {
		a.giveUp(to)
	}
}

// Settled is closed when every server that was prepared for has been executed, or
// could not be, or is not wanted any more, and a quarter of a second after the
// last guards were ready at the latest.
func (a *Ahead) Settled() <-chan struct{} { return a.settled }

// Close ends the guards that nobody has asked for. No Start may follow or run.
func (a *Ahead) Close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	left := make([]string, 0, len(a.places))
	for name := range a.places {
		left = append(left, name)
	}
	a.mu.Unlock()
	for _, name := range left {
		a.Forget(name)
	}
	a.over.Wait()
}

// take returns the place of a server, to whoever asks first.
func (a *Ahead) take(name string) *place {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	to := a.places[name]
	delete(a.places, name)
	return to
}

// giveUp ends the guard of a place, now or when it has been started.
func (a *Ahead) giveUp(to *place) {
	a.mu.Lock()
	to.given = true
	p := to.process
	a.mu.Unlock()
	if p != nil {
		p.abandon()
	}
	close(to.over)
}
