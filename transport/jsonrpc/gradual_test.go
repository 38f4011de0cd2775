package jsonrpc

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// gradually gives a text to a Gradual in pieces, each as long as cut says, and
// returns where the value ends, or the byte at which it is refused, or -1.
func gradually(t testing.TB, in string, depth int, cut func() int) (end, wrong int) {
	t.Helper()
	g := NewGradual(depth, 0, 0)
	for done := 0; done < len(in); {
		piece := []byte(in[done:min(done+cut(), len(in))])
		n, over, err := g.Next(piece)
		switch {
		case err != nil:
			return -1, done + n
		case over:
			return done + n, -1
		case n != len(piece):
			t.Fatalf("%q: %d of the %d bytes of a piece are the value's, and it goes on", in, n, len(piece))
		}
		done += n
	}
	return -1, -1
}

// atOnce is the same of the check for whole values. What is cut off is not
// wrong for a Gradual, to which more may come.
func atOnce(in string, depth int) (end, wrong int) {
	end, err := scanValue([]byte(in), 0, depth, nil)
	switch {
	case err == nil:
		return end, -1
	case strings.Contains(err.Error(), "unexpected end"),
		strings.Contains(err.Error(), "not valid UTF-8") && !utf8.FullRuneInString(in[end:]):
		return -1, -1
	}
	return -1, end
}

// values are objects and arrays in every state of a Gradual, and what is none.
var values = []string{
	`{}`, `[]`, `{"a":1}`, `{"a":{"b":[{"c":"d"},[],{}]}} behind it`, "[ 1 ,\n2\t,\r3 ]", "{ \"a\" : 1 ,\n\"b\" : [ ] }x",
	`[0,-0,1,-1,10,0.0,1.25,-10.5e3,1e5,1E+5,2e-7,0e0,12345678901234567890]`,
	`[true,false,null,"true",{"null":null}]`,
	`["\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\uD83D"]`, `{"\u0061\"":"ä€😀ä€😀ä€😀, and plain text that goes on for more than eight bytes"}`,
	"[\"\u007f\u0080\u07ff\u0800\uffff\U00010000\U0010ffff\"]",
	`[[[[[[[[[[]]]]]]]]]]`, `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}`,
	`["` + strings.Repeat("plain text, and much of it; ", 40) + `"]`,
	// What is refused, and where.
	`{"a":01}`, `[00]`, `[1.]`, `[1.e5]`, `[.5]`, `[-]`, `[-a]`, `[+1]`, `[1e]`, `[1e+]`, `[1ee]`, `[1e5.]`, `[1.5.5]`, `[1-]`, `[0x1]`, `[1a]`,
	`[tru]`, `[trux]`, `[falsy]`, `[nul ]`, `[True]`, `[NaN]`, `[truefalse]`, `[nulll]`,
	`{,}`, `{"a"}`, `{"a",}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{"a":1]`, `{a:1}`, `{1:1}`, `{"a"::1}`, `{"a" "b"}`,
	`[,]`, `[1,]`, `[1,,2]`, `[1 2]`, `[1}`, `[:]`, `["a":1]`, `[}`, `{]`, `["a""b"]`, `[[]{}]`,
	`["\q"]`, `["\u12g4"]`, `["\U0001"]`, "[\"a\nb\"]", "[\"\x00\"]", "[\"\x1f\"]", "[\x00]", "[\x0b1]",
	"[\"\xff\"]", "[\"\xc0\xaf\"]", "[\"\xe2\x82\"]", "[\"\xe2\x28\xa1\"]", "[\"\xed\xa0\x80\"]", "[\"\xf4\x90\x80\x80\"]", "[\"\x80\"]", "[\"\xf0\x9f\x98\"", "[\"\xc3\"]",
	"[\"" + strings.Repeat("x", 100) + "\x80" + strings.Repeat("x", 100) + "\"]",
	"[\"" + strings.Repeat("x", 100) + "\x1f" + strings.Repeat("x", 100) + "\"]",
	`{"a":[1,{"b":`, `["a`, `["a\`, `["a\u00`, `[1`, `[tr`, `{`, `[`,
	`[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]`,
}

func TestGradual_JudgesEveryCutOfAValueAsItWouldTheWhole(t *testing.T) {
	for _, in := range values {
		end, wrong := atOnce(in, 32)
		for size := 1; size <= min(len(in), 70); size++ {
			gotEnd, gotWrong := gradually(t, in, 32, func() int { return size })
			if gotEnd != end || (gotWrong < 0) != (wrong < 0) {
				t.Errorf("%.100q in pieces of %d: ends at %d, wrong at %d; as a whole at %d, %d", in, size, gotEnd, gotWrong, end, wrong)
			}
		}
	}
}

func TestGradual_JudgesLongTextsInRandomPieces(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		in := document(random, 5)
		if random.IntN(2) == 0 { // a byte of it becomes another
			b := []byte(in)
			const others = "\"\\{}[],:e.-01tx \n\x01\x80\xc3"
			b[1+random.IntN(len(b)-1)] = others[random.IntN(len(others))]
			in = string(b)
		}
		end, wrong := atOnce(in, depth)
		gotEnd, gotWrong := gradually(t, in, depth, func() int { return 1 + random.IntN(200) })
		if gotEnd != end || (gotWrong < 0) != (wrong < 0) {
			t.Fatalf("ends at %d, wrong at %d; as a whole at %d, %d: %q", gotEnd, gotWrong, end, wrong, in)
		}
	}
}

// document is a random object or array.
func document(r *rand.Rand, depth int) string {
	var b strings.Builder
	object := r.IntN(2) == 0
	b.WriteString([]string{"[", "{"}[btoi(object)])
	for i := range r.IntN(6) {
		if i > 0 {
			b.WriteString([]string{",", " ,\n"}[r.IntN(2)])
		}
		if object {
			fmt.Fprintf(&b, `"k%d\u00e9" :`, i)
		}
		switch r.IntN(5) {
		case 0:
			if depth > 0 {
				b.WriteString(document(r, depth-1))
				continue
			}
			fallthrough
		case 1:
			b.WriteString([]string{"true", "false", "null", "-0.5e+10", "120", "0"}[r.IntN(6)])
		default:
			b.WriteString(`"` + strings.Repeat([]string{"plain ", `esc\"aped\n`, "gr\u00f6\u00df\u20ac\U0001f600", `\\`}[r.IntN(4)], r.IntN(60)) + `"`)
		}
	}
	b.WriteString([]string{"]", "}"}[btoi(object)])
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestGradual_SaysWhereInTheMessageAndWhatIsWrong(t *testing.T) {
	for in, says := range map[string]string{
		`{"a": tru!}`: `at byte 109: unexpected "!", want true, false or null`,
		`[1 2]`:       `at byte 103: unexpected "2", want ',' or ']' after an element`,
		`{"a":1 2}`:   `at byte 107: unexpected "2", want ',' or '}' after a member`,
		`{"a" 1}`:     `at byte 105: unexpected "1", want ':' after a key`,
		`{7}`:         `at byte 101: unexpected "7", want a key in quotes`,
		`"a"`:         `at byte 100: unexpected "\"", want an object or an array`,
		"[\"\n\"]":    `at byte 102: control character 0x0a inside a string`,
		"[\"\xff\"]":  `at byte 102: a string is not valid UTF-8`,
		"[\"\xe2x\"]": `a string is not valid UTF-8`,
		`["\x"]`:      `at byte 103: unexpected "x", want an escape`,
		`["\u00x"]`:   `at byte 106: unexpected "x", want four hexadecimal digits`,
		`[-x]`:        `at byte 102: unexpected "x", want a digit`,
		`[[[[]]]]`:    `at byte 103: nested too deep (at most 4 levels)`,
		`[!]`:         `at byte 101: unexpected "!", want a value`,
		`[1.x]`:       `at byte 103: unexpected "x", want a digit`,
	} {
		g := NewGradual(4, 1, 100)
		var err error
		for i := 0; i < len(in) && err == nil; i++ {
			_, _, err = g.Next([]byte(in[i : i+1]))
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", in, err, says)
		}
	}
	if n, over, err := NewGradual(4, 1, 0).Next(nil); n != 0 || over || err != nil {
		t.Errorf("of nothing: %d, %v, %v", n, over, err)
	}
}

func TestResultBegins_FindsItBehindMembersThatAreThereWhole(t *testing.T) {
	for in, want := range map[string]int{
		`{"jsonrpc":"2.0","id":1,"result":{"content":[`:            33,
		"\n{ \"id\" : \"x\" , \"result\" : [1":                     27,
		`{"result":{`:                                              10,
		`{"r\u0065sult":7`:                                         15,
		`{"x":{"result":1,"y":[{"result":2}]},"id":7,"result":{}}`: 53,
		`{"x":{"result":1`:                                         -1,
		`{"jsonrpc":"2.0","i`:                                      -1,
		`{"id":1,"result":`:                                        -1,
		`{"id":1,"result"`:                                         -1,
		`{"id":1`:                                                  -1,
		`{"id":1}`:                                                 -1,
		`{"id"`:                                                    -1,
		`{"id" 1`:                                                  -1,
		`{`:                                                        -1,
		`{}`:                                                       -1,
		`[{"result":1}]`:                                           -1,
		``:                                                         -1,
	} {
		if got := ResultBegins([]byte(in)); got != want {
			t.Errorf("%s: %d, want %d", in, got, want)
		}
	}
}

func FuzzGradual(f *testing.F) {
	for _, in := range values {
		f.Add(in, uint64(3))
	}
	f.Fuzz(func(t *testing.T, in string, seed uint64) {
		if in == "" || in[0] != '{' && in[0] != '[' {
			return
		}
		random := rand.New(rand.NewPCG(seed, 0))
		end, wrong := atOnce(in, 64)
		gotEnd, gotWrong := gradually(t, in, 64, func() int { return 1 + random.IntN(20) })
		if gotEnd != end || (gotWrong < 0) != (wrong < 0) {
			t.Fatalf("%q ends at %d, wrong at %d; as a whole at %d, %d", in, gotEnd, gotWrong, end, wrong)
		}
		ResultBegins([]byte(in))
	})
}

func BenchmarkGradual(b *testing.B) {
	text := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat("some text as it stands in results, ", 1000) + `"}]}`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, over, err := NewGradual(depth, 1, 0).Next(text); err != nil || !over {
			b.Fatal(err)
		}
	}
}
