package upstream

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/messages"
)

// A connection that is kept for a client session is taken from no client that may
// be there. Whether one has left only its session knows: while somebody waits,
// sessions are asked, and one whose client has left ends. Its client, should it
// come back, is told so in the protocol's own way, and nothing is lost unnoticed.

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
