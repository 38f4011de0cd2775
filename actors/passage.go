package actors

import (
	"time"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/session"
	"github.com/mcpx/mcpx/messages"
)

// passage is the sink of a call on its way to the caller's: its session hears
// what extends the deadline.
type passage struct {
	clock   kit.Clock
	session kit.Party
	sink    messages.Sink
	whole   bool // the result is for others, too
	taken   bool // the caller's sink takes the result in pieces
}

// slowPass is the time that a piece takes with a caller who is slow: that time is
// not its server's.
const slowPass = 100 * time.Millisecond

// Notify tells the session of each progress notification that passes.
func (p *passage) Notify(n messages.Notification) error {
	if n.Method == "notifications/progress" {
		p.progress()
	}
	return p.sink.Notify(n)
}

// way returns what the I/O gets as its sink: one that takes pieces only where the
// caller's does, since an answer is looked through before it is offered.
func (p *passage) way() messages.Sink {
	_, takes := p.sink.(messages.Taker)
	if c, ok := p.sink.(messages.Chooser); ok {
		takes = takes && c.Takes()
	}
	if takes && !p.whole {
		return inPieces{p}
	}
	return p
}

// inPieces is a passage to a caller who takes a long result in pieces.
type inPieces struct{ *passage }

// Take implements messages.Taker.
func (p inPieces) Take(beginning []byte, length int64) bool {
	p.taken = p.taken || p.sink.(messages.Taker).Take(beginning, length)
	if more := length < 0 || length > int64(len(beginning))+1; p.taken && more {
		p.progress() // the server has answered
	}
	return p.taken
}

// Pass implements messages.Taker.
func (p inPieces) Pass(piece []byte) error {
	begun := p.clock.Now()
	err := p.sink.(messages.Taker).Pass(piece)
	if p.clock.Now().Sub(begun) >= slowPass {
		p.progress()
	}
	return err
}

func (p *passage) progress() { p.session.Tell(session.Progressed{}) }

// judge returns the outcome of a call whose result may have been passed: then
// it is not made again, since what has been passed cannot be taken back.
func (p *passage) judge(out messages.Outcome) messages.Outcome {
	if !p.taken || out.Failure == nil {
		return out
	}
	f := *out.Failure
	f.Stale, f.Final = false, true
	out.Failure = &f
	return out
}
