package dial

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// doubts are about a process that lives and may never answer again: stopped by
// a signal, in a deadlock, deaf. Nothing tells of that but its silence.
//
//	           a call's request_timeout is over, and so is
//	           a silence of that length
//	trusted ────────────────────────────────────────────▶ asked ──health_check_timeout──▶ lost
//	   ▲                                                    │
//	   └────────────────── any message ─────────────────────┘
//
// A server that is at work on one thing and looks at nothing else meanwhile is
// asked in vain, too: it has had request_timeout for that thing by then.
type doubts struct {
	requestTimeout time.Duration
	patience       time.Duration // for a sign of life
	born           time.Time
	heard          atomic.Int64 // nanoseconds since born: when the last message came
	asking         atomic.Bool
}

func newDoubts(p messages.Policy) *doubts {
	return &doubts{
		requestTimeout: p.RequestTimeout, born: time.Now(),
		patience: cmp.Or(p.HealthCheckTimeout, messages.DefaultPolicy().HealthCheckTimeout),
	}
}

// hear notes a sign of life.
func (d *doubts) hear() { d.heard.Store(int64(time.Since(d.born))) }

func (d *doubts) last() time.Time { return d.born.Add(time.Duration(d.heard.Load())) }

// raisedBy tells whether a request whose context has ended got the time that
// the server is meant to have, and nothing at all came for as long.
func (d *doubts) raisedBy(ctx context.Context) bool {
	var f *messages.Failure
	if !errors.As(context.Cause(ctx), &f) || f.Kind != messages.KindTimeout || f.After < d.requestTimeout {
		return false // its caller has left, or was in a hurry
	}
	return time.Since(d.last()) >= d.requestTimeout
}

// doubt asks the server for a sign of life and gives the connection up when
// there is none. It does not wait.
func (c *stdioConn) doubt() {
	if c.doubts.asking.Swap(true) {
		return
	}
	go func() {
		defer c.doubts.asking.Store(false)
		asked := time.Now()
		method, params := "ping", json.RawMessage(nil)
		if c.peer.Modern { // which has no ping
			method, params = "server/discover", c.as.modern(nil, c.peer.Protocol, "")
		}
		p := newPending(method, &link.SentFlag{}, 1)
		p.own = true
		if !c.table.add(p) {
			return // lost meanwhile
		}
		defer c.table.take(p.id)
		_ = c.send(p, params) // what it does not take it does not answer either
		late := time.NewTimer(c.doubts.patience)
		defer late.Stop()
		select {
		case <-p.done:
		case <-c.lost:
		case <-late.C:
			if c.doubts.last().Before(asked) {
				c.lose(fmt.Errorf("server %q does not answer any more: not a word for %v, not even to %s within %v (health_check_timeout)%s",
					c.name, time.Since(c.doubts.last()).Round(time.Millisecond), method, c.doubts.patience, c.process.stderr.quote()))
			}
		}
	}()
}
