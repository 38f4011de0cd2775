package telemetry

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/rs/zerolog"
)

func TestMain(m *testing.M) { leak.Main(m) }

// feed is a Source whose events the test publishes itself.
type feed struct{ f func(messages.Event) }

func (s *feed) Subscribe(f func(messages.Event)) func() {
	s.f = f
	return func() { s.f = func(messages.Event) {} }
}

func TestFollow_EndsWithItsStop(t *testing.T) {
	var out bytes.Buffer
	src := &feed{}
	stop := Follow(src, NewLogger(&out, zerolog.InfoLevel, FormatJSON))
	src.f(messages.ClosingAll{})
	stop()
	src.f(messages.ClosingAll{})
	if got := strings.Count(out.String(), "Closing all MCP connections"); got != 1 {
		t.Errorf("written %d times, want once:\n%s", got, out.String())
	}
}

func TestNewLogger_ConsoleHoldsNoEscapesWhereNobodySeesColours(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, zerolog.InfoLevel, FormatConsole)
	log.Info().Str("server", "fs").Msg("Connected")
	if line := out.String(); strings.ContainsRune(line, 0x1b) || !strings.Contains(line, "INF Connected server=fs") {
		t.Errorf("got %q", line)
	}
}

func TestNewLogger_AutoIsJSONWhereNobodyLooks(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	log := NewLogger(file, zerolog.InfoLevel, FormatAuto)
	log.Info().Msg("hello")
	written, err := os.ReadFile(file.Name())
	if err != nil || !strings.HasPrefix(string(written), `{"level":"info"`) {
		t.Errorf("got %q, %v", written, err)
	}
}

func TestNewLogger_LevelsBelowAreNotWritten(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, zerolog.WarnLevel, FormatJSON)
	log.Info().Msg("quiet")
	log.Warn().Msg("loud")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, `"level":"warn"`) {
		t.Errorf("got %s", got)
	}
}

func TestLevel_AnUnknownNameIsInfo(t *testing.T) {
	for name, want := range map[string]struct {
		level zerolog.Level
		known bool
	}{
		"trace": {zerolog.TraceLevel, true}, "debug": {zerolog.DebugLevel, true}, "INFO": {zerolog.InfoLevel, true}, "": {zerolog.InfoLevel, true},
		"warning": {zerolog.WarnLevel, true}, "WARN": {zerolog.WarnLevel, true}, "Error": {zerolog.ErrorLevel, true},
		"critical": {zerolog.ErrorLevel, true}, "loud": {zerolog.InfoLevel, false},
	} {
		if level, known := Level(name); level != want.level || known != want.known {
			t.Errorf("%q: got %v %v, want %v %v", name, level, known, want.level, want.known)
		}
	}
}
