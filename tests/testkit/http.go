package testkit

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// ModernMeta is the _meta of a request of the modern era.
const ModernMeta = `{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},` +
	`"io.modelcontextprotocol/clientInfo":{"name":"testkit","version":"1"}}`

// Modern is a request of the modern era; params is a JSON object without _meta.
func Modern(id int, method, params string) string {
	params = strings.TrimSuffix(params, "}")
	if params != "{" {
		params += ","
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s"_meta":%s}}`, id, method, params, ModernMeta)
}

// ModernHeaders are those of a modern request over HTTP; name is that of the
// tool, if any. More are headers that a test adds or changes ("Name: value").
func ModernHeaders(method, name string, more ...string) http.Header {
	h := http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {"2026-07-28"}, "Mcp-Method": {method},
	}
	if name != "" {
		h.Set("Mcp-Name", name)
	}
	for _, header := range more {
		key, value, _ := strings.Cut(header, ": ")
		h.Set(key, value)
	}
	return h
}

// ExecParams are the params of a tools/call of exec, for a tool of a server;
// arguments is a JSON object.
func ExecParams(server, tool, arguments string) string {
	return fmt.Sprintf(`{"name":"exec","arguments":{"server_name":%q,"tool_name":%q,"arguments":%s}}`, server, tool, arguments)
}

// Answer is an HTTP response, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Ask sends a request on a connection of its own.
func Ask(ctx context.Context, method, url, body string, header http.Header) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if header != nil {
		req.Header = header.Clone()
		req.Host = header.Get("Host")
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, string(text)}, err
}

// Responses returns the JSON-RPC responses of a body, which is one or an event
// stream that holds them among other messages.
func Responses(body string) []string {
	if !strings.Contains(body, "\ndata:") && !strings.HasPrefix(body, "data:") {
		return []string{body}
	}
	var all []string
	for line := range strings.Lines(body) {
		data, ok := strings.CutPrefix(line, "data:")
		if ok && (strings.Contains(data, `"result":`) || strings.Contains(data, `"error":`)) {
			all = append(all, strings.TrimSpace(data))
		}
	}
	return all
}

// Exec calls a tool of a server as a modern client does, and returns the
// JSON-RPC answer.
func (g *Gateway) Exec(t testing.TB, server, tool, arguments string) string {
	t.Helper()
	a, err := Ask(t.Context(), http.MethodPost, g.URL, Modern(1, "tools/call", ExecParams(server, tool, arguments)), ModernHeaders("tools/call", "exec"))
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%s of %s: HTTP %d: %s (%v)\n%s", tool, server, a.Status, a.Body, err, g.Errs)
	}
	return a.Body
}
