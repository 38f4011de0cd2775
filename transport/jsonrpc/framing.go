package jsonrpc

import (
	"errors"
	"io"
)

// ErrTooLong says that a line or an event was longer than the limit and was skipped.
var ErrTooLong = errors.New("message too large")

// LineReader reads newline-delimited messages (stdio framing).
type LineReader struct{ todo int }

// NewLineReader returns a reader of lines of at most limit bytes.
func NewLineReader(r io.Reader, limit int) *LineReader { panic("todo") }

// Next returns the next line that is not blank, without its line end, in a
// buffer that the caller may keep. For a line over the limit it skips to its
// end, in memory bounded by the limit, and returns its first KiB with ErrTooLong;
// the reader can go on. At the end it returns io.EOF; an unfinished last line
// counts as a line when it is followed by the end.
func (r *LineReader) Next() ([]byte, error) { panic("todo") }

// Event is one server-sent event (HTML Living Standard, section 9.2).
type Event struct {
	ID    string
	HasID bool
	Type  string // "message" when not given
	Data  []byte // the caller may keep it
	Retry int    // milliseconds; -1 when not given
}

// EventReader reads server-sent events.
type EventReader struct{ todo int }

// NewEventReader returns a reader of events of at most limit bytes of data.
func NewEventReader(r io.Reader, limit int) *EventReader { panic("todo") }

// Next returns the next event that has data, an id or a retry time. Comments,
// CR, LF and CRLF line ends, a BOM, multi-line data and fields without colon
// are read as the standard says. An event over the limit is skipped to its end
// and reported as ErrTooLong; the reader can go on. An event that the end of
// the stream cuts off is dropped, and io.EOF returned. OnComment, if set, is
// told of each comment line (a sign of life).
func (r *EventReader) Next() (Event, error) { panic("todo") }

// AppendEvent appends one event with a single data field (data without line
// ends is written as one line; with them, as several), id omitted when empty.
func AppendEvent(dst []byte, id string, data []byte) []byte { panic("todo") }
