// Package null is an MCP server without work: constant answers, prepared at the
// start, over Streamable HTTP, HTTP+SSE and stdio, in both eras. It is the
// upstream of comparisons: what it costs is what the wire costs.
package null

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// The ways in which a call can fail.
const (
	ErrorsRPC    = "rpc"    // a JSON-RPC error
	ErrorsTool   = "tool"   // a result with isError
	ErrorsStatus = "status" // HTTP 500; not over stdio
)

// ToolName is the name of the first tool; further ones are null-2, null-3, ….
const ToolName = "null"

// Options are what a Server answers. Delays, errors, progress and the stall are
// those of tools/call; everything else is answered at once.
type Options struct {
	Bytes     int           // of the text in a result
	Delay     time.Duration // from a call to its answer
	Errors    string        // how calls fail; empty is ErrorsRPC
	ErrorRate float64       // share of calls that do, 0 to 1, evenly spread
	Progress  int           // notifications before the answer to a call with a progress token
	Tools     int           // how many there are; 0 is 1

	// Nothing is answered from StallAfter after the first call on, for StallFor.
	StallAfter, StallFor time.Duration

	Version string // of the server, as it says
}

// Server answers. It remembers nothing of its clients: any number may use one.
type Server struct {
	o       Options
	answers answers

	calls atomic.Int64 // so far
	began sync.Once
	first atomic.Int64 // call, since the server was made; see stalled
	born  time.Time

	stop    chan struct{} // closed by Close
	stopped sync.Once
	streams sync.Map // of HTTP+SSE: session id -> *pipe
}

// Largest values of options.
const (
	BytesMax = 256 << 20
	ToolsMax = 100_000
)

// New returns a server, or an error for options that make no sense.
func New(o Options) (*Server, error) {
	if o.Errors == "" {
		o.Errors = ErrorsRPC
	}
	if o.Tools == 0 {
		o.Tools = 1
	}
	switch {
	case o.Bytes < 0 || o.Bytes > BytesMax:
		return nil, fmt.Errorf("bytes must be 0 to %d, not %d", BytesMax, o.Bytes)
	case o.Tools < 1 || o.Tools > ToolsMax:
		return nil, fmt.Errorf("tools must be 1 to %d, not %d", ToolsMax, o.Tools)
	case !(o.ErrorRate >= 0 && o.ErrorRate <= 1):
		return nil, fmt.Errorf("the error rate must be 0 to 1, not %v", o.ErrorRate)
	case o.Errors != ErrorsRPC && o.Errors != ErrorsTool && o.Errors != ErrorsStatus:
		return nil, fmt.Errorf("errors must be %s, %s or %s, not %q", ErrorsRPC, ErrorsTool, ErrorsStatus, o.Errors)
	case o.Progress < 0:
		return nil, fmt.Errorf("progress must not be negative: %d", o.Progress)
	case o.Delay < 0 || o.StallAfter < 0 || o.StallFor < 0:
		return nil, errors.New("durations must not be negative")
	}
	return &Server{o: o, answers: prepare(o), born: time.Now(), stop: make(chan struct{})}, nil
}

// Close ends streams and answers calls that are being delayed, at once.
func (s *Server) Close() { s.stopped.Do(func() { close(s.stop) }) }

// fails tells whether the next call is one that fails. Of n calls, n times
// ErrorRate fail, rounded down, wherever one begins to count at the first.
func (s *Server) fails() bool {
	if s.o.ErrorRate == 0 {
		return false
	}
	n := float64(s.calls.Add(1))
	return int64(n*s.o.ErrorRate) > int64((n-1)*s.o.ErrorRate)
}

// hold returns how long a call that came just now waits for its answer.
func (s *Server) hold() time.Duration {
	if s.o.StallFor == 0 {
		return s.o.Delay
	}
	now := time.Since(s.born)
	s.began.Do(func() { s.first.Store(int64(now)) })
	begin := time.Duration(s.first.Load()) + s.o.StallAfter
	due, end := now+s.o.Delay, begin+s.o.StallFor
	if due >= begin && due < end {
		due = end
	}
	return due - now
}

var limits = messages.DefaultLimits()
