package toon

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// unquoted returns the index of the first c from text[i] on that stands
// outside quotes, or -1. A quote opens and closes wherever it stands.
func unquoted(text []byte, c byte, i int) int {
	quoted := false
	for ; i < len(text); i++ {
		switch {
		case text[i] == c && !quoted:
			return i
		case text[i] == '"':
			quoted = !quoted
		case text[i] == '\\' && quoted:
			i++
		}
	}
	return -1
}

// closing returns the index of the quote that closes the one at text[i], or -1.
func closing(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

var (
	errUnclosed = errors.New("a string has no closing quote")
	errAfter    = errors.New("something follows the closing quote of a string")
)

// appendScalar appends what a value token stands for, as JSON (§4).
func appendScalar(dst, tok []byte) ([]byte, error) {
	switch {
	case len(tok) == 0:
		return append(dst, `""`...), nil
	case tok[0] == '"':
		return appendQuoted(dst, tok)
	case isWord(tok):
		return append(dst, tok...), nil
	case isNumber(tok):
		return appendNumber(dst, tok), nil
	}
	return jsonrpc.AppendQuote(dst, string(tok)), nil
}

// appendQuoted appends a string in quotes, as JSON.
func appendQuoted(dst, tok []byte) ([]byte, error) {
	end := closing(tok, 0)
	switch {
	case end < 0:
		return dst, errUnclosed
	case end != len(tok)-1:
		return dst, errAfter
	}
	if err := checkEscapes(tok[1:end]); err != nil {
		return dst, err
	}
	return jsonrpc.AppendQuote(dst, jsonrpc.Unquote(tok)), nil
}

// appendKey appends a key, in quotes or not, as JSON (§7.4).
func appendKey(dst, tok []byte) ([]byte, error) {
	if len(tok) > 0 && tok[0] == '"' {
		return appendQuoted(dst, tok)
	}
	return jsonrpc.AppendQuote(dst, string(tok)), nil
}

// checkEscapes looks for what is an escape of JSON and none of TOON (§7.1):
// between them there is no difference in meaning.
func checkEscapes(s []byte) error {
	for i := bytes.IndexByte(s, '\\'); i >= 0; i = bytes.IndexByte(s, '\\') {
		s = s[i:]
		n := 2 // closing has seen to it that a byte follows
		switch s[1] {
		case '"', '\\', 'n', 'r', 't':
		case 'u':
			n = 6
			r := jsonrpc.Hex4(s[2:])
			if r < 0 {
				return errors.New(`\u is not followed by four hexadecimal digits`)
			}
			if utf16.IsSurrogate(r) {
				return fmt.Errorf(`%s is half a surrogate pair; such characters stand as they are`, s[:6])
			}
		default:
			return fmt.Errorf(`%q is no escape; there are \\ \" \n \r \t and \u with four hexadecimal digits`, s[:2])
		}
		s = s[n:]
	}
	return nil
}

// appendCells appends the tokens between the delimiters of a row or an inline
// list (§11.2).
func appendCells(dst [][]byte, text []byte, delimiter byte) [][]byte {
	for {
		i := unquoted(text, delimiter, 0)
		if i < 0 {
			return append(dst, trim(text))
		}
		dst = append(dst, trim(text[:i]))
		text = text[i+1:]
	}
}
