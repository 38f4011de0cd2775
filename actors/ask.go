package actors

import (
	"context"
	"fmt"
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
type asker struct {
	pid     *actor.PID
	system  *actor.ActorSystem
	replies chan any
}

// newAsker registers an asker. Nobody answers it more often than replies has room for.
func (r *Runtime) newAsker() *asker {
	a := &asker{system: r.system, replies: make(chan any, 4)}
	pid, _ := r.system.ProcessRegistry.Add(a, fmt.Sprintf("door/%d", r.ids.Add(1)))
	a.pid = pid
	return a
}

func (a *asker) release() { a.system.ProcessRegistry.Remove(a.pid) }

// SendUserMessage implements actor.Process.
func (a *asker) SendUserMessage(_ *actor.PID, message any) {
	m := actor.UnwrapEnvelopeMessage(message)
	if _, dead := m.(*actor.DeadLetterResponse); dead {
		m = gone{}
	}
	select {
	case a.replies <- m:
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

// next waits for the next reply of an actor: gone if it stops living without one.
func (r *Runtime) next(ctx context.Context, a *asker, from *actor.PID) (any, error) {
	select {
	case m := <-a.replies: // the common case of an actor that answers on our own goroutine
		return m, nil
	default:
	}
	ticker := time.NewTicker(patrol)
	defer ticker.Stop()
	for dead := false; ; {
		select {
		case m := <-a.replies:
			return m, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
			if dead {
				return gone{}, nil // a whole round after its death: nothing is under way any more
			}
			dead = !r.alive(from)
		}
	}
}

// ask sends one message and waits for one reply of type T. An actor that is
// gone, or answers otherwise, is a failure.
func ask[T any](ctx context.Context, r *Runtime, to *actor.PID, m any) (T, error) {
	a := r.newAsker()
	defer a.release()
	a.send(to, m)
	var none T
	reply, err := r.next(ctx, a, to)
	if err != nil {
		return none, err
	}
	if t, ok := reply.(T); ok {
		return t, nil
	}
	f := messages.Failf(messages.KindUnavailable, "", "the part of mcpx that was asked is not running")
	f.Stale = true
	return none, f
}
