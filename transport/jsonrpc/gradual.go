package jsonrpc

import (
	"fmt"
	"unicode/utf8"
)

// Gradual checks a JSON object or array that comes in pieces: what Parse checks
// of a value, with memory for little more than the depth that it has reached.
type Gradual struct {
	depth int
	outer int // levels around it
	level int // open containers
	open  nest
	is    within
	key   bool   // the string is a key
	word  string // what has to come of true, false or null
	digit int    // how many hexadecimal digits have to come
	cut   [utf8.UTFMax]byte
	held  int   // bytes of a character in cut
	seen  int64 // bytes before the piece
}

// within is where in a value a piece begins.
type within uint8

const (
	atValue      within = iota // a value has to come
	atFirstValue               // or ']'
	atFirstKey                 // a key, or '}'
	atKey                      // a key
	atColon                    // a colon
	afterValue                 // a comma, or the end of the container
	inText                     // in a string
	inEscape                   // behind its backslash
	inHex                      // behind \u
	inCharacter                // in a character of several bytes
	inWord                     // in true, false or null
	behindMinus                // a number has begun: a digit has to come
	behindZero                 // behind a leading zero
	inInteger                  // behind a digit
	behindPoint                // a digit has to come
	inFraction                 // behind a digit
	behindE                    // a sign or a digit has to come
	behindSign                 // a digit has to come
	inExponent                 // behind a digit
)

// NewGradual returns a check for a value that stands outer levels deep in a text
// of at most depth levels, at byte at of it.
func NewGradual(depth, outer int, at int64) *Gradual {
	return &Gradual{depth: depth, outer: outer, seen: at}
}

// Next checks another piece, and returns how many of its bytes belong to the
// value. over: it has ended there. After an error, or the end, there is no other
// piece.
func (g *Gradual) Next(p []byte) (n int, over bool, err error) {
	if len(p) == 0 {
		return 0, false, nil
	}
	i := 0
	for i < len(p) {
		if g.is == inText {
			if i, err = g.text(p, i); err != nil {
				return i, false, err
			}
			continue
		}
		if i, err = g.token(p, i); err != nil {
			return i, false, err
		}
		if g.level == 0 && g.is == afterValue {
			return i, true, nil
		}
	}
	g.seen += int64(len(p))
	return len(p), false, nil
}

// text goes on in a string, to its end if that is in p.
func (g *Gradual) text(p []byte, i int) (int, error) {
	for {
		if i = skipPlain(p, i); i >= len(p) {
			return i, nil
		}
		switch c := p[i]; {
		case c == '"':
			g.is = afterValue
			if g.key {
				g.is = atColon
			}
			return i + 1, nil
		case c == '\\':
			g.is = inEscape
			return i + 1, nil
		case c < 0x20:
			return i, g.wrong(i, "control character 0x%02x inside a string", c)
		case c < utf8.RuneSelf:
			i++
		case !utf8.FullRune(p[i:]):
			g.held = copy(g.cut[:], p[i:])
			g.is = inCharacter
			return len(p), nil
		default:
			r, size := utf8.DecodeRune(p[i:])
			if r == utf8.RuneError && size == 1 {
				return i, g.wrong(i, "a string is not valid UTF-8")
			}
			i += size
		}
	}
}

// token goes on anywhere else, past one byte or more.
func (g *Gradual) token(p []byte, i int) (int, error) {
	c := p[i]
	switch g.is {
	case inEscape:
		switch c {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			g.is = inText
		case 'u':
			g.is, g.digit = inHex, 4
		default:
			return i, g.unexpected(p, i, "an escape")
		}
		return i + 1, nil
	case inHex:
		if hexDigit(c) < 0 {
			return i, g.unexpected(p, i, `four hexadecimal digits after \u`)
		}
		if g.digit--; g.digit == 0 {
			g.is = inText
		}
		return i + 1, nil
	case inCharacter:
		g.cut[g.held] = c
		g.held++
		if whole := g.cut[:g.held]; utf8.FullRune(whole) {
			if _, size := utf8.DecodeRune(whole); size != g.held {
				return i, g.wrong(i, "a string is not valid UTF-8")
			}
			g.is = inText
		}
		return i + 1, nil
	case inWord:
		if c != g.word[0] {
			return i, g.unexpected(p, i, "true, false or null")
		}
		if g.word = g.word[1:]; g.word == "" {
			g.is = afterValue
		}
		return i + 1, nil
	case behindMinus, behindZero, inInteger, behindPoint, inFraction, behindE, behindSign, inExponent:
		return g.number(p, i)
	}
	if i = skipSpace(p, i); i >= len(p) {
		return i, nil
	}
	switch c = p[i]; g.is {
	case atFirstKey, atKey:
		switch {
		case c == '"':
			g.is, g.key = inText, true
			return i + 1, nil
		case c == '}' && g.is == atFirstKey:
			return g.close(i), nil
		}
		return i, g.unexpected(p, i, "a key in quotes")
	case atColon:
		if c != ':' {
			return i, g.unexpected(p, i, "':' after a key")
		}
		g.is = atValue
		return i + 1, nil
	case afterValue:
		object := g.open.object(g.level - 1)
		switch {
		case c == ',' && object:
			g.is = atKey
		case c == ',':
			g.is = atValue
		case c == '}' && object, c == ']' && !object:
			return g.close(i), nil
		case object:
			return i, g.unexpected(p, i, afterMember)
		default:
			return i, g.unexpected(p, i, afterElement)
		}
		return i + 1, nil
	case atFirstValue:
		if c == ']' {
			return g.close(i), nil
		}
	}
	return g.begin(p, i)
}

// begin begins a value.
func (g *Gradual) begin(p []byte, i int) (int, error) {
	c := p[i]
	switch {
	case c == '{' || c == '[':
		if g.outer+g.level >= g.depth {
			return i, tooDeep(int(g.seen)+i, g.depth)
		}
		g.open.set(g.level, c == '{')
		g.level++
		g.is = atFirstValue
		if c == '{' {
			g.is = atFirstKey
		}
	case g.level == 0:
		return i, g.unexpected(p, i, "an object or an array")
	case c == '"':
		g.is, g.key = inText, false
	case c == '-':
		g.is = behindMinus
	case c == '0':
		g.is = behindZero
	case isDigit(c):
		g.is = inInteger
	case c == 't':
		g.is, g.word = inWord, "true"[1:]
	case c == 'f':
		g.is, g.word = inWord, "false"[1:]
	case c == 'n':
		g.is, g.word = inWord, "null"[1:]
	default:
		return i, g.unexpected(p, i, "a value")
	}
	return i + 1, nil
}

// close ends a container at p[i].
func (g *Gradual) close(i int) int {
	g.level--
	g.is = afterValue
	return i + 1
}

// number goes on in a number, which ends before the first byte that is none of it.
func (g *Gradual) number(p []byte, i int) (int, error) {
	for ; i < len(p); i++ {
		c := p[i]
		switch digit := isDigit(c); g.is {
		case behindMinus:
			switch {
			case !digit:
				return i, g.unexpected(p, i, "a digit")
			case c == '0':
				g.is = behindZero
			default:
				g.is = inInteger
			}
			continue
		case behindPoint, behindE, behindSign:
			switch {
			case digit && g.is == behindPoint:
				g.is = inFraction
			case digit:
				g.is = inExponent
			case g.is == behindE && (c == '+' || c == '-'):
				g.is = behindSign
			default:
				return i, g.unexpected(p, i, "a digit")
			}
			continue
		case behindZero:
			digit = false // nothing may follow it but a fraction or an exponent
			fallthrough
		default:
			switch {
			case digit:
				continue
			case c == '.' && (g.is == behindZero || g.is == inInteger):
				g.is = behindPoint
				continue
			case (c == 'e' || c == 'E') && g.is != inExponent:
				g.is = behindE
				continue
			}
		}
		g.is = afterValue
		return i, nil
	}
	return i, nil
}

func (g *Gradual) wrong(i int, format string, args ...any) error {
	return &syntaxError{int(g.seen) + i, fmt.Sprintf(format, args...)}
}

func (g *Gradual) unexpected(p []byte, i int, want string) error {
	return g.wrong(i, "unexpected %q, want %s", p[i:i+1], want)
}

// ResultBegins returns where in a message, of which only the beginning is there,
// the value of its member "result" begins; -1 when that is not there, or comes
// after a member that is not there whole. Nothing is checked.
func ResultBegins(b []byte) int {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return -1
	}
	for {
		key := skipSpace(b, i+1)
		if key >= len(b) || b[key] != '"' {
			return -1
		}
		keyEnd := skipString(b, key)
		if keyEnd < 0 {
			return -1
		}
		if i = skipSpace(b, keyEnd); i >= len(b) || b[i] != ':' {
			return -1
		}
		val := skipSpace(b, i+1)
		if val >= len(b) {
			return -1
		}
		if StringIs(b[key:keyEnd], "result") {
			return val
		}
		if i = skipValue(b, val); i < 0 {
			return -1
		}
		if i = skipSpace(b, i); i >= len(b) || b[i] != ',' {
			return -1
		}
	}
}
