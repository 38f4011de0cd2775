package testkit

import (
	"encoding/json"
	"fmt"
	"strings"
)

// LogLine is one line of a log in JSON.
type LogLine map[string]any

// Text returns a field of the line as text ("message", "server"); empty when
// there is none.
func (l LogLine) Text(field string) string {
	switch v := l[field].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// Log returns the lines that the program has logged so far, and in their order
// what on its stderr is no such line.
func (p *Program) Log() (lines []LogLine, others []string) {
	for text := range strings.Lines(p.Errs.String()) {
		if !strings.HasSuffix(text, "\n") {
			break // the rest is under way
		}
		var l LogLine
		if json.Unmarshal([]byte(text), &l) != nil {
			others = append(others, strings.TrimSuffix(text, "\n"))
			continue
		}
		lines = append(lines, l)
	}
	return lines, others
}

// Logged returns the first line of the log that matches, nil when there is none.
func (p *Program) Logged(match func(LogLine) bool) LogLine {
	lines, _ := p.Log()
	for _, l := range lines {
		if match(l) {
			return l
		}
	}
	return nil
}

// AwaitLog waits for a line of the log that matches; false when the program
// ends without it, or it does not come within Patience.
func (p *Program) AwaitLog(match func(LogLine) bool) (LogLine, bool) {
	var found LogLine
	Until(func() bool {
		ended := p.Ended() // before the last look
		found = p.Logged(match)
		return found != nil || ended
	})
	return found, found != nil
}
