package openapi

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// put writes a keyword that 2020-12 knows.
func (c *converter) put(out *node, key string, v *node) string {
	good, problem := c.value(key, v)
	if good != nil {
		out.set(key, good)
	}
	return problem
}

func wrong(key, what string) (*node, string) {
	return nil, fmt.Sprintf("The server's %q %s and is left out.", key, what)
}

func (c *converter) value(key string, v *node) (*node, string) {
	switch keywords[key].shape {
	case oneSchema:
		if v.kind == kindBool && keywords[key].open {
			return v, ""
		}
		return c.schema(v), ""
	case someSchemas:
		if v.kind != kindArray || len(v.vals) == 0 {
			return wrong(key, "is no list of schemas")
		}
		all := list()
		for _, s := range v.vals {
			all.vals = append(all.vals, c.schema(s))
		}
		return all, ""
	case namedSchemas:
		if v.kind != kindObject {
			return wrong(key, "is not an object")
		}
		all := object()
		for i, k := range v.keys {
			all.set(k, c.schema(v.vals[i]))
		}
		return all, ""
	case anything, values, choices:
		return c.data(key, v)
	case words:
		return only(key, v, kindString)
	case yesOrNo:
		return only(key, v, kindBool)
	case typeNames:
		return typesOf(key, v)
	case nameSet:
		return namesOf(key, v)
	case nameSets:
		if v.kind != kindObject {
			return wrong(key, "is not an object")
		}
		all, problem := object(), ""
		for i, k := range v.keys {
			names, p := namesOf(key, v.vals[i])
			all.set(k, names)
			problem = first(problem, p)
		}
		return all, problem
	case count:
		return countOf(key, v)
	}
	return c.numberOf(key, v)
}

func only(key string, v *node, k kind) (*node, string) {
	if v.kind != k {
		return wrong(key, "is "+v.kind.String())
	}
	return v, ""
}

func (c *converter) data(key string, v *node) (*node, string) {
	if shape := keywords[key].shape; shape != anything && v.kind != kindArray || shape == choices && len(v.vals) == 0 {
		return wrong(key, "is no list of values")
	}
	if !finite(v) {
		return wrong(key, "holds a number that is too large")
	}
	if !v.within(maxValueLevels) || !c.pay(v) {
		return wrong(key, "is too large or too deep")
	}
	return v, ""
}

// finite tells whether all numbers in a value fit into one of 64 bits, as most
// readers have them.
func finite(n *node) bool {
	if n.kind == kindNumber {
		_, err := strconv.ParseFloat(n.text, 64)
		return err == nil
	}
	for _, v := range n.vals {
		if !finite(v) {
			return false
		}
	}
	return true
}

// within tells whether a value is at most that deep.
func (n *node) within(levels int) bool {
	if levels < 0 {
		return false
	}
	for _, v := range n.vals {
		if !v.within(levels - 1) {
			return false
		}
	}
	return true
}

func typesOf(key string, v *node) (*node, string) {
	if v.kind == kindString && types[v.text] {
		return v, ""
	}
	if v.kind == kindString {
		return wrong(key, "is no type ("+shorten(v.text)+")")
	}
	if v.kind != kindArray || len(v.vals) == 0 {
		return wrong(key, "is no type")
	}
	all, seen := list(), map[string]bool{}
	for _, t := range v.vals {
		if t.kind != kindString || !types[t.text] {
			return wrong(key, "holds what is no type")
		}
		if !seen[t.text] {
			seen[t.text] = true
			all.vals = append(all.vals, t)
		}
	}
	return all, ""
}

func namesOf(key string, v *node) (*node, string) {
	if v.kind != kindArray {
		return wrong(key, "is no list of names")
	}
	all, seen := list(), map[string]bool{}
	for _, name := range v.vals {
		if name.kind != kindString {
			return wrong(key, "holds what is no name")
		}
		if !seen[name.text] {
			seen[name.text] = true
			all.vals = append(all.vals, name)
		}
	}
	return all, ""
}

// countOf also reads 3.0 and 1e3, which count as integers and which many
// readers do not expect.
func countOf(key string, v *node) (*node, string) {
	f, err := strconv.ParseFloat(v.text, 64)
	if v.kind != kindNumber || err != nil || f < 0 || f != float64(int64(f)) || f > 1<<53 {
		return wrong(key, "is no count")
	}
	return number(strconv.FormatInt(int64(f), 10)), ""
}

func (c *converter) numberOf(key string, v *node) (*node, string) {
	if v.kind != kindNumber || !finite(v) {
		return wrong(key, "is no number that can be compared")
	}
	if f, _ := strconv.ParseFloat(v.text, 64); keywords[key].shape == positive && f <= 0 {
		return wrong(key, "is not above zero")
	}
	return v, ""
}

// settle takes out what says nothing in a schema as it stands, and what readers
// stumble over. It tells whether no value can fit.
func settle(out *node) (impossible bool) {
	if t := out.get("type"); t != nil {
		if t.kind == kindString && t.text != "array" {
			out.drop("items")
		}
		if t.kind == kindString && t.text != "object" {
			out.drop("properties")
		}
		if v := out.get("const"); v != nil && !fits(t, v) {
			out.drop("const")
			impossible = true
		}
	}
	if values := out.get("enum"); values != nil {
		left, seen := list(), map[string]bool{}
		for _, v := range values.vals {
			if key := string(v.append(nil)); !seen[key] && fits(out.get("type"), v) {
				seen[key] = true
				left.vals = append(left.vals, v)
			}
		}
		out.set("enum", left)
		if len(left.vals) == 0 {
			out.drop("enum")
			impossible = true
		}
	}
	if impossible {
		out.set("not", object())
	}
	disarm(out)
	return impossible
}

// fits tells whether a value is of one of the types.
func fits(types, v *node) bool {
	if types == nil {
		return true
	}
	names := types.vals
	if types.kind == kindString {
		names = []*node{types}
	}
	return slices.ContainsFunc(names, func(t *node) bool {
		switch t.text {
		case "null":
			return v.kind == kindNull
		case "boolean":
			return v.kind == kindBool
		case "string":
			return v.kind == kindString
		case "array":
			return v.kind == kindArray
		case "object":
			return v.kind == kindObject
		case "number":
			return v.kind == kindNumber
		}
		f, err := strconv.ParseFloat(v.text, 64)
		return v.kind == kindNumber && err == nil && f == math.Trunc(f)
	})
}
