package schema

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// How many instructions a compiled pattern may have, which bounds the work per
// byte of a string, and how many all patterns of a schema, which bounds memory.
// A pattern beyond them is not checked.
const (
	maxPatternSize  = 2000
	maxPatternsSize = 20_000
)

// pattern is one regular expression of a schema; re is nil if it is not checked.
type pattern struct {
	source string
	re     *regexp.Regexp
	size   int // instructions
}

func (p *pattern) MatchString(s string) bool { return p.re == nil || p.re.MatchString(s) }
func (p *pattern) String() string            { return p.source }

// patterns compiles the patterns of one schema and remembers which it cannot.
type patterns struct {
	known   map[string]*pattern
	notices []string
	size    int  // instructions of all patterns so far
	frozen  bool // the schema is compiled
}

// compile never fails: a pattern that RE2 cannot express must not cost the
// caller the whole tool.
func (ps *patterns) compile(source string) (jsonschema.Regexp, error) {
	if ps.frozen {
		// A value under "format": "regex" is checked, by many goroutines at a
		// time. It is a pattern of ECMAScript, of which we are no judge.
		return &pattern{source: source}, nil
	}
	if p, ok := ps.known[source]; ok {
		return p, nil
	}
	p := &pattern{source: source}
	ps.known[source] = p
	goSource := translate(source)
	tree, err := syntax.Parse(goSource, syntax.Perl)
	if err == nil {
		var prog *syntax.Prog
		if prog, err = syntax.Compile(tree.Simplify()); err == nil {
			p.size = len(prog.Inst)
			if p.size > maxPatternSize || ps.size+p.size > maxPatternsSize {
				err = errors.New("it is too large")
			} else {
				ps.size += p.size
			}
		}
	}
	if err == nil {
		p.re, err = regexp.Compile(goSource)
	}
	if err != nil {
		ps.notices = append(ps.notices, fmt.Sprintf("the pattern %s is not checked: %v", shorten(strconv.Quote(source)), err))
	}
	return p, nil
}

// translate rewrites the \uXXXX of ECMA-262, which JSON Schema asks for, into
// the \x{XXXX} that Go knows. Everything else is the same in both or fails to
// compile.
func translate(source string) string {
	if !strings.Contains(source, `\u`) {
		return source
	}
	var b strings.Builder
	for i := 0; i < len(source); {
		if source[i] != '\\' || i+1 == len(source) {
			b.WriteByte(source[i])
			i++
			continue
		}
		r, n := unicodeEscape(source[i:])
		if n == 0 {
			b.WriteString(source[i : i+2])
			i += 2
			continue
		}
		if utf16.IsSurrogate(r) {
			low, m := unicodeEscape(source[i+n:])
			if r = utf16.DecodeRune(r, low); m == 0 || r == '\ufffd' {
				return source // half a character: RE2 refuses it
			}
			n += m
		}
		fmt.Fprintf(&b, `\x{%X}`, r)
		i += n
	}
	return b.String()
}

// unicodeEscape reads \uXXXX or \u{X…} at the start of s and how long it is, 0 if there is none.
func unicodeEscape(s string) (rune, int) {
	digits, n := "", 0
	switch {
	case strings.HasPrefix(s, `\u{`):
		end := strings.IndexByte(s, '}')
		if end < 0 {
			return 0, 0
		}
		digits, n = s[3:end], end+1
	case strings.HasPrefix(s, `\u`) && len(s) >= 6:
		digits, n = s[2:6], 6
	}
	r, err := strconv.ParseUint(digits, 16, 21)
	if err != nil {
		return 0, 0
	}
	return rune(r), n
}
