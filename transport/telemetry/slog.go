package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/rs/zerolog"
)

// Slog returns a logger for a part of the program that logs by itself, above
// all the actor library. That one logs whole messages, secrets included, under a
// key that collides with zerolog's own, and tells at level info what only its
// developers want to know. So values that are not plain are shown by their type,
// and everything below a warning is debug.
func Slog(log zerolog.Logger, source string) *slog.Logger {
	return slog.New(plain{zerolog.NewSlogHandler(log.With().Str("source", source).Logger())})
}

// plain is a handler that lets only plain values through.
type plain struct{ next slog.Handler }

// Enabled implements slog.Handler.
func (h plain) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, lowered(level))
}

// Handle implements slog.Handler.
func (h plain) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, lowered(r.Level), clean(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(plainAttr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h plain) WithAttrs(attrs []slog.Attr) slog.Handler {
	plainAttrs := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		plainAttrs[i] = plainAttr(a)
	}
	return plain{h.next.WithAttrs(plainAttrs)}
}

// WithGroup implements slog.Handler.
func (h plain) WithGroup(name string) slog.Handler { return plain{h.next.WithGroup(name)} }

func lowered(level slog.Level) slog.Level {
	if level < slog.LevelWarn {
		return slog.LevelDebug
	}
	return level
}

// addresses are the keys under which the library logs a PID, which is a path
// and no message.
var addresses = map[string]bool{"pid": true, "self": true, "sender": true, "actor": true}

func plainAttr(a slog.Attr) slog.Attr {
	if a.Key == zerolog.MessageFieldName {
		a.Key = "message_type"
	}
	a.Value = a.Value.Resolve() // a message may say itself how it is logged
	switch a.Value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, clean(a.Value.String()))
	case slog.KindGroup:
		members := make([]any, 0, len(a.Value.Group()))
		for _, m := range a.Value.Group() {
			members = append(members, plainAttr(m))
		}
		return slog.Group(a.Key, members...)
	case slog.KindAny:
		return slog.String(a.Key, plainValue(a.Key, a.Value.Any()))
	default: // numbers, times, truth values
		return a
	}
}

func plainValue(key string, v any) string {
	if v == nil {
		return "none"
	}
	switch v := v.(type) {
	case error:
		return clean(v.Error())
	case string: // the reason of a panic
		return clean(v)
	case fmt.Stringer:
		if addresses[key] {
			return clean(v.String())
		}
	}
	return fmt.Sprintf("%T", v)
}
