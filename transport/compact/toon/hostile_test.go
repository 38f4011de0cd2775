package toon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestDecode_SaysWhatIsWrongAndWhere(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"no key", "a: 1\nb", "line 2: a colon is missing after a key"},
		{"two values", "a\nb", "line 1: a line without a colon, where a key is expected: only a value that stands alone has none"},
		{"indented start", "  a: 1", "line 1: the first line is indented"},
		{"odd indentation", "a:\n   b: 1", "line 2: the line is indented by 3 spaces, which is no multiple of 2"},
		{"too far", "a:\n    b: 1", "line 2: the line is indented to level 2, where level 1 is expected"},
		{"below a scalar", "a: 1\n  b: 1", "line 2: the line is indented to level 1, where level 0 is expected"},
		{"tab", "a:\n\tb: 1", "line 2: a tab in the indentation; only spaces indent"},
		{"not UTF-8", "a: 1\n# \xff", "line 2: the text is not valid UTF-8"},
		{"key twice", "a: 1\n\"\\u0061\": 2", `line 2: the key "a" stands twice in one object`},
		{"too few elements", "a[3]: 1,2", "line 1: the header declares 3, and there are 2"},
		{"too many items", "a[1]:\n  - 1\n  - 2", "line 1: the header declares 1, and there are 2"},
		{"too few rows", "a[2]{b}:\n  1", "line 1: the header declares 2, and there are 1"},
		{"too few entries", "a[2:]{b}:\n  c: 1", "line 1: the header declares 2, and there are 1"},
		{"a length beyond all", "a[99999999999999999999]:\n  - 1", "line 1: the header declares more than there can be, and there are 1"},
		{"short row", "a[1]{b,c}:\n  1", "line 2: a row has 1 cells, and the header of its table 2 names"},
		{"member among rows", "a[2]{b}:\n  1\n  c: 2", "line 3: a line in a table has a key, as if it were no row"},
		{"member among items", "a[2]:\n  - 1\n  c: 2", "line 3: a line in a list does not begin with a hyphen"},
		{"row among entries", "a[2:]{b}:\n  c: 1\n  2", "line 3: a colon is missing after a key"},
		{"blank line", "a[2]:\n  - 1\n\n\n  - 2", "line 4: a blank line inside a list or a table"},
		{"name twice", "a[1]{b,b}:\n  1,2", `line 1: the name "b" stands twice in the header of a table`},
		{"name twice in a group", "a[1]{b,c{d,d}}:\n  1,2,3", `line 1: the name "d" stands twice in the header of a table`},
		{"no name", "a[1]{b,}:\n  1,2", "line 1: a name is missing in the header of a table"},
		{"no length", "a[]: 1", `line 1: "[]: 1" is no length of a list`},
		{"brace", "a[1]{b{c}:\n  1", `line 1: ':' follows a group in the header of a table, where a brace or ',' is expected`},
		{"brace to the end", "a[1]{b,c :1", "line 1: a brace in the header of a table is not closed"},
		{"other delimiter", "a[1|]{b,c}:\n  1|2", "line 1: ',' stands between the names in the header of a table, where the delimiter is '|'"},
		{"after a group", "a[1]{b{c}d}:\n  1", "line 1: 'd' follows a group in the header of a table, where a brace or ',' is expected"},
		{"space before a group", "a[1]{b {c}}:\n  1", "line 1: a space stands between a name and its group in the header of a table"},
		{"space before the length", "a [1]: 1", "line 1: a space stands between the key and the length of a list"},
		{"after the length", "a[1]b: 1", `line 1: "b: 1" stands before the colon of a list's header`},
		{"keyed without names", "a[1:]:\n  b: 1", "line 1: a keyed table has no names in its header"},
		{"inline rows", "a[1]{b}: 1", `line 1: "1" follows the header of a table; its rows have lines of their own`},
		{"list without a key", "a: 1\n[1]: 1", "line 2: the header of a list has no key, where a member of an object is expected"},
		{"table in a list", "a[1]:\n  - [1]{b}:\n    1", "line 2: a table without a key stands in a list; only the root may be one"},
		{"after the root", "[1]: 1\na: 1", "line 2: more follows where the text should end: its root is a list or a table"},
		{"open string", `a: "b`, "line 1: a string has no closing quote"},
		{"open key", `a: 1` + "\n" + `"b: 1`, "line 2: a string has no closing quote"},
		{"open name", "a[1]{\"b:\n  1", "line 1: a line without a colon, where a key is expected: only a value that stands alone has none"},
		{"after a string", `a: "b" c`, "line 1: something follows the closing quote of a string"},
		{"escape", `a: "\x"`, `line 1: "\\x" is no escape; there are \\ \" \n \r \t and \u with four hexadecimal digits`},
		{"escape in a key", `"\/": 1`, `line 1: "\\/" is no escape; there are \\ \" \n \r \t and \u with four hexadecimal digits`},
		{"escape in a name", `a[1]{"\a"}:` + "\n  1", `line 1: "\\a" is no escape; there are \\ \" \n \r \t and \u with four hexadecimal digits`},
		{"escape in a cell", "a[1]{b}:\n" + `  "\u12"`, `line 2: \u is not followed by four hexadecimal digits`},
		{"half a pair", `a: "\ud83d\ude00"`, `line 1: \ud83d is half a surrogate pair; such characters stand as they are`},
	} {
		out, err := Decode([]byte(c.in), DecodeOptions{})
		var at *SyntaxError
		if !errors.As(err, &at) || err.Error() != c.want {
			t.Errorf("%s: %q\ngot  %s %v\nwant %s", c.name, c.in, out, err, c.want)
		}
	}
}

func TestDecode_LenientReadsOn(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"wrong counts", "a[5]: 1,2\nb[1]:\n  - 1\n  - 2\nc[0]{d}:\n  1", `{"a":[1,2],"b":[1,2],"c":[{"d":1}]}`},
		{"jumps", "a:\n      b: 1\nc[1]:\n      - 1", `{"a":{"b":1},"c":[1]}`},
		{"tabs are levels", "a:\n\tb:\n\t\tc: 1\n \td: 2", `{"a":{"b":{"c":1},"d":2}}`},
		{"a tab before a number sign", "a:\n\t# b: 1", `{"a":{"# b":1}}`},
		{"blank with a tab", "a: 1\n \t \nb: 2", `{"a":1,"b":2}`},
		{"not UTF-8", "a: \xff\xfeb", `{"a":"` + "\ufffd\ufffd" + `b"}`},
		{"keys three times, and once", "a: 1\nb: 2\na: 3\nc[1]: 4\na:\n  d: 5", `{"a":{"d":5},"b":2,"c":[4]}`},
		{"names twice in many", "a[1]{a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,a}:\n  1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20",
			`{"a":[{"a":20,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9,"j":10,"k":11,"l":12,"m":13,"n":14,"o":15,"p":16,"q":17,"r":18,"s":19}]}`},
		{"a name twice in a group", "a[1]{b{c,c},d}:\n  1,2,3", `{"a":[{"b":{"c":2},"d":3}]}`},
		{"a malformed header at the root", "[x]: 1", `{"[x]":1}`},
		{"a malformed header in a list", "a[1]:\n  - [x]: 1", `{"a":[{"[x]":1}]}`},
	} {
		out, err := Decode([]byte(c.in), DecodeOptions{Lenient: true})
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q\ngot  %s %v\nwant %s", c.name, c.in, out, err, c.want)
		}
	}
}

func TestDecode_LenientStillRefusesWhatHasNoMeaning(t *testing.T) {
	for _, in := range []string{"a\nb", `a: "b`, `a: "\x"`, "a: 1\n  b: 2", "a[1]{b,c}:\n  1", "a[1]{b,b}:\n  \"\\x\",1", "[1]: 1\na: 1", "a:\n  [1]: 1", "  a: 1"} {
		if out, err := Decode([]byte(in), DecodeOptions{Lenient: true}); err == nil {
			t.Errorf("%q became %s", in, out)
		}
	}
}

func TestDecode_ReadsWhatOnlyPeopleWrite(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"byte order mark", "\ufeffa: 1", `{"a":1}`},
		{"a mark further on is text", "a: 1\n\ufeffb: 2", `{"a":1,"` + "\ufeff" + `b":2}`},
		{"empty key", ": 1", `{"":1}`},
		{"quoted key and spaces", `"a" : 1`, `{"a":1}`},
		{"quotes in a key", `a"b:c"d: 1`, `{"a\"b:c\"d":1}`},
		{"hyphen key outside a list", "- a: 1", `{"- a":1}`},
		{"spaces after a hyphen", "a[1]:\n  -    b: 1\n    c: 2", `{"a":[{"b":1,"c":2}]}`},
		{"spaces in a header", "a[1]{ b , c{ d } }:\n  1,2", `{"a":[{"b":1,"c":{"d":2}}]}`},
		{"a lone bracket", "[abc", `"[abc"`},
		{"header in quotes", `"a[1]: b"`, `"a[1]: b"`},
		{"key of another header", "a: b\nc[1]: d", `{"a":"b","c":["d"]}`},
		{"list of one empty string", `a[1]: ""`, `{"a":[""]}`},
		{"item that is an empty string", "a[1]:\n  - \"\"", `{"a":[""]}`},
		{"control characters", "a: b\x01c", `{"a":"b\u0001c"}`},
		{"trailing tab with tabs", "a[2\t]: b\t", `{"a":["b",""]}`},
	} {
		out, err := Decode([]byte(c.in), DecodeOptions{})
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %q\ngot  %s %v\nwant %s", c.name, c.in, out, err, c.want)
		}
	}
}

func TestEncode_RefusesWhatTOONCannotCarry(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf(`"k%d":1`, i)
	}
	wide := strings.Join(many, ",")
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"a key twice", `{"a":1,"a":2}`, ErrDuplicateKey},
		{"a key twice in other escapes", `{"\u0061\b":1,"a\u0008":2}`, ErrDuplicateKey},
		{"a key twice below", `{"a":[1,{"b":{"c":1,"c":1}}]}`, ErrDuplicateKey},
		{"a key twice in each row", `[{"a":1,"a":2},{"a":1,"a":2}]`, ErrDuplicateKey},
		{"a key twice in one row", `[{"a":1,"b":2},{"a":1,"a":2}]`, ErrDuplicateKey},
		{"a key twice in a group", `[{"a":{"b":1,"b":2}}]`, ErrDuplicateKey},
		{"an entry twice", `{"a":{"b":1},"a":{"b":2}}`, ErrDuplicateKey},
		{"a key twice among many", `{` + wide + `,"k50":2}`, ErrDuplicateKey},
		{"half a pair", `"\ud83d"`, ErrSurrogate},
		{"the other half", `{"a":"\ude00"}`, ErrSurrogate},
		{"the halves the wrong way round", `["\ude00\ud83d"]`, ErrSurrogate},
		{"half a pair in a key", `{"\ud83d":1}`, ErrSurrogate},
	} {
		out, err := Encode(json.RawMessage(c.in), EncodeOptions{})
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %q, %v", c.name, out, err)
		}
	}
	for _, in := range []string{"", " ", "{", `{"a"}`, `{"a":}`, "[1,]", "[1 2]", "\"\xff\"", "\"\xed\xa0\x80\"", "nul", "1 2", `{a:1}`, "'a'", "\"\t\"", "\x00"} {
		if out, err := Encode(json.RawMessage(in), EncodeOptions{}); err == nil || !strings.Contains(err.Error(), "no JSON") {
			t.Errorf("%q became %q, %v", in, out, err)
		}
	}
}

func TestEncode_WidePermutedRowsAreStillATable(t *testing.T) {
	var rows []string
	for r := range 3 {
		var members []string
		for i := range 40 {
			k := (i*(2*r+1) + r) % 40 // 1, 3 and 5 share no factor with 40, but for 5
			if r == 2 {
				k = 39 - i
			}
			members = append(members, fmt.Sprintf(`"k%d":%d`, k, k))
		}
		rows = append(rows, "{"+strings.Join(members, ",")+"}")
	}
	out, err := Encode(json.RawMessage("["+strings.Join(rows, ",")+"]"), EncodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(out), "\n")
	if len(lines) != 4 || lines[1] != lines[2] || lines[1] != lines[3] || !strings.HasPrefix(lines[1], "  0,1,2,3") {
		t.Errorf("%s", out)
	}
}

// A collision of hashes is made by hand, since chance will not bring one.
func TestEncode_ACollisionOfShapesIsAnError(t *testing.T) {
	for _, in := range []string{
		`[{"a":1},{"b":1}]`, `[{"a":1},{"a":1,"b":1}]`, `[{"a":1},{"a":{"b":1}}]`, `[{"a":{"b":1}},{"a":1}]`, `[{"a":1,"b":2},{"b":1,"c":2}]`, `[{"b":1,"a":2},{"a":1,"c":2}]`,
	} {
		d, err := parse(json.RawMessage(in), DefaultDepth)
		if err != nil {
			t.Fatal(err)
		}
		d.nodes[0].rows = 7
		if out, err := d.encode(EncodeOptions{}); !errors.Is(err, errShape) {
			t.Errorf("%s: %q, %v", in, out, err)
		}
	}
}

// What is compact already is not written anew: that must not let pass what is no JSON.
func TestIndex_TakesCompactJSONAndNothingElse(t *testing.T) {
	for in, want := range map[string]bool{
		`{}`: true, `[]`: true, `1`: true, `"a b"`: true, `null`: true, `[[],{},[{}]]`: true, `{"a":1,"b":[{"a":1,"b":2},{"a":1,"b":2}],"":""}`: true, `["\u0041\/"]`: true,
		``: false, `[`: false, `{`: false, `]`: false, `,`: false, `[1`: false, `[1,`: false, `[1,]`: false, `[,1]`: false, `[1}`: false, `[1]]`: false, `[1],`: false, `1,2`: false, `{"a":1]`: false,
		`{"a"}`: false, `{"a"`: false, `{"a":`: false, `{"a":}`: false, `{"a":1,}`: false, `{,}`: false, `{1:1}`: false, `{[]:1}`: false, `{"a"=1}`: false, `{"a":1"b":2}`: false, `[{"a":1},{"a":}]`: false, `[{"a":1},{"a"1}]`: false,
		` 1`: false, `1 `: false, `[ ]`: false, `[1, 2]`: false, `{"a": 1}`: false, "{\n}": false, `01`: false, `tru`: false, `"\x"`: false, "\"\x01\"": false, "\"\xff\"": false,
	} {
		d := document{text: []byte(in)}
		if got := d.index(4); got != want {
			t.Errorf("%s: %v", in, got)
		}
	}
	for in, want := range map[string]bool{`[[[[]]]]`: true, `[[[[[]]]]]`: false, `{"a":{"a":{"a":{"a":1}}}}`: true, `{"a":{"a":{"a":{"a":{}}}}}`: false} {
		d := document{text: []byte(in)}
		if got := d.index(4); got != want {
			t.Errorf("%s, nested at most 4 deep: %v", in, got)
		}
	}
}

// nested are values of so many levels.
func nested(deep int) []string {
	return []string{
		strings.Repeat("[", deep) + strings.Repeat("]", deep),
		strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep),
		`[` + strings.Repeat(`{"a":`, deep-1) + "1" + strings.Repeat("}", deep-1) + "]",
		strings.Repeat(`[{"a":`, deep/2) + "1" + strings.Repeat("}]", deep/2),
	}
}

func TestDepth_TenThousandLevelsAreAnErrorOrWork(t *testing.T) {
	const deep = 10_000
	values := nested(deep)
	for _, in := range values {
		if out, err := Encode(json.RawMessage(in), EncodeOptions{}); err == nil || !strings.Contains(err.Error(), "deep") {
			t.Errorf("%.20s: %d bytes, %v", in, len(out), err)
		}
	}
	// Each level costs its indentation: one space, or the text has 100 MB.
	in := values[len(values)-1]
	out, err := Encode(json.RawMessage(in), EncodeOptions{MaxDepth: deep, IndentSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	if back, err := Decode(out, DecodeOptions{IndentSize: 1}); err == nil || !strings.Contains(err.Error(), "nested too deep (at most 256 levels)") {
		t.Errorf("read without options: %d bytes, %v", len(back), err)
	}
	if back, err := Decode(out, DecodeOptions{IndentSize: 1, MaxDepth: deep}); err != nil || string(back) != in {
		t.Errorf("read: %d bytes, %v", len(back), err)
	}
	groups := "[1]" + strings.Repeat("{a", deep) + strings.Repeat("}", deep) + ":\n  1"
	for _, lenient := range []bool{false, true} {
		if _, err := Decode([]byte(groups), DecodeOptions{Lenient: lenient}); err == nil || !strings.Contains(err.Error(), errDepth.Error()) {
			t.Errorf("groups: %v", err)
		}
	}
}

func TestDepth_IsCountedTheSameInBothDirections(t *testing.T) {
	const deep = 100
	for _, in := range append(nested(deep), `[{"a":{"b":1}}]`, `{"a":{"b":1},"c":{"b":2}}`) {
		levels := levels(parsed(t, []byte(in)))
		out, err := Encode(json.RawMessage(in), EncodeOptions{MaxDepth: levels})
		if err != nil {
			t.Errorf("%.20s: %v", in, err)
		}
		if _, err := Encode(json.RawMessage(in), EncodeOptions{MaxDepth: levels - 1}); err == nil {
			t.Errorf("%.20s was written though it is one level too deep", in)
		}
		for _, lenient := range []bool{false, true} {
			if back, err := Decode(out, DecodeOptions{MaxDepth: levels, Lenient: lenient}); err != nil || string(back) != in {
				t.Errorf("%.20s came back as %s, %v", in, back, err)
			}
			if _, err := Decode(out, DecodeOptions{MaxDepth: levels - 1, Lenient: lenient}); err == nil {
				t.Errorf("%.20s was read though it is one level too deep", in)
			}
		}
	}
}

// A short text can stand for a long value: each row repeats the names in JSON.
func TestDecode_StopsAtItsLimit(t *testing.T) {
	name := strings.Repeat("n", 1000)
	in := "[1000]{" + name + "}:" + strings.Repeat("\n  1", 1000)
	out, err := Decode([]byte(in), DecodeOptions{})
	if err != nil || len(out) < 1000*1000 {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if _, err := Decode([]byte(in), DecodeOptions{MaxBytes: len(out)}); err != nil {
		t.Errorf("as long as it may be: %v", err)
	}
	for _, limit := range []int{1, len(out) / 2, len(out) - 1} {
		if _, err := Decode([]byte(in), DecodeOptions{MaxBytes: limit}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("longer than %d: %v", limit, err)
		}
	}
}

func TestEncode_StopsBeforeIndentationFillsTheMemory(t *testing.T) {
	const deep = 250
	in := strings.Repeat("[", deep) + strings.Repeat("1,", 140_000) + "{}" + strings.Repeat("]", deep) // 70 MB of TOON
	if out, err := Encode(json.RawMessage(in), EncodeOptions{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
}

// What grows faster than its input shows at the second size at the latest.
func TestMemory_IsLinear(t *testing.T) {
	shapes := map[string]func(n int) []byte{
		"uniform rows":   func(n int) []byte { return uniformRows(n) },
		"numbers":        func(n int) []byte { return []byte("[" + strings.Repeat("1,", n/2) + "1]") },
		"empty lists":    func(n int) []byte { return []byte("[" + strings.Repeat("[],", n/3) + "[]]") },
		"one string":     func(n int) []byte { return []byte(`"` + strings.Repeat(`\"`, n/2) + `"`) },
		"one wide row":   func(n int) []byte { return wideObject(n, "1") },
		"shallow groups": func(n int) []byte { return wideObject(n, `{"a":{"b":1}}`) },
		"deep chains": func(n int) []byte {
			chain := strings.Repeat(`{"a":{"c":1},"b":`, 120) + "1" + strings.Repeat("}", 120)
			return []byte("[" + strings.Repeat(chain+",", n/len(chain)) + "1]")
		},
	}
	size := 1 << 20
	if testing.CoverMode() != "" { // counters make each byte dear
		size = 1 << 16
	}
	for name, shape := range shapes {
		small, large := shape(size/4), shape(size)
		spent := func(in []byte) (uint64, []byte) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			out, err := Encode(in, EncodeOptions{})
			runtime.ReadMemStats(&after)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return after.TotalAlloc - before.TotalAlloc, out
		}
		first, _ := spent(small)
		second, out := spent(large)
		if second > 6*max(first, 1<<15) { // for four times as much
			t.Errorf("%s: %d bytes for %d, %d for %d", name, first, len(small), second, len(large))
		}
		t.Logf("%-14s %.1f bytes of memory for each of %d bytes of JSON, %.1f for each of %d",
			name, float64(first)/float64(len(small)), len(small), float64(second)/float64(len(large)), len(large))
		if _, err := Decode(out, DecodeOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func wideObject(n int, value string) []byte {
	var b bytes.Buffer
	b.WriteString(`{"first":0`)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `,"k%d":%s`, i, value)
	}
	b.WriteByte('}')
	return b.Bytes()
}
