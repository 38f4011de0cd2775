package toon

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// line is a line with content; comments and blank lines are none (§5.1, §12).
type line struct {
	number int // from 1, of the text with its comments and blank lines
	depth  int
	blank  int // number of a blank line between this one and the one before, or zero
	text   []byte
}

// lines reads a text line by line, one ahead.
type lines struct {
	rest   []byte
	number int // of lines read
	strict bool
	indent int // spaces per level
	next   line
	more   bool // next is a line
}

// advance reads the next line with content.
func (l *lines) advance() error {
	l.more = false
	for blank := 0; len(l.rest) > 0; {
		l.number++
		text := l.cut()
		if l.strict && !utf8.Valid(text) {
			return l.wrong("the text is not valid UTF-8")
		}
		spaces := len(text) - len(bytes.TrimLeft(text, " "))
		content := bytes.TrimRight(text[spaces:], " ")
		if len(content) > 0 && content[0] == '#' {
			continue
		}
		tabs := 0
		if len(content) > 0 && content[0] == '\t' {
			if l.strict {
				return l.wrong("a tab in the indentation; only spaces indent")
			}
			content = bytes.TrimLeft(content, "\t ")
			indentation := text[:len(bytes.TrimRight(text, " "))-len(content)]
			tabs = bytes.Count(indentation, []byte("\t"))
			spaces = len(indentation) - tabs
		}
		if len(content) == 0 {
			blank = l.number
			continue
		}
		if l.strict && spaces%l.indent != 0 {
			return l.wrong(fmt.Sprintf("the line is indented by %d spaces, which is no multiple of %d", spaces, l.indent))
		}
		l.next = line{number: l.number, depth: spaces/l.indent + tabs, blank: blank, text: content}
		l.more = true
		return nil
	}
	return nil
}

// cut takes a line from the rest, without its end and without a byte order
// mark at the start of the text.
func (l *lines) cut() []byte {
	text, rest, _ := bytes.Cut(l.rest, []byte("\n"))
	l.rest = rest
	if l.number == 1 {
		text = bytes.TrimPrefix(text, []byte("\ufeff"))
	}
	return bytes.TrimSuffix(text, []byte("\r"))
}

func (l *lines) wrong(what string) error { return &SyntaxError{Line: l.number, What: what} }
