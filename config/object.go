package config

import (
	"slices"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// setting is one value that was read, and where it stands. A value that is
// not valid stays present with ok unset: it is wrong, not missing.
type setting struct {
	value any
	at    int
	ok    bool
	alias bool

	from      string   // "MCPX_PORT", "--port", "command line"; empty: the file
	variables []string // that the file refers to in it
}

// layer is what one source says, by the names of keys.
type layer map[string]setting

// read reads the keys of an object by their names in one scope; members that
// are no keys are left to the caller.
func (c *checker) read(known names, n node) layer {
	l := layer{}
	c.readGroup(known, "", n, l)
	return l
}

func (c *checker) readGroup(known names, prefix string, n node, l layer) {
	c.unique(prefix, n)
	seen := map[string]bool{}
	for _, m := range n.members {
		name := prefix + m.name
		if seen[name] {
			continue
		}
		seen[name] = true
		k := known.keys[name]
		switch {
		case known.other[name], strings.HasPrefix(m.name, theirs):
		case k == nil && !known.groups[name]:
			c.unknown(known, prefix, m)
		case m.value.kind == nullNode: // as if it were not there
		case k != nil:
			c.readKey(k, name, m.value, l)
		case m.value.kind != objectNode:
			c.errorf(m.value.at, label(name), "expected an object, found %s", m.value.describe())
		default:
			c.readGroup(known, name+".", m.value, l)
		}
	}
}

// readKey reads one value into a layer. written is the key as it is written there.
func (c *checker) readKey(k *key, written string, n node, l layer) {
	c.expanded = nil
	v, ok := k.kind.read(c, written, n)
	if v != nil && k.check != nil {
		var passed bool
		v, passed = k.check(c, written, n.at, v)
		ok = ok && passed
	}
	if ok && k.set == nil {
		if !isOff(v) {
			c.warnf(n.at, written, "has no effect yet")
		}
		return
	}
	s := setting{value: v, at: n.at, ok: ok, alias: written != k.name, from: c.from, variables: c.expanded}
	before, twice := l[k.name]
	switch {
	case !twice:
		l[k.name] = s
	case !ok || !before.ok:
		before.ok = false
		l[k.name] = before
	default:
		l[k.name] = c.both(k, before, s)
	}
}

// both decides between a key and its alias in the same place: lists add up,
// otherwise the alias gives way.
func (c *checker) both(k *key, a, b setting) setting {
	if a.alias {
		a, b = b, a
	}
	if entries, ok := a.value.([]string); ok {
		a.value = slices.Concat(entries, b.value.([]string))
		return a
	}
	c.warnf(b.at, k.name, "stands here as well as at %s, which counts", c.place(a.at))
	return a
}

// isOff: asks for nothing, so there is no effect to miss.
func isOff(v any) bool {
	switch v := v.(type) {
	case bool:
		return !v
	case []string:
		return len(v) == 0
	case node:
		return len(v.members) == 0 && len(v.items) == 0
	}
	n, ok := asInt(v)
	return ok && n == 0
}

// unknown warns of a member that nothing reads.
func (c *checker) unknown(known names, prefix string, m member) {
	name := label(prefix + m.name)
	hint, place, near := hints[m.name], elsewhere(known, prefix+m.name), messages.Nearest(m.name, known.at(prefix))
	switch {
	case hint != "" && prefix == "":
		c.warnf(m.at, name, "unknown key, ignored: %s", hint)
	case place != "":
		c.warnf(m.at, name, "ignored here: it belongs %s", place)
	case near != "":
		c.warnf(m.at, name, "unknown key, ignored; did you mean %q?", near)
	default:
		c.warnf(m.at, name, "unknown key, ignored")
	}
}

// theirs begins keys that nobody reads: a place for anchors and notes.
const theirs = "x-"

// hints help with keys of other programs' files, whose spelling is too far away to guess.
var hints = map[string]string{
	"servers":          `servers stand under "mcpServers"`,
	"context_servers":  `servers stand under "mcpServers"`,
	"transport":        `write "type"`,
	"transportType":    `write "type"`,
	"serverUrl":        `write "url"`,
	"httpUrl":          `write "url"`,
	"environment":      `write "env"`,
	"workingDirectory": `write "cwd"`,
	"disabled":         `write "enabled": false`,
	"timeout":          `write "request_timeout"`,
}

func elsewhere(known names, name string) string {
	_, top := topIndex.keys[name]
	_, server := serverIndex.keys[name]
	here := known.other[serversByName]
	switch {
	case top && !here, topIndex.groups[name] && !here:
		return "at the top level"
	case server && here, serverIndex.groups[name] && here:
		return "to a server"
	}
	if _, limit := topIndex.keys["limits."+name]; limit && here {
		return `into "limits"`
	}
	return ""
}

// at lists the names that may stand under a prefix.
func (n names) at(prefix string) []string {
	set := map[string]bool{}
	for name := range n.keys {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			first, _, _ := strings.Cut(rest, ".")
			set[first] = true
		}
	}
	if prefix == "" {
		for name := range n.other {
			set[name] = true
		}
	}
	var all []string
	for name := range set {
		all = append(all, name)
	}
	return all
}
