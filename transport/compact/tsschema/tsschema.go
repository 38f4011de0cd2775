// Package tsschema writes a JSON Schema as the text of a TypeScript type: what
// a model needs to know of a tool's arguments, in a fraction of the size.
//
// The text is one line, and
//
//	type Input = <text>;
//
// is TypeScript. Mostly it is one expression, as
// {path: string /* File path */; encoding?: string}. A type that contains
// itself, or that occurs several times and is long, is named once; its
// declaration follows: {root: Node}; type Node = {value: string; next?: Node}.
// A reference that leads nowhere becomes the last part of its path; such a name
// stays undeclared in the text, while [Declaration] declares it as unknown.
//
// What a type cannot say stands in the comment behind it, the description
// first and then, after a semicolon, the rest, separated by commas:
//
//	format F, pattern P, encoding E    of strings
//	length 1..64, items ..5            bounds, both included; either may be missing
//	min N, max N, above N, below N     of numbers; above and below exclude N
//	multiple of N, unique, properties 1.., keys P, default V, deprecated
//	not S, if S, then S, else S,       keywords without a counterpart in TypeScript,
//	contains S, requires S             S being their JSON
//
// Approximations: integer is number; additionalProperties false and a title
// are not shown; a tuple is closed unless the schema describes further
// elements; a list in an optional or repeated place of a tuple that mentions
// named types is unknown, since TypeScript does not always allow it; oneOf is a
// union; a type made of nothing but itself is unknown; a value or schema in a
// comment is cut at 100 characters, a pattern at 200.
//
// A schema is data that nobody trusts: nothing is fetched, names and comments
// cannot end what they stand in, time is linear in the schema, and the text is
// bounded: what is nested too deep, or has no room any more, is unknown.
package tsschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// The defaults and bounds.
const (
	DefaultDescriptionChars = 300       // of a description
	DefaultMaxBytes         = 256 << 10 // of a text
	MaxSchemaBytes          = 1 << 20   // of a schema's text; arguments cannot be validated against a larger one either

	leastBytes = 256  // of a text, whatever the options say: room for all that must be closed
	maxLevels  = 64   // of schemas within schemas, not counting references
	shortBytes = 200  // a type that is not longer is repeated where it occurs again
	valueChars = 100  // of a value or a schema in a comment
	maxHeight  = 128  // of types within types, those in the place of a reference counted
	maxPending = 64   // types that are printed inside each other before it is known where
	maxWidth   = 4096 // alternatives of an intersection
)

// Options say how a schema is written. Zero stands for the default.
type Options struct {
	DescriptionChars int // of each description; the last three are "..." if it was cut. Below zero there are none.
	MaxBytes         int // of the text; 256 at least
}

// Compress returns the text of the type, as the package's comment says. An
// empty schema accepts everything and is unknown. The error says what is wrong
// with the schema and reads after "the schema …": it is no JSON or no UTF-8, it
// is too large, or it is neither an object nor a boolean.
func Compress(schema json.RawMessage, opts Options) (string, error) {
	// A reader may take the text as the type Input.
	text, _, err := compress(schema, opts, "", "Input")
	return text, err
}

// Declaration returns the declaration of the type under a name, which is made
// an identifier if it is none, followed by the declarations of all other names
// that it mentions. It is a complete piece of TypeScript in one line, of a few
// bytes more than Options.MaxBytes at most.
func Declaration(name string, schema json.RawMessage, opts Options) (string, error) {
	name = identifier(name)
	text, missing, err := compress(schema, opts, name, name)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("type " + name + " = " + text + ";")
	for _, m := range missing {
		b.WriteString(" type " + m + " = " + unknown + ";")
	}
	return b.String(), nil
}

// compress returns the text and the names in it that stand for nothing. No such
// name is own, and no type that is declared in the text is named taken.
func compress(raw json.RawMessage, opts Options, own, taken string) (text string, missing []string, err error) {
	if len(raw) > MaxSchemaBytes {
		return "", nil, fmt.Errorf("is larger than %d bytes", MaxSchemaBytes)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return unknown, nil, nil
	}
	compact, err := jsonrpc.AppendCompact(make([]byte, 0, len(raw)), raw, math.MaxInt)
	if err != nil {
		return "", nil, fmt.Errorf("is not valid JSON: %w", err)
	}
	d := index(compact)
	if k := d.kind(0); k != kindObject && k != kindBool {
		return "", nil, fmt.Errorf("is %s and neither an object nor a boolean", k)
	}
	c := newConverter(d, opts)
	root := c.convert()
	c.analyse()
	p := newPrinter(opts, own, append(c.missing, taken)...)
	text = p.program(root)
	return text, p.missing, nil
}
