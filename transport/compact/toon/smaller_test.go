package toon

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestSmaller_KeepsTheThresholds(t *testing.T) {
	long := strings.Repeat("a", 40)
	for _, c := range []struct {
		name, in string
		least    int
		want     bool
	}{
		{"string", `"` + long + `"`, 1, false},
		{"number", `1.50000000000000`, 1, false},
		{"null", `null`, 1, false},
		{"empty object", `{}`, 1, false},
		{"empty list", `[]`, 1, false},
		{"object with as many keys", `{"a":1,"b":"x"}`, 2, true},
		{"object with fewer keys", `{"a":1,"b":"x"}`, 3, false},
		{"objects with equal keys, as many", `[{"a":1,"b":2},{"b":3,"a":4}]`, 2, true},
		{"objects with equal keys, fewer", `[{"a":1,"b":2},{"b":3,"a":4}]`, 3, false},
		{"objects with equal keys and lists in them", `[{"a":["a","b","c","d","e","f","g","h"],"b":"text"},{"b":"text","a":[]}]`, 2, true},
		{"objects with equal keys, and one without", `[{"aa":[1,2],"bb":"text"},{"bb":"text","cc":[]}]`, 2, false},
		{"objects with equal keys, and one has more", `[{"aa":1,"bb":"text"},{"bb":"text","aa":1,"cc":2}]`, 2, false},
		{"a first object without keys", `[{},{"aaaa":"text","bbbb":"text"}]`, 2, false},
		{"a list instead of an object", `[{"a":1,"b":"text"},["text","text","text"]]`, 2, false},
		{"any other list, twice as many", `["some","more","text","here"]`, 2, true},
		{"any other list, one short of it", `["some","more","text"]`, 2, false},
		{"mixed list, twice as many", `["some text",{"a":["a","b","c","d","e","f","g","h"],"b":"text"},null,{"a":"text","b":"more"}]`, 2, true},
		{"no threshold", `["some","text"]`, 0, true},
	} {
		text, ok := Smaller(json.RawMessage(c.in), c.least)
		if ok != c.want {
			t.Errorf("%s: %v with %d at least, want %v: %s", c.name, ok, c.least, c.want, text)
		}
		if ok && len(text) >= len(c.in) {
			t.Errorf("%s: %q is not smaller than %s", c.name, text, c.in)
		}
	}
}

func TestSmaller_IsNotOkForWhatIsNoGain(t *testing.T) {
	deep := strings.Repeat(`{"aaaa":`, 100) + `"text"` + strings.Repeat("}", 100)
	for name, in := range map[string]string{
		"larger":                deep,
		"larger for its quotes": `["-a","-b"]`,
		"half a surrogate":      `{"aaaa":"text","bbbb":"text\ud800"}`,
		"a key twice":           `{"aaaa":"text","aaaa":"text"}`,
		"a key twice in rows":   `[{"aaaa":"text","aaaa":"text"},{"aaaa":"text","aaaa":"text"}]`,
		"no JSON":               `{"aaaa":"text","bbbb":text}`,
		"nothing":               ``,
		"too deep":              strings.Repeat("[", DefaultDepth+1) + strings.Repeat("]", DefaultDepth+1),
		"not UTF-8":             "{\"aaaa\":\"text\xff\"}",
	} {
		if text, ok := Smaller(json.RawMessage(in), 1); ok || text != nil {
			t.Errorf("%s: ok with %q", name, text)
		}
	}
}

// The comparison is with what would be sent otherwise, not with what came.
func TestSmaller_ComparesWithCompactJSON(t *testing.T) {
	in := "[\n    1,\n    2,\n    3\n]" // [3]: 1,2,3 has 10 bytes, [1,2,3] has 7
	if text, ok := Smaller(json.RawMessage(in), 1); ok {
		t.Errorf("%q is smaller only than the JSON with its white space", text)
	}
	in = `["\u0061\u0062",1,1,1]` // [4]: ab,1,1,1 has 13 bytes, ["ab",1,1,1] has 12
	if text, ok := Smaller(json.RawMessage(in), 1); ok {
		t.Errorf("%q is smaller only than the JSON with its escapes", text)
	}
}

func TestSmaller_ADrawGoesToJSON(t *testing.T) {
	// Each string without quotes saves two bytes; this header costs four more than the brackets.
	draw, win := `["a","b",1,1,1,1,1,1,1,1]`, `["a","b","c",1,1,1,1,1,1,1]`
	if text, ok := Smaller(json.RawMessage(draw), 1); ok {
		t.Errorf("%q is as long as %s", text, draw)
	}
	if text, ok := Smaller(json.RawMessage(win), 1); !ok || string(text) != "[10]: a,b,c,1,1,1,1,1,1,1" {
		t.Errorf("%q, %v", text, ok)
	}
}

func TestSmaller_UniformRowsShrinkByMoreThanAThird(t *testing.T) {
	rows := uniformRows(1 << 16)
	text, ok := Smaller(rows, 1)
	if !ok || len(text)*3 > len(rows)*2 {
		t.Errorf("%d bytes of JSON, %d of TOON, %v", len(rows), len(text), ok)
	}
}

func TestEncode_StopsAtItsLimits(t *testing.T) {
	in := json.RawMessage(`{"a":{"b":[1,{"c":2}]}}`)
	want, err := Encode(in, EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Encode(in, EncodeOptions{MaxBytes: len(want)}); err != nil {
		t.Errorf("as long as it may be: %v", err)
	}
	if _, err := Encode(in, EncodeOptions{MaxBytes: len(want) - 1}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("longer than it may be: %v", err)
	}
	if _, err := Encode(in, EncodeOptions{MaxDepth: 4}); err != nil {
		t.Errorf("as deep as it may be: %v", err)
	}
	if _, err := Encode(in, EncodeOptions{MaxDepth: 3}); err == nil || !strings.Contains(err.Error(), "deep") {
		t.Errorf("deeper than it may be: %v", err)
	}
}

func TestOptions_ThatMakeNoSenseAreRefused(t *testing.T) {
	for _, o := range []EncodeOptions{{Delimiter: ';'}, {IndentSize: -1}, {MaxDepth: -1}, {MaxBytes: -1}} {
		if out, err := Encode(json.RawMessage(`[1]`), o); err == nil || !strings.Contains(err.Error(), "TOON option") {
			t.Errorf("%+v: %q, %v", o, out, err)
		}
	}
	for _, o := range []DecodeOptions{{IndentSize: -1}, {MaxDepth: -1}, {MaxBytes: -1}} {
		if out, err := Decode([]byte("a"), o); err == nil || !strings.Contains(err.Error(), "TOON option") {
			t.Errorf("%+v: %q, %v", o, out, err)
		}
	}
}

// uniformRows is a list of objects with the same keys, about so many bytes of JSON.
func uniformRows(size int) json.RawMessage {
	var b strings.Builder
	b.WriteByte('[')
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"name":"user %d","email":"user%d@example.com","active":%v,"score":%d.%d,"city":"Köln","note":null}`, i, i, i, i%2 == 0, i%100, i%7+1)
	}
	b.WriteByte(']')
	return json.RawMessage(b.String())
}
