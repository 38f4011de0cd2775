package workload

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mcpx/mcpx/transport/workload/procs"
)

// Plan is a run as it is to be.
type Plan struct {
	Target Target
	Steps  []Step

	Clients  int     // sessions
	InFlight int     // requests of each client at a time; 0 is 1
	Rate     float64 // requests per second of all clients, by appointment; 0: each client asks again when it has been answered

	Warmup   time.Duration // before anything is measured
	Duration time.Duration // measured; 0: until Requests are done, or until Stop
	Requests int64         // measured, of all clients; 0: until the time is over

	Timeout     time.Duration // of one request; 0 is DefaultTimeout
	OpenTimeout time.Duration // of opening one session, and of closing it; 0 is DefaultTimeout
	Opening     int           // sessions that are opened at a time; 0 is 64
	Pause       time.Duration // of a worker in the closed loop, after each answer

	// Tick, where it is not 0, is how often Progress is called, from one
	// goroutine, and how fine the report's course over time is.
	Tick     time.Duration
	Progress func(Progress)

	// Usage, which may be nil, reads what the target's processes use. It is
	// called where measuring begins, with each tick, and where it ends: then in
	// full, since it disturbs nobody any more.
	Usage func(full bool) (procs.Usage, error)
}

// DefaultTimeout is that of requests where a plan does not say.
const DefaultTimeout = 30 * time.Second

// The bounds of a plan.
const (
	clientsMost  = 100_000
	inFlightMost = 10_000
	rateMost     = 10_000_000 // per second
	workersMost  = 1_000_000
)

// check completes a plan, or says what makes no sense in it.
func (p *Plan) check() error {
	if p.InFlight == 0 {
		p.InFlight = 1
	}
	if p.Timeout == 0 {
		p.Timeout = DefaultTimeout
	}
	if p.OpenTimeout == 0 {
		p.OpenTimeout = DefaultTimeout
	}
	if p.Opening == 0 {
		p.Opening = 64
	}
	switch {
	case p.Target == nil || len(p.Steps) == 0:
		return errors.New("nothing is to be asked")
	case p.Clients < 1 || p.Clients > clientsMost:
		return fmt.Errorf("%d clients: there must be from 1 to %d", p.Clients, clientsMost)
	case p.InFlight < 1 || p.InFlight > inFlightMost || p.Clients*p.InFlight > workersMost:
		return fmt.Errorf("%d requests at a time for each of %d clients: at most %d each, and %d of all", p.InFlight, p.Clients, inFlightMost, workersMost)
	case p.Rate < 0 || p.Rate > rateMost:
		return fmt.Errorf("%v requests per second: at most %d", p.Rate, rateMost)
	case p.Warmup < 0 || p.Duration < 0 || p.Timeout < 0 || p.OpenTimeout < 0 || p.Pause < 0 || p.Requests < 0 || p.Opening < 0 || p.Tick < 0:
		return errors.New("a number is negative")
	case p.Pause > 0 && p.Rate > 0:
		return errors.New("a pause and a rate exclude each other: in the open loop requests have appointments")
	}
	p.Steps = slices.Clone(p.Steps)
	for i := range p.Steps {
		p.Steps[i].index = i
		if p.Steps[i].Weight == 0 {
			p.Steps[i].Weight = 1
		}
		if p.Steps[i].Weight < 0 {
			return errors.New("a number is negative")
		}
	}
	return nil
}
