package main

import (
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestConfiguration_EachMistakeIsNamedAndExitsWith1(t *testing.T) {
	for _, command := range []string{"serve", "stdio", "check"} {
		for _, c := range []struct{ name, file, text, want string }{
			{"a missing file", "", "", "there is no such file"},
			{"an empty file", "c.json", "", "c.json"},
			{"bad JSON", "c.json", "{\n  \"mcpServers\": {\n    \"a\": }\n}", "c.json:3:"},
			{"no object", "c.json", `["a"]`, "expected an object"},
			{"an unknown value at the top", "c.json", `{"port": "many", "mcpServers": {}}`, "c.json:1:"},
		} {
			t.Run(command+", "+c.name, func(t *testing.T) {
				alone(t)
				if c.file != "" {
					write(t, c.file, c.text)
				}
				got := mcpx(t, "", command, "c.json")
				if got.code != exitError || !strings.Contains(got.err, c.want) || got.out != "" {
					t.Errorf("exit code %d, want 1 with %q\nstderr: %sstdout: %s", got.code, c.want, got.err, got.out)
				}
			})
		}
	}
}

func TestConfiguration_FilesAreFoundInTheirOrder(t *testing.T) {
	alone(t)
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ file, server string }{
		{config + "/mcpx/mcpx.json", "user"}, {".mcp.json", "project"}, {"mcpx.json", "own"},
	} {
		write(t, c.file, demoConfig(t, "", c.server))
		if got := mcpx(t, "", "check"); got.code != exitOK || !strings.HasPrefix(got.out, "ok  "+c.server+"  Stdio-") {
			t.Errorf("%s: %+v", c.file, got)
		}
	}
	write(t, "variable.json", demoConfig(t, "", "named"))
	t.Setenv("MCPX_CONFIG", "variable.json")
	if got := mcpx(t, "", "check"); !strings.HasPrefix(got.out, "ok  named") {
		t.Errorf("MCPX_CONFIG: %+v", got)
	}
	write(t, "flag.json", demoConfig(t, "", "flagged"))
	if got := mcpx(t, "", "check", "--config", "flag.json"); !strings.HasPrefix(got.out, "ok  flagged") {
		t.Errorf("--config: %+v", got)
	}
}

func TestConfiguration_AServerBehindTheDashesNeedsNoFileAndReadsNone(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", "{ broken")
	got := mcpx(t, "", "check", "--", "/bin/sh", "-c", "true")
	if got.code != exitOK || !strings.Contains(got.out, "Stdio-/bin/sh -c true") {
		t.Errorf("a command: %+v", got)
	}
	got = mcpx(t, "", "check", "--header", `{"Authorization": "Bearer hunter2"}`, "--", "https://example.com/mcp?key=hunter2")
	if got.code != exitOK || !strings.Contains(got.out, "StreamableHTTP-https://example.com/mcp") || strings.Contains(got.out+got.err, "hunter2") {
		t.Errorf("a URL: %+v", got)
	}
	got = mcpx(t, "", "check", "--type", "sse", "--", "https://example.com/events")
	if got.code != exitOK || !strings.Contains(got.out, "SSE-https://example.com/events") {
		t.Errorf("a type: %+v", got)
	}
}

func TestCheck_OneBadServerHidesNoOther(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", `{"mcpServers": {
  "good": {"command": "/bin/sh"},
  "gone": {"command": "no-such-program-anywhere"},
  "nowhere": {"command": "/bin/sh", "cwd": "/no/such/place"},
  "idle": {"command": "no-such-program-anywhere", "enabled": false},
  "odd": {"type": "pigeon"}
}}`)
	got := mcpx(t, "", "check")
	if got.code != exitError {
		t.Errorf("exit code %d", got.code)
	}
	for _, want := range []string{"mcpx.json:6:", `Server 'odd'`, `server "gone": command "no-such-program-anywhere" not found`, `"nowhere": its cwd "/no/such/place" does not exist`} {
		if !strings.Contains(got.err, want) {
			t.Errorf("no %q in\n%s", want, got.err)
		}
	}
	for _, want := range []string{"ok  good", "off idle"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in\n%s", want, got.out)
		}
	}
}

func TestCheck_ConnectReallyConnects(t *testing.T) {
	alone(t)
	write(t, "mcpx.json", demoConfig(t, "", "a", "b"))
	if got := mcpx(t, "", "check", "--connect"); got.code != exitOK || !strings.Contains(got.out, "ok  a  6 tools, MCP 20") || !strings.Contains(got.out, "ok  b  6 tools") {
		t.Errorf("%+v", got)
	}
	got := mcpx(t, "", "check", "--connect", "--", "/bin/sh", "-c", "exit 3")
	if got.code != exitError || !strings.Contains(got.err, "sh") {
		t.Errorf("a server that ends at once: %+v", got)
	}
}

func TestServe_PortsAndAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)

	t.Run("a port that was asked for and is taken is an error", func(t *testing.T) {
		alone(t)
		got := mcpx(t, "", "serve", "--port", port)
		if got.code != exitError || !strings.Contains(got.err, "another program uses that port") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("the default port gives way", func(t *testing.T) {
		alone(t)
		// Whoever has it, we or somebody else: it is taken. Somebody else may
		// leave it meanwhile.
		for ours := false; !ours; {
			l, err := net.Listen("tcp", "127.0.0.1:8000")
			if ours = err == nil; ours {
				defer l.Close()
			}
			s := startServing(t)
			used := s.url[len("http://127.0.0.1:") : len(s.url)-len("/mcp")]
			if used == "8000" && !ours {
				s.end()
				continue
			}
			if want := "Port 8000 is occupied, using port " + used + " instead"; used == "8000" || !strings.Contains(s.errs.String(), want) {
				t.Errorf("%s: no %q in\n%s", s.url, want, s.errs)
			}
			return
		}
	})
	t.Run("an address that others reach needs a key", func(t *testing.T) {
		alone(t)
		got := mcpx(t, "", "serve", "--host", "0.0.0.0", "--port", "0")
		if got.code != exitError || !strings.Contains(got.err, "--api-key") || !strings.Contains(got.err, "--insecure") {
			t.Errorf("%+v", got)
		}
		startServing(t, "--host", "0.0.0.0", "--port", "0", "--insecure")
		startServing(t, "--host", "0.0.0.0", "--port", "0", "--api-key", "k3y")
	})
	t.Run("flags win over variables, variables over the file", func(t *testing.T) {
		alone(t)
		write(t, "mcpx.json", demoConfig(t, `"port": `+port+`,`))
		if got := mcpx(t, "", "serve"); got.code != exitError || !strings.Contains(got.err, ":"+port) {
			t.Errorf("the file's port: %+v", got)
		}
		t.Setenv("MCPX_PORT", "0")
		startServing(t)
		if got := mcpx(t, "", "serve", "--port="+port); got.code != exitError || !strings.Contains(got.err, ":"+port) {
			t.Errorf("the flag's port: %+v", got)
		}
	})
}
