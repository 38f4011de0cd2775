package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestHelp_ReadsAsWritten(t *testing.T) {
	alone(t)
	t.Chdir(sourceDir)
	for name, args := range map[string][]string{
		"mcpx": {"--help"}, "serve": {"serve", "--help"}, "stdio": {"help", "stdio"}, "call": {"call", "-h"},
		"tools": {"tools", "--help"}, "check": {"check", "--help"}, "version": {"version", "--help"},
		"null": {"null", "--help"}, "load": {"load", "--help"},
	} {
		t.Run(name, func(t *testing.T) {
			got := mcpx(t, "", args...)
			if got.code != exitOK || got.err != "" {
				t.Errorf("exit code %d, stderr %q", got.code, got.err)
			}
			for line := range strings.Lines(got.out) {
				if len([]rune(line)) > 121 {
					t.Errorf("too long for a terminal: %q", line)
				}
			}
			golden := filepath.Join("testdata", "help", name+".txt")
			if *update {
				write(t, golden, got.out)
			}
			want, err := os.ReadFile(golden)
			if err != nil || got.out != string(want) {
				t.Errorf("differs from %s (-update rewrites it), %v:\n%s", golden, err, got.out)
			}
		})
	}
}

// sourceDir is where the tests started.
var sourceDir, _ = os.Getwd()

func TestUsage_MistakesOnTheCommandLineExitWith2AndSayWhereHelpIs(t *testing.T) {
	alone(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sevre"}, `unknown command "sevre" for "mcpx"`},
		{[]string{"serve", "--prot", "1"}, "unknown flag: --prot"},
		{[]string{"serve", "--port", "99999"}, `invalid argument "99999" for "-p, --port" flag: value out of range`},
		{[]string{"null", "--bytes", "many"}, `invalid argument "many" for "--bytes" flag: invalid syntax`},
		{[]string{"null", "x"}, `unexpected argument "x"`},
		{[]string{"load", "htp://x"}, "a URL begins with http:// or https://"},
		{[]string{"load", "--era", "late", "--", "x"}, `--era: unknown protocol "late"`},
		{[]string{"load", "--against", "http://x", "--against-era", "late", "--", "x"}, `--against-era: unknown protocol "late"`},
		{[]string{"load", "--args", "{bad", "--", "x"}, "--args: {bad: must be a JSON object"},
		{[]string{"load", "--duration", "-1s", "--", "x"}, "--duration must not be negative"},
		{[]string{"load", "--requests", "-1", "--", "x"}, "--requests must not be negative"},
		{[]string{"serve", "a.json", "b.json"}, `unexpected argument "b.json"`},
		{[]string{"serve", "a.json", "-c", "b.json"}, "given twice: a.json and --config b.json"},
		{[]string{"serve", "--"}, "expected a command or a URL after --"},
		{[]string{"serve", "--type", "sse"}, "describe a server behind --"},
		{[]string{"serve", "--env", "A", "--", "x"}, "--env expects NAME=value"},
		{[]string{"serve", "--header", "Authorization: secret", "--", "http://x"}, "--header expects a JSON object"},
		{[]string{"call"}, "expected SERVER.TOOL"},
		{[]string{"call", "a.b", "{}", "c"}, `unexpected argument "c"`},
		{[]string{"call", "a.b", "a=1"}, "must be a JSON object"},
		{[]string{"call", "a.b", "[]"}, "must be a JSON object"},
		{[]string{"call", "a.b", "null"}, "must be a JSON object"},
		{[]string{"tools", "a", "b"}, `unexpected argument "b"`},
		{[]string{"check", "--print", "--connect"}, "choose one"},
		{[]string{"version", "x"}, `unexpected argument "x"`},
	} {
		got := mcpx(t, "", c.args...)
		if got.code != exitUsage || !strings.Contains(got.err, c.want) || !strings.Contains(got.err, "--help") || got.out != "" {
			t.Errorf("%v: exit code %d, want 2 with %q\nstderr: %sstdout: %s", c.args, got.code, c.want, got.err, got.out)
		}
		if strings.Contains(got.err, "secret") {
			t.Errorf("%v: the header is shown: %s", c.args, got.err)
		}
	}
}

func TestVersion_NamesTheProtocols(t *testing.T) {
	got := mcpx(t, "", "version")
	if got.code != exitOK || !strings.HasPrefix(got.out, "mcpx "+version) || !strings.Contains(got.out, "2026-07-28") || !strings.Contains(got.out, "2024-11-05") {
		t.Errorf("%+v", got)
	}
}
