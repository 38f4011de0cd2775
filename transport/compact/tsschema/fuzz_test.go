package tsschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func FuzzCompress(f *testing.F) {
	for _, s := range servers {
		for _, tool := range recorded(f, s.name) {
			f.Add([]byte(tool.InputSchema), uint16(0))
		}
	}
	g := newGenerator(7)
	for range 50 {
		f.Add([]byte(g.root()), uint16(g.IntN(1000)))
	}
	f.Fuzz(func(t *testing.T, schema []byte, limit uint16) { sound(t, schema, int(limit)) })
}

// FuzzGenerated begins where mutations of a text hardly come: with schemas.
func FuzzGenerated(f *testing.F) {
	for seed := range uint64(50) {
		f.Add(seed, uint16(seed*20))
	}
	f.Fuzz(func(t *testing.T, seed uint64, limit uint16) {
		g := newGenerator(seed)
		sound(t, []byte(g.root()), int(limit))
		sound(t, []byte(g.knot()), int(limit))
	})
}

// sound checks what holds for every text.
func sound(t *testing.T, schema []byte, limit int) {
	opts := Options{MaxBytes: limit}
	text, err := Compress(schema, opts)
	declared, err2 := Declaration("Input", schema, opts)
	if (err == nil) != (err2 == nil) {
		t.Fatalf("errors %v and %v", err, err2)
	}
	if err != nil {
		if text != "" || declared != "" {
			t.Fatalf("%v, and yet %q, %q", err, text, declared)
		}
		return
	}
	most := DefaultMaxBytes
	if limit > 0 {
		most = max(limit, leastBytes)
	}
	if len(text) > most || len(declared) > most+len("type Input = ;") {
		t.Fatalf("%d and %d bytes, at most %d", len(text), len(declared), most)
	}
	for _, s := range []string{text, declared} {
		if what := malformed(s); what != "" {
			t.Fatalf("%s in %q", what, s)
		}
	}
	if again, err := Compress(schema, opts); err != nil || again != text {
		t.Fatalf("%q, then %q (%v)", text, again, err)
	}
	var spaced bytes.Buffer
	if json.Indent(&spaced, schema, "", " ") == nil && spaced.Len() <= MaxSchemaBytes {
		if again, err := Compress(spaced.Bytes(), opts); err != nil || again != text {
			t.Fatalf("%q, and with white space %q (%v)", text, again, err)
		}
	}
}

// malformed says what in a text is nothing that this package writes outside of
// strings and comments, or which bracket has no partner.
func malformed(text string) string {
	var open []byte
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.HasPrefix(text[i:], "/*"):
			end := strings.Index(text[i+2:], "*/")
			if end < 0 || strings.ContainsAny(text[i:i+2+end], "\n\r\u2028\u2029") {
				return fmt.Sprintf("a comment at %d without end", i)
			}
			i += end + 3
		case c == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
				if i < len(text) && text[i] < ' ' {
					return fmt.Sprintf("a control character at %d", i)
				}
			}
			if i >= len(text) {
				return "a string without end"
			}
		case strings.IndexByte("{[(<", c) >= 0:
			open = append(open, c)
		case strings.IndexByte("}])>", c) >= 0:
			if len(open) == 0 || strings.IndexByte("{[(<", open[len(open)-1]) != strings.IndexByte("}])>", c) {
				return fmt.Sprintf("a bracket at %d without partner", i)
			}
			open = open[:len(open)-1]
		case !isWordStart(c) && (c < '0' || c > '9') && strings.IndexByte(" :;?|&.,=+-", c) < 0:
			return fmt.Sprintf("%q at %d", c, i)
		}
	}
	if len(open) > 0 {
		return fmt.Sprintf("%d brackets without partner", len(open))
	}
	return ""
}
