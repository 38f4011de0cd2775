package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The bounds of a schema and of one validation (2026-07-28, basic:
// composition-keyword resource use). A schema beyond them is an Error, a value
// beyond them a Problem.
const (
	MaxBytes      = 1 << 20   // bytes of a schema's text
	MaxDepth      = 128       // nesting of a schema's text
	MaxSubschemas = 4096      // objects and booleans in a schema's text, and compiled subschemas
	MaxSteps      = 1_000_000 // applications of a subschema to a value, or work worth as much
	MaxProblems   = 32        // problems of one validation

	maxNumberBytes    = 512 // of a number's text
	maxNumberExponent = 400
)

// findings is what inspect sees on its way through a schema.
type findings struct {
	dialect string   // $schema of the root
	anchors []string // pointers to what $dynamicRef or $recursiveRef may lead to, escaped for a fragment
	values  int      // objects and booleans
}

// inspect decodes a schema and applies the bounds that can be seen in its text.
func inspect(raw json.RawMessage) (any, findings, error) {
	var f findings
	if len(raw) > MaxBytes {
		return nil, f, errorf(ReasonBounds, "is larger than %d bytes", MaxBytes)
	}
	if deep(raw, MaxDepth) {
		return nil, f, errorf(ReasonBounds, "is nested deeper than %d levels", MaxDepth)
	}
	doc, err := decode(raw)
	if err != nil {
		return nil, f, errorf(ReasonInvalid, "is not valid JSON: %v", err)
	}
	switch doc := doc.(type) {
	case bool:
	case map[string]any:
		f.dialect, _ = doc["$schema"].(string)
	default:
		return nil, f, errorf(ReasonInvalid, "is %s and not an object", typeName(doc))
	}
	if p := checkNumbers(doc); p != nil {
		return nil, f, errorf(ReasonBounds, "holds a number that is too long or too large at %s", p.Path)
	}
	f.scan(doc, "")
	if f.values > MaxSubschemas {
		return nil, f, errorf(ReasonBounds, "has more than %d subschemas", MaxSubschemas)
	}
	return doc, f, nil
}

func (f *findings) scan(v any, ptr string) {
	switch v := v.(type) {
	case bool:
		f.values++
	case []any:
		for i, e := range v {
			f.scan(e, ptr+"/"+strconv.Itoa(i))
		}
	case map[string]any:
		f.values++
		if f.values > MaxSubschemas {
			return // enough is known
		}
		_, dynamic := v["$dynamicAnchor"].(string)
		recursive, _ := v["$recursiveAnchor"].(bool)
		if dynamic || recursive {
			f.anchors = append(f.anchors, ptr)
		}
		for k, e := range v {
			f.scan(e, ptr+"/"+fragmentEscaper.Replace(k))
		}
	}
}

var (
	pointerEscaper  = strings.NewReplacer("~", "~0", "/", "~1")
	fragmentEscaper = strings.NewReplacer("~", "~0", "/", "~1", "%", "%25")
)

// deep tells whether JSON text is nested deeper than limit. It does not
// recurse: it runs before anything that does.
func deep(raw []byte, limit int) bool {
	depth, inString := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// checkNumbers looks for a number that would be expensive to compare (the
// library calculates with exact fractions) or that it cannot represent.
func checkNumbers(v any) *Problem {
	if !hasBigNumber(v) {
		return nil
	}
	loc, _ := findBigNumber(v, nil)
	return &Problem{Kind: TooComplex, Loc: loc, Path: pathOf(loc), Message: fmt.Sprintf(
		"is a number that is too long or too large to be checked (at most %d characters, exponents up to %d)", maxNumberBytes, maxNumberExponent)}
}

func hasBigNumber(v any) bool {
	switch v := v.(type) {
	case json.Number:
		return tooBig(string(v))
	case []any:
		return slices.ContainsFunc(v, hasBigNumber)
	case map[string]any:
		for _, e := range v {
			if hasBigNumber(e) {
				return true
			}
		}
	}
	return false
}

// findBigNumber returns where the first one stands, keys sorted.
func findBigNumber(v any, loc []any) ([]any, bool) {
	switch v := v.(type) {
	case json.Number:
		return loc, tooBig(string(v))
	case []any:
		for i, e := range v {
			if l, ok := findBigNumber(e, append(loc, i)); ok {
				return l, true
			}
		}
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if l, ok := findBigNumber(v[k], append(loc, k)); ok {
				return l, true
			}
		}
	}
	return nil, false
}

func tooBig(n string) bool {
	if len(n) > maxNumberBytes {
		return true
	}
	i := strings.IndexAny(n, "eE")
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(n[i+1:])
	return err != nil || e > maxNumberExponent || e < -maxNumberExponent
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}
