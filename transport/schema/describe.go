package schema

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// describe says in plain words what an error means. It repeats no value of the
// caller's: they may be long, or secret.
func describe(e *jsonschema.ValidationError) string {
	switch k := e.ErrorKind.(type) {
	case *kind.Type:
		return fmt.Sprintf("is %s, want %s", k.Got, strings.Join(k.Want, " or "))
	case *kind.Enum:
		return "must be one of " + listValues(k.Want)
	case *kind.Const:
		return "must be " + listValues([]any{k.Want})
	case *kind.Format:
		return "is not a valid " + k.Want
	case *kind.Pattern:
		return "does not match the pattern " + shorten(k.Want)
	case *kind.MinLength:
		return fmt.Sprintf("is too short: %d characters, at least %d", k.Got, k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("is too long: %d characters, at most %d", k.Got, k.Want)
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("has too few elements: %d, at least %d", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has too many elements: %d, at most %d", k.Got, k.Want)
	case *kind.AdditionalItems:
		return fmt.Sprintf("has %d elements too many", k.Count)
	case *kind.UniqueItems:
		return fmt.Sprintf("has equal elements at %d and %d", k.Duplicates[0], k.Duplicates[1])
	case *kind.Contains:
		return "has no element of the kind that it must contain"
	case *kind.MinContains:
		return fmt.Sprintf("has too few elements of the kind that it must contain: %d, at least %d", len(k.Got), k.Want)
	case *kind.MaxContains:
		return fmt.Sprintf("has too many elements of the kind that it must contain: %d, at most %d", len(k.Got), k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("has too few properties: %d, at least %d", k.Got, k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("has too many properties: %d, at most %d", k.Got, k.Want)
	case *kind.PropertyNames:
		return "must not have a property named " + quote(k.Property)
	case *kind.Dependency:
		return requires(k.Prop, k.Missing)
	case *kind.DependentRequired:
		return requires(k.Prop, k.Missing)
	case *kind.Required:
		return "misses the required " + quoteAll(k.Missing)
	case *kind.AdditionalProperties:
		slices.Sort(k.Properties)
		return "has the unknown " + quoteAll(k.Properties)
	case *kind.FalseSchema:
		return "is not allowed here"
	case *kind.Not:
		return "matches what is excluded"
	case *kind.RefCycle:
		return "cannot be checked: the schema refers to itself without end"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "matches more than one of the forms of which exactly one is allowed"
		}
	}
	return alternatives(e)
}

// alternatives describes a value that fits none of several forms.
func alternatives(e *jsonschema.ValidationError) string {
	const most = 5
	var forms []string
	for _, c := range e.Causes {
		leaves := flatten(c)
		if len(leaves) == 0 {
			continue
		}
		text := describe(leaves[0])
		if at := leaves[0].InstanceLocation; len(at) > len(e.InstanceLocation) {
			text = "its " + quote(strings.Join(at[len(e.InstanceLocation):], ".")) + " " + text
		}
		if !slices.Contains(forms, text) {
			forms = append(forms, text)
		}
	}
	slices.Sort(forms)
	if len(forms) > most {
		forms = append(forms[:most], "...")
	}
	if len(forms) == 0 {
		return "does not fit the schema"
	}
	return "fits none of the allowed forms: " + strings.Join(forms, "; or ")
}

func requires(name string, missing []string) string {
	return fmt.Sprintf("has %s and so requires %s", quote(name), quoteAll(missing))
}

func listValues(values []any) string {
	const most = 20
	var texts []string
	for i, v := range values {
		if i == most {
			texts = append(texts, "...")
			break
		}
		text, err := jsonrpc.Marshal(v)
		if err != nil { // it was decoded from JSON
			continue
		}
		texts = append(texts, shorten(string(text)))
	}
	return strings.Join(texts, ", ")
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	text := strings.TrimRight(r.FloatString(20), "0")
	return text
}

func quote(s string) string { return "'" + shorten(s) + "'" }

func quoteAll(names []string) string {
	const most = 20
	var quoted []string
	for i, n := range names {
		if i == most {
			quoted = append(quoted, "...")
			break
		}
		quoted = append(quoted, quote(n))
	}
	if len(quoted) == 1 {
		return "property " + quoted[0]
	}
	return "properties " + strings.Join(quoted, ", ")
}
