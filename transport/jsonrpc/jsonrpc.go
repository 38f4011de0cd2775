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

// ID is a request id as the JSON text that came: a string or an integer. It
// is comparable; the zero value is the absence of an id.
type ID struct{ raw string }

// IntID returns the id n.
func IntID(n int64) ID { panic("todo") }

// StringID returns the id s.
func StringID(s string) ID { panic("todo") }

// ParseID accepts a JSON string or an integer, nothing else: not null, not a fraction.
func ParseID(raw []byte) (ID, error) { panic("todo") }

// IsZero tells whether there is no id.
func (id ID) IsZero() bool { return id.raw == "" }

// String returns the JSON text of the id.
func (id ID) String() string { return id.raw }

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
	ID     ID
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
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Parse reads one message: valid UTF-8, valid JSON, nested at most depth deep.
// On failure the *Error has code -32700 (no JSON, too deep) or -32600 (no
// message: wrong or missing jsonrpc, an id that is neither string nor integer,
// a method that is no string, a batch, the same member twice), and the
// returned Message holds the id if one could be read.
func Parse(b []byte, depth int) (Message, *Error) { panic("todo") }

// IsBatch tells whether b is a JSON array by its first byte that is not white space.
func IsBatch(b []byte) bool { panic("todo") }

// SplitBatch returns the elements of a batch, each still to be Parsed. An
// empty array is an error of code -32600.
func SplitBatch(b []byte, depth int) ([]json.RawMessage, *Error) { panic("todo") }

// ParseError reads the error object of an ErrorResponse; what is missing or of
// a wrong type stays zero.
func ParseError(raw json.RawMessage) *Error { panic("todo") }

// AppendRequest appends the request without a newline; params may be nil.
func AppendRequest(dst []byte, id ID, method string, params json.RawMessage) []byte { panic("todo") }

// AppendNotification appends the notification without a newline; params may be nil.
func AppendNotification(dst []byte, method string, params json.RawMessage) []byte { panic("todo") }

// AppendResult appends the response without a newline; a nil result becomes {}.
func AppendResult(dst []byte, id ID, result json.RawMessage) []byte { panic("todo") }

// AppendError appends the error response without a newline; the zero ID becomes null.
func AppendError(dst []byte, id ID, e *Error) []byte { panic("todo") }
