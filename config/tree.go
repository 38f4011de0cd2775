package config

import (
	"bytes"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"
)

// nowhere is the offset of what does not stand in the file.
const nowhere = -1

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	listNode
	objectNode
)

// node is one value of a parsed file, whatever the file's format, with its place.
type node struct {
	kind    nodeKind
	at      int    // byte offset; nowhere for what comes from elsewhere
	on      bool   // of a bool
	text    string // of a string, unescaped; of a number, as it is written
	items   []node
	members []member // in the order of the file, duplicates included

	// literal: holds no ${} references. loose: is text by nature and may stand
	// for a number or a switch, because it comes from the environment or a flag.
	literal, loose bool
}

type member struct {
	name  string
	at    int // of the name
	value node
}

// parser reads one file format. It is where another format plugs in: it gives
// the tree with offsets, everything else stays as it is.
type parser interface {
	parse(data []byte) (node, *syntaxError)
}

// syntaxError says why a file cannot be read. It never quotes the file: what
// stands in the wrong place may be a secret.
type syntaxError struct {
	at      int // nowhere when it concerns the file as a whole
	message string
}

// describe names what was found where something else was expected; never the
// text of a string, which may be a secret in the wrong place.
func (n node) describe() string {
	switch n.kind {
	case nullNode:
		return "null"
	case boolNode:
		return fmt.Sprint(n.on)
	case numberNode:
		return "the number " + shorten(n.text)
	case stringNode:
		return "a string"
	case listNode:
		return "a list"
	default:
		return "an object"
	}
}

// shorten keeps messages readable, whatever stands in the file.
func shorten(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// label is a name out of the file as it stands in a message: in one line.
func label(name string) string {
	quoted := strconv.Quote(shorten(name))
	return quoted[1 : len(quoted)-1]
}

// token is the part of a name that may be shown: "Authorization: Bearer x" in
// the place of a name is a value as well.
func token(name string) string {
	end := strings.IndexAny(name, ":= \t")
	if end <= 0 {
		return label(name)
	}
	return label(name[:end])
}

// source is a file's text and its places.
type source struct {
	path  string
	data  []byte
	lines []int // offsets of the first byte of each line
}

func newSource(path string, data []byte) *source {
	s := &source{path: path, data: data, lines: []int{0}}
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
	return line, utf8.RuneCount(s.data[s.lines[line-1]:at]) + 1
}

// parserFor chooses the format by the name of the file; JSON unless the name says otherwise.
func parserFor(path string) (parser, *syntaxError) {
	for _, ext := range []string{".yaml", ".yml", ".toml"} {
		if strings.HasSuffix(strings.ToLower(path), ext) {
			return nil, &syntaxError{nowhere, "only JSON can be read (comments and trailing commas are fine), not " + ext}
		}
	}
	return jsonParser{}, nil
}
