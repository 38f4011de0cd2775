// Package telemetry makes log lines of what the runtime publishes. Sentences
// live here and nowhere else: actors publish facts.
package telemetry

import (
	"io"
	"os"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/rs/zerolog"
)

// The formats of log lines.
const (
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
	if format == FormatConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05", NoColor: !colourful(w)}
	}
	return zerolog.New(zerolog.SyncWriter(w)).Level(level).With().Timestamp().Logger()
}

func colourful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Level reads the name of a log level: debug, info, warning (or warn), error.
// false, and info, for an unknown one.
func Level(name string) (zerolog.Level, bool) {
	switch strings.ToLower(strings.TrimSpace(name)) {
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
