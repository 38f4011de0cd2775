package tokens

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func pieces(text string) (all []string) {
	for i := 0; i < len(text); {
		j := next([]byte(text), i)
		all = append(all, text[i:j])
		i = j
	}
	return all
}

func TestEstimate_CutsWhereTokenizersDo(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{"hello big world", []string{"hello", " big", " world"}},
		{"thoughtNumber HTTPServer größer 日本", []string{"thought", "Number", " HTTPServer", " größer", " 日本"}},
		{"e\u0301te\u0301 ǅ", []string{"e\u0301te\u0301", " ǅ"}},
		{"1234567 89", []string{"123", "456", "7", " ", "89"}},
		{`{"name":"x","n":12}`, []string{`{"`, `name`, `":"`, `x`, `","`, `n`, `":`, `12`, `}`}},
		{"name: x\nn: 12\n", []string{"name", ":", " x", "\n", "n", ":", " ", "12", "\n"}},
		{"[2]{id,v}:\n  1,a\n", []string{"[", "2", "]{", "id", ",", "v", "}:\n", " ", " ", "1", ",", "a", "\n"}},
		{"a    b", []string{"a", "   ", " b"}},
		{"a \t\n  \n b", []string{"a", " \t\n  \n", " b"}},
		{"a - b\t-\tc", []string{"a", " -", " b", "\t", "-", "\tc"}},
		{"x   ", []string{"x", "   "}},
		{"\u00a0x\xff\xfe", []string{"\u00a0x", "\xff\xfe"}},
	} {
		got := pieces(c.text)
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.text, got, c.want)
		}
		if n := Estimate([]byte(c.text)); n != len(c.want) {
			t.Errorf("%q: %d", c.text, n)
		}
	}
}

// What o200k counts: 27 and 28; 67 and 54.
func TestEstimate_TellsWhichWritingIsCheaper(t *testing.T) {
	flat := `{"thoughtNumber":1,"totalThoughts":3,"nextThoughtNeeded":true,"branches":[],"thoughtHistoryLength":1}`
	lines := "thoughtNumber: 1\ntotalThoughts: 3\nnextThoughtNeeded: true\nbranches: []\nthoughtHistoryLength: 1"
	if len(lines) >= len(flat) || Estimate([]byte(lines)) <= Estimate([]byte(flat)) {
		t.Error("lines of single values have fewer bytes, and cost more")
	}
	rows := "[" + strings.TrimSuffix(strings.Repeat(`{"id":1,"name":"apple"},`, 8), ",") + "]"
	table := "[8]{id,name}:" + strings.Repeat("\n  1,apple", 8)
	if Estimate([]byte(table)) >= Estimate([]byte(rows)) {
		t.Error("a table is cheaper than its rows")
	}
}

func FuzzEstimate(f *testing.F) {
	for _, seed := range []string{"", "a b\n\n c", "\u2028\t 12 \xc3", `{"a":[1,2]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if n := Estimate(text); n > len(text) || n == 0 && len(text) > 0 {
			t.Fatalf("%d pieces of %d bytes", n, len(text))
		}
	})
}

func BenchmarkEstimate(b *testing.B) {
	text := []byte(strings.Repeat(`{"id":12345,"name":"some words, größer"},`, 25_000))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Estimate(text)
	}
}
