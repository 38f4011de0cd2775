package jsonrpc

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf16"
	"unicode/utf8"
)

// Elements iterates over the elements of a valid JSON array in their order;
// nothing for any other value. They alias arr.
func Elements(arr json.RawMessage) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		i := skipSpace(arr, 0)
		if i >= len(arr) || arr[i] != '[' {
			return
		}
		for i = skipSpace(arr, i+1); i < len(arr) && arr[i] != ']'; {
			end := skipValue(arr, i)
			if end <= i || !yield(arr[i:end:end]) {
				return
			}
			if i = skipSpace(arr, end); i < len(arr) && arr[i] == ',' {
				i = skipSpace(arr, i+1)
			}
		}
	}
}

// AppendCompact appends the one JSON value in src, without white space around
// its tokens and with every \u escape (and \/) resolved that JSON does not
// need: servers in Python and Go escape what others write out. Numbers and the
// order of members stay as they are. On text that is not JSON, or is nested
// deeper than depth, it returns dst as it was and an error.
func AppendCompact(dst, src []byte, depth int) ([]byte, error) {
	start := skipSpace(src, 0)
	w := compact{dst: dst, done: start, escapes: bytes.IndexByte(src, '\\') >= 0}
	end, err := scanValue(src, start, depth, &w)
	if err == nil {
		err = atEnd(src, end)
	}
	if err != nil {
		return dst, err
	}
	return append(w.dst, src[w.done:end]...), nil
}

// compact is what AppendCompact has written while scanValue went on. A nil one
// writes nothing.
type compact struct {
	dst     []byte
	done    int  // of the source, in dst or left out
	escapes bool // there may be some
}

// space returns the index after the white space at b[i], which is left out. It
// is inlined, which drop must not be for that: mostly there is none.
func (w *compact) space(b []byte, i int) int {
	if i < len(b) && b[i] <= ' ' {
		i = w.drop(b, i)
	}
	return i
}

//go:noinline
func (w *compact) drop(b []byte, i int) int {
	after := skipSpace(b, i)
	if w != nil && after > i {
		w.dst = append(w.dst, b[w.done:i]...)
		w.done = after
	}
	return after
}

// string notes the string b[i:end].
func (w *compact) string(b []byte, i, end int) {
	if w != nil && w.escapes {
		w.unescape(b, i, end)
	}
}

func (w *compact) unescape(b []byte, i, end int) {
	if bytes.IndexByte(b[i:end], '\\') >= 0 {
		w.dst = appendUnescaped(append(w.dst, b[w.done:i]...), b[i:end])
		w.done = end
	}
}

// appendUnescaped appends a JSON string, quotes included, that needs no escape
// but for control characters, quotes, backslashes and halves of characters.
func appendUnescaped(dst, raw []byte) []byte {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		raw = raw[i:]
		n := 2 // bytes of this escape
		switch raw[1] {
		case '/':
			dst = append(dst, '/')
		case 'u':
			n = 6
			r := Hex4(raw[2:])
			if utf16.IsSurrogate(r) && len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
				if pair := utf16.DecodeRune(r, Hex4(raw[8:])); pair != utf8.RuneError {
					r, n = pair, 12
				}
			}
			if r < 0x20 || r == '"' || r == '\\' || r == 0x7f || utf16.IsSurrogate(r) {
				dst = append(dst, raw[:n]...)
			} else {
				dst = utf8.AppendRune(dst, r)
			}
		default:
			dst = append(dst, raw[:2]...)
		}
		raw = raw[n:]
	}
}

// AppendQuote appends s as a JSON string, as Quote writes it.
func AppendQuote(dst []byte, s string) []byte { return appendQuoted(dst, s) }
