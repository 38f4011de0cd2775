// Package toon writes and reads TOON, the Token-Oriented Object Notation,
// version 4 (https://github.com/toon-format/spec): the JSON data model in
// lines and indentation, where a list of objects with the same keys is a table
// that names them once. Both directions work on raw JSON: the order of members
// and the digits of numbers stay what they are.
//
// What the specification leaves to an implementation:
//   - Numbers are exact decimals of any size; no float64 is involved (§2, §4).
//     One with an exponent is written out from 1e-6 up to 1e21 and otherwise
//     keeps it; one written out stays so.
//   - Bytes that are not UTF-8, half a surrogate pair and an object with the
//     same key twice are errors of the encoder: TOON cannot carry them (§3, §14.3).
//   - A decoder that is lenient counts a tab in the indentation as one level
//     and reads a malformed header as a key (§6, §12).
//   - Key folding and path expansion of earlier versions are no part of version 4.
package toon

import (
	"errors"
	"fmt"
)

// DefaultDepth is how deep a value may be nested if the options do not say.
const DefaultDepth = 256

// DefaultBytes is how long what is written may be if the options do not say. A
// short input may stand for a very long output: each line of TOON costs its
// indentation, and each row of a table repeats the keys of its header in JSON.
const DefaultBytes = 64 << 20

const defaultIndent = 2

// Delimiter separates the cells of a row, the elements of an inline list and
// the names of a header (§11).
type Delimiter byte

// The three delimiters. The zero value stands for Comma.
const (
	Comma Delimiter = ','
	Tab   Delimiter = '\t'
	Pipe  Delimiter = '|'
)

// EncodeOptions say how a value is written (§13). The zero value holds the
// defaults of the specification.
type EncodeOptions struct {
	Delimiter  Delimiter // Comma if zero
	IndentSize int       // spaces per level; 2 if zero
	MaxDepth   int       // levels of objects and lists; DefaultDepth if zero
	MaxBytes   int       // of text; DefaultBytes if zero
}

// DecodeOptions say how a text is read (§13). The zero value is strict, as the
// specification has it.
type DecodeOptions struct {
	// Lenient switches strict mode off: counts and blank lines are not
	// checked, any indentation is rounded down to a level, the last of several
	// equal keys wins, and a malformed header is a key.
	Lenient    bool
	IndentSize int // spaces per level; 2 if zero
	MaxDepth   int // levels of objects and lists; DefaultDepth if zero
	MaxBytes   int // of JSON; DefaultBytes if zero
}

// What Encode refuses, though it is JSON.
var (
	ErrDuplicateKey = errors.New("an object has the same key twice")
	ErrSurrogate    = errors.New("a string holds half a surrogate pair, which is no character")
	ErrTooLarge     = errors.New("larger than it may be")
)

// SyntaxError says what is wrong with a TOON text, and where.
type SyntaxError struct {
	Line int // from 1
	What string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.What) }

// orDefault returns n, or what stands for zero; it refuses what is below.
func orDefault(n, zero int, name string) (int, error) {
	if n < 0 {
		return 0, fmt.Errorf("TOON option %s is %d: it cannot be negative", name, n)
	}
	if n == 0 {
		return zero, nil
	}
	return n, nil
}
