package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

// Print writes the effective configuration as JSON with comments, one for each
// value that says where it comes from. Secrets are masked; apart from them, and
// from servers that errors have left out, what is written loads again as the
// same configuration.
func (c *Config) Print(w io.Writer) error {
	_, err := io.WriteString(w, c.Masked().render())
	return err
}

// line is one member of an object as it is printed.
type line struct {
	name  string
	value string // JSON; empty for an object
	from  string
	inner []line
	idle  bool // stands in a comment
}

const (
	fromDefault = "default"
	fromOthers  = "follows from other keys" // raised to fit them, say
)

// render is Print without masks.
func (c *Config) render() string {
	t := c.target()
	if _, given := c.origins.top["api_key"]; given {
		t.splitKeys()
	}
	lines := top(t)
	servers := line{name: serversByName}
	for _, s := range c.Servers {
		servers.inner = append(servers.inner, server(s, t, c.origins.servers[s.Name]))
	}
	var out strings.Builder
	block(&out, line{inner: append(lines, servers)}, "")
	return out.String()
}

// target is the configuration as the accessors of keys see it.
func (c *Config) target() *target {
	return &target{Config: *c, spec: messages.ServerSpec{Policy: c.Policy, Forwarding: c.Forwarding, DisabledTools: c.DisabledTools}}
}

// splitKeys makes the default key one of its own again.
func (t *target) splitKeys() {
	t.apiKey, t.APIKeys = t.APIKeys["default"], maps.Clone(t.APIKeys)
	delete(t.APIKeys, "default")
}

// top lists the keys of the top level that have a value.
func top(t *target) []line {
	var lines []line
	fresh := defaults()
	for _, k := range keys {
		if k.scope&inTop == 0 || k.set == nil {
			continue
		}
		v, from := k.get(t), t.origins.top[k.name]
		switch {
		case from != "":
		case isEmpty(v):
			continue
		case same(v, k.get(fresh)):
			from = fromDefault
			if k.def != "" {
				from += ": " + k.def
			}
		default:
			from = fromOthers
		}
		l := line{name: k.name, value: jsonOf(k.kind, v), from: from}
		if k.name == "port" && !t.PortGiven {
			// Written down it would count as asked for, and not give way.
			l.idle, l.from = true, "default, or the next that is free"
		}
		if k.name == "state_key" && v == Masked {
			l.idle = true // a mask is no such key, and would not load
		}
		lines = add(lines, l)
	}
	return lines
}

// server lists what a server says and where it differs from the top level.
func server(s messages.ServerSpec, t *target, from map[string]string) line {
	own := &target{spec: s, kind: "http", on: !s.Disabled}
	switch {
	case s.Transport == messages.TransportStdio:
		own.kind = "stdio"
	case s.Declared:
		own.kind = string(s.Transport)
	}
	l := line{name: s.Name, from: from[itself]}
	for _, k := range keys {
		if k.scope&inServer == 0 || k.set == nil {
			continue
		}
		v, origin := k.get(own), from[k.name]
		// Nothing may be what the server says against the top level.
		against := k.scope&inTop != 0 && k.name != "disabled_tools" && !same(v, k.get(t))
		switch {
		case isEmpty(v) && !against, own.kind == "stdio" && strings.HasPrefix(k.name, "client_header_forwarding."):
			continue
		case k.name == "disabled_tools": // some are handed out by the top level
			if slices.ContainsFunc(t.DisabledTools, func(tool string) bool { return disables(tool, s) }) {
				origin = strings.Trim(origin+", "+t.origins.top[k.name], ", ")
			}
		case origin != "":
		case k.name == "type", against:
			origin = fromOthers
		default:
			continue
		}
		l.inner = add(l.inner, line{name: k.name, value: jsonOf(k.kind, v), from: origin})
	}
	return l
}

// disables reports whether an entry of the top level is about this server.
func disables(entry string, s messages.ServerSpec) bool {
	tool, ok := strings.CutPrefix(entry, s.Name+".")
	return ok && slices.Contains(s.DisabledTools, tool)
}

func same(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }

// add puts a member into its group, behind the others of it.
func add(lines []line, l line) []line {
	group, name, ok := strings.Cut(l.name, ".")
	if !ok {
		return append(lines, l)
	}
	l.name = name
	for i := range lines {
		if lines[i].name == group {
			lines[i].inner = append(lines[i].inner, l)
			return lines
		}
	}
	return append(lines, line{name: group, inner: []line{l}})
}

// block writes an object. Nothing but a comment stands behind its last comma.
func block(out *strings.Builder, object line, indent string) {
	comment := ""
	if object.from != "" {
		comment = " // " + object.from
	}
	if len(object.inner) == 0 {
		out.WriteString("{}")
		return
	}
	out.WriteString("{" + comment + "\n")
	for i, l := range object.inner {
		comma := ","
		if i == len(object.inner)-1 {
			comma = ""
		}
		out.WriteString(indent + "  ")
		switch {
		case l.idle:
			fmt.Fprintf(out, "// %s: %s%s %s\n", quote(l.name), l.value, comma, l.from)
		case l.value != "":
			fmt.Fprintf(out, "%s: %s%s // %s\n", quote(l.name), l.value, comma, l.from)
		default:
			out.WriteString(quote(l.name) + ": ")
			block(out, l, indent+"  ")
			out.WriteString(comma + "\n")
		}
	}
	out.WriteString(indent + "}")
	if indent == "" {
		out.WriteString("\n")
	}
}

// jsonOf writes the value of a key as the file would have it.
func jsonOf(kind valueKind, v any) string {
	switch v := v.(type) {
	case string:
		return reference(v)
	case int:
		if s := kind.show(v); strings.HasSuffix(s, "iB") { // else a plain number is the shortest that loads
			return quote(s)
		}
	case time.Duration:
		return quote(shortSpan(v))
	case []string:
		var entries []string
		for _, s := range v {
			entries = append(entries, reference(s))
		}
		return "[" + strings.Join(entries, ", ") + "]"
	case map[string]string:
		var entries []string
		for _, name := range sortedKeys(v) {
			entries = append(entries, quote(name)+": "+reference(v[name]))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	case map[string]time.Duration:
		var entries []string
		for _, name := range sortedKeys(v) {
			entries = append(entries, quote(name)+": "+quote(shortSpan(v[name])))
		}
		return "{" + strings.Join(entries, ", ") + "}"
	}
	return fmt.Sprint(v)
}

// shortSpan is "10m" where Duration.String has "10m0s".
func shortSpan(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// reference quotes a value in which ${ is no reference any more.
func reference(s string) string { return quote(strings.ReplaceAll(s, "${", "$${")) }

// quote writes a string of JSON that is safe on a terminal.
func quote(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // of a string, into memory: cannot fail
	var safe strings.Builder
	for _, r := range strings.TrimSuffix(out.String(), "\n") {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			fmt.Fprintf(&safe, `\u%04x`, r)
			continue
		}
		safe.WriteRune(r)
	}
	return safe.String()
}
