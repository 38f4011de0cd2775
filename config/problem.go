package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Severity says what a problem costs.
type Severity uint8

// The severities.
const (
	// SeverityError: what the problem concerns is not used, be it one server
	// or the whole configuration.
	SeverityError Severity = iota
	// SeverityWarning: everything is used, though perhaps not as intended.
	SeverityWarning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Problem is one thing to say about a configuration. It never holds the value
// of a secret.
type Problem struct {
	Severity Severity
	File     string // as it was given; empty for what does not come from the file
	Line     int    // from 1; 0 when the problem concerns the file as a whole
	Column   int    // from 1, in characters
	Server   string // the server concerned; empty when none is
	Key      string // "limits.depth", "env.TOKEN", "MCPX_PORT", "--port"; empty when none is concerned
	Message  string // for people
}

// String renders the problem as compilers do:
// mcpx.json:12:5: Server 'x': stdio type requires 'command' field.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Severity == SeverityWarning {
		b.WriteString("warning: ")
	}
	if p.Server != "" {
		name := strconv.Quote(p.Server) // no name breaks the line
		fmt.Fprintf(&b, "Server '%s': ", strings.ReplaceAll(name[1:len(name)-1], `\"`, `"`))
	}
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Problems are all problems of one configuration: those of the file by
// position, then those of the environment, flags and the command line.
type Problems []Problem

// HasErrors reports whether anything is left out because of an error.
func (ps Problems) HasErrors() bool {
	return slices.ContainsFunc(ps, func(p Problem) bool { return p.Severity == SeverityError })
}

// Err returns the errors as one error, a line for each; nil when there are only warnings.
func (ps Problems) Err() error {
	var errs []error
	for _, p := range ps {
		if p.Severity == SeverityError {
			errs = append(errs, errors.New(p.String()))
		}
	}
	return errors.Join(errs...)
}

// String renders one problem per line.
func (ps Problems) String() string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String() + "\n")
	}
	return b.String()
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

func rank(p Problem) int {
	if p.File == "" {
		return 1
	}
	return 0
}

// report collects the problems of one load.
type report struct {
	source   *source // nil without a file
	text     digest  // of the file as it is
	problems Problems
	lookup   func(string) (string, bool) // the environment
	used     map[string]bool             // variables that the file refers to
	secrets  []string                    // values of those whose names say that they are
}

// checker reports for one part of the configuration, one server or everything
// around the servers, and notes whether that part failed.
type checker struct {
	*report
	server string
	origin string // stands in front of the key: "mcp_servers[2]"
	from   string // where values come from that do not stand in the file
	failed bool

	expanded []string // variables that the current key refers to
}

func (c *checker) errorf(at int, key, format string, args ...any) {
	c.failed = true
	c.add(SeverityError, at, key, format, args)
}

func (c *checker) warnf(at int, key, format string, args ...any) {
	c.add(SeverityWarning, at, key, format, args)
}

func (c *checker) add(s Severity, at int, key, format string, args []any) {
	p := Problem{Severity: s, Server: c.server, Key: c.origin, Message: fmt.Sprintf(format, args...)}
	if key != "" && c.origin != "" {
		p.Key += "."
	}
	p.Key += key
	if at != nowhere {
		p.File = c.source.path
		p.Line, p.Column = c.source.position(at)
	}
	c.problems = append(c.problems, p)
}

// place says where something stands, for use inside of a message.
func (c *checker) place(at int) string {
	line, column := c.source.position(at)
	return fmt.Sprintf("line %d, column %d", line, column)
}
