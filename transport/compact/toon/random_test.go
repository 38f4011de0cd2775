package toon

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"
)

// generator writes random JSON texts.
type generator struct {
	*rand.Rand
	out    []byte
	halves bool // half surrogate pairs stay; otherwise U+FFFD is in their place
	half   bool // there was one
	quoted int  // keys that TOON needs quotes for
	digits int  // of the longest number, point and exponent included
}

// value returns the JSON text that belongs to a seed.
func value(seed uint64, halves bool) (text []byte, half bool) {
	g := generated(seed, halves)
	return g.out, g.half
}

func generated(seed uint64, halves bool) *generator {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 17)), halves: halves}
	switch g.IntN(8) {
	case 0:
		g.chain(1 + g.IntN(50))
	case 1:
		g.scalar()
	default:
		g.any(1+g.IntN(5), 8)
	}
	return g
}

func (g *generator) space() {
	if g.IntN(10) == 0 {
		g.out = append(g.out, " \n\t\r"[g.IntN(4)])
	}
}

func (g *generator) text(s string) { g.out = append(g.out, s...) }

// chain writes a value that is nested so deep.
func (g *generator) chain(depth int) {
	switch {
	case depth == 0:
		g.any(1, 3)
	case g.IntN(2) == 0:
		g.text("[")
		if g.IntN(3) == 0 {
			g.scalar()
			g.text(",")
		}
		g.chain(depth - 1)
		g.text("]")
	default:
		g.text("{")
		g.string("first")
		g.text(":")
		g.chain(depth - 1)
		if g.IntN(3) == 0 {
			g.text(`,"second":`)
			g.any(2, 3)
		}
		g.text("}")
	}
}

func (g *generator) any(depth, most int) {
	g.space()
	kind := g.IntN(10)
	switch n := g.IntN(most); {
	case depth == 0 || kind < 3:
		g.scalar()
	case kind < 5:
		g.list(n, func(int) { g.any(depth-1, most/2+1) })
	case kind < 6:
		g.list(n, func(int) { g.scalar() })
	case kind < 8:
		g.object(g.keys(n), func(string) { g.any(depth-1, most/2+1) })
	case kind < 9:
		g.table(n, false)
	default:
		g.table(n, true)
	}
	g.space()
}

func (g *generator) list(n int, item func(i int)) {
	g.text("[")
	for i := range n {
		if i > 0 {
			g.text(",")
		}
		item(i)
	}
	g.text("]")
}

func (g *generator) object(keys []string, item func(key string)) {
	g.text("{")
	for i, k := range keys {
		if i > 0 {
			g.text(",")
		}
		g.space()
		g.string(k)
		g.space()
		g.text(":")
		item(k)
	}
	g.text("}")
}

// shape is what the objects of a table have in common.
type shape struct {
	keys   []string
	groups map[string]shape
}

func (g *generator) shape(depth int) shape {
	s := shape{keys: g.keys(1 + g.IntN([]int{4, 4, 20}[depth])), groups: map[string]shape{}}
	for _, k := range s.keys {
		if depth > 0 && g.IntN(8) == 0 {
			s.groups[k] = g.shape(depth - 1)
		}
	}
	return s
}

// table writes objects of one shape, in shuffled order at times; rarely one of
// them is not like the others.
func (g *generator) table(n int, keyed bool) {
	s := g.shape(2)
	odd := -1
	if g.IntN(4) == 0 {
		odd = g.IntN(n + 1)
	}
	if keyed {
		keys := g.keys(n)
		g.object(keys, func(k string) { g.row(s, odd >= 0 && odd < len(keys) && keys[odd] == k) })
		return
	}
	g.list(n, func(i int) { g.row(s, i == odd) })
}

func (g *generator) row(s shape, odd bool) {
	keys := append([]string(nil), s.keys...)
	if g.IntN(4) == 0 {
		g.Shuffle(len(keys), func(i, k int) { keys[i], keys[k] = keys[k], keys[i] })
	}
	if odd {
		switch g.IntN(3) {
		case 0:
			g.any(1, 3)
			return
		case 1:
			keys = keys[1:]
		default:
			keys[0] += "x"
		}
	}
	g.object(keys, func(k string) {
		switch inner, isGroup := s.groups[k]; {
		case isGroup:
			g.row(inner, false)
		case odd && g.IntN(4) == 0:
			g.any(1, 3)
		default:
			g.scalar()
		}
	})
}

// keys returns n different keys, most of them plain.
func (g *generator) keys(n int) []string {
	seen := map[string]bool{}
	var out []string
	for len(out) < n {
		k := fmt.Sprintf("k%d", g.IntN(1000))
		if g.IntN(4) == 0 {
			k = pieces[g.IntN(len(pieces))]
		}
		if g.IntN(8) == 0 {
			k += pieces[g.IntN(len(pieces))]
		}
		if !seen[k] {
			seen[k] = true
			out = append(out, k)
			if !isPlainKey([]byte(k)) {
				g.quoted++
			}
		}
	}
	return out
}

// pieces are what strings are made of: all that TOON gives a meaning to.
var pieces = []string{
	"", " ", "a", "plain text", "true", "false", "null", "-", "- ", "-1", "0", "42", "05", "+1", "1e5", "1E+5", "1.50", "-0", "1.", ".5", "NaN", "Infinity", "0x1F", "1_000",
	":", ": ", "a:b", ",", "|", "\t", "\n", "\r", "\r\n", "\"", "\\", "\\n", "\\u0041", "[", "]", "{", "}", "[]", "{}", "[2]:", "[2:]{a}:", "a[1]: x", "#", "# no comment", "a#b",
	"\x00", "\x01", "\b", "\f", "\x1f", "\x7f", "\u0080", "\u00a0", "\u2028", "\ufeff", "\ufffd", "é", "日本語", "🚀", "👩‍👩‍👧", "\u200b", "\U0010ffff", "__proto__", "constructor", "a.b", "_", "/", "</script>", "'", "  x  ",
}

func (g *generator) scalar() {
	switch g.IntN(8) {
	case 0:
		g.text([]string{"true", "false", "null"}[g.IntN(3)])
	case 1, 2, 3:
		g.number()
	default:
		var s strings.Builder
		for range g.IntN(4) {
			s.WriteString(pieces[g.IntN(len(pieces))])
		}
		g.string(s.String())
	}
}

// string writes a string in one of the many ways of JSON.
func (g *generator) string(s string) {
	g.text(`"`)
	if s != "first" && g.IntN(200) == 0 {
		g.half = true
		if g.halves {
			g.text([]string{`x\ud83dx`, `x\uDC00x`, `\udfff\ud800x`}[g.IntN(3)])
		} else {
			g.text([]string{`x\ufffdx`, `x\ufffdx`, `\ufffd\ufffdx`}[g.IntN(3)])
		}
	}
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			g.text([]string{`\` + string(r), fmt.Sprintf(`\u%04X`, r)}[g.IntN(2)])
		case strings.ContainsRune("\b\f\n\r\t", r) && g.IntN(2) == 0:
			g.text(map[rune]string{'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}[r])
		case r < 0x20 || r <= 0xffff && g.IntN(10) == 0:
			g.text(fmt.Sprintf([]string{`\u%04X`, `\u%04x`}[g.IntN(2)], r))
		case r > 0xffff && g.IntN(2) == 0:
			g.text(fmt.Sprintf(`\u%04x\u%04X`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff))
		case r == '/' && g.IntN(2) == 0:
			g.text(`\/`)
		default:
			g.out = utf8.AppendRune(g.out, r)
		}
	}
	g.text(`"`)
}

func (g *generator) someDigits(n int) {
	for range n {
		g.out = append(g.out, "0123456789000999"[g.IntN(16)])
	}
}

func (g *generator) number() {
	start := len(g.out)
	defer func() { g.digits = max(g.digits, len(g.out)-start) }()
	most := 1 + g.IntN(20)
	if g.IntN(50) == 0 {
		most = 400
	}
	if g.IntN(3) == 0 {
		g.text("-")
	}
	if g.IntN(3) == 0 {
		g.text("0")
	} else {
		g.out = append(g.out, byte('1'+g.IntN(9)))
		g.someDigits(most - 1)
	}
	if g.IntN(3) == 0 {
		g.text(".")
		g.someDigits(1 + g.IntN(most))
	}
	if g.IntN(4) == 0 {
		g.text([]string{"e", "E", "e+", "e-", "E+0", "E-00"}[g.IntN(6)])
		g.out = strconv.AppendInt(g.out, int64(g.IntN([]int{10, 30, 400}[g.IntN(3)])), 10)
	}
}

// How many random values there are: `make test` takes 100,000 of them, `make
// prove` a million; each other run of the tests a part. Coverage counters make a
// value ten times as dear.
const valuesVariable, fewValues, fewestValues = "TOON_VALUES", 10_000, 1_000

func randomValues(t *testing.T) int {
	t.Helper()
	s := os.Getenv(valuesVariable)
	switch {
	case s == "" && testing.CoverMode() != "":
		return fewestValues
	case s == "":
		return fewValues
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("%s: %v", valuesVariable, err)
	}
	return n
}

func TestRandomValues_ComeBackEqual(t *testing.T) {
	n := randomValues(t)
	var mu sync.Mutex
	var halves, smaller, quoted, deepest, longest int
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for worker := range workers {
		wg.Go(func() {
			for seed := worker; seed < n && !t.Failed(); seed += workers {
				g := generated(uint64(seed), false)
				if g.half {
					whole, _ := value(uint64(seed), true)
					if got, err := Encode(whole, EncodeOptions{}); !errors.Is(err, ErrSurrogate) {
						t.Errorf("seed %d: half a surrogate pair became %q, %v", seed, got, err)
					}
				}
				was, err := parseTree(g.out)
				if err == nil {
					err = roundTrip(g.out, was, seed)
				}
				if err != nil {
					t.Errorf("seed %d: %v\n%s", seed, err, g.out)
				}
				_, small := Smaller(g.out, 1)
				mu.Lock()
				halves, smaller, quoted = halves+one(g.half), smaller+one(small), quoted+g.quoted
				deepest, longest = max(deepest, levels(was)), max(longest, g.digits)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d values, nested up to %d deep, with %d keys that need quotes and numbers of up to %d characters; %d are smaller as TOON; %d with half surrogate pairs, which were refused and came back with U+FFFD in their place",
		n, deepest, quoted, longest, smaller, halves)
	if deepest < 50 || longest < 400 || halves*smaller*quoted == 0 {
		t.Error("the values do not hold what this test is about")
	}
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// roundTrip writes and reads a value with the options that belong to a seed.
func roundTrip(in []byte, was tree, seed int) error {
	o := EncodeOptions{Delimiter: []Delimiter{0, Comma, Tab, Pipe}[seed%4], IndentSize: seed / 4 % 4}
	out, err := Encode(in, o)
	if err != nil {
		return err
	}
	if err := wellFormed(out); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	back, err := Decode(out, DecodeOptions{IndentSize: o.IndentSize})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	is, err := parseTree(back)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, back)
	}
	if d := different(was, is); d != "" {
		return fmt.Errorf("%s\n%s\n%s", d, out, back)
	}
	if again, err := Encode(back, o); err != nil || !bytes.Equal(again, out) {
		return fmt.Errorf("what was read is written differently (%w):\n%s\n%s", err, out, again)
	}
	if lenient, err := Decode(out, DecodeOptions{IndentSize: o.IndentSize, Lenient: true}); err != nil || !bytes.Equal(lenient, back) {
		return fmt.Errorf("the lenient decoder reads something else (%w):\n%s\n%s", err, back, lenient)
	}
	return nil
}

// wellFormed checks what §1.2, §5.1 and §12 say of every text.
func wellFormed(out []byte) error {
	if !utf8.Valid(out) {
		return errors.New("not UTF-8")
	}
	for l := range strings.SplitSeq(string(out), "\n") {
		content := strings.TrimLeft(l, " ")
		switch {
		case content == "" && len(out) > 0, strings.HasSuffix(l, " "), strings.HasPrefix(content, "#"), strings.HasPrefix(content, "\t"), strings.HasSuffix(l, "\r"):
			return fmt.Errorf("a line that must not be: %q", l)
		}
	}
	return nil
}

// levels is how deep a value is nested.
func levels(tr tree) int {
	deepest := 0
	for _, it := range tr.items {
		deepest = max(deepest, levels(it))
	}
	if tr.kind != '=' {
		deepest++
	}
	return deepest
}
