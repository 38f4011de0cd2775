package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestListChanged_ReachesEveryClientAndTheNextListIsCurrent(t *testing.T) {
	t.Parallel()
	// Servers of both eras, over both transports, that get one more tool.
	latest := puppethttp.Start(t, puppethttp.Options{Versions: []string{modern}})
	legacy := puppethttp.Start(t, puppethttp.Options{Versions: []string{v20251125}})
	servers := map[string]any{
		"grow": sharedByAll(puppetServer("grow")), // what one client lets grow, the others call
		"http": map[string]any{"url": legacy.URL}, "http-modern": map[string]any{"url": latest.URL},
	}
	announce := func(p *puppethttp.Puppet, tool string) {
		p.Always("tools/list", puppethttp.Answer(`{"resultType":"complete","ttlMs":0,"cacheScope":"public","tools":[{"name":"`+tool+`","inputSchema":{"type":"object"}}]}`))
		p.AwaitStreams(t, 3) // one for each gateway
		p.Announce(t, "notifications/tools/list_changed", "{}")
	}

	g := serve(t, servers)
	old, recent := stdio(t, servers), stdio(t, servers)
	clients := map[string]client{
		"http, legacy":  dialHTTP(t, g.URL, v20251125),
		"http, modern":  dialHTTP(t, g.URL, modern),
		"stdio, legacy": old.client(t, v20251125),
		"stdio, modern": recent.client(t, modern),
	}
	awaitDirectory(t, old, clients["stdio, legacy"], len(servers))
	awaitDirectory(t, recent, clients["stdio, modern"], len(servers))
	streams := map[string]<-chan message{}
	for name, c := range clients {
		streams[name] = c.listen(t)
	}

	until := func(name, tool string) {
		t.Helper()
		for { // a notification of an earlier change may come first
			m := await(t, name+": list_changed for "+tool, streams[name])
			if m.Method != "notifications/tools/list_changed" {
				t.Errorf("%s: %+v", name, m)
			}
			if tagged := strings.Contains(string(m.Params), `"io.modelcontextprotocol/subscriptionId"`); tagged != strings.HasSuffix(name, "modern") {
				t.Errorf("%s: the notification has the params %s", name, m.Params)
			}
			if strings.Contains(listedTools(t, result(t, clients[name], "tools/list", `{}`))["inspect"], "- "+tool) {
				return
			}
		}
	}
	// The gateway has one grow behind it, each `mcpx stdio` has one of its own.
	for _, name := range []string{"http, legacy", "stdio, legacy", "stdio, modern"} {
		if leaf := execute(t, clients[name], "grow", "grow", `{}`).text(t); leaf != "leaf1" {
			t.Fatalf("%s: grew %q", name, leaf)
		}
	}
	for name := range clients {
		until(name, "leaf1")
		execute(t, clients[name], "grow", "leaf1", `{"now":"it is there"}`)
	}
	announce(legacy, "branch")
	for name := range clients {
		until(name, "branch")
	}
	announce(latest, "trunk")
	for name := range clients {
		until(name, "trunk")
	}
}

func TestProgress_ArrivesOnTheStreamOfItsOwnCall(t *testing.T) {
	t.Parallel()
	h := shared(t)
	for _, revision := range []string{v20251125, modern} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			c := dialHTTP(t, h.URL, revision)
			unasked := c.listen(t)
			// Four long calls at a time to servers over both transports, under
			// tokens of both types. The group ends when all of them have.
			t.Run("at once", func(t *testing.T) {
				for i, token := range []string{`"one"`, `2`, `"2"`, `9007199254740993`} {
					t.Run(token, func(t *testing.T) {
						t.Parallel()
						longCall(t, c, []string{"everything", "everything-http"}[i%2], token)
					})
				}
			})
			select {
			case m := <-unasked:
				t.Errorf("on the stream for what is unasked: %+v", m)
			default:
			}
		})
	}
}

// longCall lets a server report five steps within a fifth of a second.
func longCall(t *testing.T, c client, server, token string) {
	t.Helper()
	r := c.request(t, "tools/call", fmt.Sprintf(`{"_meta":{"progressToken":%s},"name":"exec","arguments":%s}`,
		token, execution(server, "trigger-long-running-operation", `{"duration":0.2,"steps":5}`)))
	steps, others := progressOf(t, r.notes, token)
	if !slices.Equal(steps, []float64{1, 2, 3, 4, 5}) || len(others) > 0 {
		t.Errorf("%s: progress %v, and %+v", server, steps, others)
	}
	var got toolResult
	decode(t, r.Result, &got)
	if text := got.text(t); !strings.Contains(text, "completed") {
		t.Errorf("%s: %q", server, text)
	}
}

func TestProgress_ComesWhileTheCallRuns(t *testing.T) {
	t.Parallel()
	// The servers answer only when the client has seen their progress.
	release := make(chan struct{}, 4) // as many as there are calls
	held := func(x *puppethttp.Exchange) {
		x.Notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":0.5}`, tokenOf(x.Params)))
		select {
		case <-release:
			x.Usual()
		case <-x.R.Context().Done():
		}
	}
	servers := map[string]any{}
	for name, version := range map[string]string{"legacy": v20251125, "modern": modern} {
		p := puppethttp.Start(t, puppethttp.Options{Versions: []string{version}})
		p.Always("tools/call:echo", held)
		servers[name] = map[string]any{"url": p.URL}
	}
	g := serve(t, servers)
	for _, revision := range []string{v20251125, modern} {
		c := dialHTTP(t, g.URL, revision)
		for server := range servers {
			resp, _ := c.open(t, "tools/call", `{"_meta":{"progressToken":"mine"},"name":"exec","arguments":`+execution(server, "echo", `{"text":"hi"}`)+`}`)
			if media := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || media != "text/event-stream" {
				t.Fatalf("%s, %s: %s, %s", revision, server, resp.Status, media)
			}
			var seen []string
			for m := range events(resp.Body) {
				seen = append(seen, m.Method)
				if m.Method == "notifications/progress" {
					if steps, _ := progressOf(t, []message{m}, `"mine"`); len(steps) != 1 {
						t.Errorf("%s, %s: %+v", revision, server, m)
					}
					release <- struct{}{}
				}
			}
			_ = resp.Body.Close()
			if !slices.Equal(seen, []string{"notifications/progress", ""}) {
				t.Errorf("%s, %s: the stream held %q", revision, server, seen)
			}
		}
	}
}

// tokenOf returns the progress token of a request as it came to a server.
func tokenOf(params json.RawMessage) json.RawMessage {
	var p struct {
		Meta struct {
			ProgressToken json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
	_ = json.Unmarshal(params, &p) // without one the test fails by the missing progress
	return p.Meta.ProgressToken
}

func TestProgress_ReachesAClientOverStdioBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	servers := map[string]any{"legacy": puppetServer("plain"), "modern": puppetServer("modern")}
	local := stdio(t, servers)
	for i, c := range []client{local.client(t, v20251125), local.client(t, modern)} {
		awaitDirectory(t, local, c, len(servers))
		for server := range servers {
			token := fmt.Sprintf(`"%s%d"`, server, i)
			r := c.request(t, "tools/call", `{"_meta":{"progressToken":`+token+`},"name":"exec","arguments":`+execution(server, "progress", `{}`)+`}`)
			if steps, _ := progressOf(t, r.notes, token); !slices.Equal(steps, []float64{1, 2, 3}) {
				t.Errorf("%s, %s: progress %v", c.version(), server, steps)
			}
		}
	}
}
