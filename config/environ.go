package config

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mcpx/mcpx/messages"
)

const envPrefix = "MCPX_"

// PathVariable names the configuration file; the program reads it, not Load.
const PathVariable = "MCPX_CONFIG"

// environment is the process's environment as a map; of several entries for one name the last counts.
func environment(environ []string) map[string]string {
	if environ == nil {
		environ = os.Environ()
	}
	env := map[string]string{}
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	return env
}

// fromEnvironment reads the variables that stand for keys: MCPX_ and the key in
// capitals, "__" between levels. Empty ones count as unset, but for an API key:
// whoever meant to set one must not serve everybody.
func (c *checker) fromEnvironment(env map[string]string) layer {
	l := layer{}
	for _, variable := range sortedKeys(env) {
		name, ours := strings.CutPrefix(variable, envPrefix)
		if !ours || variable == PathVariable {
			continue
		}
		name = strings.ToLower(strings.ReplaceAll(name, "__", "."))
		k, value := topIndex.keys[name], env[variable]
		switch {
		case k == nil || k.name != name: // see unknownVariables
		case value == "" && name != "api_key":
		case !fromText(k):
			c.errorf(nowhere, variable, "cannot be set here: %s is a key of the file", name)
		default:
			c.readAs(k, variable, node{kind: stringNode, at: nowhere, text: value, literal: true, loose: true}, l)
		}
	}
	return l
}

// unknownVariables warns of variables that look like ours and are not, but for
// those that the file refers to.
func (c *checker) unknownVariables(env map[string]string) {
	known := []string{PathVariable}
	for _, k := range keys {
		if k.scope&inTop != 0 {
			known = append(known, variable(k.name))
		}
	}
	for _, name := range sortedKeys(env) {
		if !strings.HasPrefix(name, envPrefix) || c.used[name] || slices.Contains(known, name) {
			continue
		}
		if near := messages.Nearest(name, known); near != "" {
			c.warnf(nowhere, name, "unknown variable, ignored; did you mean %s?", near)
			continue
		}
		c.warnf(nowhere, name, "unknown variable, ignored")
	}
}

// fromText reports whether a variable can say what the key needs.
func fromText(k *key) bool {
	switch k.kind.(type) {
	case table, spans, anything:
		return false
	}
	return true
}

// variable is the name under which the environment holds a key.
func variable(name string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "__"))
}

// fromFlags reads values by the names of keys ("port", "limits.depth").
func (c *checker) fromFlags(opts LoadOptions) layer {
	l := layer{}
	for _, name := range sortedKeys(opts.Flags) {
		flag := "--" + cmp.Or(opts.FlagNames[name], strings.ReplaceAll(name, "_", "-"))
		k := topIndex.keys[name]
		if k == nil || k.name != name {
			c.errorf(nowhere, flag, "stands for no key of the configuration")
			continue
		}
		n, ok := literal(opts.Flags[name])
		if !ok {
			c.errorf(nowhere, flag, "a value of type %T cannot be used", opts.Flags[name])
			continue
		}
		c.readAs(k, flag, n, l)
	}
	return l
}

// readAs reads a value whose problems speak of the flag or variable instead of the key.
func (c *checker) readAs(k *key, shown string, n node, l layer) {
	before := len(c.problems)
	c.from = shown
	c.readKey(k, k.name, n, l)
	c.from = ""
	for i := range c.problems[before:] {
		p := &c.problems[before+i]
		p.Key = shown + strings.TrimPrefix(p.Key, k.name)
	}
}

// literal makes a value of the program a node.
func literal(v any) (node, bool) {
	n := node{at: nowhere, literal: true, loose: true}
	switch v := v.(type) {
	case string:
		n.kind, n.text = stringNode, v
	case bool:
		n.kind, n.on = boolNode, v
	case int, int64, uint16, float64:
		n.kind, n.text = numberNode, fmt.Sprint(v)
	case time.Duration:
		n.kind, n.text = stringNode, v.String()
	case []string:
		n.kind = listNode
		for _, s := range v {
			item, _ := literal(s)
			n.items = append(n.items, item)
		}
	case map[string]string:
		n.kind = objectNode
		for _, name := range sortedKeys(v) {
			value, _ := literal(v[name])
			n.members = append(n.members, member{name, nowhere, value})
		}
	case map[string]time.Duration:
		n.kind = objectNode
		for _, name := range sortedKeys(v) {
			value, _ := literal(v[name])
			n.members = append(n.members, member{name, nowhere, value})
		}
	default:
		return n, false
	}
	return n, true
}

const sharedLogLevel = "LOG_LEVEL"

// ambientLogLevel is LOG_LEVEL, which many programs share: it counts only where
// neither the file nor anything of our own says otherwise, and is never wrong.
func ambientLogLevel(env map[string]string) layer {
	level := logLevels[strings.ToLower(env[sharedLogLevel])]
	if level == "" {
		return layer{}
	}
	return layer{"log_level": {value: level, at: nowhere, ok: true, from: sharedLogLevel}}
}
