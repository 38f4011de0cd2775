package isolation_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/testkit"
)

// caller is a client of mcpx over HTTP: a legacy one with a session, or a
// modern one, with a key and capabilities.
type caller struct {
	t            *testing.T
	g            *testkit.Gateway
	name         string // goes into the ledger
	key          string
	capabilities string // as JSON; empty for none
	session      string // legacy; empty: modern
	calls        int
}

// keyOf is the API key of a principal of the tests.
func keyOf(principal string) string { return "key-of-" + principal }

// keys are the settings of a configuration with these principals, if any.
func keys(principals ...string) map[string]any {
	all := map[string]string{}
	for _, p := range principals {
		all[p] = keyOf(p)
	}
	// Plain JSON is what counters answer with.
	return map[string]any{"api_keys": all, "toon_compression_enabled": false}
}

// modernCaller is a caller without a session.
func modernCaller(t *testing.T, g *testkit.Gateway, name, principal, capabilities string) *caller {
	return &caller{t: t, g: g, name: name, key: keyOf(principal), capabilities: capabilities}
}

// legacyCaller is a caller that has opened a session.
func legacyCaller(t *testing.T, g *testkit.Gateway, name, principal string) *caller {
	t.Helper()
	c := &caller{t: t, g: g, name: name, key: keyOf(principal)}
	a := c.send(http.MethodPost, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25",`+
		`"capabilities":{},"clientInfo":{"name":"caller","version":"1"}}}`, c.header())
	if c.session = a.Header.Get("Mcp-Session-Id"); c.session == "" {
		t.Fatalf("%s got no session: HTTP %d %s", name, a.Status, a.Body)
	}
	if a := c.send(http.MethodPost, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, c.header()); a.Status != http.StatusAccepted {
		t.Fatalf("%s: HTTP %d %s", name, a.Status, a.Body)
	}
	return c
}

// header are the headers of a legacy request.
func (c *caller) header() http.Header {
	h := http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Authorization": {"Bearer " + c.key},
	}
	if c.session != "" {
		h.Set("Mcp-Session-Id", c.session)
		h.Set("MCP-Protocol-Version", "2025-11-25")
	}
	return h
}

func (c *caller) send(method, body string, header http.Header) testkit.Answer {
	c.t.Helper()
	a, err := testkit.Ask(c.t.Context(), method, c.g.URL, body, header)
	if err != nil {
		c.t.Fatalf("%s: %v\n%s", c.name, err, c.g.Errs)
	}
	return a
}

// end ends the session, as a legacy client does.
func (c *caller) end() {
	c.t.Helper()
	if a := c.send(http.MethodDelete, "", c.header()); a.Status >= http.StatusBadRequest {
		c.t.Fatalf("%s: HTTP %d %s", c.name, a.Status, a.Body)
	}
}

// count calls a counter and returns what that answers.
func (c *caller) count(server string) (ledger.Count, error) {
	c.calls++
	params := testkit.ExecParams(server, "count", fmt.Sprintf(`{"n":%d,"who":%q}`, c.calls, c.name))
	body, header := "", c.header()
	if c.session != "" {
		body = fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, c.calls, params)
	} else {
		body, header = testkit.Modern(c.calls, "tools/call", params), testkit.ModernHeaders("tools/call", "exec", "Authorization: Bearer "+c.key)
		if c.capabilities != "" {
			body = strings.Replace(body, `clientCapabilities":{}`, `clientCapabilities":`+c.capabilities, 1)
		}
	}
	a, err := testkit.Ask(c.t.Context(), http.MethodPost, c.g.URL, body, header)
	if err != nil {
		return ledger.Count{}, err
	}
	return readCount(a.Body)
}

// readCount reads the answer to exec of a counter, of which there must be one.
func readCount(body string) (c ledger.Count, err error) {
	responses := testkit.Responses(body)
	if len(responses) != 1 {
		return c, fmt.Errorf("%d responses in %s", len(responses), body)
	}
	var answer struct {
		Result struct {
			Content []struct{ Text string }
			IsError bool
		}
	}
	if json.Unmarshal([]byte(responses[0]), &answer) != nil || answer.Result.IsError || len(answer.Result.Content) != 1 ||
		json.Unmarshal([]byte(answer.Result.Content[0].Text), &c) != nil {
		return c, fmt.Errorf("a counter answered %s", body)
	}
	return c, nil
}
