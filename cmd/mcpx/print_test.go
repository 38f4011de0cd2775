package main

import (
	"os"
	"strings"
	"testing"
)

func TestCheck_PrintShowsWhatIsInEffectAndWhereItIsFrom(t *testing.T) {
	alone(t)
	t.Setenv("MCPX_API_KEY", "hunter2")
	t.Setenv("GH", "hunter22-token")
	write(t, "mcpx.yaml", `log_level: warn
mcpServers:
  shell:
    command: /bin/sh
    args: [-c, "true"]
    env: {GITHUB_TOKEN: "${GH}"}
  gone: {command: no-such-program-anywhere}
`)
	got := mcpx(t, "", "check", "--print", "--log-format", "json")
	for _, want := range []string{
		"{\n", `  "host": "127.0.0.1", // default`, `  // "port": 8000, default, or the next that is free`,
		`"api_key": "********", // MCPX_API_KEY`, `"log_level": "warn", // mcpx.yaml:1:12`, `"log_format": "json", // --log-format`,
		`"shell": { // mcpx.yaml:3:3`, `"args": ["-c", "true"], // mcpx.yaml:5:11`, `"env": {"GITHUB_TOKEN": "********"} // mcpx.yaml:6:10, from GH`,
	} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
	if strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("a secret is shown: %+v", got)
	}
	// It checks as well.
	if got.code != exitError || !strings.Contains(got.err, `"gone": command "no-such-program-anywhere" not found`) || strings.Contains(got.out, "ok  ") {
		t.Errorf("exit code %d, stderr\n%s", got.code, got.err)
	}

	// What was printed loads, but for the masks.
	os.Unsetenv("MCPX_API_KEY")
	write(t, "again.json", strings.ReplaceAll(strings.ReplaceAll(got.out, "********", "${GH}"), "no-such-program-anywhere", "/bin/sh"))
	if again := mcpx(t, "", "check", "again.json"); again.code != exitOK || again.err != "" || !strings.Contains(again.out, "ok  shell  Stdio-/bin/sh -c true") {
		t.Errorf("%+v\nof\n%s", again, got.out)
	}
	write(t, "masked.json", got.out)
	if again := mcpx(t, "", "check", "masked.json"); again.code != exitError || !strings.Contains(again.err, "masked.json:4:14: api_key: holds the mask ********") {
		t.Errorf("masks in the place of secrets: %+v", again)
	}
}

func TestCheck_PrintShowsTheDemoAndAServerBehindTheDashes(t *testing.T) {
	alone(t)
	if got := mcpx(t, "", "check", "--print"); got.code != exitOK || !strings.Contains(got.out, `"demo": { // built-in demo`) {
		t.Errorf("%+v", got)
	}
	got := mcpx(t, "", "check", "--print", "--", "/bin/sh", "-c", "echo ${HOME}")
	if got.code != exitOK || !strings.Contains(got.out, `"args": ["-c", "echo $${HOME}"] // command line`) {
		t.Errorf("%+v", got)
	}
}

func TestCheck_PrintHasNothingToShowOfAConfigurationThatDoesNotLoad(t *testing.T) {
	alone(t)
	write(t, "mcpx.toml", "port = 70000\n")
	got := mcpx(t, "", "check", "--print")
	if got.code != exitError || got.out != "" || !strings.Contains(got.err, "mcpx: mcpx.toml:1:8: port: must be at most 65535, found 70000") {
		t.Errorf("%+v", got)
	}
}

func TestConfiguration_OfSeveralFilesOneCountsAndTheOthersAreNamed(t *testing.T) {
	alone(t)
	write(t, "mcpx.yml", "mcpServers: {b: {command: /bin/sh}}")
	write(t, "mcpx.yaml", "mcpServers: {a: {command: /bin/sh}}")
	got := mcpx(t, "", "check")
	if got.code != exitOK || !strings.HasPrefix(got.out, "ok  a  ") || got.err != "mcpx: mcpx.yml: warning: is not read: mcpx.yaml stands beside it and counts\n" {
		t.Errorf("%+v", got)
	}
	// One that is named needs no words about others.
	if got := mcpx(t, "", "check", "mcpx.yml"); got.err != "" || !strings.HasPrefix(got.out, "ok  b  ") {
		t.Errorf("%+v", got)
	}
}
