package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// everyCapability is what a client declares that takes every question.
const everyCapability = `{"sampling":{},"elicitation":{"form":{},"url":{}},"roots":{"listChanged":true},"tasks":{"list":{},"cancel":{},"requests":{"sampling":{"createMessage":{}},"elicitation":{"create":{}}}}}`

// endpoint is the transparent endpoint of a server.
func endpoint(g *testkit.Gateway, server string) string { return g.URL + "/" + server }

func TestTransparent_AServerOffersWhatItOffersToAClientOfTheseCapabilities(t *testing.T) {
	t.Parallel()
	g := shared(t).Gateway
	for _, server := range []string{"everything", "everything-http"} {
		for capabilities, want := range map[string]int{"{}": 13, everyCapability: 19} {
			c := dialAs(t, endpoint(g, server), v20251125, capabilities)
			if tools := listedTools(t, result(t, c, "tools/list", "{}")); len(tools) != want {
				t.Errorf("%s: %d tools for a client with %s, want %d", server, len(tools), capabilities, want)
			}
		}
	}
}

func TestTransparent_AnUnknownServerIsNamedBesideThoseThatExist(t *testing.T) {
	t.Parallel()
	resp, err := http.Post(endpoint(shared(t).Gateway, "nobody"), "application/json", strings.NewReader(initialize(v20251125))) //nolint:noctx // it is refused at once
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(string(body), "nobody") || !strings.Contains(string(body), "everything") {
		t.Errorf("%s: %s", resp.Status, body)
	}
}

// converse sends a request and answers every question that comes on its stream.
func (c *httpClient) converse(t *testing.T, method, params string, answer func(message) string) reply {
	t.Helper()
	resp, _ := c.open(t, method, params)
	defer resp.Body.Close()
	var r reply
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		return c.read(t, resp)
	}
	for m := range events(resp.Body) {
		switch {
		case m.Method != "" && m.ID != nil:
			if status := c.notify(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, answer(m))); status != http.StatusAccepted {
				t.Errorf("the answer to %s: status %d", m.Method, status)
			}
		case m.Method != "":
			r.notes = append(r.notes, m)
		default:
			r.message = m
		}
	}
	return r
}

// Two clients of one server, whose tools ask them: each question reaches the
// client whose call caused it.
func TestTransparent_QuestionsReachTheClientWhoseCallCausedThem(t *testing.T) {
	t.Parallel()
	bin, err := npmServer("everything", nil, "stdio")
	if err != nil {
		t.Fatal(err)
	}
	g := serve(t, map[string]any{"everything": bin})
	const clients, calls = 2, 100
	var running sync.WaitGroup
	for n := range clients {
		name := fmt.Sprintf("client-%d", n)
		c := dialAs(t, endpoint(g, "everything"), v20251125, everyCapability)
		running.Go(func() {
			for i := range calls {
				askedFor(t, c, name, i)
			}
		})
	}
	running.Wait()
}

// askedFor lets the server ask in one of three ways, and looks whether its
// question and the result are this client's.
func askedFor(t *testing.T, c *httpClient, name string, i int) {
	mark := fmt.Sprintf("%s asks %d", name, i)
	way := []struct{ tool, arguments, asks, answer, says string }{
		{
			tool: "trigger-sampling-request", arguments: fmt.Sprintf(`{"prompt":%q,"maxTokens":10}`, mark), asks: "sampling/createMessage",
			answer: fmt.Sprintf(`{"role":"assistant","model":"m","content":{"type":"text","text":%q}}`, "answered by "+mark), says: "answered by " + mark,
		},
		{
			tool: "trigger-elicitation-request", arguments: "{}", asks: "elicitation/create",
			answer: fmt.Sprintf(`{"action":"accept","content":{"name":%q,"check":true}}`, mark), says: mark,
		},
		{
			// The server asks for the roots once, and remembers them.
			tool: "get-roots-list", arguments: "{}", asks: "roots/list",
			answer: fmt.Sprintf(`{"roots":[{"uri":"file:///%s","name":%q}]}`, name, name), says: name,
		},
	}[i%3]
	var asked []message
	out := c.converse(t, "tools/call", fmt.Sprintf(`{"name":%q,"arguments":%s}`, way.tool, way.arguments), func(m message) string {
		asked = append(asked, m)
		return way.answer
	})
	var r toolResult
	if out.Error == nil {
		decode(t, out.Result, &r)
	}
	texts, _ := json.Marshal(r.Content)
	if out.Error != nil || r.IsError || !strings.Contains(string(texts), way.says) {
		t.Errorf("%s: %s: %s%s", name, way.tool, texts, out.Error)
	}
	once := way.asks == "roots/list" && len(asked) == 0
	if !once && (len(asked) != 1 || asked[0].Method != way.asks || way.asks == "sampling/createMessage" && !strings.Contains(string(asked[0].Params), mark)) {
		t.Errorf("%s: %s asked %+v", name, way.tool, asked)
	}
}
