package openapi

import (
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// bodiless are the keywords that ask for no argument, whatever their value.
var bodiless = map[string]bool{
	"$schema": true, "$id": true, "id": true, "$anchor": true, "$dynamicAnchor": true, "$recursiveAnchor": true, "$vocabulary": true, "$comment": true,
	"$defs": true, "definitions": true, "title": true, "description": true, "default": true, "examples": true, "deprecated": true, "readOnly": true, "writeOnly": true, "type": true,
}

// TakesBody tells whether a tool is called with a body: its schema has properties or allows others than none.
//
// A schema that says nothing of arguments, {"type":"object"}, would let any
// pass; it is what tools declare that take none.
func TakesBody(t *messages.Tool) bool {
	root, err := parse(t.InputSchema)
	if err != nil || !root.is(kindObject) {
		return false
	}
	for i, key := range root.keys {
		v := root.vals[i]
		switch {
		case slices.Contains([]string{"$ref", "$dynamicRef", "$recursiveRef"}, key):
			return true
		case bodiless[key] || keywords[key] == nil && key != "dependencies":
		case key == "properties", key == "required", key == "patternProperties", key == "dependentSchemas", key == "dependentRequired", key == "dependencies":
			if len(v.vals) > 0 {
				return true
			}
		case key == "additionalProperties" || key == "unevaluatedProperties":
			if v.text != "false" {
				return true
			}
		default: // a reference, alternatives, bounds
			return true
		}
	}
	return false
}
