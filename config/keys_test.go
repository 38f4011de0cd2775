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
		last, whole := k.name[strings.LastIndex(k.name, ".")+1:], strings.ReplaceAll(k.name, ".", "")
		if field = strings.ToLower(field); fold(last) == field || fold(whole) == field {
			return strings.Contains(table, "`"+k.name+"`")
		}
	}
	return false
}

func TestNearest_FindsWhatWasMeant(t *testing.T) {
	candidates := []string{"command", "args", "env", "url", "request_timeout", "max_queue", "cwd"}
	for word, want := range map[string]string{
		"comand": "command", "commnad": "command", "Command": "command", "arg": "args", "evn": "env", "urls": "url",
		"requestTimeout": "request_timeout", "request-timeot": "request_timeout", "maxQueue": "max_queue",
		"x": "", "description": "", "": "", strings.Repeat("command", 20): "",
	} {
		if got := nearest(word, candidates); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
}

func TestDistance_CountsEditsAndSwaps(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "abd", 1}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%s to %s: got %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%s to %s: got %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
