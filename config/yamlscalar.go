package config

import (
	"go.yaml.in/yaml/v4"
)

const quotedYAML = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// yamlScalar types a scalar as JSON would have it.
func yamlScalar(n *yaml.Node, at int) (node, *syntaxError) {
	text := node{kind: stringNode, at: at, text: n.Value}
	switch tag := explicitTag(n); tag {
	case "":
		if n.Style&quotedYAML != 0 {
			return text, nil
		}
		return bareWord(n.Value, at), nil
	case "!", "!!str":
		return text, nil
	case "!!null", "!!bool", "!!int", "!!float":
		if v := bareWord(n.Value, at); v.kind == taggedKinds[tag] {
			return v, nil
		}
		return node{}, &syntaxError{at, "this is not what its tag " + tag + " says"}
	default:
		return node{}, foreignTag(at)
	}
}

var taggedKinds = map[string]nodeKind{"!!null": nullNode, "!!bool": boolNode, "!!int": numberNode, "!!float": numberNode}

// explicitTag is the tag that is written in front of a value; empty for none.
// The library fills in those that follow from the value.
func explicitTag(n *yaml.Node) string {
	if n.Tag == "!" {
		if n.Kind == yaml.ScalarNode {
			return "!"
		}
		return ""
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return ""
	}
	return n.ShortTag()
}

// foreignTag does not name the tag: !secret in the wrong place is a part of one.
func foreignTag(at int) *syntaxError {
	return &syntaxError{at, "this tag is not known here: only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq are; text that begins with ! needs quotes"}
}

// isMergeKey: << without quotes.
func isMergeKey(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Style&quotedYAML == 0 && (explicitTag(n) == "" || explicitTag(n) == "!!merge")
}

var (
	yamlNumber = pattern(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
	yamlRadix  = pattern(`^(0o[0-7]+|0x[0-9a-fA-F]+)$`)
	yamlNoNum  = pattern(`^([-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN)$`)
	// What YAML 1.1, which many programs still read, takes for a switch or for
	// an octal number, and YAML 1.2 for text or a decimal one.
	yamlUnclear = pattern(`^(([yY]|[nN])|[yY]es|YES|[nN]o|NO|[oO]n|ON|[oO]ff|OFF|[-+]?0[0-9]+)$`)
)

// bareWord types a scalar without quotes by the core schema of YAML 1.2
// (10.3.2). Where that and YAML 1.1 disagree on common words, the word is unclear.
func bareWord(s string, at int) node {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return node{kind: nullNode, at: at}
	case "true", "True", "TRUE":
		return node{kind: boolNode, at: at, on: true}
	case "false", "False", "FALSE":
		return node{kind: boolNode, at: at}
	}
	n := node{kind: stringNode, at: at, text: s}
	switch {
	case yamlUnclear().MatchString(s):
		n.kind = unclearNode
	case yamlNumber().MatchString(s), yamlNoNum().MatchString(s):
		n.kind = numberNode
	case yamlRadix().MatchString(s):
		n.kind, n.text = numberNode, decimal(s)
	}
	return n
}
