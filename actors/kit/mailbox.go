package kit

import (
	"math"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// Mailbox is the library's unbounded mailbox in one allocation instead of seven,
// since there is an actor per request. Messages of the system come
// first, a suspended actor gets no others, and a panic is escalated, as there.
// The zero Mailbox is that of an actor which runs on the goroutine of whoever
// posts to it, see Inline; it may live inside of its actor. It must not be copied.
type Mailbox struct {
	invoker    actor.MessageInvoker
	dispatcher *workers // nil: whoever posts runs it
	work       func()   // process, bound once

	mu        sync.Mutex //nolint:forbidigo // a mailbox is where goroutines meet
	system    fifo
	user      fifo
	running   bool
	suspended bool
	started   bool // before, whoever knows the actor's path may post, but nobody runs it
}

// Inline is the mailbox of actors that run on the goroutine of whoever posts to
// them: no wake-up. It is for actors that mostly have one poster at a time, do
// little and never block.
func Inline() actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return new(Mailbox) })
}

// Queued is the mailbox of actors that run on goroutines of their own, which
// stay for a moment: see workers; and on that of its poster for a Prompt, and for
// the end of a child, which is one per request: a wake-up costs more than what
// there is to do.
func Queued() actor.PropsOption {
	return actor.WithMailbox(func() actor.Mailbox { return newMailbox(pool) })
}

// Prompt is a message whose poster runs the actor itself, if nobody does: it would
// wait for the answer otherwise, which costs two wake-ups. It holds nothing that
// the actor could wait for, or whoever that speaks to.
type Prompt interface{ Prompt() }

func newMailbox(d *workers) *Mailbox {
	m := &Mailbox{dispatcher: d}
	m.work = m.process
	return m
}

// PostUserMessage implements actor.Mailbox.
func (m *Mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	m.user.push(message)
	_, prompt := actor.UnwrapEnvelopeMessage(message).(Prompt)
	m.schedule(prompt)
}

// PostSystemMessage implements actor.Mailbox.
func (m *Mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	m.system.push(message)
	_, ended := message.(*actor.Terminated)
	m.schedule(ended)
}

// schedule unlocks, and sees to it that somebody processes what there is.
func (m *Mailbox) schedule(prompt bool) {
	idle := !m.running && m.started && (!m.system.empty() || !m.suspended)
	m.running = m.running || idle
	m.mu.Unlock()
	switch {
	case !idle:
	case m.dispatcher == nil:
		m.process()
	case prompt:
		m.processSome()
	default:
		m.dispatcher.Schedule(m.work)
	}
}

func (m *Mailbox) process() {
	for m.drain(math.MaxInt) { // a panic interrupts it
	}
}

// processSome is process for a poster who has something else to do, too: what is
// left after a few messages is a worker's.
func (m *Mailbox) processSome() {
	if m.drain(promptly) {
		m.dispatcher.Schedule(m.work)
	}
}

// promptly is how many messages a poster processes at most.
const promptly = 8

// drain processes messages until there are none, or so many have been. It tells
// whether it was interrupted by a panic, or by that: then there may be more.
func (m *Mailbox) drain(most int) (interrupted bool) {
	var message any
	defer func() {
		if r := recover(); r != nil {
			m.invoker.EscalateFailure(r, message)
			interrupted = true
		}
	}()
	for ; most > 0; most-- {
		var system bool
		if message, system = m.next(); message == nil {
			return false
		}
		if system {
			m.invoker.InvokeSystemMessage(message)
		} else {
			m.invoker.InvokeUserMessage(message)
		}
	}
	return true
}

// next takes the next message; nil when there is none, and nobody processes any more.
func (m *Mailbox) next() (message any, system bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.system.empty() {
		message = m.system.pop()
		switch message.(type) {
		case *actor.SuspendMailbox:
			m.suspended = true
		case *actor.ResumeMailbox:
			m.suspended = false
		default:
			return message, true
		}
	}
	if m.suspended || m.user.empty() {
		m.running = false
		return nil, false
	}
	return m.user.pop(), false
}

// RegisterHandlers implements actor.Mailbox. Who runs the actor is the
// mailbox's to say.
func (m *Mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements actor.Mailbox. The actor can be found, and be stopped, before
// the library has made it whole.
func (m *Mailbox) Start() {
	m.mu.Lock()
	m.started = true
	m.schedule(false)
}

// UserMessageCount implements actor.Mailbox.
func (m *Mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.user.messages) - m.user.head
}

// fifo is a queue that begins with room of its own.
type fifo struct {
	messages []any
	head     int
	first    [1]any
}

func (q *fifo) empty() bool { return q.head == len(q.messages) }

func (q *fifo) push(message any) {
	switch {
	case q.messages == nil:
		q.messages = q.first[:0]
	case len(q.messages) == cap(q.messages):
		q.makeRoom()
	}
	q.messages = append(q.messages, message)
}

// makeRoom moves what waits to the front where a good part of the room is free:
// what was taken has paid for that. Else there will be twice the room, and
// nothing is kept in the old one, which may be the mailbox's own.
func (q *fifo) makeRoom() {
	old := q.messages
	if 4*q.head >= cap(old) {
		n := copy(old, old[q.head:])
		clear(old[n:])
		q.messages, q.head = old[:n], 0
		return
	}
	q.messages = append(make([]any, 0, 2*cap(old)), old[q.head:]...)
	q.head = 0
	clear(old)
}

func (q *fifo) pop() any {
	message := q.messages[q.head]
	q.messages[q.head] = nil
	q.head++
	if q.empty() {
		q.messages, q.head = q.messages[:0], 0
		if cap(q.messages) > keptRoom {
			q.messages = q.first[:0] // a flood is over
		}
	}
	return message
}

// keptRoom is how many messages a queue keeps room for when it is empty.
const keptRoom = 1024
