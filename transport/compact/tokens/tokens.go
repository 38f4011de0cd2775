// Package tokens estimates what a text costs a model, well enough to tell which
// of two ways to write the same data is the cheaper one. A real tokenizer would
// weigh 12 MB.
package tokens

import (
	"unicode"
	"unicode/utf8"
)

// Estimate counts the pieces into which tokenizers of the family o200k cut a
// text before they look anything up: words with the space before them, at most
// three digits, runs of signs, white space. Rare words are several tokens, but
// whoever compares two writings of the same data has the same words in both;
// what differs is what stands between them. A sign before a word counts by
// itself, since few tokens begin with a comma or a bracket. A run of signs
// counts as one although a rare one is two tokens: that favours JSON, which is
// the safe mistake. Time is linear.
func Estimate(text []byte) int {
	n := 0
	for i := 0; i < len(text); i = next(text, i) {
		n++
	}
	return n
}

type class uint8

const (
	end class = iota // of the text
	sign
	digit
	upper // letters are cut where a capital follows a small one
	lower // letters without case too
	space
	newline
)

// ascii are the classes of what most texts consist of.
var ascii = func() (table [utf8.RuneSelf]class) {
	for r := range table {
		table[r] = classOf(rune(r))
	}
	return table
}()

func classOf(r rune) class {
	switch {
	case r == '\n' || r == '\r':
		return newline
	case unicode.IsSpace(r):
		return space
	case unicode.IsUpper(r) || unicode.IsTitle(r):
		return upper
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return lower
	case unicode.IsNumber(r):
		return digit
	default:
		return sign
	}
}

// at returns the class of the character at i and where the next one begins.
func at(text []byte, i int) (class, int) {
	if i >= len(text) {
		return end, i
	}
	if b := text[i]; b < utf8.RuneSelf {
		return ascii[b], i + 1
	}
	r, size := utf8.DecodeRune(text[i:])
	return classOf(r), i + size
}

// next returns where the piece that begins at i ends.
func next(text []byte, i int) int {
	switch c, after := at(text, i); c {
	case space, newline:
		return blank(text, i)
	case upper, lower:
		return word(text, i)
	case digit:
		for range 2 {
			c, further := at(text, after)
			if c != digit {
				break
			}
			after = further
		}
		return after
	default:
		return signs(text, i)
	}
}

func word(text []byte, i int) int { return skip(text, skip(text, i, upper), lower) }

func signs(text []byte, i int) int { return skip(text, skip(text, i, sign), newline) }

func skip(text []byte, i int, what class) int {
	for {
		c, after := at(text, i)
		if c != what {
			return i
		}
		i = after
	}
}

// blank ends at the last line break of a run of white space. Without one it
// ends before the last character, which goes with what follows.
func blank(text []byte, i int) int {
	last, broken := i, i
	j := i
	for {
		c, after := at(text, j)
		if c != space && c != newline {
			break
		}
		if c == newline {
			broken = after
		}
		last, j = j, after
	}
	switch {
	case broken > i:
		return broken
	case j == len(text):
		return j
	case last > i:
		return last
	}
	switch c, _ := at(text, j); {
	case c == upper || c == lower:
		return word(text, j)
	case c == sign && text[i] == ' ':
		return signs(text, j)
	}
	return j
}
