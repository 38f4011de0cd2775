package schema

import (
	"encoding/json"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The library has neither a deadline nor a budget, and a small recursive schema
// makes it work exponentially in the depth of the value. So the work is counted
// first, by a walk that goes wherever the library could go and stops at the
// budget: one step per application of a subschema to a value, more for what is
// not constant in it.

// bytesPerStep and instructionsPerStep say how much work on strings is worth a step.
const (
	bytesPerStep        = 256
	instructionsPerStep = 128 // of a pattern, times bytes
	enumValuesPerStep   = 8
)

// affordable tells whether checking v costs at most MaxSteps.
func affordable(s *Schema, v any) bool {
	m := meter{left: MaxSteps, schema: s}
	m.apply(s.root, v, nil)
	return m.left >= 0
}

type meter struct {
	left   int
	schema *Schema
}

// frame is one of the schemas that are being applied to the same value.
type frame struct {
	schema *jsonschema.Schema
	parent *frame
}

func (m *meter) apply(s *jsonschema.Schema, v any, chain *frame) {
	if m.left--; m.left < 0 || s.Bool != nil {
		return
	}
	for f := chain; f != nil; f = f.parent {
		m.left--
		if f.schema == s {
			return // a reference that leads back without going down: the library reports it
		}
	}
	if !typeFits(s, v) {
		return // the library goes no further either
	}
	if s.Enum != nil {
		m.left -= len(s.Enum.Values) / enumValuesPerStep
	}
	if composed(s) {
		here := &frame{s, chain}
		again := func(sub *jsonschema.Schema) { m.apply(sub, v, here) }
		inPlace(s, again)
		if s.DynamicRef != nil || s.RecursiveRef != nil {
			for _, sub := range m.schema.anchored {
				again(sub)
			}
		}
	}
	switch v := v.(type) {
	case string:
		m.text(s.Pattern, v)
	case map[string]any:
		m.object(s, v)
	case []any:
		m.array(s, v)
	}
}

// composed tells whether inPlace has something to call. Most schemas have not,
// and the walk is free of allocations for them.
func composed(s *jsonschema.Schema) bool {
	return s.Ref != nil || s.RecursiveRef != nil || s.DynamicRef != nil || s.Not != nil || s.If != nil ||
		s.AllOf != nil || s.AnyOf != nil || s.OneOf != nil || s.DependentSchemas != nil || s.Dependencies != nil
}

// down applies sub, if it is a schema, to a part of the value.
func (m *meter) down(sub any, v any) {
	if sub, ok := sub.(*jsonschema.Schema); ok && sub != nil && m.left >= 0 {
		m.apply(sub, v, nil)
	}
}

func (m *meter) text(re jsonschema.Regexp, s string) {
	m.left -= len(s) / bytesPerStep
	if p, ok := re.(*pattern); ok && p.re != nil {
		m.left -= len(s) * p.size / instructionsPerStep
	}
}

func (m *meter) object(s *jsonschema.Schema, obj map[string]any) {
	for name, v := range obj {
		if m.left--; m.left < 0 {
			return
		}
		m.down(s.Properties[name], v)
		for re, sub := range s.PatternProperties {
			m.left--
			m.text(re, name)
			m.down(sub, v)
		}
		m.down(s.AdditionalProperties, v)
		m.down(s.UnevaluatedProperties, v)
		m.down(s.PropertyNames, name)
	}
}

func (m *meter) array(s *jsonschema.Schema, arr []any) {
	if s.UniqueItems {
		m.unique(arr)
	}
	list, _ := s.Items.([]*jsonschema.Schema)
	if s.PrefixItems != nil {
		list = s.PrefixItems
	}
	for i, v := range arr {
		if m.left--; m.left < 0 {
			return
		}
		if i < len(list) {
			m.down(list[i], v)
		} else {
			m.down(s.Items2020, v)
			m.down(s.AdditionalItems, v)
		}
		m.down(s.Items, v)
		m.down(s.Contains, v)
		m.down(s.UnevaluatedItems, v)
	}
}

// unique charges for uniqueItems. The library compares short arrays pairwise
// and long ones by a hash that arrays of strings can be made to collide in.
func (m *meter) unique(arr []any) {
	nested := 0
	for _, v := range arr {
		switch v.(type) {
		case []any, map[string]any:
			nested++
		}
	}
	m.left -= len(arr) + nested*nested/64
}

// typeFits is the library's check of "type", without its texts.
func typeFits(s *jsonschema.Schema, v any) bool {
	if s.Types == nil || s.Types.IsEmpty() {
		return true
	}
	want := *s.Types
	switch v.(type) {
	case nil:
		return want&typeNull != 0
	case bool:
		return want&typeBoolean != 0
	case json.Number:
		return want&typeNumbers != 0
	case string:
		return want&typeString != 0
	case []any:
		return want&typeArray != 0
	}
	return want&typeObject != 0
}

var (
	typeNull    = typesOf("null")
	typeBoolean = typesOf("boolean")
	typeNumbers = typesOf("number", "integer")
	typeString  = typesOf("string")
	typeArray   = typesOf("array")
	typeObject  = typesOf("object")
)

func typesOf(names ...string) (t jsonschema.Types) {
	for _, n := range names {
		t.Add(n)
	}
	return t
}
