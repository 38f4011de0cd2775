package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
)

const samples = `{"sampling":{}}`

// A client tells how far its answer is, under the server's own token, and then answers.
func TestQuestions_ProgressOfAnAnswerReachesTheServerUnderItsToken(t *testing.T) {
	t.Parallel()
	g := serve(t, map[string]any{"curious": puppetServer("curious")})
	c := dialAs(t, endpoint(g, "curious"), v20251125, samples)
	out := c.converse(t, "tools/call", `{"name":"wonder","arguments":{}}`, func(m message) string {
		if !strings.Contains(string(m.Params), `"progressToken":"tok-7"`) {
			t.Errorf("asked with %s", m.Params)
		}
		for i := range 2 {
			note := fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"tok-7","progress":%d}}`, i)
			if status := c.notify(t, note); status != http.StatusAccepted {
				t.Errorf("progress: status %d", status)
			}
		}
		return `{"role":"assistant","model":"m","content":{"type":"text","text":"because"}}`
	})
	var r toolResult
	decode(t, out.Result, &r)
	if got := r.text(t); !strings.HasPrefix(got, "\"tok-7\"\n\"tok-7\"\n") || !strings.Contains(got, "because") {
		t.Errorf("the server got %q", got)
	}
}

// What a server takes back is taken back where it was asked, and the answer that
// comes all the same is nobody's.
func TestQuestions_TakenBackAreNobodysToAnswer(t *testing.T) {
	t.Parallel()
	g := serve(t, map[string]any{"curious": puppetServer("curious")})
	c := dialAs(t, endpoint(g, "curious"), v20251125, samples)
	resp, _ := c.open(t, "tools/call", `{"name":"relent","arguments":{}}`)
	defer resp.Body.Close()
	var methods []string
	for m := range events(resp.Body) {
		methods = append(methods, m.Method)
	}
	if got := strings.Join(methods, " "); got != "sampling/createMessage notifications/cancelled " {
		t.Errorf("on its stream: %q", got)
	}
	c.notify(t, `{"jsonrpc":"2.0","id":78,"result":{"model":"late"}}`)
	if got := call(t, c, "answers", "{}").text(t); got != "" {
		t.Errorf("the server got %q", got)
	}
}

// A client that was asked and has gone does not come back: the server hears so,
// and its call comes to an end.
func TestQuestions_OfAClientThatHasGoneAreAnsweredWithAnError(t *testing.T) {
	t.Parallel()
	server, _, count := recorded(t, "curious")
	g := serve(t, map[string]any{"curious": server})
	c := dialAs(t, endpoint(g, "curious"), v20251125, samples)
	resp, _ := c.open(t, "tools/call", `{"name":"wonder","arguments":{}}`)
	for m := range events(resp.Body) {
		if m.Method == "sampling/createMessage" {
			break
		}
	}
	_ = resp.Body.Close()
	actortest.Eventually(t, "the server is answered", func() bool { return count(`"id":"wonder","error":{"code":-32603`) == 1 })
}

// Tasks are different protocols in the two eras.
func TestTasks_AreOfferedInTheirOwnEraOnly(t *testing.T) {
	t.Parallel()
	g := shared(t).Gateway
	own := dialHTTP(t, endpoint(g, "everything"), v20251125)
	hello := own.read(t, own.send(t, http.MethodPost, initialize(v20251125), "initialize", ""))
	foreign := dialHTTP(t, endpoint(g, "everything"), modern).request(t, "server/discover", "{}")
	if !strings.Contains(string(hello.Result), `"tasks":`) || strings.Contains(string(foreign.Result), `"tasks"`) || !strings.Contains(string(foreign.Result), `"logging"`) {
		t.Errorf("legacy %s%s\nmodern %s%s", hello.Result, hello.Error, foreign.Result, foreign.Error)
	}
}
