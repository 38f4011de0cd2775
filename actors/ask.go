package actors

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// patrol is how often somebody who waits looks whether the actor that owes the
// answer still lives. The library drops what is in the mailbox of an actor that
// stops, without a word; a watch per call would cost more than the call.
const patrol = 500 * time.Millisecond

// asker is a process of its own in the registry: what is sent to its PID
// arrives on a channel. It makes a goroutine that waits a party to a
// conversation between actors.
//
// It has one conversation after the other, each under a PID with a number of its
// own: what comes late for one that is over must reach nobody, least of all
// somebody else.
type asker struct {
	home    *actor.PID
	pid     *actor.PID // of this conversation; of its owner only
	turn    atomic.Uint32
	system  *actor.ActorSystem
	replies chan said
	patrol  *time.Timer // not running while nobody waits
	request atomic.Pointer[request]
}

// said is a reply, and the conversation in which it was given.
type said struct {
	turn    uint32
	message any
}

// sparedAskers is how many askers wait for the next conversation: to register
// one costs as much as a conversation.
const sparedAskers = 256

// newAsker returns an asker that is nobody else's, for a conversation under pid,
// which it sets. Nobody answers it more often than replies has room for.
func (r *Runtime) newAsker(pid *actor.PID) *asker {
	var a *asker
	select {
	case a = <-r.spared:
	default:
		a = &asker{system: r.system, replies: make(chan said, 4), patrol: time.NewTimer(patrol)}
		a.patrol.Stop()
		a.home = r.enter(a)
	}
	pid.Address, pid.Id, pid.RequestId = a.home.Address, a.home.Id, a.turn.Load()
	a.pid = pid
	return a
}

// enter notes a process of the door in the registry.
func (r *Runtime) enter(p actor.Process) *actor.PID {
	pid, _ := r.system.ProcessRegistry.Add(p, "door/"+strconv.FormatUint(r.ids.Add(1), 10))
	return pid
}

func (a *asker) release() { a.system.ProcessRegistry.Remove(a.home) }

// spare keeps an asker for the next conversation: every reply that was owed in
// its last one has come. One that was not owed may come yet: an actor that fails
// behind its answer says so, too.
func (r *Runtime) spare(a *asker) {
	a.turn.Add(1)
	a.pid = nil // it may be a part of more
	if len(a.replies) == 0 && !r.closing.Load() {
		select {
		case r.spared <- a:
			return
		default:
		}
	}
	a.release()
}

// SendUserMessage implements actor.Process.
func (a *asker) SendUserMessage(to *actor.PID, message any) {
	if to.RequestId != a.turn.Load() {
		return // of a conversation that is over
	}
	m := actor.UnwrapEnvelopeMessage(message)
	switch c := m.(type) {
	case *actor.DeadLetterResponse:
		m = gone{}
	case messages.CancelRequest:
		// One that comes late is of a request that is over.
		if q := a.request.Load(); q != nil && q.pid.RequestId == to.RequestId && q.begin.RequestID == c.RequestID {
			f := messages.Failf(messages.KindCancelled, "", "cancelled: %s", c.Reason)
			f.Reason, f.Said = c.Reason, c.Said
			q.cancel(f)
		}
		return
	}
	select {
	case a.replies <- said{to.RequestId, m}:
	default: // a fifth reply is nobody's
	}
}

// SendSystemMessage implements actor.Process: the end of an actor that was
// watched is a reply like any other.
func (a *asker) SendSystemMessage(pid *actor.PID, message any) {
	if _, ok := message.(*actor.Terminated); ok {
		a.SendUserMessage(pid, message)
	}
}

// Stop implements actor.Process: askers are released, not stopped.
func (a *asker) Stop(*actor.PID) {}

func (a *asker) send(to *actor.PID, m any) {
	a.system.Root.RequestWithCustomSender(to, m, a.pid)
}

// alive tells whether an actor can still answer.
func (r *Runtime) alive(pid *actor.PID) bool {
	_, ok := r.system.ProcessRegistry.Get(pid)
	return ok
}

// gone is what an asker gets instead of a reply.
type gone struct{}

// said returns a reply that is there already, as that of an actor is which answers
// on our own goroutine.
func (a *asker) said() (any, bool) {
	select {
	case m := <-a.replies:
		return m.message, m.turn == a.pid.RequestId
	default:
		return nil, false
	}
}

// next waits for the next reply of an actor: gone if it stops living without one.
func (r *Runtime) next(ctx context.Context, a *asker, from *actor.PID) (any, error) {
	if m, ok := a.said(); ok {
		return m, nil
	}
	a.patrol.Reset(patrol)
	defer a.patrol.Stop()
	for dead := false; ; {
		select {
		case m := <-a.replies:
			if m.turn == a.pid.RequestId {
				return m.message, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-a.patrol.C:
			if dead {
				return gone{}, nil // a whole round after its death: nothing is under way any more
			}
			dead = !r.alive(from)
			a.patrol.Reset(patrol)
		}
	}
}

// ask sends one message and waits for one reply of type T. An actor that is
// gone, or answers otherwise, is a failure.
func ask[T any](ctx context.Context, r *Runtime, to *actor.PID, m any) (T, error) {
	a := r.newAsker(new(actor.PID))
	a.send(to, m)
	var none T
	reply, err := r.next(ctx, a, to)
	if t, ok := reply.(T); ok {
		r.spare(a)
		return t, nil
	}
	a.release() // the reply may come yet
	if err != nil {
		return none, err
	}
	f := messages.Failf(messages.KindUnavailable, "", "the part of mcpx that was asked is not running")
	f.Stale = true
	return none, f
}
