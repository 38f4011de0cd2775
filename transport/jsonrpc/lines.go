package jsonrpc

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// ErrTooLong says that a line or an event was longer than the limit and was skipped.
var ErrTooLong = errors.New("message too large")

const (
	readBuffer = 32 << 10 // bytes that a reader holds beside the message
	headLen    = 1 << 10  // bytes kept of the beginning of a message over the limit
	tailLen    = 64       // and of its end: enough for an id
)

// LineReader reads newline-delimited messages (stdio framing).
type LineReader struct {
	r     *bufio.Reader
	limit int
	tail  ending
}

// NewLineReader returns a reader of lines of at most limit bytes, line end not counted.
func NewLineReader(r io.Reader, limit int) *LineReader {
	return &LineReader{r: bufio.NewReaderSize(r, readBuffer), limit: limit}
}

// Next returns the next line that is not blank, without its line end (LF or
// CRLF), in a buffer that the caller may keep. For a line over the limit it
// skips to its end, in memory bounded by the limit, and returns its first KiB
// with ErrTooLong (see also Tail); the reader can go on. At the end it returns io.EOF; an
// unfinished last line counts as a line when it is followed by the end. Any
// other error is the one of the underlying reader, and a line it cut off is dropped.
func (r *LineReader) Next() ([]byte, error) {
	for {
		line, err := r.line()
		if err != nil || skipSpace(line, 0) < len(line) {
			return line, err
		}
	}
}

// More tells whether a whole line is there already: Next returns it without
// reading. What it costs does not grow with what else is there.
func (r *LineReader) More() bool {
	waiting, _ := r.r.Peek(r.r.Buffered())
	for {
		end := bytes.IndexByte(waiting, '\n')
		if end < 0 || skipSpace(waiting[:end], 0) < end {
			return end >= 0
		}
		waiting = waiting[end+1:] // blank
	}
}

func (r *LineReader) line() ([]byte, error) {
	var line []byte
	for {
		part, err := r.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if errors.Is(err, io.EOF) && len(line)+len(part) == 0 {
			return nil, io.EOF
		}
		ended := err == nil
		if ended {
			part = part[:len(part)-1]
		}
		if done := ended || errors.Is(err, io.EOF); done {
			switch { // the CR of a CRLF may have come with the part before
			case ended && len(part) > 0 && part[len(part)-1] == '\r':
				part = part[:len(part)-1]
			case ended && len(part) == 0 && len(line) > 0 && line[len(line)-1] == '\r':
				line = line[:len(line)-1]
			}
			if len(line)+len(part) > r.limit {
				r.tail.begin(line, part)
				return head(line, part), ErrTooLong
			}
			return appendBounded(line, part, r.limit), nil
		}
		if len(line)+len(part) > r.limit+1 { // one more: it may be the CR of the line end
			r.tail.begin(line, part)
			return r.skip(head(line, part))
		}
		line = appendBounded(line, part, r.limit+1)
	}
}

// skip reads on to the end of the line.
func (r *LineReader) skip(head []byte) ([]byte, error) {
	for {
		part, err := r.r.ReadSlice('\n')
		r.tail.add(part)
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return head, ErrTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// Tail returns the end of the message over the limit that Next returned last,
// 64 bytes at most, perhaps with its line end: some servers write the id there.
// The bytes are good until the next call of Next.
func (r *LineReader) Tail() []byte { return r.tail.b[:r.tail.n] }

// ending is the end of what has been added.
type ending struct {
	b [tailLen]byte
	n int
}

func (e *ending) begin(parts ...[]byte) {
	e.n = 0
	for _, part := range parts {
		e.add(part)
	}
}

func (e *ending) add(part []byte) {
	part = part[max(0, len(part)-tailLen):]
	kept := copy(e.b[:], e.b[e.n-min(e.n, tailLen-len(part)):e.n])
	e.n = kept + copy(e.b[kept:], part)
}

// head returns a copy of the first KiB of a and b together.
func head(a, b []byte) []byte {
	h := make([]byte, 0, headLen)
	h = append(h, a[:min(len(a), headLen)]...)
	return append(h, b[:min(len(b), headLen-len(h))]...)
}

// appendBounded appends like append, but never makes room for more than limit bytes.
func appendBounded(dst, b []byte, limit int) []byte {
	need := len(dst) + len(b)
	if need <= cap(dst) {
		return append(dst, b...)
	}
	room := need
	if len(dst) > 0 { // more is likely to come
		room = max(need, min(2*cap(dst), limit))
	}
	grown := make([]byte, len(dst), room)
	copy(grown, dst)
	return append(grown, b...)
}
