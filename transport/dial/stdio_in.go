package dial

import (
	"errors"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// mostAnswers is how many answers are handed on together at most: their client
// has something to do meanwhile.
const mostAnswers = 8

// read takes what the server writes on stdout, line by line, to its end.
func (c *stdioConn) read() {
	defer close(c.readEnd)
	defer c.survive()
	lines := jsonrpc.NewLineReader(c.process.stdout, c.limits.MessageBytes)
	defer c.held.release()
	for n := 0; ; n++ {
		heard := !lines.More()
		if n == mostAnswers || heard {
			c.held.release()
			n = 0
		}
		line, err := lines.Next()
		tooLong := errors.Is(err, jsonrpc.ErrTooLong)
		if err != nil && !tooLong {
			return // the end, or a pipe that was closed under us
		}
		if heard { // else this came with what was heard before
			c.doubts.hear()
		}
		c.more = lines.More()
		if tooLong {
			c.tooLong(line, lines.Tail())
		} else {
			c.message(line)
		}
	}
}
