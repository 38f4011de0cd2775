package telemetry

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/rs/zerolog"
)

func TestClean_HidesWhatLooksLikeASecret(t *testing.T) {
	for in, want := range map[string]string{
		"GET https://u:hunter2@x.io/mcp?key=abc&n=1: refused": "GET https://u:***@x.io/mcp?key=***&n=***: refused",
		"srv --token s3cr3t --verbose":                        "srv --token *** --verbose",
		"srv --api-key=s3cr3t /tmp":                           "srv --api-key=*** /tmp",
		"GITHUB_TOKEN=abc, HOME=/root":                        "GITHUB_TOKEN=***, HOME=/root",
		`{"password": "p w", "user": "me"}`:                   `{"password": ***, "user": "me"}`,
		"Authorization: Bearer abcdef123456":                  "Authorization: ***",
		"sent bearer abcdef123456 along":                      "sent bearer *** along",
		"using sk-abcdefgh12345678 now":                       "using *** now",
		"ghp_0123456789abcdef0123 and xoxb-12345678-abc":      "*** and ***",
		"the token is missing":                                "the token is missing",
		"Secure MCP Filesystem Server running on stdio":       "Secure MCP Filesystem Server running on stdio",
	} {
		if got := clean(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestClean_ATextThatIsCleanStaysAsItIs(t *testing.T) {
	for _, s := range []string{
		"Stdio-srv --token *** https://u:***@x/?a=***", "naïve – 日本語 \"quoted\"", "",
	} {
		if got := clean(s); got != s {
			t.Errorf("got %q, want %q", got, s)
		}
	}
}

func TestClean_NothingMovesTheCursorOrForgesALine(t *testing.T) {
	got := clean("a\x1b[2Jb\nINF forged\r\x00 \u202e \xff")
	if want := `a\x1b[2Jb\nINF forged\r\x00 \u202e \xff`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClean_BoundsALongText(t *testing.T) {
	got := clean(strings.Repeat("é", textMax))
	if len(got) > textMax+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-8:])
	}
}

// secretive is a message as actors exchange them, with something to hide.
type secretive struct{ Key string }

func (s secretive) String() string { return s.Key }

type pid string

func (p pid) String() string { return string(p) }

// discreet says itself how it is logged.
type discreet struct{ Key string }

func (discreet) LogValue() slog.Value { return slog.StringValue("discreet") }

func TestSlog_NeverPrintsAMessage(t *testing.T) {
	var out bytes.Buffer
	log := Slog(zerolog.New(&out).Level(zerolog.DebugLevel), "actors")
	log.Error("unknown system message", slog.Any("message", secretive{"hunter2"}), slog.Any("pid", pid("gateway/s1")))
	log.Info("[DeadLetter]", "message", &secretive{"hunter2"}, "sender", nil, "other", secretive{"hunter2"})
	log.With("message", secretive{"hunter2"}).Warn("with")
	log.WithGroup("g").Warn("group", slog.Group("in", "message", secretive{"hunter2"}, "n", 1))
	log.Warn("own", "message", discreet{"hunter2"})
	text := out.String()
	if strings.Contains(text, "hunter2") {
		t.Errorf("the message was printed:\n%s", text)
	}
	for _, want := range []string{
		`"message_type":"telemetry.secretive"`, `"message_type":"*telemetry.secretive"`, `"pid":"gateway/s1"`, `"sender":"none"`,
		`"other":"telemetry.secretive"`, `"message":"unknown system message"`, `"source":"actors"`, `"g.in.n":1`, `"message_type":"discreet"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func TestSlog_WhatTheLibrarySaysBelowAWarningIsDebug(t *testing.T) {
	var out bytes.Buffer
	log := Slog(zerolog.New(&out).Level(zerolog.InfoLevel), "actors")
	log.Info("actor system started")
	if out.Len() > 0 {
		t.Errorf("written at info: %s", out.String())
	}
	log.Warn("Recovering", "reason", "token=abc", "error", errors.New("password: p"), "after", time.Second)
	if got := out.String(); !strings.Contains(got, `"reason":"token=***"`) || !strings.Contains(got, `"error":"password: ***"`) {
		t.Errorf("got %s", got)
	}
}

func TestMask_AgreesWithTheMaskOfConnectionNames(t *testing.T) {
	spec := messages.ServerSpec{Transport: messages.TransportStdio, Command: "srv", Args: []string{"--token", "t0p", "https://u:pw@x/?k=v"}}
	name := spec.ConnectionName()
	if got := clean(name); got != name {
		t.Errorf("masked twice: %q became %q", name, got)
	}
}
