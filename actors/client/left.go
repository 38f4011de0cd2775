package client

import "time"

// leftAfter is how long a client that has had a stream may be without one, and
// without a request, until it counts as one that has left. Over HTTP nobody says
// so; who is there takes its stream up again within a second or two.
const leftAfter = 10 * time.Second

// hasLeft tells whether the client has gone without ending its session. Of one
// that has never listened nobody knows, and one for which an answer is kept may
// still come back for it.
func (c *client) hasLeft() bool {
	return c.heard && len(c.streams) == 0 && len(c.requests) == 0 && !c.kept.answers() &&
		c.env.Clock.Now().Sub(c.used) >= leftAfter
}
