package workload

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// client is one of those who ask: the owner of a session, shared by its workers.
type client struct {
	number int
	share  int64 // measured requests it makes; negative for no bound

	begun    atomic.Int64 // requests, also those that were dropped
	measured atomic.Int64 // of them, those that count

	session atomic.Pointer[held]

	opening chan struct{} // of capacity 1: full while a worker opens it anew
	again   time.Time     // when that makes sense
	pause   time.Duration
}

func newClient(number int, share int64) *client {
	return &client{number: number, share: share, opening: make(chan struct{}, 1)}
}

// held is a session in a client's hand.
type held struct{ Session }

// The pauses between attempts to open a lost session anew.
const (
	reopenFirst = 10 * time.Millisecond
	reopenMost  = time.Second
)

// get returns the session, opening it anew if it was lost. The error is that
// of opening it.
func (c *client) get(ctx context.Context, r *Run) (*held, error) {
	s := c.session.Load()
	if s != nil && !isLost(s) {
		return s, nil
	}
	select {
	case c.opening <- struct{}{}:
		defer func() { <-c.opening }()
	case <-ctx.Done():
		return nil, messages.Failf(messages.KindTimeout, "", "its session was lost, and not opened anew in time")
	}
	if s = c.session.Load(); s != nil && !isLost(s) {
		return s, nil // another worker was first
	}
	if s != nil {
		c.session.Store(nil)
		r.close(s) // of what is lost there is nothing to be told
	}
	r.sleepUntil(c.again)
	opened, err := r.open(ctx, c.number)
	if err != nil {
		c.pause = min(max(reopenFirst, 2*c.pause), reopenMost)
		c.again = time.Now().Add(c.pause)
		return nil, err
	}
	c.pause = 0
	r.reopened.Add(1)
	s = &held{opened}
	c.session.Store(s)
	return s, nil
}

func isLost(s Session) bool {
	select {
	case <-s.Lost():
		return true
	default:
		return false
	}
}
