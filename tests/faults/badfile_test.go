package faults_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// run runs a command line to its end and returns its exit code, stdout and stderr.
func run(t *testing.T, files map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	binary, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	cmd := testkit.Command(binary, dir, args...)
	cmd.Stdout, cmd.Stdin = &out, strings.NewReader("")
	p, err := testkit.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if !testkit.Until(p.Ended) {
		p.Kill()
		t.Errorf("%s did not end", cmd)
	}
	return cmd.ProcessState.ExitCode(), out.String(), p.Errs.String()
}

func TestBadInput_AFileThatCannotBeUsedIsRefusedWithAReason(t *testing.T) {
	t.Parallel()
	here := t.TempDir()
	for _, tc := range []struct {
		name, file, text string
		want             string
	}{
		{"missing", "mcpx.json.not", "", "mcpx: mcpx.json.not: there is no such file\n"},
		// Whoever runs the tests may read every file; this one fails for root, too.
		{"unreadable", "/proc/self/mem", "", "mcpx: /proc/self/mem: cannot be read: input/output error\n"},
		{"a directory", here, "", "mcpx: " + here + ": is a directory: name the file in it\n"},
		{"empty", "mcpx.json", "", "mcpx: mcpx.json: is empty: the least that a configuration holds is {\"mcpServers\": {}}\n"},
		{"only a comment", "mcpx.json", "// later", "mcpx: mcpx.json: is empty: the least that a configuration holds is {\"mcpServers\": {}}\n"},
		{"malformed", "mcpx.json", `{"mcpServers": {`, "mcpx: mcpx.json:1:16: this '{' is never closed\n"},
		{"malformed YAML", "mcpx.yaml", "mcpServers: [", "mcpx: mcpx.yaml:1:1: did not find expected node content\n"},
		{"malformed TOML", "mcpx.toml", "port = = 1", "mcpx: mcpx.toml:1:8: expected a string in quotes, a number, true, false, a list or a table\n"},
		{"not an object", "mcpx.json", "[]", "mcpx: mcpx.json:1:1: expected an object such as {\"mcpServers\": {}}, found a list\n"},
		{"bytes that are no text", "mcpx.json", "{\"a\xff\": 1}", "mcpx: mcpx.json:1:4: the text is not valid UTF-8\n"},
		{"nested beyond reason", "mcpx.json", strings.Repeat(`{"a":`, 200), "mcpx: mcpx.json:1:321: is nested deeper than 64 levels\n"},
		{
			"problems of several kinds are told at once", "mcpx.json", `{"port": 99999, "limits": {"depth": "deep"}}`,
			"mcpx: mcpx.json:1:10: port: must be at most 65535, found 99999\n" +
				"mcpx: mcpx.json:1:37: limits.depth: expected a whole number, found \"deep\"\n",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			files := map[string]string{}
			if !filepath.IsAbs(tc.file) && tc.name != "missing" {
				files[tc.file] = tc.text
			}
			for _, cmd := range []string{"check", "serve", "stdio"} {
				if code, out, errs := run(t, files, cmd, tc.file); code != 1 || out != "" || errs != tc.want {
					t.Errorf("%s: exit code %d, stdout %q, stderr\n%swant\n%s", cmd, code, out, errs, tc.want)
				}
			}
		})
	}
}

func TestBadInput_APortInUseIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	code, out, errs := run(t, map[string]string{"mcpx.json": testkit.Config(map[string]any{})}, "serve", "mcpx.json", "--port", fmt.Sprint(port))
	want := fmt.Sprintf("mcpx: cannot listen on 127.0.0.1:%d: another program uses that port; stop it or choose another port\n", port)
	if code != 1 || out != "" || !strings.HasSuffix(errs, want) {
		t.Errorf("exit code %d, stdout %q, stderr\n%swant\n%s", code, out, errs, want)
	}
	// One that nobody asked for gives way.
	for tries := 0; ; tries++ {
		g, ours := serveBesideTheDefaultPort(t)
		if strings.Contains(g.URL, ":8000/") {
			if ours || tries == 10 {
				t.Errorf("it listens at %s\n%s", g.URL, g.Errs)
			}
		} else if _, ok := g.AwaitLog(func(l testkit.LogLine) bool {
			return strings.Contains(l.Text("message"), "Port 8000 is occupied, using port")
		}); !ok {
			t.Errorf("the log does not say so:\n%s", g.Errs)
		}
		again := strings.Contains(g.URL, ":8000/") && !t.Failed() // who had the port has left it meanwhile
		if err := g.Close(); err != nil {
			t.Error(err)
		}
		if !again {
			return
		}
	}
}

// serveBesideTheDefaultPort runs mcpx while somebody has the default port: we,
// or whoever had it before us.
func serveBesideTheDefaultPort(t *testing.T) (g *testkit.Gateway, ours bool) {
	t.Helper()
	fallback, err := net.Listen("tcp", "127.0.0.1:8000")
	if err == nil {
		defer fallback.Close()
	}
	dir := t.TempDir()
	if _, err := testkit.WriteConfig(dir, testkit.Config(map[string]any{})); err != nil {
		t.Fatal(err)
	}
	g, e := testkit.Serve(dir, "mcpx.json")
	if e != nil {
		t.Fatal(e)
	}
	return g, err == nil
}

func TestBadInput_ACommandLineThatMakesNoSense(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"serv"}, "mcpx: unknown command \"serv\" for \"mcpx\"\n\nDid you mean this?\n\tserve\n\nSee 'mcpx --help'.\n"},
		{[]string{"serve", "a.json", "b.json"}, "mcpx: unexpected argument \"b.json\"\nSee 'mcpx serve --help'.\n"},
		{[]string{"serve", "--prot", "1"}, "mcpx: unknown flag: --prot\nSee 'mcpx serve --help'.\n"},
		{[]string{"serve", "--port", "70000"}, "mcpx: invalid argument \"70000\" for \"-p, --port\" flag: value out of range\nSee 'mcpx serve --help'.\n"},
		{[]string{"stdio", "--"}, "mcpx: expected a command or a URL after --\nSee 'mcpx stdio --help'.\n"},
		{[]string{"serve", "--host", "0.0.0.0", "--port", "0", "--", "sleep", "600"}, "mcpx: refusing to listen on 0.0.0.0:0 without an API key: it is reachable from other machines. " +
			"Give --api-key KEY (or api_keys in the configuration), listen on 127.0.0.1, or pass --insecure if that is what you want\n"},
	} {
		code, out, errs := run(t, nil, tc.args...)
		if code == 0 || out != "" || !strings.HasSuffix(errs, tc.want) {
			t.Errorf("%v: exit code %d, stdout %q, stderr\n%swant\n%s", tc.args, code, out, errs, tc.want)
		}
	}
}
