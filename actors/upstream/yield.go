package upstream

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// Who loses a connection that was kept for it is told. Whether a client has left
// only its session knows: while somebody waits, sessions are asked, and one whose
// client has left ends; should that come back, it is told in the protocol's own
// way. From a client that may be there a connection is taken only when it has not
// been used for pool.idle_ttl, and its next call of a tool is refused.

// yieldPause is how often a session is asked while somebody waits.
const yieldPause = 2 * time.Second

// askToYield asks for n connections, those first that were idle for longest.
func (u *upstream) askToYield(ctx actor.Context, n int) {
	now := u.now
	kept := false
	for _, m := range u.pool.members {
		kept = kept || m.idle() && m.client != nil
		if m.asking && !m.closing {
			n--
		}
	}
	for ; n > 0; n-- {
		var found *member
		for _, m := range u.pool.members {
			if m.idle() && m.client != nil && !m.asking && now.Sub(m.asked) >= yieldPause && (found == nil || m.since.Before(found.since)) {
				found = m
			}
		}
		if found == nil {
			break
		}
		found.asked, found.asking = now, true
		ctx.Request(found.client, messages.YieldClient{})
	}
	if kept && !u.yielding {
		u.yielding = true
		u.later(ctx, yieldPause, yieldDue{})
	}
}

// clientStays: the next one is asked.
func (u *upstream) clientStays(ctx actor.Context, client *actor.PID) {
	for _, m := range u.pool.members {
		if m.client != nil && m.client.Id == client.Id {
			m.asking = false
		}
	}
	u.size(ctx)
}

// takeFrom notes that a connection is about to go to somebody else, though its
// client's session lives.
func (u *upstream) takeFrom(m *member) {
	if m.client == nil || m.forgotten() {
		return
	}
	if u.taken == nil {
		u.taken = map[string]*actor.PID{}
	}
	u.taken[m.owner] = m.client
}

// missing is what a call is told that comes for the first time since: calls of
// tools alone may rely on what others have left behind.
func (u *upstream) missing(call *messages.Call, w *waiter) *messages.Failure {
	if len(u.taken) == 0 || call.Request.Method != "tools/call" || u.taken[w.key] == nil {
		return nil
	}
	delete(u.taken, w.key)
	return messages.Failf(messages.KindUnavailable, u.Spec.Name,
		"server %q: its session for this client was closed, since it had not been used for %v and another client waited; what it kept is gone; call again for a new one",
		u.Spec.Name, u.Spec.Policy.PoolIdleTTL)
}
