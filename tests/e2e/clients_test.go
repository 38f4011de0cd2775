package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/testkit"
)

// found is what the tour of tests/npm/drivers prints.
type found struct {
	Era, Version, Server string
	Session              bool
	Subscribed           map[string]any
	Tools                []string

	Inspected, Sum, Image, Links, Embedded, Audio, Refused, Resources, Long toolResult

	Progress [][2]float64
	Errors   []string // what the SDK complains about beside the results
	Changed  bool
}

func TestTypeScriptClients_ListAndCall(t *testing.T) {
	t.Parallel()
	bin, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		driver, transport string
		check             func(t *testing.T, f found)
	}{
		{"sdk-v1.mjs", "http", func(t *testing.T, f found) {
			if f.Version != v20251125 || !f.Session {
				t.Errorf("it negotiated %+v", f)
			}
		}},
		{"sdk-v1.mjs", "stdio", func(*testing.T, found) {}}, // it does not tell what it negotiated
		{"client-v2.mjs", "http", isModern},
		{"client-v2.mjs", "stdio", isModern},
	} {
		t.Run(c.driver+", "+c.transport, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			servers, err := npmServers(dir, shared(t).upstream)
			if err != nil {
				t.Fatal(err)
			}
			mark := t.Name()
			grow := puppetServer("grow")
			grow["env"].(map[string]string)[puppet.EnvMark] = mark
			servers = map[string]any{"everything": servers["everything-http"], "files": servers["files"], "grow": grow}
			target := []string{c.transport, bin, "stdio", writeConfig(t, dir, servers)}
			if c.transport == "http" {
				target = []string{c.transport, serve(t, servers).URL}
			}
			out := run(t, dir, []string{puppet.EnvMark + "=" + mark, "NOISE=" + filepath.Join(dir, "files", "noise.wav")},
				append([]string{"drivers/" + c.driver}, target...)...)
			var f found
			decode(t, out, &f)
			c.check(t, f)
			checkTour(t, f)
			if c.transport == "stdio" {
				// The mark is in the environment of mcpx and of its servers.
				actortest.Eventually(t, "nothing is left of mcpx and its servers", func() bool { return len(puppet.Marked(mark)) == 0 })
			}
		})
	}
}

func isModern(t *testing.T, f found) {
	if f.Era != "modern" || f.Version != modern || f.Subscribed["toolsListChanged"] != true {
		t.Errorf("it negotiated era %q, version %q and subscribed to %v", f.Era, f.Version, f.Subscribed)
	}
}

func checkTour(t *testing.T, f found) {
	if f.Server != "mcpx" || !slices.Equal(f.Tools, []string{"inspect", "exec", "resources"}) {
		t.Errorf("server %q with the tools %v", f.Server, f.Tools)
	}
	var tool inspected
	if decode(t, json.RawMessage(f.Inspected.text(t)), &tool); tool.Name != "get-sum" || !strings.HasPrefix(string(tool.InputSchema), `"{a: number /* First number */; b: number`) {
		t.Errorf("inspected: %s as %s", tool.Name, tool.InputSchema)
	}
	if got := f.Sum.text(t); got != "The sum of 19 and 23 is 42." {
		t.Errorf("the sum: %q", got)
	}
	for what, c := range map[string]struct {
		r    toolResult
		want []string
	}{
		"image":    {f.Image, []string{"text", "image", "text"}},
		"links":    {f.Links, []string{"text", "resource_link", "resource_link"}},
		"embedded": {f.Embedded, []string{"text", "resource", "text"}},
		"audio":    {f.Audio, []string{"audio"}},
	} {
		if got := types(t, c.r); c.r.IsError || !slices.Equal(got, c.want) {
			t.Errorf("%s: content of the types %v", what, got)
		}
	}
	if data := base64.StdEncoding.EncodeToString([]byte(noise)); !bytes.Contains(f.Audio.Content[0], []byte(data)) {
		t.Errorf("the audio: %s", f.Audio.Content)
	}
	if text := f.Refused.text(t); !f.Refused.IsError || !strings.Contains(text, "Argument validation failed") || !strings.Contains(text, "tool_schema") {
		t.Errorf("bad arguments: %s", text)
	}
	if text := f.Resources.text(t); !strings.Contains(text, `"uri":"demo://`) {
		t.Errorf("resources: %s", text)
	}
	if text := f.Long.text(t); !strings.Contains(text, "completed") {
		t.Errorf("the long operation: %q", text)
	}
	if !reflect.DeepEqual(f.Progress, [][2]float64{{1, 4}, {2, 4}, {3, 4}, {4, 4}}) {
		t.Errorf("progress: %v", f.Progress)
	}
	if !f.Changed || len(f.Errors) > 0 {
		t.Errorf("a changed listing came: %v; errors: %q", f.Changed, f.Errors)
	}
}

// types are those of the items of a content.
func types(t *testing.T, r toolResult) []string {
	t.Helper()
	list := make([]string, len(r.Content))
	for i, item := range r.Content {
		var c struct{ Type string }
		decode(t, item, &c)
		list[i] = c.Type
	}
	return list
}

// run runs a script below tests/npm to its end and returns its stdout.
func run(t *testing.T, dir string, env []string, args ...string) json.RawMessage {
	t.Helper()
	bin, script, err := node(args[0])
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(bin, append([]string{script}, args[1:]...)...)
	cmd.Dir, cmd.Env, cmd.Stdout = dir, append(testkit.Environment(dir), env...), &out
	p, err := testkit.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.End(func() error { return nil }); err != nil { // it ends by itself
		t.Fatalf("%v\nstdout: %s", err, &out)
	}
	return out.Bytes()
}

func TestInspector_ListsAndCallsInEveryEra(t *testing.T) {
	t.Parallel()
	h := shared(t)
	for _, era := range []string{"legacy", "auto", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			inspector := func(args ...string) json.RawMessage {
				return run(t, t.TempDir(), nil, append([]string{
					"node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
					"--cli", h.URL, "--transport", "http", "--protocol-era", era, "--format", "json", "--method"}, args...)...)
			}
			var list, called struct{ Result json.RawMessage }
			decode(t, inspector("tools/list"), &list)
			if tools := listedTools(t, list.Result); len(tools) != 3 || strings.Count(tools["inspect"], "\n  Server: ") != 4 {
				t.Errorf("tools/list: %s", list.Result)
			}
			decode(t, inspector("tools/call", "--tool-name", "exec",
				"--tool-args-json", execution("everything", "get-annotated-message", `{"messageType":"success","includeImage":true}`)), &called)
			var r struct {
				toolResult
				Meta map[string]any `json:"_meta"`
			}
			decode(t, called.Result, &r)
			if got := types(t, r.toolResult); r.IsError || !slices.Equal(got, []string{"text", "image"}) {
				t.Errorf("tools/call: %s", called.Result)
			}
			// Servers name themselves in the results of the modern era, and only there.
			if _, named := r.Meta["io.modelcontextprotocol/serverInfo"]; named != (era != "legacy") {
				t.Errorf("the era was another one: %s", called.Result)
			}
		})
	}
}
