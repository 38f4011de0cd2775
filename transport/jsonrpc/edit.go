package jsonrpc

import (
	"bytes"
	"encoding/json"
	"iter"
)

// member is where one member of an object stands in its bytes.
type member struct {
	key, keyEnd int // the key with its quotes
	val, valEnd int
	comma       int // the comma after it, -1 for the last member
}

// members walks over an object. It trusts its input to be valid JSON; on
// anything else it ends early, but stays within the bytes.
type members struct {
	b   []byte
	at  int // the key of the next member; -1 when there is none
	end int // where the next member would be added; -1 when b is no object
}

func walk(b []byte) members {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return members{at: -1, end: -1}
	}
	w := members{b: b, at: skipSpace(b, i+1), end: i + 1}
	if w.at >= len(b) || b[w.at] != '"' {
		w.at = -1
	}
	return w
}

func (w *members) next() (member, bool) {
	if w.at < 0 {
		return member{}, false
	}
	b := w.b
	m := member{key: w.at, comma: -1}
	w.at = -1
	if m.keyEnd = skipString(b, m.key); m.keyEnd < 0 {
		return member{}, false
	}
	i := skipSpace(b, m.keyEnd)
	if i >= len(b) || b[i] != ':' {
		return member{}, false
	}
	m.val = skipSpace(b, i+1)
	m.valEnd = skipValue(b, m.val)
	if m.valEnd <= m.val {
		return member{}, false
	}
	w.end = m.valEnd
	if i = skipSpace(b, m.valEnd); i < len(b) && b[i] == ',' {
		m.comma = i
		if i = skipSpace(b, i+1); i < len(b) && b[i] == '"' {
			w.at = i
		}
	}
	return m, true
}

// skipString returns the index after the string at b[i], -1 if it does not end.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		n := bytes.IndexByte(b[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		slashes := 0
		for b[i-1-slashes] == '\\' { // ends at the opening quote at the latest
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
	return -1
}

// skipValue returns the index after the value at b[i], -1 if it does not end.
func skipValue(b []byte, i int) int {
	level := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			level++
			i++
			continue
		case '}', ']':
			if level == 0 {
				return -1
			}
			level--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
			continue
		default:
			for i < len(b) && !isSpace(b[i]) && b[i] != ',' && b[i] != '}' && b[i] != ']' {
				i++
			}
		}
		if level == 0 {
			return i
		}
	}
	return -1
}

// Members iterates over the members of a valid JSON object in their order;
// nothing for any other value. Keys are decoded, values alias obj.
func Members(obj json.RawMessage) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		w := walk(obj)
		for m, ok := w.next(); ok; m, ok = w.next() {
			if !yield(Unquote(obj[m.key:m.keyEnd]), obj[m.val:m.valEnd:m.valEnd]) {
				return
			}
		}
	}
}

// RawMembers is Members with each key as it is written, quotes included.
func RawMembers(obj json.RawMessage) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		w := walk(obj)
		for m, ok := w.next(); ok; m, ok = w.next() {
			if !yield(obj[m.key:m.keyEnd:m.keyEnd], obj[m.val:m.valEnd:m.valEnd]) {
				return
			}
		}
	}
}

// find returns the first member of that key.
func find(obj []byte, key string) (member, bool) {
	w := walk(obj)
	for m, ok := w.next(); ok; m, ok = w.next() {
		if StringIs(obj[m.key:m.keyEnd], key) {
			return m, true
		}
	}
	return member{}, false
}

// Get returns the raw value at the path of object keys (the first of equal keys).
func Get(obj json.RawMessage, path ...string) (json.RawMessage, bool) {
	for _, key := range path {
		m, ok := find(obj, key)
		if !ok {
			return nil, false
		}
		obj = obj[m.val:m.valEnd:m.valEnd]
	}
	return obj, len(obj) > 0
}

// GetString returns the string at the path; false when there is none or it is no string.
func GetString(obj json.RawMessage, path ...string) (string, bool) {
	raw, ok := Get(obj, path...)
	if !ok {
		return "", false
	}
	raw = bytes.TrimSpace(raw)
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return "", false
	}
	return Unquote(raw), true
}

// Set returns obj with the value at path replaced, or added at the end of its
// object (missing objects on the way are made, and what stands there instead of
// an object is replaced). Every other byte stays as it is, but for members of
// the same key as one on the path that stand later in its object: they are
// removed, since readers disagree on which of them counts. obj nil or empty
// counts as {}; an obj that is no object is returned as it is. obj is not modified.
func Set(obj json.RawMessage, value json.RawMessage, path ...string) json.RawMessage {
	if len(path) == 0 {
		return value
	}
	if len(bytes.TrimSpace(obj)) == 0 {
		obj = json.RawMessage("{}")
	}
	w := walk(obj)
	if w.end < 0 {
		return obj
	}
	var first member
	found := false
	for m, ok := w.next(); ok; m, ok = w.next() {
		if !StringIs(obj[m.key:m.keyEnd], path[0]) {
			continue
		}
		if found {
			return Set(cut(obj, 1, path[0]), value, path...)
		}
		first, found = m, true
	}
	if found {
		old := obj[first.val:first.valEnd]
		if len(path) > 1 && old[0] != '{' {
			old = nil
		}
		return splice(obj, first.val, first.valEnd, Set(old, value, path[1:]...))
	}
	value = Set(nil, value, path[1:]...)
	out := make([]byte, 0, len(obj)+len(path[0])+len(value)+len(`,"":`)) // more where the key has escapes
	out = append(out, obj[:w.end]...)
	if obj[w.end-1] != '{' { // no value ends with it: the object has members
		out = append(out, ',')
	}
	out = append(append(appendQuoted(out, path[0]), ':'), value...)
	return append(out, obj[w.end:]...)
}

// Delete returns obj without the member at path; every other byte stays, white
// space included. Of equal keys on the way the first counts, at the end of the
// path all are removed. obj is not modified.
func Delete(obj json.RawMessage, path ...string) json.RawMessage {
	if len(path) == 0 {
		return obj
	}
	if len(path) == 1 {
		return cut(obj, 0, path[0])
	}
	m, ok := find(obj, path[0])
	if !ok {
		return obj
	}
	old := obj[m.val:m.valEnd]
	changed := Delete(old, path[1:]...)
	if len(changed) == len(old) {
		return obj
	}
	return splice(obj, m.val, m.valEnd, changed)
}

// Without returns obj without the members of these keys; every other byte stays,
// white space included. obj is not modified.
func Without(obj json.RawMessage, keys ...string) json.RawMessage { return cut(obj, 0, keys...) }

// Pick finds the raw values of several keys in one pass: of equal keys the
// first, nil for one that is not there. values has a place for each key.
func Pick(obj json.RawMessage, keys []string, values []json.RawMessage) {
	clear(values)
	left := len(keys)
	w := walk(obj)
	for m, ok := w.next(); ok && left > 0; m, ok = w.next() {
		if i := OneOf(obj[m.key:m.keyEnd], keys); i >= 0 && values[i] == nil {
			values[i] = obj[m.val:m.valEnd:m.valEnd]
			left--
		}
	}
}

// OneOf returns which of the keys a key with its quotes is, -1 for none.
func OneOf(key []byte, keys []string) int {
	if body := key[1 : len(key)-1]; bytes.IndexByte(body, '\\') < 0 {
		for i, k := range keys {
			if string(body) == k {
				return i
			}
		}
		return -1
	}
	for i, k := range keys {
		if StringIs(key, k) {
			return i
		}
	}
	return -1
}

// cut removes all members of these keys but the first keep ones, each with one comma.
func cut(obj json.RawMessage, keep int, keys ...string) json.RawMessage {
	found := false
	w := walk(obj)
	for m, ok := w.next(); ok && !found; m, ok = w.next() {
		found = OneOf(obj[m.key:m.keyEnd], keys) >= 0
	}
	if !found {
		return obj
	}
	out := make([]byte, 0, len(obj))
	done := 0   // obj[:done] is in out, as far as it stays
	comma := -1 // in out: the comma after the last member that stays
	w = walk(obj)
	for m, ok := w.next(); ok; m, ok = w.next() {
		if match := OneOf(obj[m.key:m.keyEnd], keys) >= 0; !match || keep > 0 {
			if match {
				keep--
			}
			if m.comma >= 0 {
				out = append(out, obj[done:m.comma]...)
				comma, done = len(out), m.comma
			}
			continue
		}
		out = append(out, obj[done:m.key]...)
		done = m.valEnd
		if m.comma >= 0 {
			out = append(out, obj[done:m.comma]...)
			done = m.comma + 1
		} else if comma >= 0 {
			out = append(out[:comma], out[comma+1:]...)
		}
	}
	return append(out, obj[done:]...)
}

// splice returns a copy of b with b[from:to] replaced.
func splice(b []byte, from, to int, with []byte) []byte {
	out := make([]byte, 0, len(b)-(to-from)+len(with))
	out = append(out, b[:from]...)
	out = append(out, with...)
	return append(out, b[to:]...)
}
