package mcp

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

func TestEncodeHeader_FollowsTheExamplesOfTheSpecification(t *testing.T) {
	for in, want := range map[string]string{
		"us-west1":             "us-west1",
		"Hello, 世界":            "=?base64?SGVsbG8sIOS4lueVjA==?=",
		" padded ":             "=?base64?IHBhZGRlZCA=?=",
		"line1\nline2":         "=?base64?bGluZTEKbGluZTI=?=",
		"=?base64?literal?=":   "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=",
		"":                     "",
		"a  b~!":               "a  b~!",
		"a\tb":                 "=?base64?YQli?=",
		"tab\t":                "=?base64?dGFiCQ==?=",
		"\x7f":                 "=?base64?fw==?=",
		"=?base64?open":        "=?base64?open",
		"=?BASE64?literal?=":   "=?BASE64?literal?=",
		"=?base64?=":           "=?base64?PT9iYXNlNjQ/PQ==?=",
		"file:///a/b.json?x=1": "file:///a/b.json?x=1",
	} {
		got := EncodeHeader(in)
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if theirs, ok := mcpgo.EncodeHeaderValue(in); in != "=?base64?=" && (!ok || theirs != got) {
			t.Errorf("%q: mcp-go makes %q", in, theirs)
		}
		if back, err := DecodeHeader(got); err != nil || back != in {
			t.Errorf("%q came back as %q, %v", in, back, err)
		}
	}
}

func TestDecodeHeader_RefusesWhatAHeaderMustNotHold(t *testing.T) {
	for in, says := range map[string]string{
		"a\nb": "0x0a at position 1", "é": "0xc3 at position 0", "\x00": "0x00", "\x7f": "0x7f",
		"=?base64?SGVsbG8?=": "broken Base64", "=?base64?%%%%?=": "broken Base64", "=?base64?SGVsbG9=?=": "broken Base64",
		"=?base64?/w==?=": "not UTF-8",
	} {
		if got, err := DecodeHeader(in); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{"=?base64??=": "", "=?base64?x": "=?base64?x", "a\tb": "a\tb", "=?base64?=": "=?base64?=", "x?=": "x?="} {
		if got, err := DecodeHeader(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// checked runs CheckHeaders on a body and headers written one per line.
func checked(t *testing.T, headers, body string) *jsonrpc.Error {
	t.Helper()
	m, perr := jsonrpc.Parse([]byte(long(body)), 64)
	if perr != nil {
		t.Fatal(perr)
	}
	h := http.Header{}
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		h.Add(name, value)
	}
	return CheckHeaders(h, m, ReadParams(m.Method, m.Params))
}

const (
	callBody = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_weather","_meta":{"@protocolVersion":"2026-07-28"}}}`
	readBody = `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///é","_meta":{"@protocolVersion":"2026-07-28"}}}`
	listBody = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"@protocolVersion":"2026-07-28"}}}`
	noteBody = `{"jsonrpc":"2.0","method":"notifications/x"}`

	version = "MCP-Protocol-Version: 2026-07-28\n"
)

func TestCheckHeaders_BodyAndHeadersMustAgree(t *testing.T) {
	for _, tc := range []struct{ headers, body, says string }{
		{version + "Mcp-Method: tools/call\nMcp-Name: get_weather", callBody, ""},
		{"mcp-protocol-version: 2026-07-28\nmCP-mETHOD: tools/call\nMCP-NAME: get_weather", callBody, ""},
		{version + "Mcp-Method: tools/call\nMcp-Name: =?base64?Z2V0X3dlYXRoZXI=?=", callBody, ""},
		{version + "Mcp-Method: resources/read\nMcp-Name: =?base64?ZmlsZTovLy/DqQ==?=", readBody, ""},
		{version + "Mcp-Method: tools/list", listBody, ""},
		{version + "Mcp-Method: tools/list\nMcp-Name: ignored", listBody, ""},
		{version + "Mcp-Method: prompts/get\nMcp-Name: p", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"p"}}`, ""},
		// The missing version in the body is found by whoever needs it.
		{version + "Mcp-Method: tools/list", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, ""},

		{"Mcp-Method: tools/call\nMcp-Name: get_weather", callBody, "required header MCP-Protocol-Version is missing"},
		{version + "Mcp-Name: get_weather", callBody, "required header Mcp-Method is missing"},
		{version + "Mcp-Method: tools/call", callBody, "required header Mcp-Name is missing"},
		{"MCP-Protocol-Version: 2025-11-25\nMcp-Method: tools/list", listBody, "MCP-Protocol-Version header value '2025-11-25' does not match body value '2026-07-28'"},
		{version + "Mcp-Method: tools/List", listBody, "Mcp-Method header value 'tools/List' does not match body value 'tools/list'"},
		{version + "Mcp-Method: tools/call\nMcp-Name: foo", callBody, "Mcp-Name header value 'foo' does not match body value 'get_weather'"},
		{version + "Mcp-Method: tools/call\nMcp-Name: Get_weather", callBody, "does not match"},
		{version + "Mcp-Method: tools/call\nMcp-Name: x", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":7}}`, "does not match body value ''"},
		{version + "Mcp-Method: =?base64?dG9vbHMvbGlzdA==?=", listBody, "does not match"},
		{version + "Mcp-Method: tools/list\nMcp-Method: tools/list", listBody, "given 2 times"},
		{version + "Mcp-Method: tools/call\nMcp-Name: get_weather\nMcp-Name: other", callBody, "given 2 times"},
		{version + "Mcp-Method: resources/read\nMcp-Name: file:///é", readBody, "invalid character 0xc3"},
		{version + "Mcp-Method: tools/\x01list", listBody, "invalid character 0x01"},
		{version + "Mcp-Method: tools/call\nMcp-Name: =?base64?%?=", callBody, "broken Base64"},

		{"", noteBody, ""},
		{"Mcp-Method: notifications/x", noteBody, ""},
		{"Mcp-Method: notifications/y", noteBody, "does not match"},
	} {
		err := checked(t, tc.headers, tc.body)
		if tc.says == "" && err != nil || tc.says != "" && (err == nil || err.Code != -32020 || !strings.Contains(err.Message, tc.says)) {
			t.Errorf("%q: %v, want %q", tc.headers, err, tc.says)
		}
	}
}

func TestSetHeaders_PassTheCheck(t *testing.T) {
	for _, req := range []messages.Request{
		{Method: "tools/call", Name: "get_weather", Params: json.RawMessage(`{"name":"get_weather"}`)},
		{Method: "tools/call", Params: json.RawMessage(`{"name":" wetter ü\n"}`)},
		{Method: "prompts/get", Params: json.RawMessage(`{"name":"=?base64?x?="}`)},
		{Method: "resources/read", Params: json.RawMessage(`{"uri":"file:///a b"}`)},
		{Method: "tools/list"}, {Method: "server/discover"},
	} {
		h := http.Header{}
		SetHeaders(h, V20260728, req)
		body := jsonrpc.AppendRequest(nil, jsonrpc.IntID(1), req.Method, WithMeta(req.Params, V20260728, nil, nil, ""))
		m, perr := jsonrpc.Parse(body, 64)
		if perr != nil {
			t.Fatal(perr)
		}
		if err := CheckHeaders(h, m, ReadParams(m.Method, m.Params)); err != nil {
			t.Errorf("%+v: %v", req, err)
		}
		if err := mcpgo.ValidateStandardHeaders(h.Get, V20260728, mcpgo.MCPMethod(req.Method), m.Params); err != nil {
			t.Errorf("%+v: mcp-go refuses: %v", req, err)
		}
		if _, has := h["Mcp-Name"]; has != (nameKey(req.Method) != "") {
			t.Errorf("%+v: %v", req, h)
		}
	}
}

func TestNameOf_IsForTheThreeMethodsWithANameHeader(t *testing.T) {
	for _, tc := range []struct{ method, params, want string }{
		{"tools/call", `{"name":"n","uri":"u"}`, "n"}, {"prompts/get", `{"name":"n"}`, "n"}, {"resources/read", `{"name":"n","uri":"u"}`, "u"},
		{"tools/call", `{"uri":"u"}`, ""}, {"tools/call", `{"name":null}`, ""}, {"tools/call", ``, ""},
		{"resources/subscribe", `{"uri":"u"}`, ""}, {"tools/list", `{"name":"n"}`, ""},
	} {
		if got := NameOf(tc.method, raw(tc.params)); got != tc.want {
			t.Errorf("%s %s: %q", tc.method, tc.params, got)
		}
	}
}

func FuzzHeader(f *testing.F) {
	for _, seed := range []string{"", "us-west1", "Hello, 世界", " padded ", "=?base64?literal?=", "=?base64?=", "a\r\nInjected: 1", "\xff", "\t", "=?base64?SGVsbG8=?="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if utf8.ValidString(value) {
			encoded := EncodeHeader(value)
			if strings.ContainsFunc(encoded, func(r rune) bool { return r != '\t' && (r < 0x20 || r > 0x7e) }) || strings.Trim(encoded, " \t") != encoded {
				t.Fatalf("%q is encoded as %q", value, encoded)
			}
			if back, err := DecodeHeader(encoded); err != nil || back != value {
				t.Fatalf("%q is encoded as %q and comes back as %q, %v", value, encoded, back, err)
			}
		}
		decoded, err := DecodeHeader(value) // whatever a client sends
		if err == nil && !utf8.ValidString(decoded) {
			t.Fatalf("%q decodes to %q", value, decoded)
		}
		if theirs, ok := mcpgo.DecodeHeaderValue(value); err == nil && (!ok || theirs != decoded) {
			t.Fatalf("%q decodes to %q, mcp-go: %q", value, decoded, theirs)
		}
	})
}
