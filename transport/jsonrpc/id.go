package jsonrpc

import (
	"errors"
	"strconv"
)

// ID is a request id as the JSON text that came: a string or an integer of any
// size. It is comparable; the zero value is the absence of an id.
type ID struct{ raw string }

// IntID returns the id n.
func IntID(n int64) ID { return ID{strconv.FormatInt(n, 10)} }

// StringID returns the id s.
func StringID(s string) ID { return ID{string(Quote(s))} }

var errID = errors.New("an id must be a string or an integer")

// ParseID accepts a JSON string or an integer, nothing else: not null, not a
// fraction, not 1.0 and no exponent.
func ParseID(raw []byte) (ID, error) {
	i := skipSpace(raw, 0)
	if i >= len(raw) {
		return ID{}, errID
	}
	var end int
	var err error
	switch c := raw[i]; {
	case c == '"':
		end, err = scanString(raw, i)
	case c == '-' || isDigit(c):
		end, err = scanNumber(raw, i)
		for _, c := range raw[i:end] {
			if c != '-' && !isDigit(c) {
				return ID{}, errID
			}
		}
	default:
		return ID{}, errID
	}
	if err != nil || skipSpace(raw, end) != len(raw) {
		return ID{}, errID
	}
	return ID{string(raw[i:end])}, nil
}

// IsZero tells whether there is no id.
func (id ID) IsZero() bool { return id.raw == "" }

// String returns the JSON text of the id.
func (id ID) String() string { return id.raw }
