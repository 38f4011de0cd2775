package openapi

import (
	"slices"
	"strconv"
	"strings"
)

// reach finds the schemas that references lead to, and the references that lead
// nowhere: out of the document, or around in a circle without going down into
// the value, which no validator could follow and no compiler would type.
func (s *source) reach() {
	const open, done = 1, 2
	state := map[*node]int{}
	var below []*node // schemas for parts of values, looked at later
	var visit func(n *node)
	visit = func(n *node) {
		state[n] = open
		for _, r := range s.references(n) {
			target := s.resolve(n, r)
			if target != nil && state[target] == 0 {
				visit(target)
			}
			switch {
			case target == nil:
				s.broken[n] = append(s.broken[n], "The reference "+shorten(r.to)+" leads to nothing in this schema and is left out.")
			case state[target] == open:
				s.broken[n] = append(s.broken[n], "The reference "+shorten(r.to)+" leads back to itself and is left out.")
			default:
				s.lead(n, target, r.to)
			}
		}
		s.children(n, func(c *node, inPlace bool) {
			if c.kind != kindObject {
				return
			}
			if !inPlace {
				below = append(below, c)
			} else if state[c] == 0 {
				visit(c)
			}
		})
		state[n] = done
	}
	below = append(below, s.root)
	for i := 0; i < len(below); i++ {
		if state[below[i]] == 0 {
			visit(below[i])
		}
	}
}

// lead notes where a reference leads. A schema that is nothing but a reference
// is passed by.
func (s *source) lead(n, target *node, to string) {
	if next := s.leads[target]; len(next) == 1 && s.alias(target) {
		s.leads[n] = append(s.leads[n], next[0]) // which has been noted before
		return
	}
	s.leads[n] = append(s.leads[n], target)
	if _, known := s.labels[target]; !known {
		s.labels[target] = label(to)
		s.targets = append(s.targets, target)
	}
}

// alias tells whether a schema says nothing beside its references.
func (s *source) alias(n *node) bool {
	if s.broken[n] != nil {
		return false
	}
	for _, key := range n.keys {
		if k := s.keyword(key); k != nil && (k.note || !s.alone(n)) || strings.HasPrefix(key, "x-") {
			return false
		}
	}
	return true
}

// label is what a reference calls its target: the last part of it that is a
// name and no keyword.
func label(to string) string {
	address, fragment, _ := strings.Cut(to, "#")
	fragment = percent(fragment)
	if fragment == "" {
		address, _, _ = strings.Cut(address, "?")
		return address[strings.LastIndexByte(address, '/')+1:]
	}
	parts := strings.Split(fragment, "/")
	for _, part := range slices.Backward(parts) {
		if _, err := strconv.Atoi(part); err != nil && part != "" && part != "$defs" && part != "definitions" && keywords[part] == nil {
			return unescape(part)
		}
	}
	return ""
}

// shorten keeps texts of strangers from flooding a note.
func shorten(s string) string {
	const limit = 100
	if r := []rune(s); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return s
}
