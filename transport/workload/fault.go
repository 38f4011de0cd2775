package workload

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// FaultClass says at which layer a request went wrong.
type FaultClass uint8

// The classes of faults.
const (
	FaultNone       FaultClass = iota
	FaultFailure               // no answer: the connection, a deadline, a status that is none of MCP's
	FaultRPC                   // a JSON-RPC error, whatever the HTTP status
	FaultTool                  // a tool result with isError
	FaultQuestion              // the server asks the client for something (input_required)
	FaultUnexpected            // a result that is not one of its method, or not what was expected
)

// Fault is what was wrong with one answer: comparable, to be counted.
type Fault struct {
	Class FaultClass
	Kind  messages.Kind // of FaultFailure
	Sent  messages.Sent // of FaultFailure: whether the server may have seen the request
	Code  int           // of FaultRPC
}

// String names the fault as reports do: "timeout, sent unknown",
// "JSON-RPC error -32603", "tool error", "input required", "unexpected answer".
func (f Fault) String() string {
	switch f.Class {
	case FaultFailure:
		return fmt.Sprintf("%s, sent %s", f.Kind, f.Sent)
	case FaultRPC:
		return fmt.Sprintf("JSON-RPC error %d", f.Code)
	case FaultTool:
		return "tool error"
	case FaultQuestion:
		return "input required"
	case FaultUnexpected:
		return "unexpected answer"
	case FaultNone:
	}
	return "none"
}

// FaultCount is how often a fault occurred.
type FaultCount struct {
	Fault   string `json:"fault"`
	Count   int64  `json:"count"`
	Example string `json:"example"` // what one of them said
}

// tally counts faults; it belongs to one worker.
type tally map[Fault]*FaultCount

func (t tally) add(f Fault, example func() string) {
	c := t[f]
	if c == nil {
		c = &FaultCount{Fault: f.String(), Example: Brief(example())}
		t[f] = c
	}
	c.Count++
}

// merge adds the counts of another one.
func (t tally) merge(other tally) {
	for f, c := range other {
		if mine := t[f]; mine != nil {
			mine.Count += c.Count
		} else {
			copied := *c
			t[f] = &copied
		}
	}
}

// list returns the counts, the most frequent first.
func (t tally) list() []FaultCount {
	list := make([]FaultCount, 0, len(t))
	for _, c := range t {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b FaultCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fault, b.Fault))
	})
	return list
}
