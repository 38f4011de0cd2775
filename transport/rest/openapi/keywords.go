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
	inPlace bool // its schemas apply to the very value, and not to one in it
	note    bool // it says something and restricts nothing
}

var keywords = map[string]*keyword{
	"title": {shape: words, note: true}, "description": {shape: words, note: true}, "$comment": {shape: words, note: true},
	"default": {shape: anything, note: true}, "examples": {shape: values, note: true},
	"deprecated": {shape: yesOrNo, note: true}, "readOnly": {shape: yesOrNo, note: true}, "writeOnly": {shape: yesOrNo, note: true},

	"type": {shape: typeNames}, "enum": {shape: choices}, "const": {shape: anything},
	"multipleOf": {shape: positive}, "minimum": {shape: digits}, "maximum": {shape: digits},
	"exclusiveMinimum": {shape: digits}, "exclusiveMaximum": {shape: digits},
	"minLength": {shape: count}, "maxLength": {shape: count}, "pattern": {shape: words}, "format": {shape: words},
	"contentEncoding": {shape: words}, "contentMediaType": {shape: words}, "contentSchema": {shape: oneSchema},
	"minItems": {shape: count}, "maxItems": {shape: count}, "uniqueItems": {shape: yesOrNo},
	"items": {shape: oneSchema}, "prefixItems": {shape: someSchemas}, "unevaluatedItems": {shape: oneSchema},
	"contains": {shape: oneSchema}, "minContains": {shape: count}, "maxContains": {shape: count},
	"minProperties": {shape: count}, "maxProperties": {shape: count}, "required": {shape: nameSet},
	"properties": {shape: namedSchemas}, "patternProperties": {shape: namedSchemas}, "propertyNames": {shape: oneSchema},
	"additionalProperties": {shape: oneSchema}, "unevaluatedProperties": {shape: oneSchema},
	"dependentRequired": {shape: nameSets}, "dependentSchemas": {shape: namedSchemas, inPlace: true},
	"allOf": {shape: someSchemas, inPlace: true}, "anyOf": {shape: someSchemas, inPlace: true}, "oneOf": {shape: someSchemas, inPlace: true},
	"not": {shape: oneSchema, inPlace: true}, "if": {shape: oneSchema, inPlace: true},
	"then": {shape: oneSchema, inPlace: true}, "else": {shape: oneSchema, inPlace: true},
}

var types = map[string]bool{"null": true, "boolean": true, "object": true, "array": true, "number": true, "string": true, "integer": true}

// references are the keywords that lead to a schema, by the draft that made them.
var references = []string{"$ref", "$dynamicRef", "$recursiveRef"}

// children calls f with the schemas directly in a schema, definitions apart.
func (s *source) children(n *node, f func(child *node, inPlace bool)) {
	if n.kind != kindObject || s.alone(n) {
		return
	}
	for i, key := range n.keys {
		v := n.vals[i]
		k := keywords[key]
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
		case key == "dependencies" && s.draft <= draft7 && v.kind == kindObject:
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
