package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// freePort returns a port at which nobody listens now.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// startOlder runs server-everything over HTTP+SSE at a port, and returns when
// it listens there; nil when it does not come to.
func startOlder(t *testing.T, port string) *testkit.Program {
	t.Helper()
	bin, script, err := node("node_modules", "@modelcontextprotocol", "server-everything", "dist", "index.js")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(bin, script, "sse")
	cmd.Dir, cmd.Env = dir, append(testkit.Environment(dir), "PORT="+port)
	p, err := testkit.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill) // not what is tested
	actortest.Eventually(t, "the end of its start", func() bool {
		if p.Ended() {
			return true // somebody else has taken the port
		}
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return strings.Contains(p.Errs.String(), "running on port "+port)
	})
	if p.Ended() {
		return nil
	}
	return p
}

// olderEverything is server-everything over HTTP+SSE at any port, and its URL.
func olderEverything(t *testing.T) (p *testkit.Program, port string) {
	t.Helper()
	for range 5 { // somebody else may take the port in between
		port = freePort(t)
		if p = startOlder(t, port); p != nil {
			return p, port
		}
	}
	t.Fatal("server-everything did not come to listen")
	return nil, ""
}

// keepPort keeps the port of a server that has ended from everybody but who asks
// for it by its number, until the test ends.
func keepPort(t *testing.T, port string) {
	t.Helper()
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if _, release, err := puppethttp.Occupy(n); err == nil { // else somebody was very quick
		t.Cleanup(release)
	}
}

func sseURL(port string) string { return "http://127.0.0.1:" + port + "/sse" }

// olderURL is where clients of HTTP+SSE find a gateway.
func olderURL(g *testkit.Gateway) string { return g.Path("/sse") }

// everywhere are three of server-everything, one over each transport.
func everywhere(t *testing.T, dir string) map[string]any {
	t.Helper()
	servers, err := npmServers(dir, shared(t).upstream)
	if err != nil {
		t.Fatal(err)
	}
	_, port := olderEverything(t)
	return map[string]any{
		"by-stdio": servers["everything"], "by-http": servers["everything-http"],
		"by-sse": map[string]any{"url": sseURL(port)},
	}
}

func TestSSE_OneServerOverEveryTransportToClientsOfEveryTransport(t *testing.T) {
	t.Parallel()
	bin, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	servers := everywhere(t, dir)
	names := []string{"by-stdio", "by-http", "by-sse"}
	g := serve(t, servers)
	for kind, target := range map[string]string{
		"http": g.URL, "sse": olderURL(g), "stdio": strings.Join([]string{bin, "stdio", writeConfig(t, dir, servers)}, ","),
	} {
		t.Run(kind, func(t *testing.T) {
			mark := t.Name()
			out := run(t, dir, []string{puppet.EnvMark + "=" + mark}, append([]string{"drivers/sse-each.mjs", kind, target}, names...)...)
			var all []struct {
				found
				Server string
			}
			decode(t, out, &all)
			if len(all) != len(names) {
				t.Fatalf("found %s", out)
			}
			for i, f := range all {
				if f.Server != names[i] {
					t.Errorf("%d is %q", i, f.Server)
				}
				sameEverything(t, f.Server, f.found)
			}
			if kind == "stdio" {
				actortest.Eventually(t, "nothing is left of mcpx and its servers", func() bool { return len(puppet.Marked(mark)) == 0 })
			}
		})
	}
}

// sameEverything checks what server-everything says, however it is reached.
func sameEverything(t *testing.T, server string, f found) {
	t.Helper()
	var tool inspected
	if decode(t, json.RawMessage(f.Inspected.text(t)), &tool); tool.Name != "get-sum" || tool.ServerName != server ||
		!bytes.Contains(tool.InputSchema, []byte("First number")) {
		t.Errorf("%s: inspected: %s as %s", server, tool.Name, tool.InputSchema)
	}
	if got := f.Sum.text(t); got != "The sum of 19 and 23 is 42." {
		t.Errorf("%s: the sum: %q", server, got)
	}
	if got := types(t, f.Image); f.Image.IsError || !slices.Equal(got, []string{"text", "image", "text"}) {
		t.Errorf("%s: the image: %v", server, got)
	}
	if text := f.Refused.text(t); !f.Refused.IsError || !strings.Contains(text, "Argument validation failed") {
		t.Errorf("%s: bad arguments: %s", server, text)
	}
	if text := f.Resources.text(t); !strings.Contains(text, `"uri":"demo://`) {
		t.Errorf("%s: resources: %s", server, text)
	}
	if text := f.Long.text(t); !strings.Contains(text, "completed") {
		t.Errorf("%s: the long operation: %q", server, text)
	}
	if !reflect.DeepEqual(f.Progress, [][2]float64{{1, 4}, {2, 4}, {3, 4}, {4, 4}}) {
		t.Errorf("%s: progress: %v", server, f.Progress)
	}
	if len(f.Errors) > 0 {
		t.Errorf("%s: errors: %q", server, f.Errors)
	}
}

func TestSSE_TheTypeScriptClientGoesOnTheWholeTour(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	servers, err := npmServers(dir, shared(t).upstream)
	if err != nil {
		t.Fatal(err)
	}
	_, port := olderEverything(t)
	g := serve(t, map[string]any{
		"everything": map[string]any{"url": sseURL(port)}, "files": servers["files"], "grow": puppetServer("grow"),
	})
	var f found
	decode(t, run(t, dir, []string{"NOISE=" + filepath.Join(dir, "files", "noise.wav")}, "drivers/sse.mjs", olderURL(g)), &f)
	if f.Version != v20251125 || !f.Session {
		t.Errorf("it negotiated %+v", f)
	}
	checkTour(t, f)
}

func TestSSE_TheInspectorListsAndCalls(t *testing.T) {
	t.Parallel()
	out := run(t, t.TempDir(), nil, "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js",
		"--cli", olderURL(shared(t).Gateway), "--transport", "sse", "--format", "json",
		"--method", "tools/call", "--tool-name", "exec", "--tool-args-json", execution("everything", "get-sum", `{"a":19,"b":23}`))
	var called struct{ Result toolResult }
	decode(t, out, &called)
	if got := called.Result.text(t); got != "The sum of 19 and 23 is 42." {
		t.Errorf("tools/call: %s", out)
	}
}

// The server dies in the middle of a call: the call is answered at once, with
// what is known of it, and when the server is back nobody has to help.
func TestSSE_AServerKilledInMidCallIsToldAndComesBackByItself(t *testing.T) {
	t.Parallel()
	p, port := olderEverything(t)
	g := serve(t, map[string]any{
		"victim": map[string]any{"url": sseURL(port), "retry_delay": 0.1, "request_timeout": "10m", "request_timeout_max": "10m"},
		"other":  puppetServer("plain"),
	})
	c := dialHTTP(t, g.URL, v20251125)
	resp, _ := c.open(t, "tools/call", fmt.Sprintf(`{"name":"exec","arguments":%s,"_meta":{"progressToken":"p"}}`,
		execution("victim", "trigger-long-running-operation", `{"duration":600,"steps":6000}`)))
	defer resp.Body.Close()
	var answer message
	killed := false
	for m := range events(resp.Body) {
		if m.Method == "notifications/progress" && !killed { // the server is at work
			killed = true
			p.Kill()
			keepPort(t, port)
		}
		if m.Method == "" {
			answer = m
		}
	}
	var r toolResult
	decode(t, answer.Result, &r)
	text := r.text(t)
	var told struct{ Error, Kind, Sent string }
	decode(t, json.RawMessage(text), &told)
	if !killed || !r.IsError || told.Kind != "unavailable" || told.Sent != "unknown" || !strings.Contains(told.Error, "its event stream") {
		t.Errorf("killed %v; the call was answered with %s", killed, text)
	}
	if got := execute(t, c, "other", "add", `{"a":1,"b":2}`).text(t); got != "3" {
		t.Errorf("another server was disturbed: %q", got)
	}

	// Until it is back calls are told why, and nothing was sent of them.
	var down toolResult
	decode(t, result(t, c, "tools/call", fmt.Sprintf(`{"name":"exec","arguments":%s}`, execution("victim", "get-sum", `{"a":1,"b":2}`))), &down)
	decode(t, json.RawMessage(down.text(t)), &told)
	if !down.IsError || told.Kind != "unavailable" || told.Sent != "no" {
		t.Errorf("while it is down: %s", down.text(t))
	}
	if startOlder(t, port) == nil {
		t.Fatal("somebody else has taken its port")
	}
	actortest.Eventually(t, "the server is served again", func() bool {
		var r toolResult
		decode(t, result(t, c, "tools/call", fmt.Sprintf(`{"name":"exec","arguments":%s}`, execution("victim", "get-sum", `{"a":19,"b":23}`))), &r)
		return !r.IsError && r.text(t) == "The sum of 19 and 23 is 42."
	})
	if err := g.AwaitServers(2); err != nil {
		t.Error(err)
	}
	if status := c.notify(t, `{"jsonrpc":"2.0","method":"notifications/x"}`); status != http.StatusAccepted {
		t.Errorf("the client's session: status %d", status)
	}
}
