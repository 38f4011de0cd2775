package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
)

// span is where a member of the envelope stands; zero when it is absent.
type span struct{ from, to int }

func (s span) of(b []byte) []byte  { return b[s.from:s.to:s.to] }
func (s span) there() bool         { return s.to > 0 }
func (s span) null(b []byte) bool  { return s.there() && b[s.from] == 'n' }
func (s span) given(b []byte) bool { return s.there() && b[s.from] != 'n' }

// envelope are the members that JSON-RPC knows, in no order.
type envelope struct {
	jsonrpc, id, method, params, result, err span

	twice string // a member that occurs twice
}

func (e *envelope) note(key []byte, s span) {
	name, slot := "", (*span)(nil)
	switch {
	case StringIs(key, "jsonrpc"):
		name, slot = "jsonrpc", &e.jsonrpc
	case StringIs(key, "id"):
		name, slot = "id", &e.id
	case StringIs(key, "method"):
		name, slot = "method", &e.method
	case StringIs(key, "params"):
		name, slot = "params", &e.params
	case StringIs(key, "result"):
		name, slot = "result", &e.result
	case StringIs(key, "error"):
		name, slot = "error", &e.err
	default:
		return
	}
	if slot.there() {
		e.twice = name
		return
	}
	*slot = s
}

// read passes once over the bytes of a message. What was found before an error
// is in e.
func (e *envelope) read(b []byte, depth int) error {
	i := skipSpace(b, 0)
	if i >= len(b) {
		return unexpectedEnd(b)
	}
	if b[i] != '{' {
		end, err := scanValue(b, i, depth, nil)
		if err == nil {
			err = atEnd(b, end)
		}
		if err == nil {
			err = errNoObject
		}
		return err
	}
	if depth < 1 {
		return tooDeep(i, depth)
	}
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return atEnd(b, i+1)
	}
	for {
		key := i
		if i >= len(b) {
			return unexpectedEnd(b)
		}
		if b[i] != '"' {
			return unexpected(b, i, "a key in quotes")
		}
		keyEnd, err := scanString(b, i)
		if err != nil {
			return err
		}
		if i, err = scanColon(b, keyEnd, nil); err != nil {
			return err
		}
		val := i
		if i, err = scanValue(b, i, depth-1, nil); err != nil {
			if errors.Is(err, errDepth) {
				return tooDeep(i, depth)
			}
			return err
		}
		e.note(b[key:keyEnd], span{val, i})
		if i = skipSpace(b, i); i >= len(b) {
			return unexpectedEnd(b)
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case '}':
			return atEnd(b, i+1)
		default:
			return unexpected(b, i, afterMember)
		}
	}
}

// errNoObject: the text is JSON, but not an object.
var errNoObject = errors.New("a message must be a JSON object")

func atEnd(b []byte, i int) error {
	if i = skipSpace(b, i); i < len(b) {
		return unexpected(b, i, "nothing after the message")
	}
	return nil
}

// Parse reads one message: valid UTF-8, valid JSON, nested at most depth deep
// (the message itself is the first level). Members that JSON-RPC does not know
// are ignored; a result or error of null beside the other one counts as absent.
//
// On failure the *Error has code -32700 (no JSON, too deep) or -32600 (no
// message: wrong or missing jsonrpc, an id that is neither string nor integer,
// a method that is no string, a batch, the same member twice), and the
// returned Message holds the id and the method as far as they could be read:
// also from a text that is cut off after them.
func Parse(b []byte, depth int) (Message, *Error) {
	var e envelope
	if err := e.read(b, depth); err != nil {
		if errors.Is(err, errNoObject) {
			what := err.Error()
			if IsBatch(b) {
				what += "; batches are not accepted here"
			}
			return Message{}, invalid("%s", what)
		}
		return e.rest(b), &Error{Code: CodeParse, Message: "parse error: " + err.Error()}
	}
	if e.twice != "" {
		return e.rest(b), invalid("member %q occurs twice", e.twice)
	}
	if !e.jsonrpc.there() || b[e.jsonrpc.from] != '"' || !StringIs(e.jsonrpc.of(b), "2.0") {
		return e.rest(b), invalid(`member "jsonrpc" must be "2.0"`)
	}
	var m Message
	if e.id.given(b) {
		var err error
		if m.ID, err = ParseID(e.id.of(b)); err != nil {
			return e.rest(b), invalid("%s", err)
		}
	}
	var problem *Error
	if e.method.there() {
		problem = e.call(b, &m)
	} else {
		problem = e.response(b, &m)
	}
	if problem != nil {
		return e.rest(b), problem
	}
	return m, nil
}

// call completes a request or notification.
func (e *envelope) call(b []byte, m *Message) *Error {
	switch {
	case b[e.method.from] != '"':
		return invalid(`member "method" must be a string`)
	case e.result.there() || e.err.there():
		return invalid(`a message with "method" must have neither "result" nor "error"`)
	case e.id.null(b):
		return invalid("the id of a request must not be null")
	}
	m.Kind = Notification
	if e.id.there() {
		m.Kind = Request
	}
	m.Method = methodOf(e.method.of(b))
	if e.params.there() {
		if c := b[e.params.from]; c != '{' && c != '[' {
			return invalid(`member "params" must be an object or an array`)
		}
		m.Params = e.params.of(b)
	}
	return nil
}

// response completes a response of either kind.
func (e *envelope) response(b []byte, m *Message) *Error {
	switch {
	case e.err.given(b) && e.result.given(b):
		return invalid(`a response must not have both "result" and "error"`)
	case e.err.given(b):
		if b[e.err.from] != '{' {
			return invalid(`member "error" must be an object`)
		}
		m.Kind, m.Err = ErrorResponse, e.err.of(b)
	case e.result.there():
		if m.ID.IsZero() {
			return invalid("a response with a result needs an id")
		}
		m.Kind, m.Result = Response, e.result.of(b)
	case e.err.there():
		return invalid(`member "error" must be an object`)
	default:
		return invalid(`a message needs "method", "result" or "error"`)
	}
	return nil
}

// rest is what is known of a message that is refused.
func (e *envelope) rest(b []byte) Message {
	var m Message
	if e.id.given(b) && e.twice != "id" {
		m.ID, _ = ParseID(e.id.of(b))
	}
	if e.method.there() && b[e.method.from] == '"' && e.twice != "method" {
		m.Method = methodOf(e.method.of(b))
	}
	return m
}

func invalid(format string, args ...any) *Error {
	return &Error{Code: CodeInvalidRequest, Message: "invalid request: " + fmt.Sprintf(format, args...)}
}

// IsBatch tells whether b is a JSON array by its first byte that is not white space.
func IsBatch(b []byte) bool {
	i := skipSpace(b, 0)
	return i < len(b) && b[i] == '['
}

// SplitBatch returns the elements of a batch, each still to be Parsed. They
// alias b. depth holds for each element as it does in Parse. An empty array is
// an error of code -32600.
func SplitBatch(b []byte, depth int) ([]json.RawMessage, *Error) {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '[' {
		return nil, invalid("a batch must be a JSON array")
	}
	var elements []json.RawMessage
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		if err := atEnd(b, i+1); err != nil {
			return nil, &Error{Code: CodeParse, Message: "parse error: " + err.Error()}
		}
		return nil, invalid("a batch must not be empty")
	}
	for {
		end, err := scanValue(b, i, depth, nil)
		if err != nil {
			return nil, &Error{Code: CodeParse, Message: "parse error: " + err.Error()}
		}
		elements = append(elements, b[i:end:end])
		if i = skipSpace(b, end); i < len(b) && b[i] == ',' {
			i = skipSpace(b, i+1)
			continue
		}
		switch {
		case i >= len(b):
			err = unexpectedEnd(b)
		case b[i] != ']':
			err = unexpected(b, i, afterElement)
		default:
			err = atEnd(b, i+1)
		}
		if err != nil {
			return nil, &Error{Code: CodeParse, Message: "parse error: " + err.Error()}
		}
		return elements, nil
	}
}

// ParseError reads the error object of an ErrorResponse; what is missing or of
// a wrong type stays zero. Raw is set where nothing of it is in doubt.
func ParseError(raw json.RawMessage) *Error {
	e := &Error{}
	seen := [3]bool{} // of equal keys the first counts
	good := [2]bool{} // code and message are there and of their types
	twice := false
	w := walk(raw)
	for m, ok := w.next(); ok; m, ok = w.next() {
		key, value := raw[m.key:m.keyEnd], raw[m.val:m.valEnd:m.valEnd]
		switch {
		case !seen[0] && StringIs(key, "code"):
			seen[0] = true
			if good[0] = json.Unmarshal(value, &e.Code) == nil && string(value) != "null"; !good[0] {
				e.Code = 0
			}
		case !seen[1] && StringIs(key, "message"):
			seen[1] = true
			if good[1] = value[0] == '"'; good[1] {
				e.Message = Unquote(value)
			}
		case !seen[2] && StringIs(key, "data"):
			seen[2] = true
			e.Data = value
		default:
			twice = twice || StringIs(key, "code") || StringIs(key, "message") || StringIs(key, "data")
		}
	}
	if good[0] && good[1] && !twice {
		e.Raw = raw
	}
	return e
}
