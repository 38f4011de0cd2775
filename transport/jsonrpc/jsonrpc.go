// Package jsonrpc reads and writes JSON-RPC 2.0 envelopes and their framing
// without decoding what they carry: params, results and errors stay the bytes
// that came.
package jsonrpc

import "encoding/json"

// The error codes of JSON-RPC 2.0.
const (
	CodeParse          = -32700
	CodeInvalidRequest = -32600
	CodeMethodNotFound = -32601
	CodeInvalidParams  = -32602
	CodeInternal       = -32603
)

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	Request Kind = iota + 1
	Notification
	Response // with a result
	ErrorResponse
)

// Message is one envelope. Params, Result and Err alias the bytes it was parsed from.
type Message struct {
	Kind   Kind
	ID     ID // zero for a Notification and for an ErrorResponse whose id is null or missing
	Method string
	Params json.RawMessage // nil when absent; else an object or array
	Result json.RawMessage // Response: any JSON value
	Err    json.RawMessage // ErrorResponse: an object
}

// Error is a JSON-RPC error object.
type Error struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data,omitempty"`

	// Raw is the well-formed object that it was read from, which is written
	// again as it is; nil for an error of ours.
	Raw json.RawMessage `json:"-"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }
