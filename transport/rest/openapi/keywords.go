package openapi

// shape is what the value of a keyword can be.
type shape uint8

const (
	oneSchema   shape = iota
	someSchemas       // at least one
	namedSchemas
	anything
	values  // at least none
	choices // values, at least one
	digits
	positive
	count
	words
	yesOrNo
	typeNames
	nameSet
	nameSets
)

// keyword is a member of a schema that 2020-12 knows and that stays one.
type keyword struct {
	shape   shape
	since   draft // before it, the word means nothing
	inPlace bool  // its schemas apply to the very value, and not to one in it
	open    bool  // readers expect booleans here, too
	note    bool  // it says something and restricts nothing; older drafts may say it too
}

var keywords = map[string]*keyword{
	"title": {shape: words, note: true}, "description": {shape: words, note: true}, "$comment": {shape: words, note: true},
	"default": {shape: anything, note: true}, "examples": {shape: values, note: true},
	"deprecated": {shape: yesOrNo, note: true}, "readOnly": {shape: yesOrNo, note: true}, "writeOnly": {shape: yesOrNo, note: true},

	"type": {shape: typeNames}, "enum": {shape: choices}, "const": {shape: anything, since: draft6},
	"multipleOf": {shape: positive}, "minimum": {shape: digits}, "maximum": {shape: digits},
	"exclusiveMinimum": {shape: digits}, "exclusiveMaximum": {shape: digits},
	"minLength": {shape: count}, "maxLength": {shape: count}, "pattern": {shape: words}, "format": {shape: words},
	"contentEncoding": {shape: words}, "contentMediaType": {shape: words}, "contentSchema": {shape: oneSchema},
	"minItems": {shape: count}, "maxItems": {shape: count}, "uniqueItems": {shape: yesOrNo},
	"items": {shape: oneSchema, open: true}, "prefixItems": {shape: someSchemas, since: draft2020}, "unevaluatedItems": {shape: oneSchema, since: draft2019, open: true},
	"contains": {shape: oneSchema, since: draft6}, "minContains": {shape: count, since: draft2019}, "maxContains": {shape: count, since: draft2019},
	"minProperties": {shape: count}, "maxProperties": {shape: count}, "required": {shape: nameSet},
	"properties": {shape: namedSchemas}, "patternProperties": {shape: namedSchemas}, "propertyNames": {shape: oneSchema, since: draft6},
	"additionalProperties": {shape: oneSchema, open: true}, "unevaluatedProperties": {shape: oneSchema, since: draft2019, open: true},
	"dependentRequired": {shape: nameSets, since: draft2019}, "dependentSchemas": {shape: namedSchemas, since: draft2019, inPlace: true},
	"allOf": {shape: someSchemas, inPlace: true}, "anyOf": {shape: someSchemas, inPlace: true}, "oneOf": {shape: someSchemas, inPlace: true},
	"not": {shape: oneSchema, inPlace: true}, "if": {shape: oneSchema, since: draft7, inPlace: true},
	"then": {shape: oneSchema, since: draft7, inPlace: true}, "else": {shape: oneSchema, since: draft7, inPlace: true},
}

// keyword returns what a word means in the draft of the schema; nil for nothing.
func (s *source) keyword(name string) *keyword {
	k := keywords[name]
	if k == nil || k.since > s.draft && !k.note {
		return nil
	}
	return k
}

var types = map[string]bool{"null": true, "boolean": true, "object": true, "array": true, "number": true, "string": true, "integer": true}

// reference is a member of a schema that leads to another one.
type reference struct{ keyword, to string }

// references returns them all: since 2019-09 a schema may have several.
func (s *source) references(n *node) (all []reference) {
	for _, r := range []struct {
		keyword string
		since   draft
	}{{"$ref", 0}, {"$dynamicRef", draft2020}, {"$recursiveRef", draft2019}} {
		if v := n.get(r.keyword); v.is(kindString) && s.draft >= r.since {
			all = append(all, reference{r.keyword, v.text})
		}
	}
	return all
}

// children calls f with the schemas directly in a schema, definitions apart.
func (s *source) children(n *node, f func(child *node, inPlace bool)) {
	if n.kind != kindObject || s.alone(n) {
		return
	}
	for i, key := range n.keys {
		v := n.vals[i]
		k := s.keyword(key)
		switch {
		case key == "items" && v.kind == kindArray, k != nil && k.shape == someSchemas && v.kind == kindArray:
			for _, c := range v.vals {
				f(c, k.inPlace)
			}
		case k != nil && k.shape == oneSchema:
			f(v, k.inPlace)
		case k != nil && k.shape == namedSchemas && v.kind == kindObject:
			for _, c := range v.vals {
				f(c, k.inPlace)
			}
		case key == "additionalItems" && s.tuple(n):
			f(v, false)
		case key == "dependencies" && v.kind == kindObject:
			for _, c := range v.vals {
				if c.kind != kindArray {
					f(c, true)
				}
			}
		}
	}
}

// definitions calls f with the schemas that a schema only holds.
func definitions(n *node, f func(*node)) {
	for _, key := range []string{"$defs", "definitions"} {
		if d := n.get(key); d.is(kindObject) {
			for _, c := range d.vals {
				f(c)
			}
		}
	}
}

// alone tells whether a schema is its reference: up to draft-07 what stands
// beside one counts for nothing.
func (s *source) alone(n *node) bool { return s.draft <= draft7 && n.get("$ref").is(kindString) }

// tuple tells whether a schema lists schemas of elements as older drafts do.
func (s *source) tuple(n *node) bool { return n.get("items").is(kindArray) }
