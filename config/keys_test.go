package config

import (
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestKeys_TheDocumentationIsWhatTheCodeDoes(t *testing.T) {
	golden(t, "LIMITS.md", MarkdownTable())
}

// What is documented as a default must pass as a value.
func TestKeys_DefaultsPassTheirOwnChecks(t *testing.T) {
	fresh := defaults()
	for _, k := range keys {
		if k.set == nil {
			continue
		}
		n, ok := literal(k.get(fresh))
		if !ok {
			t.Errorf("%s: a default of type %T", k.name, k.get(fresh))
			continue
		}
		c := &checker{report: &report{}}
		if v := k.get(fresh); v != "" { // nothing to check where there is no default
			c.readKey(k, k.name, n, layer{})
		}
		if c.failed {
			t.Errorf("%s: %s", k.name, c.problems)
		}
	}
}

func TestKeys_EachStandsOnceAndAliasesLeadToOne(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.name] {
			t.Errorf("%s stands twice", k.name)
		}
		seen[k.name] = true
	}
	for alias, name := range aliases {
		if !seen[name] || seen[alias] {
			t.Errorf("%s leads to %s", alias, name)
		}
	}
}

// Every field of the limits and the policy can be configured, or is derived.
func TestKeys_ReachEveryLimit(t *testing.T) {
	names := MarkdownTable()
	for field := range fields(t, messages.DefaultLimits()) {
		if !mentions(names, field) {
			t.Errorf("no key sets Limits.%s", field)
		}
	}
	for field := range fields(t, messages.DefaultPolicy()) {
		if field != "RetryDelayMax" && !mentions(names, field) {
			t.Errorf("no key sets Policy.%s", field)
		}
	}
}

func mentions(table, field string) bool {
	for _, k := range keys {
		last, plain := k.name[strings.LastIndex(k.name, ".")+1:], strings.NewReplacer("_", "", ".", "")
		if field = strings.ToLower(field); plain.Replace(last) == field || plain.Replace(k.name) == field {
			return strings.Contains(table, "`"+k.name+"`")
		}
	}
	return false
}
