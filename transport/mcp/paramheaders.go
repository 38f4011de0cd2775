package mcp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

const annotation = "x-mcp-header"

// ParamHeader is one property of a tool's input schema that is mirrored into a header.
type ParamHeader struct {
	Name string   // the header's name after Mcp-Param-
	Path []string // the chain of properties that leads to it
	Type string   // string, integer or boolean
}

// ParamHeaders finds the x-mcp-header annotations of an input schema, in its
// order. An error says why the tool definition is invalid and must be dropped
// (2026-07-28, streamable-http: schema extension).
//
// An annotation is looked for wherever a schema may stand, not in data
// (default, const, enum, examples) and unknown keywords.
func ParamHeaders(inputSchema json.RawMessage) ([]ParamHeader, error) {
	// An escaped key could hide it; nearly all schemas end here.
	if !bytes.Contains(inputSchema, []byte(annotation)) && !bytes.ContainsRune(inputSchema, '\\') {
		return nil, nil
	}
	f := finder{names: map[string][]string{}}
	if err := f.schema(inputSchema, nil, true); err != nil {
		return nil, err
	}
	return f.found, nil
}

type finder struct {
	found []ParamHeader
	names map[string][]string // lower-case name -> path of the property that has it
}

// schema looks through one schema. path leads to it; reachable says that only
// properties lie on the way.
func (f *finder) schema(schema json.RawMessage, path []string, reachable bool) error {
	for key, value := range jsonrpc.Members(schema) {
		var err error
		switch key {
		case annotation:
			err = f.annotated(schema, value, path, reachable)
		case "properties":
			for name, property := range jsonrpc.Members(value) {
				if err = f.schema(property, append(slices.Clip(path), name), reachable); err != nil {
					break
				}
			}
		case "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions":
			for _, sub := range jsonrpc.Members(value) {
				if err = f.schema(sub, path, false); err != nil {
					break
				}
			}
		case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains",
			"additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema",
			"allOf", "anyOf", "oneOf", "not", "if", "then", "else":
			err = f.either(value, path)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// either looks through a schema or an array of schemas.
func (f *finder) either(value json.RawMessage, path []string) error {
	if !jsonrpc.IsBatch(value) {
		return f.schema(value, path, false)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return err
	}
	for _, sub := range list {
		if err := f.schema(sub, path, false); err != nil {
			return err
		}
	}
	return nil
}

func (f *finder) annotated(schema, value json.RawMessage, path []string, reachable bool) error {
	where := fmt.Sprintf("property %q", strings.Join(path, "."))
	if len(path) == 0 {
		where = "the schema's root"
	}
	if !reachable || len(path) == 0 {
		return fmt.Errorf("%s in or below %s: it may only stand on a property that a chain of properties leads to", annotation, where)
	}
	name, ok := jsonrpc.GetString(value)
	if !ok || name == "" {
		return fmt.Errorf("%s of %s must be a non-empty string", annotation, where)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !isTokenChar(r) }); i >= 0 {
		return fmt.Errorf("%s %q of %s is no header name: character %q at %d", annotation, name, where, name[i:i+1], i)
	}
	typ, ok := primitive(schema)
	if !ok {
		return fmt.Errorf("%s %q of %s: only for properties of type string, integer or boolean", annotation, name, where)
	}
	if other, taken := f.names[strings.ToLower(name)]; taken {
		return fmt.Errorf("%s %q of %s is also used by property %q", annotation, name, where, strings.Join(other, "."))
	}
	f.names[strings.ToLower(name)] = path
	f.found = append(f.found, ParamHeader{Name: name, Path: path, Type: typ})
	return nil
}

// isTokenChar is tchar of RFC 9110, section 5.6.2.
func isTokenChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// primitive returns the type of a property that may be mirrored. null may stand
// beside it, since a null is not mirrored anyway.
func primitive(schema json.RawMessage) (string, bool) {
	raw, ok := jsonrpc.Get(schema, "type")
	if !ok {
		return "", false
	}
	var types []string
	if json.Unmarshal(raw, &types) != nil {
		one, ok := jsonrpc.GetString(raw)
		if !ok {
			return "", false
		}
		types = []string{one}
	}
	types = slices.DeleteFunc(types, func(t string) bool { return t == "null" })
	if len(types) != 1 || !slices.Contains([]string{"string", "integer", "boolean"}, types[0]) {
		return "", false
	}
	return types[0], true
}

// Header returns the full name of the header.
func (p ParamHeader) Header() string { return HeaderParamPrefix + p.Name }

// Value renders the header of a call's arguments, encoded. Absent and null
// values are left out, and so is what has no rendering: objects, arrays,
// fractions, integers outside ±(2^53-1). A string, integer or boolean that is
// not of the declared type is rendered all the same: that the arguments are
// wrong is better said by the server than by its check of the headers.
func (p ParamHeader) Value(arguments json.RawMessage) (value string, ok bool) {
	raw, ok := jsonrpc.Get(arguments, p.Path...)
	if !ok {
		return "", false
	}
	switch c := raw[0]; {
	case c == '"':
		s, ok := jsonrpc.GetString(raw)
		return EncodeHeader(s), ok
	case c == 't' || c == 'f':
		return string(raw), true
	case c == '-' || '0' <= c && c <= '9':
		return integer(string(raw))
	}
	return "", false
}

// maxSafe is the largest integer that JavaScript holds exactly.
const maxSafe = 1<<53 - 1

// integer renders a JSON number whose value is an integer in the safe range.
func integer(number string) (string, bool) {
	if len(number) > 64 {
		return "", false // no sane rendering of a safe integer; and an exponent could cost memory
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok || !r.IsInt() || new(big.Int).Abs(r.Num()).Cmp(big.NewInt(maxSafe)) > 0 {
		return "", false
	}
	return r.Num().String(), true
}
