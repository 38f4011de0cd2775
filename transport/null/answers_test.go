package null

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// exchange sends lines over stdio and returns what comes until the end.
func (s *Server) exchange(t *testing.T, lines ...string) []string {
	t.Helper()
	var out testkit.Buffer
	if err := s.ServeStdio(t.Context(), strings.NewReader(strings.Join(lines, "\n")), &out); err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// toolCall is a legacy call.
func toolCall(id int) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"null","arguments":{}}}`, id)
}

func TestAnswers_AreThoseOfTheEra(t *testing.T) {
	s := newServer(t, Options{Bytes: 5, Version: "1"})
	for _, c := range []struct{ name, request, want string }{
		{"legacy handshake", `{"jsonrpc":"2.0","id":"a","method":"initialize","params":{"protocolVersion":"2025-03-26"}}`,
			`{"jsonrpc":"2.0","id":"a","result":{"protocolVersion":"2025-03-26","capabilities":{"tools":{},"resources":{},"prompts":{}},"serverInfo":{"name":"mcpx-null","version":"1"}}}`},
		{"a version that nobody knows", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1999-01-01"}}`,
			`"protocolVersion":"2025-11-25"`},
		{"modern discovery", testkit.Modern(1, "server/discover", `{}`),
			`"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"mcpx-null","version":"1"}},"supportedVersions":["2026-07-28",`},
		{"legacy call", toolCall(7), `{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"Nothi"}]}}`},
		{"modern call", testkit.Modern(7, "tools/call", `{"name":"null"}`),
			`{"jsonrpc":"2.0","id":7,"result":{"resultType":"complete","content":[{"type":"text","text":"Nothi"}]}}`},
		{"legacy list", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"null",`},
		{"modern list", testkit.Modern(1, "tools/list", `{}`), `"result":{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[`},
		{"ping", `{"jsonrpc":"2.0","id":1,"method":"ping"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`},
		{"modern eras have no ping", testkit.Modern(1, "ping", `{}`), `"error":{"code":-32601,`},
		{"nor initialize", testkit.Modern(1, "initialize", `{}`), `"error":{"code":-32601,`},
		{"legacy eras have no discovery", `{"jsonrpc":"2.0","id":1,"method":"server/discover"}`, `"error":{"code":-32601,`},
		{"unknown tool", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"void"}}`, `"error":{"code":-32602,"message":"unknown tool \"void\""}`},
		{"a later version", strings.ReplaceAll(testkit.Modern(1, "tools/list", `{}`), "2026-07-28", "2030-01-01"),
			`"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2030-01-01"}}`},
		{"metadata without capabilities", `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
			`"error":{"code":-32602,`},
		{"no JSON", `{"jsonrpc":"2.0","id":3,"method":`, `{"jsonrpc":"2.0","id":3,"error":{"code":-32700,`},
		{"a batch", `[` + toolCall(1) + `]`, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := s.exchange(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, c.request)
			if len(got) != 1 || !json.Valid([]byte(got[0])) || !strings.Contains(got[0], c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAnswers_EveryToolOfManyIsThere(t *testing.T) {
	s := newServer(t, Options{Tools: 3})
	got := s.exchange(t, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, strings.Replace(toolCall(2), `"null"`, `"null-3"`, 1))
	for _, want := range []string{`"name":"null"`, `"name":"null-2"`, `"name":"null-3"`} {
		if !strings.Contains(got[0], want) {
			t.Errorf("%s is missing in %s", want, got[0])
		}
	}
	if !strings.Contains(got[1], `"result"`) {
		t.Errorf("null-3: %s", got[1])
	}
}

func TestAnswers_AsManyFailAsToldAndAsTold(t *testing.T) {
	for how, sign := range map[string]string{ErrorsRPC: `"error":{"code":-32603,`, ErrorsTool: `"isError":true`} {
		s := newServer(t, Options{ErrorRate: 0.25, Errors: how})
		var calls []string
		for i := range 40 {
			calls = append(calls, toolCall(i))
		}
		failed := 0
		for _, line := range s.exchange(t, calls...) {
			if strings.Contains(line, sign) {
				failed++
			}
		}
		if failed != 10 {
			t.Errorf("%s: %d of 40 calls failed, want 10", how, failed)
		}
	}
}

func TestHTTP_ErrorsAreToldAsTheTransportDemands(t *testing.T) {
	s := newServer(t, Options{Bytes: 5})
	failing := newServer(t, Options{ErrorRate: 1, Errors: ErrorsStatus})
	url, failingURL := s.listen(t, s.HTTP()), failing.listen(t, failing.HTTP())
	plain := http.Header{"Content-Type": {"application/json"}}
	call := testkit.Modern(1, "tools/call", `{"name":"null"}`)
	right := testkit.ModernHeaders("tools/call", "null")
	for _, c := range []struct {
		name, method, url, body string
		header                  http.Header
		status                  int
		want                    string
	}{
		{"a legacy call", "POST", url, toolCall(1), plain, 200, `"text":"Nothi"`},
		{"a modern call", "POST", url, call, right, 200, `"resultType":"complete"`},
		{"another name in the header", "POST", url, call, testkit.ModernHeaders("tools/call", "void"), 400, `"code":-32020`},
		{"a modern header over a body without", "POST", url, toolCall(1), right, 400, `"code":-32602`},
		{"an unknown method, modern", "POST", url, testkit.Modern(1, "ping", `{}`), testkit.ModernHeaders("ping", ""), 404, `"code":-32601`},
		{"an unknown method, legacy", "POST", url, `{"jsonrpc":"2.0","id":1,"method":"x"}`, plain, 200, `"code":-32601`},
		{"no JSON", "POST", url, `{`, plain, 400, `"id":null,"error":{"code":-32700`},
		{"a notification", "POST", url, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, plain, 202, ""},
		{"a stream that nobody offers", "GET", url, "", plain, 405, ""},
		{"the end of a session", "DELETE", url, "", plain, 200, ""},
		{"a page", "POST", url, toolCall(1), http.Header{"Origin": {"http://evil.example"}}, 403, "pages"},
		{"a status as failure", "POST", failingURL, toolCall(1), plain, 500, `"error":{"code":-32603`},
	} {
		got, err := testkit.Ask(t.Context(), c.method, c.url, c.body, c.header)
		if err != nil || got.Status != c.status || !strings.Contains(got.Body, c.want) {
			t.Errorf("%s: %d %s, want %d %s (%v)", c.name, got.Status, got.Body, c.status, c.want, err)
		}
	}
	tooLarge := strings.NewReader(toolCall(1) + strings.Repeat(" ", limits.RequestBytes))
	resp, err := http.Post(url, "application/json", tooLarge)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a message over the limit: %s", resp.Status)
	}
}

func TestHTTP_EveryLegacySessionHasAnIDOfItsOwn(t *testing.T) {
	s := newServer(t, Options{})
	url := s.listen(t, s.HTTP())
	ids := map[string]bool{}
	for range 3 {
		got, err := testkit.Ask(t.Context(), "POST", url, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}`, nil)
		if err != nil || got.Status != 200 {
			t.Fatal(got, err)
		}
		ids[got.Header.Get("Mcp-Session-Id")] = true
	}
	if len(ids) != 3 || ids[""] {
		t.Errorf("session ids: %v", ids)
	}
}

func TestHTTP_ALongAnswerArrivesWhole(t *testing.T) {
	s := newServer(t, Options{Bytes: 1 << 20})
	got, err := testkit.Ask(t.Context(), "POST", s.listen(t, s.HTTP()), toolCall(1), nil)
	if err != nil || got.Header.Get("Content-Length") == "" || !strings.Contains(got.Body, s.Text()) || !json.Valid([]byte(got.Body)) {
		t.Errorf("%d bytes, %v, %v", len(got.Body), got.Header, err)
	}
}

func TestSSE_MessagesOfNobodyAreRefused(t *testing.T) {
	s := newServer(t, Options{ErrorRate: 1, Errors: ErrorsStatus})
	url := s.listen(t, s.SSE())
	for _, c := range []struct {
		method, path string
		header       http.Header
		want         int
	}{
		{"POST", "/message?session=none", nil, 404},
		{"POST", "/message", http.Header{"Origin": {"http://x"}}, 403},
		{"GET", "/sse", http.Header{"Origin": {"http://x"}}, 403},
		{"POST", "/sse", nil, 405},
	} {
		if got, err := testkit.Ask(t.Context(), c.method, url+c.path, toolCall(1), c.header); err != nil || got.Status != c.want {
			t.Errorf("%s %s: %d, want %d (%v)", c.method, c.path, got.Status, c.want, err)
		}
	}
	// With a stream, a call that fails with a status has that and no event.
	stream, err := http.Get(url + "/sse")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	var id string
	if _, err := fmt.Fscanf(stream.Body, "event: endpoint\ndata: /message?session=%s\n", &id); err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]int{
		toolCall(1): 500,
		strings.Repeat("x", limits.RequestBytes+1): 400,
		`{"jsonrpc":"2.0","method":"any"}`:         202,
	} {
		if got, err := testkit.Ask(t.Context(), "POST", url+"/message?session="+id, body, nil); err != nil || got.Status != want {
			t.Errorf("%.40s: %d, want %d (%v)", body, got.Status, want, err)
		}
	}
}

func TestNew_RefusesWhatMakesNoSense(t *testing.T) {
	for want, o := range map[string]Options{
		"bytes must be":        {Bytes: -1},
		"tools must be":        {Tools: -1},
		"the error rate":       {ErrorRate: 1.5},
		"errors must be":       {Errors: "kind"},
		"progress must":        {Progress: -1},
		"durations must not":   {Delay: -1},
		"bytes must be 0 to 2": {Bytes: BytesMax + 1},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
	s := newServer(t, Options{ErrorRate: 1, Errors: ErrorsStatus})
	if err := s.ServeStdio(t.Context(), strings.NewReader(""), io.Discard); err == nil || !strings.Contains(err.Error(), "no HTTP status over stdio") {
		t.Errorf("a status over stdio: %v", err)
	}
}
