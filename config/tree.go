package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
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
	unclearNode // a bare word of YAML that its readers disagree about: no, 0777
	listNode
	objectNode
)

// node is one value of a parsed file, whatever the file's format, with its place.
type node struct {
	kind    nodeKind
	at      int    // byte offset; nowhere for what comes from elsewhere
	on      bool   // of a bool
	text    string // of a string, unescaped; of a number or an unclear word, as it is written
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
	// parse gets text without a byte order mark. A file in which nothing stands is an error.
	parse(data []byte) (node, *syntaxError)
	// example is the least that a file of this format holds.
	example() string
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
	case unclearNode:
		return "the bare word " + shorten(n.text) + ", which readers of YAML disagree about: text needs quotes"
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

// oneLine is what others wrote as it stands in a message, whole and in one line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
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

// parsers by the ends of names.
var parsers = map[string]parser{
	".json": jsonParser{}, ".jsonc": jsonParser{},
	".yaml": yamlParser{}, ".yml": yamlParser{},
	".toml": tomlParser{},
}

// parserFor chooses the format by the end of the file's name. known is false
// where the name says nothing: then it is JSON.
func parserFor(path string) (p parser, known bool) {
	if p, known = parsers[strings.ToLower(filepath.Ext(path))]; known {
		return p, true
	}
	return jsonParser{}, false
}

// emptyFile is what a file is told in which nothing stands.
func emptyFile(p parser) *syntaxError {
	return &syntaxError{nowhere, "is empty: the least that a configuration holds is " + p.example()}
}

// checkText refuses what is no text, and says where it stops to be text.
func checkText(data []byte) *syntaxError {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return &syntaxError{nowhere, "is UTF-16 text: save it as UTF-8"}
	case !utf8.Valid(data):
		return &syntaxError{invalidUTF8(data), "the text is not valid UTF-8"}
	}
	return nil
}

func invalidUTF8(data []byte) int {
	at := 0
	for len(data) > 0 {
		r, n := utf8.DecodeRune(data)
		if r == utf8.RuneError && n == 1 {
			break
		}
		at, data = at+n, data[n:]
	}
	return at
}
