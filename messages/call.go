package messages

import (
	"encoding/json"
	"time"
)

// Call is one request for an upstream, era-neutral.
//
// Sender: a front, through the door. Reply: exactly one Outcome.
type Call struct {
	Server    string // the upstream's name
	Principal Principal
	Client    ClientID // the downstream session it belongs to; empty when there is none
	Caller    Caller
	Request   Request
	Timeout   time.Duration // replaces the server's request_timeout when > 0
}

// RequestKind says what is to be done with the connection that a call gets.
type RequestKind uint8

// The kinds of requests.
const (
	RequestCall   RequestKind = iota // a request that is answered
	RequestNotify                    // a notification: Method and Params; the outcome has no result
	RequestOpen                      // nothing: the outcome's Peer is what the server said when the connection was opened
)

// Request is one MCP request without its envelope.
type Request struct {
	Kind   RequestKind
	Method string // "tools/call"
	Name   string // the routing name: params.name or params.uri; empty when the method has none

	// Params are the raw bytes of the params, without the members by which
	// an era speaks of itself (io.modelcontextprotocol/* in _meta). May be nil.
	Params json.RawMessage

	// ProgressToken is the caller's token as raw JSON; nil when no progress
	// was asked for. A link sends a token of its own instead and puts this
	// one back into what it delivers.
	ProgressToken json.RawMessage

	// LogLevel is the level the caller asked for with this request (modern
	// era); empty for none.
	LogLevel string

	// Batch are the requests that this one came with; nil where that is not known.
	Batch *Batch
}

// Notification is one MCP notification without its envelope. With Reply set it
// is a question of the server instead: a request for the client (sampling,
// elicitation, roots), which travels like the notifications of its call.
type Notification struct {
	Method string
	Params json.RawMessage

	ID    json.RawMessage // of a question: the server's own id, by which it may cancel it
	Reply func(Answer)    // of a question: takes the one answer; later ones are nobody's. Does not block
}

// Answer is what a client answers to a question: its result, or its error, raw
// JSON both. The zero Answer says that nobody can answer.
type Answer struct {
	Result json.RawMessage
	Error  json.RawMessage
}

// Sink receives what belongs to one request before its answer: progress and
// log messages, in order, one at a time: on the goroutine that called the door,
// or, where nobody waits, on one of the connection's. It is not used after the
// call has returned, or its outcome has been told.
type Sink interface {
	// Notify delivers n. It may block on its reader: only the request it
	// belongs to waits. An error means that nobody reads any more.
	Notify(n Notification) error
}

// Streamer is what a sink may be, too. Stream says that the answer is to be an
// event stream, although nothing comes before it: so it was where it came from.
type Streamer interface{ Stream() }

// Taker is what a sink may be, too: it takes a long result in pieces, as they
// come, instead of having it whole in the outcome. It is used like the sink.
type Taker interface {
	// Take offers a result, an object, of which only the beginning has come. With
	// what stands behind it in its message it is length bytes long; -1 when that
	// is not known. True: Pass gets all of it, the beginning included, and the
	// Outcome is one with Taken, or a failure, of which only whoever has the
	// pieces knows that they are not all. beginning is not kept.
	Take(beginning []byte, length int64) bool
	// Pass gets the next piece, which is not kept. It may block as Notify may. An
	// error means that nobody reads any more; whoever the piece was handed to may
	// then still look at it, so its memory must not be used again.
	Pass(piece []byte) error
}

// Chooser is what a Taker may be, too: Takes tells whether it takes anything of this
// call. Where it does not, nothing has to be made ready to be offered to it.
type Chooser interface{ Takes() bool }

// SinkFunc makes a function a Sink.
type SinkFunc func(Notification) error

// Notify calls f.
func (f SinkFunc) Notify(n Notification) error { return f(n) }

// Discard is the sink of callers who want the answer only.
var Discard Sink = SinkFunc(func(Notification) error { return nil })

// Outcome is the one answer to a Call.
type Outcome struct {
	Result  json.RawMessage // the upstream's result, its own bytes; nil when Failure is set
	Failure *Failure
	Peer    *Peer // of RequestOpen
	// Streamed: the upstream answered on a stream: a transparent endpoint does, too.
	Streamed bool
	Taken    bool // the result has gone to the sink, see Taker
	Cached   bool // the result was kept from an earlier call, or is that of another call at the same time
}

// Err returns the failure as an error, nil when there is a result.
func (o Outcome) Err() error {
	if o.Failure == nil {
		return nil
	}
	return o.Failure
}
