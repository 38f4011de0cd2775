package schema

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// inPlace calls f with the subschemas that apply to the same value as s, static
// references included.
func inPlace(s *jsonschema.Schema, f func(*jsonschema.Schema)) {
	one := func(sub *jsonschema.Schema) {
		if sub != nil {
			f(sub)
		}
	}
	one(s.Ref)
	one(s.RecursiveRef)
	if s.DynamicRef != nil {
		one(s.DynamicRef.Ref)
	}
	one(s.Not)
	one(s.If)
	one(s.Then)
	one(s.Else)
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf} {
		for _, sub := range list {
			one(sub)
		}
	}
	for _, sub := range s.DependentSchemas {
		one(sub)
	}
	for _, dep := range s.Dependencies {
		if sub, ok := dep.(*jsonschema.Schema); ok {
			one(sub)
		}
	}
}

// children calls f with the subschemas that apply to members, elements or
// names of the value.
func children(s *jsonschema.Schema, f func(*jsonschema.Schema)) {
	one := func(sub any) {
		if sub, ok := sub.(*jsonschema.Schema); ok && sub != nil {
			f(sub)
		}
	}
	for _, sub := range s.Properties {
		one(sub)
	}
	for _, sub := range s.PatternProperties {
		one(sub)
	}
	one(s.AdditionalProperties)
	one(s.UnevaluatedProperties)
	one(s.PropertyNames)
	for _, sub := range s.PrefixItems {
		one(sub)
	}
	one(s.Items2020)
	one(s.Items)
	if list, ok := s.Items.([]*jsonschema.Schema); ok {
		for _, sub := range list {
			one(sub)
		}
	}
	one(s.AdditionalItems)
	one(s.Contains)
	one(s.UnevaluatedItems)
	one(s.ContentSchema)
}

// reach returns all schemas that can be reached from the given ones.
func reach(from ...*jsonschema.Schema) []*jsonschema.Schema {
	seen := map[*jsonschema.Schema]bool{}
	var all []*jsonschema.Schema
	add := func(s *jsonschema.Schema) {
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	for _, s := range from {
		add(s)
	}
	for i := 0; i < len(all); i++ {
		inPlace(all[i], add)
		children(all[i], add)
	}
	return all
}

// relax makes sure that a pattern that is not checked refuses nothing. It
// counts as matching; where a match could refuse a value (below not, if, oneOf,
// maxContains, and as a name in patternProperties), what stands there is dropped.
func relax(all []*jsonschema.Schema) {
	unsure := reachers(all, func(s *jsonschema.Schema) bool {
		if p, ok := s.Pattern.(*pattern); ok && p.re == nil {
			return true
		}
		for re := range s.PatternProperties {
			if p, ok := re.(*pattern); ok && p.re == nil {
				return true
			}
		}
		return false
	})
	yes := true
	for _, s := range all {
		for re := range s.PatternProperties {
			if p, ok := re.(*pattern); ok && p.re == nil {
				// Matches every name with a schema that accepts every value: which
				// names are additional is not known any more.
				s.PatternProperties[re] = &jsonschema.Schema{Bool: &yes, Location: s.Location}
			}
		}
		if s.Not != nil && unsure[s.Not] {
			s.Not = nil
		}
		if s.If != nil && unsure[s.If] {
			s.If, s.Then, s.Else = nil, nil, nil
		}
		for _, sub := range s.OneOf {
			if unsure[sub] {
				if s.AnyOf == nil {
					s.AnyOf = s.OneOf
				}
				s.OneOf = nil
				break
			}
		}
		if s.Contains != nil && unsure[s.Contains] {
			s.MaxContains = nil
		}
		// What a dropped part would have evaluated is not known any more.
		s.UnevaluatedProperties, s.UnevaluatedItems = nil, nil
	}
}

// reachers returns the schemas from which one that has the property can be reached.
func reachers(all []*jsonschema.Schema, has func(*jsonschema.Schema) bool) map[*jsonschema.Schema]bool {
	parents := map[*jsonschema.Schema][]*jsonschema.Schema{}
	found := map[*jsonschema.Schema]bool{}
	var queue []*jsonschema.Schema
	for _, s := range all {
		note := func(sub *jsonschema.Schema) { parents[sub] = append(parents[sub], s) }
		inPlace(s, note)
		children(s, note)
		if has(s) {
			found[s] = true
			queue = append(queue, s)
		}
	}
	for i := 0; i < len(queue); i++ {
		for _, p := range parents[queue[i]] {
			if !found[p] {
				found[p] = true
				queue = append(queue, p)
			}
		}
	}
	return found
}
