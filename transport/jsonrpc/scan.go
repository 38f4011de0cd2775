package jsonrpc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// errDepth marks JSON that is nested too deep.
var errDepth = errors.New("nested too deep")

// syntaxError says what is wrong with a JSON text and at which byte, from 0.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.at, e.what) }

// nest remembers for each open container whether it is an object, one bit
// each. Up to inlineNest levels cost no allocation.
type nest struct {
	inline [inlineNest / 64]uint64
	spill  []uint64
}

const inlineNest = 512

func (n *nest) set(level int, object bool) {
	words, i := n.inline[:], level/64
	if level >= inlineNest {
		i -= len(n.inline)
		if i == len(n.spill) {
			n.spill = append(n.spill, 0)
		}
		words = n.spill
	}
	if object {
		words[i] |= 1 << (level % 64)
	} else {
		words[i] &^= 1 << (level % 64)
	}
}

func (n *nest) object(level int) bool {
	words, i := n.inline[:], level/64
	if level >= inlineNest {
		words, i = n.spill, i-len(n.inline)
	}
	return words[i]&(1<<(level%64)) != 0
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func skipSpace(b []byte, i int) int {
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	return i
}

// scanValue checks the JSON value that starts at b[i], nested at most depth
// deep, and returns the index after it. It keeps its own stack, so the depth
// of the input costs no stack of ours. If w is not nil, it is told what of the
// value can go.
func scanValue(b []byte, i, depth int, w *compact) (int, error) {
	var open nest
	level := 0 // open containers
	for {
		// A value is expected at i.
		if i >= len(b) {
			return i, unexpectedEnd(b)
		}
		switch c := b[i]; c {
		case '{', '[':
			if level >= depth {
				return i, tooDeep(i, depth)
			}
			open.set(level, c == '{')
			level++
			i = w.space(b, i+1)
			if i >= len(b) {
				return i, unexpectedEnd(b)
			}
			if b[i] == c+2 { // '}' and ']' follow their opening by two
				i++
				level--
				break
			}
			if c == '{' {
				var err error
				if i, err = scanKey(b, i, w); err != nil {
					return i, err
				}
			}
			continue
		default:
			end, err := ScanScalar(b, i)
			if err != nil {
				return end, err
			}
			if c == '"' {
				w.string(b, i, end)
			}
			i = end
		}
		// A value has ended at i.
		for {
			if level == 0 {
				return i, nil
			}
			i = w.space(b, i)
			if i >= len(b) {
				return i, unexpectedEnd(b)
			}
			object := open.object(level - 1)
			c := b[i]
			if c == ',' {
				i = w.space(b, i+1)
				if object {
					var err error
					if i, err = scanKey(b, i, w); err != nil {
						return i, err
					}
				}
				break
			}
			if object && c != '}' || !object && c != ']' {
				if object {
					return i, unexpected(b, i, afterMember)
				}
				return i, unexpected(b, i, afterElement)
			}
			i++
			level--
		}
	}
}

const (
	afterMember  = "',' or '}' after a member"
	afterElement = "',' or ']' after an element"
)

// scanKey checks a member's key and colon and returns the index of its value.
func scanKey(b []byte, i int, w *compact) (int, error) {
	if i >= len(b) {
		return i, unexpectedEnd(b)
	}
	if b[i] != '"' {
		return i, unexpected(b, i, "a key in quotes")
	}
	end, err := scanString(b, i)
	if err != nil {
		return end, err
	}
	w.string(b, i, end)
	return scanColon(b, end, w)
}

// scanColon checks the colon after a key and returns the index of the value.
func scanColon(b []byte, i int, w *compact) (int, error) {
	i = w.space(b, i)
	if i >= len(b) {
		return i, unexpectedEnd(b)
	}
	if b[i] != ':' {
		return i, unexpected(b, i, "':' after a key")
	}
	return w.space(b, i+1), nil
}

// ScanScalar checks the string, number, boolean or null that starts at b[i] and
// returns the index after it. The error says what is wrong and at which byte.
func ScanScalar(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, unexpectedEnd(b)
	}
	switch c := b[i]; {
	case c == '"':
		return scanString(b, i)
	case c == '-' || isDigit(c):
		return scanNumber(b, i)
	case c == 't':
		return scanWord(b, i, "true")
	case c == 'f':
		return scanWord(b, i, "false")
	case c == 'n':
		return scanWord(b, i, "null")
	}
	return i, unexpected(b, i, "a value")
}

func scanWord(b []byte, i int, word string) (int, error) {
	for k := range len(word) {
		if i+k >= len(b) {
			return len(b), unexpectedEnd(b)
		}
		if b[i+k] != word[k] {
			return i + k, unexpected(b, i+k, word)
		}
	}
	return i + len(word), nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func scanDigits(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, unexpectedEnd(b)
	}
	if !isDigit(b[i]) {
		return i, unexpected(b, i, "a digit")
	}
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i, nil
}

func scanNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	var err error
	if i < len(b) && b[i] == '0' {
		i++ // nothing may follow a leading zero but a fraction or an exponent
	} else if i, err = scanDigits(b, i); err != nil {
		return i, err
	}
	if i < len(b) && b[i] == '.' {
		if i, err = scanDigits(b, i+1); err != nil {
			return i, err
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if i, err = scanDigits(b, i); err != nil {
			return i, err
		}
	}
	return i, nil
}

// skipPlain returns an index up to which from b[i] on all is, for sure, ASCII
// that stands for itself in a string. It looks at eight bytes at a time, and
// faster where it goes on and on.
func skipPlain(b []byte, i int) int {
	stretch := longString
	for long := i + longString; i+8 <= len(b); {
		if i >= long {
			stretch = min(4*stretch, maxStretch)
			i = skipLong(b, i, stretch)
			long = i + longString
			continue
		}
		w := binary.LittleEndian.Uint64(b[i:])
		quote := w ^ ones*'"'
		slash := w ^ ones*'\\'
		// The lowest set high bit marks the first byte that is a quote, a
		// backslash, below 0x20 or above 0x7f; borrows only reach bytes above it.
		special := ((quote - ones) &^ quote) | ((slash - ones) &^ slash) | ((w - ones*0x20) &^ w) | w
		if special &= highs; special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		i += 8
	}
	return i
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
	shown = ones * (0x80 - 0x20)

	longString = 64      // bytes from which on skipLong is worth its while
	maxStretch = 4 << 10 // bytes that it looks at
)

// skipLong is skipPlain for one stretch: what the processor finds by itself,
// quotes and backslashes, it leaves to that. Stretches grow as long as all is
// plain, so that what is special now and then does not have them looked at again
// and again.
func skipLong(b []byte, i, stretch int) int {
	s := b[i:min(i+stretch, len(b))]
	if n := bytes.IndexByte(s, '"'); n >= 0 {
		s = s[:n]
	}
	if n := bytes.IndexByte(s, '\\'); n >= 0 {
		s = s[:n]
	}
	for len(s) >= 32 {
		a, b := binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])
		c, d := binary.LittleEndian.Uint64(s[16:]), binary.LittleEndian.Uint64(s[24:])
		// Of ASCII, what is not below 0x20 gets its highest bit when 0x60 is added.
		if (a+shown)&(b+shown)&(c+shown)&(d+shown)&^(a|b|c|d)&highs != highs {
			break
		}
		s, i = s[32:], i+32
	}
	return i
}

// scanString checks the string that starts with the quote at b[i].
func scanString(b []byte, i int) (int, error) {
	i++
	for {
		i = skipPlain(b, i)
		if i >= len(b) {
			return i, unexpectedEnd(b)
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			var err error
			if i, err = scanEscape(b, i); err != nil {
				return i, err
			}
		case c < 0x20:
			return i, &syntaxError{i, fmt.Sprintf("control character 0x%02x inside a string", c)}
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && size == 1 {
				return i, &syntaxError{i, "a string is not valid UTF-8"}
			}
			i += size
		}
	}
}

func scanEscape(b []byte, i int) (int, error) {
	i++
	if i >= len(b) {
		return i, unexpectedEnd(b)
	}
	switch b[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1, nil
	case 'u':
		for k := 1; k <= 4; k++ {
			if i+k >= len(b) {
				return len(b), unexpectedEnd(b)
			}
			if hexDigit(b[i+k]) < 0 {
				return i + k, unexpected(b, i+k, `four hexadecimal digits after \u`)
			}
		}
		return i + 5, nil
	}
	return i, unexpected(b, i, "an escape")
}

func hexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

func tooDeep(i, depth int) error {
	return fmt.Errorf("at byte %d: %w (at most %d levels)", i, errDepth, depth)
}

func unexpectedEnd(b []byte) error {
	return &syntaxError{len(b), "unexpected end of JSON"}
}

func unexpected(b []byte, i int, want string) error {
	return &syntaxError{i, fmt.Sprintf("unexpected %q, want %s", b[i:i+1], want)}
}
