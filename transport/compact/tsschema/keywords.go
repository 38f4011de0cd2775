package tsschema

// keyword is one of the members of a schema that this package reads.
type keyword int

const (
	kwRef keyword = iota
	kwDynamicRef
	kwRecursiveRef
	kwType
	kwEnum
	kwConst
	kwProperties
	kwRequired
	kwAdditionalProperties
	kwUnevaluatedProperties
	kwPatternProperties
	kwItems
	kwPrefixItems
	kwAdditionalItems
	kwUnevaluatedItems
	kwAllOf
	kwAnyOf
	kwOneOf
	kwNullable
	kwDescription
	kwFormat
	kwPattern
	kwContentEncoding
	kwContentMediaType
	kwMinLength
	kwMaxLength
	kwMinimum
	kwMaximum
	kwExclusiveMinimum
	kwExclusiveMaximum
	kwMultipleOf
	kwMinItems
	kwMaxItems
	kwUniqueItems
	kwMinProperties
	kwMaxProperties
	kwPropertyNames
	kwContains
	kwNot
	kwIf
	kwThen
	kwElse
	kwDependentRequired
	kwDependentSchemas
	kwDependencies
	kwDefault
	kwDeprecated

	keywordCount
)

var keywordNames = [keywordCount]string{
	"$ref", "$dynamicRef", "$recursiveRef", "type", "enum", "const",
	"properties", "required", "additionalProperties", "unevaluatedProperties", "patternProperties",
	"items", "prefixItems", "additionalItems", "unevaluatedItems", "allOf", "anyOf", "oneOf", "nullable",
	"description", "format", "pattern", "contentEncoding", "contentMediaType", "minLength", "maxLength",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems",
	"minProperties", "maxProperties", "propertyNames", "contains", "not", "if", "then", "else",
	"dependentRequired", "dependentSchemas", "dependencies", "default", "deprecated",
}

// keywordsByKey knows them by their keys as they stand in a compact text.
var keywordsByKey = func() map[string]keyword {
	m := map[string]keyword{}
	for k, name := range keywordNames {
		m[`"`+name+`"`] = keyword(k)
	}
	return m
}()

// keywords are the values of a schema's keywords; 0 is one that is not there.
type keywords [keywordCount]int32

// keywords reads a schema; one that is no object has none. Of equal keys the
// last counts.
func (d *document) keywords(n int) *keywords {
	var k keywords
	if d.kind(n) != kindObject {
		return &k
	}
	for c := range d.children(n) {
		if i, known := keywordsByKey[string(d.rawKey(c))]; known {
			k[i] = int32(c)
		}
	}
	return &k
}

func (k *keywords) get(i keyword) int  { return int(k[i]) }
func (k *keywords) has(i keyword) bool { return k[i] != 0 }
