package schema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Kind is what is wrong, as far as a caller treats it differently.
type Kind uint8

// The kinds of problems.
const (
	Missing    Kind = iota + 1 // a required property is not there: Property
	Unknown                    // a property that the schema does not allow: Property, Allowed
	Invalid                    // anything else
	TooComplex                 // checking it would cost too much; it may be valid
)

// Problem is one way in which a value does not fit its schema.
type Problem struct {
	Kind     Kind
	Loc      []any    // the way to the value: strings (members) and ints (elements)
	Path     string   // the same as text: "$.items[0].name"; "$" is the value itself
	Property string   // Missing, Unknown: its name; it belongs to the object at Path
	Allowed  []string // Unknown: the properties that the schema names there, in its order
	Message  string   // for people; reads after the path
}

// problems translates an error of the library.
func problems(s *Schema, value any, raw json.RawMessage, err error) []Problem {
	var failed *jsonschema.ValidationError
	if !errors.As(err, &failed) {
		return []Problem{{Kind: Invalid, Path: "$", Message: shorten(err.Error())}}
	}
	leaves := flatten(failed)
	var ps []Problem
	for _, f := range leaves {
		ps = appendProblems(ps, s, value, f)
	}
	order := map[string]int{} // of the members in the value as it was sent
	for k := range jsonrpc.Members(raw) {
		order[k] = len(order)
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		c := cmp.Or(cmp.Compare(rank(a), rank(b)), compareLoc(a.Loc, b.Loc, order), unknownOrder(a, b, order))
		if c == 0 && a.Kind != Missing { // what is missing stays in the order of the schema: the sort is stable
			c = cmp.Compare(a.Message, b.Message)
		}
		return c
	})
	ps = slices.CompactFunc(ps, func(a, b Problem) bool { return a.Path == b.Path && a.Message == b.Message })
	return ps[:min(len(ps), MaxProblems)]
}

// rank puts what is missing or unknown in the value itself first.
func rank(p Problem) int {
	switch {
	case len(p.Loc) == 0 && p.Kind == Missing:
		return 0
	case len(p.Loc) == 0 && p.Kind == Unknown:
		return 1
	}
	return 2
}

func compareLoc(a, b []any, order map[string]int) int {
	for i := range min(len(a), len(b)) {
		x, xIndex := a[i].(int)
		y, yIndex := b[i].(int)
		c := 0
		switch {
		case xIndex && yIndex:
			c = cmp.Compare(x, y)
		case i == 0 && !xIndex && !yIndex:
			c = cmp.Compare(order[a[i].(string)], order[b[i].(string)])
		case !xIndex && !yIndex:
			c = cmp.Compare(a[i].(string), b[i].(string))
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func unknownOrder(a, b Problem, order map[string]int) int {
	if a.Kind != Unknown || b.Kind != Unknown {
		return cmp.Compare(a.Kind, b.Kind)
	}
	if len(a.Loc) == 0 {
		return cmp.Compare(order[a.Property], order[b.Property])
	}
	return cmp.Compare(a.Property, b.Property)
}

func appendProblems(ps []Problem, s *Schema, value any, f *jsonschema.ValidationError) []Problem {
	loc := locate(value, f.InstanceLocation)
	switch k := f.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			ps = append(ps, Problem{Kind: Missing, Loc: loc, Path: pathOf(loc), Property: name,
				Message: "misses the required property " + quote(name)})
		}
		return ps
	case *kind.AdditionalProperties:
		allowed := s.properties(f.SchemaURL)
		for _, name := range k.Properties {
			ps = append(ps, unknown(loc, name, allowed))
		}
		return ps
	case *kind.FalseSchema:
		// "unevaluatedProperties": false is the other way to close an object.
		if owner, ok := strings.CutSuffix(f.SchemaURL, "/unevaluatedProperties"); ok && len(loc) > 0 {
			if name, ok := loc[len(loc)-1].(string); ok {
				return append(ps, unknown(loc[:len(loc)-1], name, s.properties(owner)))
			}
		}
	}
	return append(ps, Problem{Kind: Invalid, Loc: loc, Path: pathOf(loc), Message: describe(f)})
}

func unknown(loc []any, name string, allowed []string) Problem {
	return Problem{Kind: Unknown, Loc: loc, Path: pathOf(loc), Property: name, Allowed: allowed,
		Message: "has the unknown property " + quote(name)}
}

// properties returns the property names of the subschema at url: those of its
// own in their order, then, sorted, those of what applies to the same value.
func (s *Schema) properties(url string) []string {
	var at *jsonschema.Schema
	for _, sub := range reach(s.root) {
		if sub.Location == url {
			at = sub
			break
		}
	}
	if at == nil {
		return []string{}
	}
	names := s.declared(url)
	own := len(names)
	seen := map[string]bool{}
	for _, n := range names {
		seen[n] = true
	}
	applied := map[*jsonschema.Schema]bool{}
	var add func(*jsonschema.Schema)
	add = func(sub *jsonschema.Schema) {
		if applied[sub] {
			return
		}
		applied[sub] = true
		for n := range sub.Properties {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
		if at.AdditionalProperties == nil { // closed by unevaluatedProperties, which sees these too
			inPlace(sub, add)
		}
	}
	add(at)
	slices.Sort(names[own:])
	return names
}

// declared reads the names of "properties" at url from the text, for their order.
func (s *Schema) declared(url string) []string {
	names := []string{}
	if url != s.root.Location {
		return names // order matters to whoever reads the message for the arguments themselves
	}
	props, _ := jsonrpc.Get(s.raw, "properties")
	for name := range jsonrpc.Members(props) {
		names = append(names, name)
	}
	return names
}

// flatten returns the errors that say something, in the order of the library.
func flatten(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	switch e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		var all []*jsonschema.ValidationError
		for _, c := range e.Causes {
			all = append(all, flatten(c)...)
		}
		return all
	case *kind.AnyOf, *kind.OneOf:
		if branch := meant(e); branch != nil {
			return flatten(branch)
		}
	}
	return []*jsonschema.ValidationError{e}
}

// meant returns the branch of anyOf or oneOf that the value was meant for: the
// only one that does not fail by the type of the value itself.
func meant(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	var branch *jsonschema.ValidationError
	for _, c := range e.Causes {
		wrongType := slices.ContainsFunc(flatten(c), func(f *jsonschema.ValidationError) bool {
			_, is := f.ErrorKind.(*kind.Type)
			return is && len(f.InstanceLocation) == len(e.InstanceLocation)
		})
		if wrongType {
			continue
		}
		if branch != nil {
			return nil
		}
		branch = c
	}
	return branch
}

// locate tells members from elements, which the library does not.
func locate(value any, tokens []string) []any {
	var loc []any
	for _, tok := range tokens {
		switch v := value.(type) {
		case []any:
			i, err := strconv.Atoi(tok)
			if err != nil || i < 0 || i >= len(v) {
				return loc
			}
			loc, value = append(loc, i), v[i]
		case map[string]any:
			loc, value = append(loc, tok), v[tok]
		default:
			return loc
		}
	}
	return loc
}

// pathOf renders a location like RFC 9535, members in brackets only where they need it.
func pathOf(loc []any) string {
	var b strings.Builder
	b.WriteByte('$')
	for _, tok := range loc {
		switch tok := tok.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", tok)
		case string:
			if plainName(tok) {
				b.WriteString("." + tok)
			} else {
				b.WriteString("['" + strings.ReplaceAll(strings.ReplaceAll(shorten(tok), `\`, `\\`), "'", `\'`) + "']")
			}
		}
	}
	return b.String()
}

func plainName(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || r > 0x7f
		if !letter && (i == 0 || r != '-' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != "" && len(s) <= 100
}

func pointerOf(tokens []string) string {
	var b strings.Builder
	for _, tok := range tokens {
		b.WriteString("/" + pointerEscaper.Replace(tok))
	}
	return b.String()
}
