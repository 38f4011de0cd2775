package jsonrpc

import (
	"bufio"
	"bytes"
	"io"
	"math"
)

// Event is one server-sent event (HTML Living Standard, section 9.2).
type Event struct {
	ID    string
	HasID bool
	Type  string // "message" when not given
	Data  []byte // nil when there was no data field; the caller may keep it
	Retry int    // milliseconds; -1 when not given
}

// EventReader reads server-sent events.
type EventReader struct {
	// OnComment, if set, is called for each comment line, on the goroutine
	// that calls Next.
	OnComment func()

	r      *bufio.Reader
	limit  int
	begun  bool // the first bytes were looked at for a BOM
	skipLF bool // the last line ended with CR: an LF that follows belongs to it

	// The event being read.
	data, typ, id            []byte
	retry                    int
	hasData, hasID, hasRetry bool
	tooLong                  bool
	tail                     ending // of the data, once that is too long

	// The line being read. It may come in parts; each part of its value goes
	// at once where it belongs, so that nothing is held twice.
	name   []byte // the field's name, as far as it may be one that we know
	stage  stage
	value  *[]byte // what the value is appended to; nil when it is ignored
	digits []byte  // value of a retry field
	newID  []byte  // value of an id field: it counts only when it holds no NUL
}

// stage is how far a line has been read.
type stage uint8

const (
	inName  stage = iota
	atSpace       // after the colon: one space is not part of the value
	inValue
)

const longestName = len("event")

// NewEventReader returns a reader of events of at most limit bytes of data, id
// and type together.
func NewEventReader(r io.Reader, limit int) *EventReader {
	return &EventReader{r: bufio.NewReaderSize(r, readBuffer), limit: limit}
}

// Next returns the next event that has data, an id or a retry time. Comments,
// CR, LF and CRLF line ends, a BOM, multi-line data and fields without colon
// are read as the standard says. An event over the limit is skipped to its end
// and reported as ErrTooLong, with the first KiB of its data (see also Tail);
// the reader can go on. An event that the end of the stream cuts off is dropped, and io.EOF
// returned. Any other error is the one of the underlying reader.
func (r *EventReader) Next() (Event, error) {
	for {
		blank, err := r.line()
		if err != nil {
			return Event{}, err
		}
		if !blank {
			continue
		}
		if ev, ok, err := r.dispatch(); ok {
			return ev, err
		}
	}
}

// dispatch ends the event.
func (r *EventReader) dispatch() (Event, bool, error) {
	ev := Event{ID: string(r.id), HasID: r.hasID, Type: "message", Data: r.data, Retry: -1}
	if len(r.typ) > 0 {
		ev.Type = string(r.typ)
	}
	if r.hasRetry {
		ev.Retry = r.retry
	}
	var err error
	if r.tooLong {
		err = ErrTooLong
	}
	ok := r.hasData || r.hasID || r.hasRetry || r.tooLong
	r.data, r.typ, r.id = nil, r.typ[:0], r.id[:0]
	r.hasData, r.hasID, r.hasRetry, r.tooLong = false, false, false, false
	return ev, ok, err
}

// line reads one line into the event and tells whether it was blank.
func (r *EventReader) line() (blank bool, err error) {
	r.name, r.stage, r.value = r.name[:0], inName, nil
	empty := true
	for {
		part, ended, err := r.part()
		if err != nil {
			return false, err
		}
		if len(part) > 0 {
			empty = false
			r.take(part)
		}
		if ended {
			if !empty {
				r.endLine()
			}
			return empty, nil
		}
	}
}

// part returns what is buffered of the current line, without its line end. The
// bytes are good until the next call.
func (r *EventReader) part() (part []byte, ended bool, err error) {
	if _, err := r.r.Peek(1); err != nil {
		return nil, false, err
	}
	if !r.begun {
		r.begun = true
		if b, _ := r.r.Peek(1); b[0] == 0xEF {
			if b, _ := r.r.Peek(3); string(b) == "\ufeff" {
				_, err := r.r.Discard(3)
				return nil, false, err
			}
		}
	}
	b, err := r.r.Peek(r.r.Buffered())
	if err != nil {
		return nil, false, err
	}
	if r.skipLF {
		r.skipLF = false
		if b[0] == '\n' {
			_, err := r.r.Discard(1)
			return nil, false, err
		}
	}
	n := bytes.IndexByte(b, '\n')
	if n < 0 {
		n = len(b)
	}
	// A CR is an end by itself: waiting for its LF could wait for long.
	if cr := bytes.IndexByte(b[:n], '\r'); cr >= 0 {
		n, r.skipLF = cr, true
	}
	part, ended = b[:n], n < len(b)
	if ended {
		n++
	}
	_, err = r.r.Discard(n) // does not move what Peek returned
	return part, ended, err
}

// take reads the next part of a line.
func (r *EventReader) take(part []byte) {
	if r.stage == inName {
		colon := bytes.IndexByte(part, ':')
		name := part
		if colon >= 0 {
			name = part[:colon]
		}
		// One byte more than any known name has makes it an unknown one.
		r.name = append(r.name, name[:min(len(name), longestName+1-len(r.name))]...)
		if colon < 0 {
			return
		}
		r.begin()
		r.stage, part = atSpace, part[colon+1:]
	}
	if len(part) == 0 {
		return
	}
	if r.stage == atSpace {
		r.stage = inValue
		if part[0] == ' ' {
			part = part[1:]
		}
	}
	r.add(part)
}

// begin finds what the named field appends to.
func (r *EventReader) begin() {
	switch string(r.name) {
	case "data":
		if r.hasData {
			r.value = &r.data
			r.add([]byte{'\n'})
		}
		r.hasData, r.value = true, &r.data
		if r.data == nil {
			r.data = []byte{}
		}
	case "event":
		r.typ, r.value = r.typ[:0], &r.typ
	case "id":
		r.newID, r.value = r.newID[:0], &r.newID
	case "retry":
		r.digits, r.value = r.digits[:0], &r.digits
	}
}

// add appends to the value, unless the event is over the limit then.
func (r *EventReader) add(part []byte) {
	switch {
	case r.value == &r.data && r.tooLong:
		r.tail.add(part)
	case r.value == nil || r.tooLong:
	case r.held()+len(part) > r.limit:
		r.tooLong = true
		if r.value != &r.data {
			part = nil
		}
		r.tail.begin(r.data, part)
		if r.hasData {
			r.data = head(r.data, part)
		}
		r.typ, r.newID, r.digits = nil, nil, nil
	default:
		*r.value = appendBounded(*r.value, part, r.limit)
	}
}

// Tail returns the end of the data over the limit that Next returned last, 64
// bytes at most: some servers write the id there. The bytes are good until the
// next call of Next.
func (r *EventReader) Tail() []byte { return r.tail.b[:r.tail.n] }

func (r *EventReader) held() int {
	return len(r.data) + len(r.typ) + len(r.id) + len(r.newID) + len(r.digits)
}

// endLine completes the field of a line that is not blank.
func (r *EventReader) endLine() {
	if r.stage == inName { // a line without a colon is a name without a value
		r.begin()
	}
	switch {
	case len(r.name) == 0 && r.stage != inName:
		if r.OnComment != nil {
			r.OnComment()
		}
	case r.value == &r.newID:
		if !r.tooLong && bytes.IndexByte(r.newID, 0) < 0 {
			r.id, r.newID, r.hasID = r.newID, r.id, true
		}
		r.newID = r.newID[:0]
	case r.value == &r.digits:
		if ms, ok := milliseconds(r.digits); ok {
			r.retry, r.hasRetry = ms, true
		}
		r.digits = r.digits[:0]
	}
}

// milliseconds reads a number of ASCII digits; beyond 31 bits it is the largest of these.
func milliseconds(digits []byte) (ms int, ok bool) {
	for _, c := range digits {
		if !isDigit(c) {
			return 0, false
		}
		ms = min(ms*10+int(c-'0'), math.MaxInt32)
	}
	return ms, len(digits) > 0
}

// AppendEvent appends one event with a single data field (data without line
// ends is written as one line; with them, as several), id omitted when empty.
// id must not hold line ends.
func AppendEvent(dst []byte, id string, data []byte) []byte {
	if id != "" {
		dst = append(append(append(dst, "id: "...), id...), '\n')
	}
	for {
		n := bytes.IndexAny(data, "\r\n")
		dst = append(dst, "data: "...)
		if n < 0 {
			return append(append(dst, data...), "\n\n"...)
		}
		dst = append(append(dst, data[:n]...), '\n')
		if data[n] == '\r' && n+1 < len(data) && data[n+1] == '\n' {
			n++
		}
		data = data[n+1:]
	}
}
