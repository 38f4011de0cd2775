package config

import (
	"cmp"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// CommandLine is one server as words of a command line: -- command args… or -- URL.
type CommandLine struct {
	Words   []string
	Type    string // as in the file; empty: a URL is http, all else stdio
	Name    string // empty: derived from the words
	Cwd     string
	Env     map[string]string
	Headers map[string]string
	From    string // what Print calls the place of it; empty: "command line"
}

// SingleServer makes the specification of a server from a command line. It is
// checked like one of the file; references ${…} are not expanded, the shell
// has had its turn. The second result says what is wrong or questionable; with
// errors there is no server.
func SingleServer(line CommandLine, policy messages.Policy) (messages.ServerSpec, Problems) {
	c := &checker{report: &report{used: map[string]bool{}}}
	spec, _, _ := c.single(line, inherited{policy: policy})
	return spec, c.problems
}

// single also returns the entry as which the line was read.
func (c *checker) single(line CommandLine, base inherited) (messages.ServerSpec, *entry, bool) {
	name := line.Name
	if name == "" {
		name = nameOf(line.Words)
	}
	e := &entry{checker: c.part(name), name: name, at: nowhere, node: line.tree()}
	e.from = cmp.Or(line.From, "command line")
	valid := e.validName()
	switch {
	case isURL(line.Words) && len(line.Words) > 1:
		e.errorf(nowhere, "", "expected nothing behind the URL")
	case line.Type == "" && len(line.Words) > 0 && !isURL(line.Words) && scheme.MatchString(line.Words[0]):
		e.errorf(nowhere, "", "%s is no address of a server: a URL begins with http:// or https://", scheme.FindString(line.Words[0]))
	}
	spec, ok := e.spec(base)
	if !ok || !valid || e.failed {
		c.failed = true
		return messages.ServerSpec{}, e, false
	}
	return spec, e, true
}

// scheme is what no command begins with, and a mistyped URL does.
var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

func isURL(words []string) bool {
	return len(words) > 0 && (strings.HasPrefix(words[0], "http://") || strings.HasPrefix(words[0], "https://"))
}

// tree writes the line as the file would have it.
func (line CommandLine) tree() node {
	fields := map[string]any{}
	_, remote := remoteTypes[line.Type]
	switch {
	case len(line.Words) == 0:
	case remote, line.Type == "" && isURL(line.Words):
		fields["url"] = line.Words[0]
	default:
		fields["command"] = line.Words[0]
		fields["args"] = line.Words[1:]
	}
	for key, value := range map[string]string{"type": line.Type, "cwd": line.Cwd} {
		if value != "" {
			fields[key] = value
		}
	}
	for key, value := range map[string]map[string]string{"env": line.Env, "headers": line.Headers} {
		if len(value) > 0 {
			fields[key] = value
		}
	}
	n := node{kind: objectNode, at: nowhere}
	for _, key := range sortedKeys(fields) {
		value, _ := literal(fields[key])
		n.members = append(n.members, member{key, nowhere, value})
	}
	return n
}

// runners start what their next word names.
var runners = []string{"npx", "bunx", "uvx", "pipx", "node", "python", "python3", "uv", "bun", "deno", "pnpm", "yarn", "npm"}

// runnerVerbs are words of runners that are no names.
var runnerVerbs = []string{"run", "x", "exec", "dlx", "tool"}

// nameOf derives a server's name from its command or URL: letters, digits,
// '-' and '_' only, never empty.
func nameOf(words []string) string {
	if len(words) == 0 {
		return "server"
	}
	if u, err := url.Parse(words[0]); err == nil && isURL(words) {
		return safeName(u.Host)
	}
	program := base(words[0])
	if slices.Contains(runners, program) {
		for _, word := range words[1:] {
			if !strings.HasPrefix(word, "-") && !slices.Contains(runnerVerbs, word) {
				return safeName(base(word))
			}
		}
	}
	return safeName(program)
}

// base is the last element of a path or package, without version and extension.
func base(word string) string {
	word = path.Base(strings.ReplaceAll(word, `\`, "/"))
	if name, _, ok := strings.Cut(word, "@"); ok && name != "" {
		word = name
	}
	return strings.TrimSuffix(word, path.Ext(word))
}

func safeName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		}
		return '-'
	}, s)
	if s = strings.Trim(s[:min(len(s), 64)], "-"); s == "" {
		return "server"
	}
	return s
}
