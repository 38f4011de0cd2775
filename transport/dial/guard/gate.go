package guard

import (
	"os"
	"time"
)

// gate is what guards wait at before they execute their servers. Nothing is ever
// written to its pipes; what counts is who holds an end of them.
//
//	owner ──holds it closed──▶ entry: a guard waits for its end
//	owner ◀──waits for its end── exit: held by each guard until its server has been executed
type gate struct {
	entry, bar  *os.File
	exit, watch *os.File
}

func newGate() (g *gate, err error) {
	g = &gate{}
	if g.entry, g.bar, err = os.Pipe(); err != nil {
		return nil, err
	}
	if g.watch, g.exit, err = os.Pipe(); err != nil {
		g.open()
		return nil, err
	}
	return g, nil
}

// open lets the guards through; no other gets to it from now on.
func (g *gate) open() {
	_ = g.exit.Close() // first: it is the guards' alone
	_ = g.bar.Close()
	_ = g.entry.Close()
}

// passed returns when all have executed their servers or have ended, at the
// latest at the deadline.
func (g *gate) passed(deadline time.Time) {
	_ = g.watch.SetReadDeadline(deadline)
	_, _ = g.watch.Read(make([]byte, 1))
	_ = g.watch.Close()
}
