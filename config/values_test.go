package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// try loads a configuration that consists of one top-level member.
func try(t *testing.T, member string, env ...string) (*Config, string) {
	t.Helper()
	text := fmt.Sprintf(`{%s, "mcpServers": {"a": {"command": "x"}}}`, member)
	cfg, problems := Load(LoadOptions{Path: "f", Data: []byte(text), Environ: append([]string{}, env...)})
	var said []string
	for _, p := range problems {
		_, message, _ := strings.Cut(p.String(), ": ")
		said = append(said, message)
	}
	return cfg, strings.Join(said, "\n")
}

func TestDuration_AcceptsSecondsAndTextWithUnits(t *testing.T) {
	for written, want := range map[string]time.Duration{
		`5`: 5 * time.Second, `0.25`: 250 * time.Millisecond, `1e1`: 10 * time.Second,
		`"30s"`: 30 * time.Second, `"1m30s"`: 90 * time.Second, `"250ms"`: 250 * time.Millisecond, `" 2h "`: 2 * time.Hour,
		`"${N}"`: 7 * time.Second, `"${N}s"`: 7 * time.Second,
	} {
		if cfg, said := try(t, `"connection_timeout": `+written, "N=7"); cfg == nil || cfg.Policy.ConnectionTimeout != want {
			t.Errorf("%s: want %s; %s", written, want, said)
		}
	}
}

func TestDuration_RefusesWhatHasNoUnitOrNoMeaning(t *testing.T) {
	const want = `expected seconds, or text with a unit such as "30s", found `
	for written, message := range map[string]string{
		`"30"`:        want + `"30"`,
		`""`:          want + `""`,
		`"NaN"`:       want + `"NaN"`,
		`null`:        "",
		`{}`:          want + "an object",
		`-1`:          "must be at least 1 ms, found -1",
		`"-1s"`:       `must be at least 1 ms, found "-1s"`,
		`1e-9`:        "must be at least 1 ms, found 1e-9",
		`1e400`:       "must be at most 366 days, found 1e400",
		`"9000h"`:     `must be at most 366 days, found "9000h"`,
		`"${N}"`:      want + "something else in the variable",
		`"${N} secs"`: want + "something else in the variable",
	} {
		_, said := try(t, `"close_timeout": `+written, "N=NaN")
		if message != "" {
			message = "close_timeout: " + message
		}
		if said != message {
			t.Errorf("%s:\n got %s\nwant %s", written, said, message)
		}
	}
}

func TestSize_AcceptsBytesAndTextWithUnits(t *testing.T) {
	for written, want := range map[string]int{
		`1024`: 1024, `"64KiB"`: 64 << 10, `"16 MiB"`: 16 << 20, `"1gib"`: 1 << 30, `"1.5KiB"`: 1536,
		`"10MB"`: 10_000_000, `"2kb"`: 2000, `"1GB"`: 1_000_000_000, `"512B"`: 512, `"1TiB"`: 1 << 40, `"0.5TB"`: 500_000_000_000,
		`"${N}"`: 77, `"${N}KiB"`: 77 << 10,
	} {
		if cfg, said := try(t, `"limits": {"message_bytes": `+written+`}`, "N=77"); cfg == nil || cfg.Limits.MessageBytes != want {
			t.Errorf("%s: want %d; %s", written, want, said)
		}
	}
}

func TestSize_RefusesWhatIsNoSize(t *testing.T) {
	const want = `expected a number of bytes, or text such as "16MiB", found `
	for written, message := range map[string]string{
		`"64"`:      want + `"64"`,
		`"64 ells"`: want + `"64 ells"`,
		`"KiB"`:     want + `"KiB"`,
		`1.5`:       want + "1.5",
		`0`:         "must be at least 1 byte, found 0",
		`-5`:        "must be at least 1 byte, found -5",
		`"2TiB"`:    `must be at most 1 TiB, found "2TiB"`,
		`true`:      want + "true",
	} {
		if _, said := try(t, `"limits": {"message_bytes": `+written+`}`); said != "limits.message_bytes: "+message {
			t.Errorf("%s:\n got %s\nwant %s", written, said, message)
		}
	}
}

func TestNumber_TextStandsForOneOnlyOutOfAVariable(t *testing.T) {
	for written, want := range map[string]string{
		`"8000"`:                      `port: expected a whole number, found "8000"`,
		`"${N}"`:                      "",
		`"${M:-9000}"`:                "",
		`"${M:-x}"`:                   "port: expected a whole number, found something else in the variable",
		`9e3`:                         "",
		`9000.5`:                      "port: expected a whole number, found 9000.5",
		`1` + strings.Repeat("0", 60): "port: must be at most 65535, found 1" + strings.Repeat("0", 38) + "…",
	} {
		cfg, said := try(t, `"port": `+written, "N=9000")
		if said != want {
			t.Errorf("%s: got %q, want %q", written, said, want)
		}
		if want == "" && (cfg.Port != 9000 || !cfg.PortGiven) {
			t.Errorf("%s: port %d, given %t", written, cfg.Port, cfg.PortGiven)
		}
	}
}

func TestSwitch_WordsStandForOneOnlyOutOfAVariable(t *testing.T) {
	for word, want := range map[string]bool{"true": true, "YES": true, "on": true, "1": true, "false": false, "no": false, "Off": false, "0": false} {
		cfg, said := try(t, `"insecure": "${W}"`, "W="+word)
		if cfg == nil || cfg.Insecure != want {
			t.Errorf("%s: want %t; %s", word, want, said)
		}
	}
	if _, said := try(t, `"insecure": "true"`); said != `insecure: expected true or false, found "true"` {
		t.Error(said)
	}
}

func TestList_OutOfAVariableIsSplitAtCommas(t *testing.T) {
	cfg, said := try(t, `"allowed_hosts": "${H}"`, "H= a.example , b.example,,")
	if cfg == nil || fmt.Sprint(cfg.AllowedHosts) != "[a.example b.example]" {
		t.Fatal(cfg, said)
	}
	// The arguments of a program are not: a comma is part of one.
	_, problems := Load(LoadOptions{Path: "f", Data: []byte(`{"mcpServers": {"a": {"command": "x", "args": "${H}"}}}`), Environ: []string{"H=a,b"}})
	if got := problems.String(); !strings.Contains(got, "args: expected a list of strings, found a string") {
		t.Error(got)
	}
}

func TestNull_IsAsIfTheKeyWereNotThere(t *testing.T) {
	cfg, said := try(t, `"port": null, "limits": null, "api_keys": null, "mcp_servers": null`)
	if cfg == nil || said != "" || cfg.Port != 8000 || cfg.PortGiven || cfg.Limits != messages.DefaultLimits() {
		t.Errorf("%+v %s", cfg, said)
	}
}

func TestHost_AddressesAndNamesWithoutAPort(t *testing.T) {
	for written, want := range map[string]string{
		"127.0.0.1": "127.0.0.1", "::1": "::1", "[::1]": "::1", "fe80::1%eth0": "fe80::1%eth0", "localhost": "localhost", "my-host.example": "my-host.example",
		"localhost:80": "", "http://h": "", "": "", "a b": "", strings.Repeat("a", 300): "",
	} {
		cfg, said := try(t, fmt.Sprintf(`"host": %q`, written))
		if want == "" && cfg != nil || want != "" && (cfg == nil || cfg.Host != want) {
			t.Errorf("%q: %s", written, said)
		}
	}
}

func TestLogLevel_AnUnknownOneIsInfo(t *testing.T) {
	for written, want := range map[string]string{"DEBUG": "debug", "warning": "warn", "critical": "error", "trace": "trace", "loud": "info"} {
		cfg, said := try(t, fmt.Sprintf(`"log_level": %q`, written))
		if cfg.LogLevel != want || (said != "") != (written == "loud") {
			t.Errorf("%s: %s %s", written, cfg.LogLevel, said)
		}
	}
}

func TestLogLevel_TheSharedVariableGivesWayToAllOthers(t *testing.T) {
	for _, c := range []struct {
		member, want string
		env          []string
	}{
		{`"host": "h"`, "debug", []string{"LOG_LEVEL=DEBUG"}},
		{`"host": "h"`, "info", []string{"LOG_LEVEL=nonsense"}},
		{`"log_level": "error"`, "error", []string{"LOG_LEVEL=debug"}},
		{`"log_level": "error"`, "trace", []string{"LOG_LEVEL=debug", "MCPX_LOG_LEVEL=trace"}},
	} {
		if cfg, said := try(t, c.member, c.env...); cfg.LogLevel != c.want || said != "" {
			t.Errorf("%s %v: %s %s", c.member, c.env, cfg.LogLevel, said)
		}
	}
}

func TestTLS_CertificateAndKeyStandTogether(t *testing.T) {
	if _, said := try(t, `"ssl_keyfile": "k"`); said != "ssl_keyfile: TLS needs ssl_certfile as well" {
		t.Error(said)
	}
	if _, said := try(t, `"ssl_certfile": "${C}"`, "C="); said != "" {
		t.Error(said)
	}
}

func TestPool_TheLeastIsNeverAboveTheMost(t *testing.T) {
	for member, want := range map[string]string{
		`"pool": {"min": 5, "max": 4}`:                 "pool.min: pool.min is 5 and pool.max 4: the least must not be above the most",
		`"pool": {"max": 0, "min": 1000}`:              "",
		`"pool": {"min": 4, "max": 4}`:                 "",
		`"pool": {"min": -1}`:                          "pool.min: must be at least 0, found -1",
		`"isolation": "none"`:                          `isolation: expected request, client or shared, found "none"`,
		`"cache_tools": {"a": 5}`:                      "warning: cache_tools: ignored here: it belongs to a server",
		`"limits": {"cache_entries": 0}`:               "limits.cache_entries: must be at least 1, found 0",
		`"breaker": {"failures": 0, "open_for": "0s"}`: "",
	} {
		if _, said := try(t, member); said != want {
			t.Errorf("%s:\n got %s\nwant %s", member, said, want)
		}
	}
	// One server's bound against what all have.
	cfg, problems := Load(LoadOptions{Path: "f", Environ: []string{"MCPX_POOL__MIN=3"}, Data: []byte(`{"mcpServers": {"a": {"command": "x", "pool": {"max": 2}}, "b": {"command": "x"}}}`)})
	const want = `f:1:55: Server 'a': pool.max: pool.min is 3 and pool.max 2: the least must not be above the most` + "\n"
	if cfg == nil || len(cfg.Servers) != 1 || cfg.Servers[0].Policy.PoolMin != 3 || problems.String() != want {
		t.Error(problems)
	}
}
