package messages

import (
	"encoding/json"
	"fmt"
	"time"
)

// Kind is the closed set of ways in which a call can fail. Every edge
// translates it by one table; nothing compares texts.
type Kind uint8

// The failure kinds. The comment names who has to act.
const (
	KindNone            Kind = iota // no failure
	KindUnknownUpstream             // no server of that name: the caller, see Failure.Available
	KindUnknownTool                 // no tool or prompt of that name: the caller, see Failure.Available
	KindUnknownResource             // no resource of that URI: the caller
	KindUnknownMethod               // the method is served by nobody: the caller
	KindInvalidArgs                 // arguments do not fit the schema; nothing was sent: the caller
	KindForbidden                   // disabled, filtered or not allowed: the operator
	KindUnavailable                 // not connected or connection broken: the upstream
	KindTimeout                     // a connect or call deadline passed: the upstream
	KindOverloaded                  // concurrency and wait list are full: the caller, after RetryAfter
	KindCancelled                   // the caller gave up
	KindUpstream                    // the upstream answered with a JSON-RPC error: Code, Message, Data are its own
	KindInternal                    // a bug in mcpx; logged with the actor's path
)

var kindNames = [...]string{
	"none", "unknown_upstream", "unknown_tool", "unknown_resource", "unknown_method", "invalid_arguments",
	"forbidden", "unavailable", "timeout", "overloaded", "cancelled", "upstream_error", "internal",
}

// String returns the kind as it stands in the data of an error ("unavailable").
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Sent says how far a failed request got. Nothing that may have happened is
// ever repeated.
type Sent uint8

// How far a request got.
const (
	SentNo      Sent = iota // no byte of it reached the upstream
	SentUnknown             // it was sent and its outcome is unknown
	SentDone                // the upstream answered
)

// String returns "no", "unknown" or "done".
func (s Sent) String() string { return [...]string{"no", "unknown", "done"}[s] }

// Failure is why a call has no result. It is a value and an error.
type Failure struct {
	Kind    Kind
	Server  string // the upstream concerned; empty when none is
	Sent    Sent
	Message string // for people: what happened and what to do

	Available  []string        // KindUnknown*: the names that exist
	RetryAfter time.Duration   // KindOverloaded, KindUnavailable: when another attempt makes sense; 0 = not known
	After      time.Duration   // KindTimeout, and KindUnavailable where a connection was waited for in vain: how long; 0 = not known
	Code       int             // KindUpstream: the upstream's JSON-RPC code
	Data       json.RawMessage // KindUpstream: the upstream's error data, unchanged
	Raw        json.RawMessage // KindUpstream: the upstream's error object as it came; nil where it sent none
	Reason     string          // KindCancelled: what the upstream is told; its client's own words, if it had any
	Said       json.RawMessage // KindCancelled: all that its client said with that, see CancelRequest

	// Stale: the address or the connection vanished before anything was
	// sent. The door resolves the name once more; nobody else looks at it.
	Stale bool
	// Final: it was stopped on purpose, and is not made again though that
	// might do no harm. For the door, like Stale.
	Final bool
}

// Error returns the text for people.
func (f *Failure) Error() string { return f.Message }

// Failf makes a failure of a call that was not sent.
func Failf(kind Kind, server, format string, args ...any) *Failure {
	return &Failure{Kind: kind, Server: server, Message: fmt.Sprintf(format, args...)}
}
