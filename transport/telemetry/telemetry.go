// Package telemetry makes log lines of what the runtime publishes. Sentences
// live here and nowhere else: actors publish facts.
package telemetry

import (
	"io"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/mcpx/mcpx/messages"
	"github.com/rs/zerolog"
)

// The formats of log lines.
const (
	FormatAuto    = "auto"    // console on a terminal, else JSON
	FormatConsole = "console" // for people: time, level, text, fields
	FormatJSON    = "json"    // one object per line
)

// Source is what publishes events (actors.Runtime).
type Source interface {
	// Subscribe calls f with every event, in order per server, possibly from
	// several goroutines; the returned function ends that.
	Subscribe(f func(messages.Event)) (cancel func())
}

// NewLogger returns a logger that writes whole lines to w, which need not be
// safe for concurrent use. Colours are used only where w is a terminal and
// NO_COLOR is not set.
func NewLogger(w io.Writer, level zerolog.Level, format string) zerolog.Logger {
	onTerminal := isTerminal(w)
	if format == FormatConsole || format == FormatAuto && onTerminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05", NoColor: !onTerminal || os.Getenv("NO_COLOR") != ""}
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// Level reads the name of a log level: trace, debug, info, warn (or warning), error.
// false, and info, for an unknown one.
func Level(name string) (zerolog.Level, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "trace":
		return zerolog.TraceLevel, true
	case "debug":
		return zerolog.DebugLevel, true
	case "info", "":
		return zerolog.InfoLevel, true
	case "warning", "warn":
		return zerolog.WarnLevel, true
	case "error", "critical":
		return zerolog.ErrorLevel, true
	}
	return zerolog.InfoLevel, false
}

// Follow writes a line or more for every event of src until stop is called.
func Follow(src Source, log zerolog.Logger) (stop func()) {
	r := &renderer{log: log}
	return src.Subscribe(r.render)
}
