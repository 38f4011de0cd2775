package messages

import (
	"strconv"
	"strings"
)

// EventID names one event of a stream whose events are kept for a client that
// comes back (2025-11-25, transports: resumability and redelivery). On the wire
// it is "stream-number".
type EventID struct {
	Stream StreamID
	Number uint64 // its place in the stream, from 1; 0 is before the first
}

// IsZero tells whether it names nothing.
func (id EventID) IsZero() bool { return id == EventID{} }

// String returns the id as it is sent.
func (id EventID) String() string {
	return strconv.FormatUint(uint64(id.Stream), 10) + "-" + strconv.FormatUint(id.Number, 10)
}

// ParseEventID reads an id as it was sent; what was never sent is none.
func ParseEventID(text string) (id EventID, ok bool) {
	stream, number, ok := strings.Cut(text, "-")
	s, err := strconv.ParseUint(stream, 10, 64)
	n, err2 := strconv.ParseUint(number, 10, 64)
	id = EventID{Stream: StreamID(s), Number: n}
	return id, ok && err == nil && err2 == nil && s > 0 && id.String() == text
}

// KeptEvent is an event as it was sent.
type KeptEvent struct {
	ID      EventID
	Message []byte
}

// KeepEvent gives an event of a stream its id, and keeps it. To be sent before
// the event is.
//
// Sender: the door. Reply: EventKept.
type KeepEvent struct {
	Stream  StreamID
	Message []byte // the actor's from here on
}

// EventKept answers KeepEvent. The zero value says that nothing keeps it.
type EventKept struct {
	ID EventID
	// Current: whoever asked is to send it. Otherwise its client has taken the
	// stream up elsewhere, and gets the event there.
	Current bool
}

func (KeepEvent) toClient() {}
