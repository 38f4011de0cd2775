package client

import (
	"slices"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// store holds the latest events of a session's streams, for a client that comes
// back. Its bounds are those of limits.resume_*; beyond them the oldest event
// of the session goes, whosever it is. The end of a stream counts as one, so
// that there are not more streams than events to remember.
type store struct {
	logs    map[messages.StreamID]*log
	entries []entry // the oldest first
	bytes   int
}

// log is what is known of one stream whose events are kept.
type log struct {
	id      messages.StreamID
	request bool              // a request's: it ends with its answer
	last    uint64            // the number of its newest event
	dropped uint64            // the number of the newest one that is not kept any more
	ended   bool              // nothing follows
	reader  messages.StreamID // the connection that is to send what comes
	open    int               // connections
	ends    int               // entries that stand for an end
}

type entry struct {
	log     *log
	number  uint64 // 0 for an end
	message []byte
	at      time.Time
}

// begin notes a stream whose first connection is open.
func (s *store) begin(id messages.StreamID, request bool) *log {
	l := &log{id: id, request: request, reader: id, open: 1}
	if s.logs == nil {
		s.logs = map[messages.StreamID]*log{}
	}
	s.logs[id] = l
	return l
}

// find returns the stream of an event if all that followed it is still there,
// else nil.
func (s *store) find(after messages.EventID) *log {
	l := s.logs[after.Stream]
	if l == nil || after.Number < l.dropped || after.Number > l.last {
		return nil
	}
	return l
}

// add keeps an event and returns its number.
func (s *store) add(l *log, message []byte, now time.Time, limits *messages.Limits) uint64 {
	l.last++
	if len(message) > limits.ResumeBytes {
		l.dropped = l.last // and with it what came before: a gap is no stream
		return l.last
	}
	s.push(entry{l, l.last, message, now}, limits)
	return l.last
}

// leave notes that a connection of the stream has closed.
func (s *store) leave(l *log, now time.Time, limits *messages.Limits) {
	l.open--
	l.ends++
	s.push(entry{log: l, at: now}, limits)
}

func (s *store) push(e entry, limits *messages.Limits) {
	s.entries = append(s.entries, e)
	s.bytes += len(e.message)
	for len(s.entries) > limits.ResumeEvents || s.bytes > limits.ResumeBytes {
		s.drop()
	}
}

// expire drops what is older than limits.resume_for. It returns how long the
// oldest of the rest has left, 0 when there is none.
func (s *store) expire(now time.Time, limits *messages.Limits) time.Duration {
	for len(s.entries) > 0 {
		if left := s.entries[0].at.Add(limits.ResumeFor).Sub(now); left > 0 {
			return left
		}
		s.drop()
	}
	return 0
}

// answers tells whether anything is kept of a request's stream that has no
// connection.
func (s *store) answers() bool {
	return slices.ContainsFunc(s.entries, func(e entry) bool { return e.number > 0 && e.log.request && e.log.open == 0 })
}

func (s *store) drop() {
	e := s.entries[0]
	s.entries[0] = entry{} // the array is used on
	s.entries = s.entries[1:]
	s.bytes -= len(e.message)
	if e.number > 0 {
		e.log.dropped = e.number
		return
	}
	if e.log.ends--; e.log.ends == 0 && e.log.open == 0 {
		delete(s.logs, e.log.id)
	}
}

// after returns the events of a stream behind a number; ok is false when some
// of them are gone.
func (s *store) after(l *log, number uint64) (events []messages.KeptEvent, ok bool) {
	if number < l.dropped {
		return nil, false
	}
	if number == l.last {
		return nil, true
	}
	for _, e := range s.entries {
		if e.log == l && e.number > number {
			events = append(events, messages.KeptEvent{ID: messages.EventID{Stream: l.id, Number: e.number}, Message: e.message})
		}
	}
	return events, true
}
