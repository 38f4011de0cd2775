package config

import (
	"slices"
	"strings"
)

const (
	maxExpandedBytes = 1 << 20 // of one string
	maxReferences    = 16      // defaults inside of defaults
)

// expansion replaces the references in one string:
//
//	${VAR}, ${env:VAR}        the variable; it must be set
//	${VAR:-default}           the default when it is unset or empty
//	$${                       a literal ${
//
// A default may hold references and balanced braces.
type expansion struct {
	lookup func(string) (string, bool)

	names   []string // variables that were looked up
	missing []string // unset ones without default, once each
	bad     string   // why the text cannot be expanded; never quotes it
}

const notAReference = "is followed by no variable's name: a literal ${ is written as $${"

// run expands s and returns what is left of it: nothing, or, inside of a
// default, what begins with the brace that ends it.
func (e *expansion) run(s string, out *strings.Builder, level int) (rest string) {
	braces := 0
	for s != "" && e.bad == "" {
		switch {
		case out.Len() > maxExpandedBytes:
			e.bad = "the text grows too long with its variables"
		case strings.HasPrefix(s, "$${"):
			out.WriteString("${")
			s, braces = s[3:], braces+1
		case strings.HasPrefix(s, "${"):
			s = e.reference(s[2:], out, level)
		case level > 0 && s[0] == '}' && braces == 0:
			return s
		default:
			switch s[0] {
			case '{':
				braces++
			case '}':
				braces--
			}
			out.WriteByte(s[0])
			s = s[1:]
		}
	}
	return s
}

// reference expands one reference, of which s is what follows its "${".
func (e *expansion) reference(s string, out *strings.Builder, level int) (rest string) {
	s = strings.TrimPrefix(s, "env:")
	end := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	if end < 0 {
		end = len(s)
	}
	if end == 0 || s[0] >= '0' && s[0] <= '9' {
		e.bad = "a ${ " + notAReference
		return ""
	}
	name, s := s[:end], s[end:]
	value, set := e.lookup(name)
	e.names = append(e.names, name)
	if rest, ok := strings.CutPrefix(s, "}"); ok {
		if !set && !slices.Contains(e.missing, name) {
			e.missing = append(e.missing, name)
		}
		out.WriteString(value)
		return rest
	}
	s, ok := strings.CutPrefix(s, ":-")
	switch {
	case s == "" && !ok:
		e.bad = "the reference to " + name + " is never closed"
		return ""
	case !ok:
		e.bad = "the reference to " + name + " is neither ${" + name + "} nor ${" + name + ":-default}"
		return ""
	case level == maxReferences:
		e.bad = "too many defaults inside of defaults"
		return ""
	}

	inner := &expansion{lookup: e.lookup}
	var def strings.Builder
	s = inner.run(s, &def, level+1)
	e.names, e.bad = append(e.names, inner.names...), inner.bad
	switch {
	case e.bad != "":
		return ""
	case s == "":
		e.bad = "the reference to " + name + " is never closed"
		return ""
	}
	if value == "" { // then the default counts, and so does what it lacks
		value, e.missing = def.String(), append(e.missing, inner.missing...)
	}
	out.WriteString(value)
	return s[1:]
}

// expand replaces the references of s, which stands at an offset of the file.
// substituted: there were some, so the result may hold a secret.
func (c *checker) expand(at int, key, s string) (result string, substituted, ok bool) {
	if !strings.Contains(s, "${") {
		return s, false, true
	}
	var out strings.Builder
	e := &expansion{lookup: c.lookup}
	e.run(s, &out, 0)
	for _, name := range e.names {
		c.used[name] = true
		if !slices.Contains(c.expanded, name) {
			c.expanded = append(c.expanded, name)
		}
		if value, _ := c.lookup(name); value != "" && IsSecret(name) {
			c.secrets = append(c.secrets, value)
		}
	}
	for _, name := range e.missing {
		c.errorf(at, key, "environment variable %s is not set (${%s:-default} would give it a default)", name, name)
	}
	if e.bad != "" {
		c.errorf(at, key, "%s", e.bad)
	}
	return out.String(), len(e.names) > 0, e.bad == "" && len(e.missing) == 0
}
