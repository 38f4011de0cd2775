package config

import (
	"bytes"
	"sort"
	"unicode/utf8"
)

// source is a file's text and its places.
type source struct {
	path  string
	data  []byte
	lines []int // offsets of the first byte of each line
	chars chars
}

func newSource(path string, data []byte) *source {
	s := &source{path: path, data: data, lines: []int{0}, chars: countChars(data)}
	for i := 0; ; {
		next := bytes.IndexByte(data[i:], '\n')
		if next < 0 {
			return s
		}
		i += next + 1
		s.lines = append(s.lines, i)
	}
}

// position returns line and column, both from 1; the column counts characters, as editors do.
func (s *source) position(at int) (line, column int) {
	at = min(at, len(s.data))
	line = sort.SearchInts(s.lines, at+1)
	return line, s.chars.before(at) - s.chars.before(s.lines[line-1]) + 1
}

// charStep is how many bytes are counted at a time.
const charStep = 512

// chars translates between bytes and characters. It counts ahead, since a file
// may be one long line with a problem in every character.
type chars struct {
	data []byte
	sums []int // characters before each step
}

func countChars(data []byte) chars {
	c := chars{data: data}
	for at, n := 0, 0; at <= len(data); at += charStep {
		c.sums = append(c.sums, n)
		n += starts(data[at:min(at+charStep, len(data))])
	}
	return c
}

// starts counts the bytes that begin a character.
func starts(data []byte) (n int) {
	for _, b := range data {
		if utf8.RuneStart(b) {
			n++
		}
	}
	return n
}

// before returns how many characters stand before an offset.
func (c chars) before(at int) int {
	return c.sums[at/charStep] + starts(c.data[at/charStep*charStep:at])
}

// offset returns where the character begins that n others stand before.
func (c chars) offset(n int) int {
	step := sort.SearchInts(c.sums, n+1) - 1
	seen := c.sums[step]
	for at := step * charStep; at < len(c.data); at++ {
		if utf8.RuneStart(c.data[at]) {
			if seen == n {
				return at
			}
			seen++
		}
	}
	return len(c.data)
}
