package toon

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// FuzzEncode: a text counts as compact exactly if it is; what is JSON comes back equal, or is refused for a reason that
// is there; what is not is refused; and Smaller keeps its word.
func FuzzEncode(f *testing.F) {
	for _, v := range vectors(f, "vectors-encode.json", 173) {
		f.Add([]byte(v.Input), v.Options.Delimiter, v.Options.IndentSize)
	}
	for seed := range 20 {
		in, _ := value(uint64(seed), true)
		f.Add(in, "|", 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, delimiter string, indent int) {
		o := EncodeOptions{IndentSize: indent & 7}
		if delimiter != "" {
			o.Delimiter = []Delimiter{Comma, Tab, Pipe}[delimiter[0]%3]
		}
		d := document{text: in}
		if got, want := d.index(DefaultDepth), isCompact(in); got != want {
			t.Fatalf("compact JSON: %v, want %v", got, want)
		}
		if text, ok := Smaller(in, 1); ok {
			if back, err := Decode(text, DecodeOptions{}); err != nil || len(text) >= len(in) || different(parsed(t, in), parsed(t, back)) != "" {
				t.Fatalf("%q stands for %q (%v)", text, back, err)
			}
		}
		text, err := Encode(in, o)
		was, wrong := parseTree(in)
		switch {
		case err == nil && wrong != nil:
			t.Fatalf("no JSON (%v) and became %q", wrong, text)
		case errors.Is(err, ErrDuplicateKey) && hasKeyTwice(was):
			return
		case errors.Is(err, ErrSurrogate) && hasReplacement(was):
			return
		case err != nil && (wrong != nil || !utf8.Valid(in) || levels(was) > DefaultDepth):
			return
		case err != nil:
			t.Fatal(err)
		}
		if err := wellFormed(text); err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		back, err := Decode(text, DecodeOptions{IndentSize: o.IndentSize})
		if err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		if d := different(was, parsed(t, back)); d != "" {
			t.Fatalf("%s\n%q\n%s", d, text, back)
		}
	})
}

// FuzzDecode: nothing makes the decoder panic, what it reads is JSON, and that
// written and read again is the same.
func FuzzDecode(f *testing.F) {
	for _, v := range vectors(f, "vectors-decode.json", 343) {
		o := v.decodeOptions()
		f.Add([]byte(text(f, v.Input)), o.Lenient, o.IndentSize)
	}
	for seed := range 20 {
		in, _ := value(uint64(seed), false)
		out, err := Encode(in, EncodeOptions{Delimiter: Pipe, IndentSize: 1})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(out, seed%2 == 0, 1)
	}
	f.Fuzz(func(t *testing.T, in []byte, lenient bool, indent int) {
		o := DecodeOptions{Lenient: lenient, IndentSize: indent & 7, MaxBytes: 1 << 20}
		first, err := Decode(in, o)
		var at *SyntaxError
		switch {
		case errors.As(err, &at):
			if at.Line < 1 {
				t.Fatalf("%v has no line", err)
			}
			return
		case errors.Is(err, ErrTooLarge):
			return
		case err != nil:
			t.Fatal(err)
		}
		if !json.Valid(first) || !utf8.Valid(first) || hasKeyTwice(parsed(t, first)) {
			t.Fatalf("%q was read as %q", in, first)
		}
		text, err := Encode(first, EncodeOptions{})
		if err != nil {
			t.Fatalf("%v\n%q\n%s", err, in, first)
		}
		second, err := Decode(text, DecodeOptions{})
		if err != nil {
			t.Fatalf("%v\n%q", err, text)
		}
		if d := different(parsed(t, first), parsed(t, second)); d != "" {
			t.Fatalf("%s\n%s\n%q\n%s", d, first, text, second)
		}
	})
}

// isCompact is document.index as one would write it with encoding/json.
func isCompact(in []byte) bool {
	var compact bytes.Buffer
	tr, err := parseTree(in)
	return err == nil && utf8.Valid(in) && levels(tr) <= DefaultDepth && json.Compact(&compact, in) == nil && bytes.Equal(compact.Bytes(), in)
}

func hasKeyTwice(tr tree) bool {
	seen := map[string]bool{}
	for i, it := range tr.items {
		if tr.kind == '{' && seen[tr.keys[i]] || hasKeyTwice(it) {
			return true
		}
		if tr.kind == '{' {
			seen[tr.keys[i]] = true
		}
	}
	return false
}

// hasReplacement tells whether U+FFFD is in a value: encoding/json reads half a
// surrogate pair as that.
func hasReplacement(tr tree) bool {
	for _, s := range append(tr.keys, tr.scalar) {
		for _, r := range s {
			if r == utf8.RuneError {
				return true
			}
		}
	}
	for _, it := range tr.items {
		if hasReplacement(it) {
			return true
		}
	}
	return false
}
