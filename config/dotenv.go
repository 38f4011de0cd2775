package config

import (
	"fmt"
	"strings"
)

// ReadEnvFile reads variables from a file of lines NAME=value, as programs know
// it by the name of .env: comments behind #, "export" in front of a name,
// values in single quotes as they are, in double quotes with \n, \r, \t, \", \\
// and \$; quoted ones may have several lines. ${VAR} and ${VAR:-default} refer to lines
// above and to the environment; a $ alone is a $. It never runs anything.
//
// environ are "NAME=value" entries; nil means the process's environment.
func ReadEnvFile(path string, environ []string) (map[string]string, Problems) {
	data, err := readFile(path)
	src := newSource(path, trimBOM(data))
	switch {
	case err != nil:
	case len(data) > maxFileBytes:
		err = &syntaxError{nowhere, fmt.Sprintf("is larger than %s", size{}.show(maxFileBytes))}
	case strings.Contains(string(data), dollar):
		err = &syntaxError{nowhere, "holds a NUL character, which no variable can hold"}
	default:
		err = checkText(src.data)
	}
	vars := map[string]string{}
	env := environment(environ)
	r := &report{source: src, used: map[string]bool{}, lookup: func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		v, ok := env[name]
		return v, ok
	}}
	c := &checker{report: r}
	if err != nil {
		c.fileError(err)
		return nil, c.problems
	}
	d := &dotenv{checker: c, text: string(src.data), vars: vars}
	for d.line() {
		continue
	}
	if c.failed {
		return nil, c.problems
	}
	return vars, nil
}

// dotenv reads lines one by one. What it says never quotes a value.
type dotenv struct {
	*checker
	text string
	at   int // the rest of the text begins here
	vars map[string]string
}

// line reads one variable, be it of several lines; false at the end.
func (d *dotenv) line() bool {
	start := d.at
	rest := d.text[d.at:]
	if rest == "" {
		return false
	}
	line, _, _ := strings.Cut(rest, "\n")
	plain := strings.TrimSpace(line)
	if plain == "" || plain[0] == '#' {
		d.at = min(d.at+len(line)+1, len(d.text))
		return true
	}
	name, value, assigned := strings.Cut(line, "=")
	name = strings.TrimSpace(name)
	if bare, ok := strings.CutPrefix(name, "export"); ok && strings.TrimSpace(bare) != bare {
		name = strings.TrimSpace(bare)
	}
	if !assigned || !isVariable(name) {
		d.errorf(start, "", "expected NAME=value")
		d.at = min(d.at+len(line)+1, len(d.text))
		return true
	}
	lead := len(value) - len(strings.TrimLeft(value, " \t"))
	d.at += len(line) - len(value) + lead
	raw, literal, fault := d.value()
	if fault != "" {
		d.errorf(start, name, "%s", fault)
		return true
	}
	if !literal {
		var ok bool
		if raw, _, ok = d.expand(start, name, raw); !ok {
			return true
		}
		raw = strings.ReplaceAll(raw, dollar, "$")
	}
	d.vars[name] = raw
	return true
}

// dollar stands for an escaped $ while references are replaced; no file holds it.
const dollar = "\x00"

// value reads a value and what follows it in its line.
func (d *dotenv) value() (value string, literal bool, fault string) {
	rest := d.text[d.at:]
	if rest == "" || rest[0] != '\'' && rest[0] != '"' {
		line, _, _ := strings.Cut(rest, "\n")
		d.at = min(d.at+len(line)+1, len(d.text))
		return strings.TrimSpace(withoutComment(line)), false, ""
	}
	quote := rest[0]
	var out strings.Builder
	end := -1
	for i := 1; i < len(rest) && end < 0; i++ {
		switch ch := rest[i]; {
		case ch == quote:
			end = i
		case ch == '\\' && quote == '"' && i+1 < len(rest):
			i++
			out.WriteString(unescape(rest[i]))
		default:
			out.WriteByte(ch)
		}
	}
	if end < 0 {
		d.at = len(d.text)
		return "", false, "the quote is never closed"
	}
	line, _, _ := strings.Cut(rest[end+1:], "\n")
	d.at = min(d.at+end+1+len(line)+1, len(d.text))
	if after := strings.TrimSpace(withoutComment(line)); after != "" && after[0] != '#' {
		return "", false, "something stands behind the closing quote"
	}
	return out.String(), quote == '\'', ""
}

func unescape(ch byte) string {
	switch ch {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '$':
		return dollar
	case '"', '\\':
		return string(ch)
	}
	return fmt.Sprintf(`\%c`, ch)
}

// withoutComment cuts a comment, which begins with a # behind white space.
func withoutComment(line string) string {
	for i := 0; i < len(line); i++ {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}

func isVariable(name string) bool {
	return name != "" && (name[0] < '0' || name[0] > '9') && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '.' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}
