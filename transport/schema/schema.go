// Package schema validates JSON values against JSON Schemas that come from
// upstream servers, and are therefore data that nobody trusts.
//
// Dialects: 2020-12 (the default of the protocol), 2019-09, draft-07, draft-06
// and draft-04, by $schema. A schema that declares none and is no valid 2020-12
// is read as draft-07, then as draft-04, if it is valid there: many servers
// write tuples and boolean exclusiveMinimum without saying in which dialect.
// "format" is an assertion up to draft-07 and an annotation after it, as the
// dialects define it.
//
// No reference to another document is followed (2026-07-28, basic: $ref
// resolution): such a schema does not compile. A pattern that Go's regular
// expressions (RE2, linear in time) cannot express, as one with lookahead, is
// not checked; Schema.Notices says so. The server still sees the value.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled schema. It is immutable and safe for concurrent use.
type Schema struct {
	raw      json.RawMessage
	root     *jsonschema.Schema
	anchored []*jsonschema.Schema // possible targets of $dynamicRef and $recursiveRef
	notices  []string
	size     int // subschemas
}

// Reason is why a schema cannot be used.
type Reason uint8

// The reasons.
const (
	ReasonInvalid  Reason = iota + 1 // no JSON, or not valid in its dialect
	ReasonDialect                    // $schema names a dialect that is not supported
	ReasonExternal                   // it refers to another document
	ReasonBounds                     // too large, too deep, too many subschemas
)

// Error says that a schema cannot be used. Its text is for people and reads
// after "the schema …".
type Error struct {
	Reason  Reason
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func errorf(r Reason, format string, args ...any) *Error {
	return &Error{r, fmt.Sprintf(format, args...)}
}

// location is the address of the schema itself; it cannot be fetched by anyone.
const location = "mcpx:///schema"

// Compile compiles a schema. An empty raw accepts every value. The error is an *Error.
func Compile(raw json.RawMessage) (*Schema, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	doc, found, err := inspect(raw)
	if err != nil {
		return nil, err
	}
	if found.dialect != "" && !supported(found.dialect) {
		return nil, errorf(ReasonDialect, "declares the dialect %s, which is not supported (2020-12, 2019-09, draft-07, draft-06 and draft-04 are)", shorten(found.dialect))
	}
	s, err := compile(raw, doc, found, jsonschema.Draft2020)
	if err == nil || found.dialect != "" || !errors.As(err, new(*jsonschema.SchemaValidationError)) {
		return s, explain(err)
	}
	for _, older := range []*jsonschema.Draft{jsonschema.Draft7, jsonschema.Draft4} {
		if s, err := compile(raw, doc, found, older); err == nil {
			return s, nil
		}
	}
	return nil, explain(err)
}

func compile(raw json.RawMessage, doc any, found findings, draft *jsonschema.Draft) (s *Schema, err error) {
	// The library is asked to compile what strangers wrote. A panic in it must
	// cost this one schema only.
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, errorf(ReasonInvalid, "cannot be compiled (%v)", p)
		}
	}()
	patterns := patterns{known: map[string]*pattern{}}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(draft)
	c.UseLoader(refuse{})
	c.UseRegexpEngine(patterns.compile)
	if err := c.AddResource(location, doc); err != nil {
		return nil, err
	}
	root, err := c.Compile(location)
	if err != nil {
		return nil, err
	}
	s = &Schema{raw: raw, root: root}
	for _, ptr := range found.anchors {
		// An anchor that does not compile where it stands is not a target either.
		if a, err := c.Compile(location + "#" + ptr); err == nil {
			s.anchored = append(s.anchored, a)
		}
	}
	all := reach(append([]*jsonschema.Schema{root}, s.anchored...)...)
	if s.size = len(all); s.size > MaxSubschemas {
		return nil, errorf(ReasonBounds, "has more than %d subschemas", MaxSubschemas)
	}
	patterns.frozen = true
	if len(patterns.notices) > 0 {
		relax(all)
		s.notices = patterns.notices
	}
	return s, nil
}

// Notices says, for people, which parts of the schema are not checked.
func (s *Schema) Notices() []string { return s.notices }

// Validate checks a JSON value; an empty one counts as {}. It returns nil if
// the value fits, else at most MaxProblems problems in an order that depends
// on nothing but schema and value: missing and unknown properties of the value
// itself first, in the order of the schema and of the value.
func (s *Schema) Validate(value json.RawMessage) []Problem {
	if len(bytes.TrimSpace(value)) == 0 {
		value = json.RawMessage("{}")
	}
	v, err := decode(value)
	if err != nil {
		return []Problem{{Kind: Invalid, Path: "$", Message: "is not valid JSON: " + err.Error()}}
	}
	if !affordable(s, v) {
		return []Problem{{Kind: TooComplex, Path: "$", Message: fmt.Sprintf("is too large or too deep to be checked against this schema (more than %d steps)", MaxSteps)}}
	}
	if p := checkNumbers(v); p != nil {
		return []Problem{*p}
	}
	if err := s.validate(v); err != nil {
		return problems(s, v, value, err)
	}
	return nil
}

func (s *Schema) validate(v any) (err error) {
	defer func() {
		if p := recover(); p != nil { // as in compile
			err = fmt.Errorf("cannot be checked (%v)", p)
		}
	}()
	return s.root.Validate(v)
}

func decode(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// refuse is the loader: it follows no reference (the dialects' own schemas are built in).
type refuse struct{}

var errRefused = errors.New("references to other documents are not followed")

func (refuse) Load(string) (any, error) { return nil, errRefused }

func supported(dialect string) bool {
	dialect = strings.TrimSuffix(dialect, "#")
	for _, scheme := range []string{"http://", "https://"} {
		switch name, _ := strings.CutPrefix(dialect, scheme+"json-schema.org/"); name {
		case "schema", "draft/2020-12/schema", "draft/2019-09/schema", "draft-07/schema", "draft-06/schema", "draft-04/schema":
			return true
		}
	}
	return false
}

// explain turns what the library says into an Error.
func explain(err error) error {
	var (
		ours     *Error
		load     *jsonschema.LoadURLError
		invalid  *jsonschema.SchemaValidationError
		pointer  *jsonschema.JSONPointerNotFoundError
		anchor   *jsonschema.AnchorNotFoundError
		findings *jsonschema.ValidationError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &load):
		return errorf(ReasonExternal, "refers to %s: %v", shorten(local(load.URL)), errRefused)
	case errors.As(err, &pointer):
		return errorf(ReasonInvalid, "refers to %s, which it does not contain", shorten(local(pointer.URL)))
	case errors.As(err, &anchor):
		return errorf(ReasonInvalid, "refers to %s, which it does not contain", shorten(local(anchor.Reference)))
	case errors.As(err, &invalid) && errors.As(invalid.Err, &findings):
		at, _ := strings.CutPrefix(local(invalid.URL), "#")
		var said []string
		for _, f := range flatten(findings) {
			said = append(said, fmt.Sprintf("at %s: %s", shorten("#"+at+pointerOf(f.InstanceLocation)), describe(f)))
		}
		slices.Sort(said) // the library goes through objects in any order
		said = slices.Compact(said)
		return errorf(ReasonInvalid, "is not valid in its dialect: %s", strings.Join(said[:min(len(said), 3)], "; "))
	}
	return errorf(ReasonInvalid, "cannot be compiled: %s", shorten(local(err.Error())))
}

// local removes our made-up address from a text of the library.
func local(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, location, ""), "mcpx:///", "")
}

// shorten keeps texts of strangers from flooding a message.
func shorten(s string) string {
	const limit = 200
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
