package kit

import "time"

// workers run the mailboxes of actors that have goroutines of their own. A
// worker waits for more for a moment: its stack has grown to what an actor
// needs, which costs as much as handling a message does.
type workers struct{ mailboxes chan func() }

var pool = &workers{mailboxes: make(chan func())}

// Go runs f beside its caller, on a goroutine that may have run another one
// before: for what is short and comes often. A panic ends the program, as in any
// goroutine.
func Go(f func()) { pool.Schedule(f) }

// keptWorker is how long a worker waits for more.
const keptWorker = 50 * time.Millisecond

// Schedule implements actor.Dispatcher.
func (w *workers) Schedule(process func()) {
	select {
	case w.mailboxes <- process: // one is waiting
	default:
		go w.work(process)
	}
}

// Throughput implements actor.Dispatcher; mailboxes do not ask.
func (w *workers) Throughput() int { return 0 }

func (w *workers) work(process func()) {
	process()
	moment := time.NewTimer(keptWorker)
	defer moment.Stop()
	for {
		select {
		case process = <-w.mailboxes:
			process()
			moment.Reset(keptWorker)
		case <-moment.C:
			return
		}
	}
}
