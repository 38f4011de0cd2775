package mcp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"
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
	f := finder{dec: json.NewDecoder(bytes.NewReader(inputSchema)), names: map[string]string{}}
	if err := f.schemas(true, false); err != nil {
		return nil, err
	}
	return f.found, nil
}

// finder passes once over a schema, so that a deep one is not read again for
// each level.
type finder struct {
	dec   *json.Decoder
	depth int
	path  []string // the properties that lead to the current schema
	found []ParamHeader
	names map[string]string // lower-case header name -> the property that has it
}

// maxDepth bounds our recursion for callers whose schema did not pass jsonrpc.Parse.
const maxDepth = 10_000

// schemas reads the next value: a schema, an array of them, or, if named, an
// object whose members are schemas. reachable: only properties lie on the way;
// then those that are named are properties, too.
func (f *finder) schemas(reachable, named bool) error {
	token, err := f.dec.Token()
	if err != nil {
		return err
	}
	if f.depth++; f.depth > maxDepth {
		return errors.New("the input schema is nested too deep")
	}
	defer func() { f.depth-- }()
	switch {
	case token == json.Delim('['):
		for f.dec.More() {
			if err := f.schemas(false, false); err != nil {
				return err
			}
		}
	case token != json.Delim('{'):
		return nil // true and false are schemas without annotations; the rest is for others to refuse
	case !named:
		return f.schema(reachable)
	default:
		for f.dec.More() {
			name, err := f.key()
			if err != nil {
				return err
			}
			f.path = append(f.path, name)
			if err := f.schemas(reachable, false); err != nil {
				return err
			}
			f.path = f.path[:len(f.path)-1]
		}
	}
	_, err = f.dec.Token()
	return err
}

func (f *finder) key() (string, error) {
	token, err := f.dec.Token()
	key, _ := token.(string) // the decoder allows nothing else here
	return key, err
}

// schema reads a schema after its opening brace.
func (f *finder) schema(reachable bool) error {
	var mark, typ, data json.RawMessage
	for f.dec.More() {
		key, err := f.key()
		if err != nil {
			return err
		}
		switch key {
		case annotation:
			err = f.dec.Decode(&mark)
		case "type":
			err = f.dec.Decode(&typ)
		case "properties":
			err = f.schemas(reachable, true)
		case "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions":
			err = f.schemas(false, true)
		case "items", "prefixItems", "additionalItems", "unevaluatedItems", "contains",
			"additionalProperties", "unevaluatedProperties", "propertyNames", "contentSchema",
			"allOf", "anyOf", "oneOf", "not", "if", "then", "else":
			err = f.schemas(false, false)
		default:
			err = f.dec.Decode(&data)
		}
		if err != nil {
			return err
		}
	}
	if _, err := f.dec.Token(); err != nil {
		return err
	}
	if mark == nil {
		return nil
	}
	return f.annotated(mark, typ, reachable)
}

func (f *finder) annotated(mark, typ json.RawMessage, reachable bool) error {
	where := strings.Join(f.path, ".")
	if !reachable || len(f.path) == 0 {
		return fmt.Errorf("%s may only stand on a property that a chain of properties leads to, not at %q", annotation, where)
	}
	name, ok := jsonrpc.GetString(mark)
	if !ok || name == "" {
		return fmt.Errorf("%s of property %q must be a non-empty string", annotation, where)
	}
	if i := strings.IndexFunc(name, func(r rune) bool { return !isTokenChar(r) }); i >= 0 {
		return fmt.Errorf("%s %q of property %q is no header name: see its character %d", annotation, name, where, i+1)
	}
	kind, ok := primitive(typ)
	if !ok {
		return fmt.Errorf("%s %q of property %q: only properties of type string, integer or boolean can be mirrored", annotation, name, where)
	}
	if other, taken := f.names[strings.ToLower(name)]; taken {
		return fmt.Errorf("%s %q of property %q is also used by property %q", annotation, name, where, other)
	}
	f.names[strings.ToLower(name)] = where
	f.found = append(f.found, ParamHeader{Name: name, Path: slices.Clone(f.path), Type: kind})
	return nil
}

// isTokenChar is tchar of RFC 9110, section 5.6.2.
func isTokenChar(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
		strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// primitive returns the type of a property that may be mirrored. null may stand
// beside it, since a null is not mirrored anyway.
func primitive(typ json.RawMessage) (string, bool) {
	var types []string
	if json.Unmarshal(typ, &types) != nil {
		one, ok := jsonrpc.GetString(typ)
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

// integer renders a JSON number whose value is an integer in the safe range, as
// a reader with float64 sees it.
func integer(number string) (string, bool) {
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || n != math.Trunc(n) || math.Abs(n) > maxSafe {
		return "", false
	}
	return strconv.FormatInt(int64(n), 10), true
}

// CheckParamHeaders compares the headers that mirror arguments of a tool with
// its arguments (2026-07-28, streamable-http: server behavior for custom
// headers). An argument that is absent or null has no header. nil or an error of
// code -32020.
func CheckParamHeaders(h http.Header, params []ParamHeader, arguments json.RawMessage) *jsonrpc.Error {
	for _, p := range params {
		encoded, given := p.Value(arguments)
		header, problem := oneHeader(h.Values(p.Header()), p.Header(), given)
		if problem != nil {
			return problem
		}
		if header == nil {
			continue
		}
		got, bad := DecodeHeader(*header)
		if bad != nil {
			return headerError("%s header: %s", p.Header(), bad)
		}
		if !given {
			return headerError("%s header is given, but the argument is not", p.Header())
		}
		want, _ := DecodeHeader(encoded) // our own encoding
		if got != want && (p.Type != "integer" || !sameNumber(got, want)) {
			return mismatch(p.Header(), got, want)
		}
	}
	return nil
}

// sameNumber compares integers however they are written.
func sameNumber(a, b string) bool {
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && len(a) < 400 && x.Cmp(y) == 0
}
