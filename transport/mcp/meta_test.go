package mcp

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// long writes the reserved keys out: "@x" stands for "io.modelcontextprotocol/x.
func long(s string) string { return strings.ReplaceAll(s, `"@`, `"io.modelcontextprotocol/`) }

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(long(s))
}

func TestReadMeta_ReadsTheProtocolsOwnMembers(t *testing.T) {
	m := ReadMeta(raw(`{"name":"x","_meta":{"@protocolVersion":"2026-07-28","@clientInfo":{"name":"c"},"@clientCapabilities":{"roots":{}},"@logLevel":"info","progressToken":"p","x":1}}`))
	if m.ProtocolVersion != V20260728 || !m.HasProtocolVersion || string(m.ClientInfo) != `{"name":"c"}` ||
		string(m.ClientCapabilities) != `{"roots":{}}` || m.LogLevel != "info" || string(m.ProgressToken) != `"p"` {
		t.Errorf("got %+v", m)
	}
	for _, in := range []string{``, `[]`, `{}`, `{"_meta":null}`, `{"_meta":"x"}`, `{"_meta":{}}`, `{"_meta":{"progressToken":null}}`, `{"_meta":{"progressToken":{}}}`, `{"_meta":{"@logLevel":3}}`} {
		m := ReadMeta(raw(in))
		if m.HasProtocolVersion || m.ProtocolVersion != "" || m.ClientInfo != nil || m.ClientCapabilities != nil || m.LogLevel != "" || m.ProgressToken != nil {
			t.Errorf("%s: %+v", in, m)
		}
	}
	for in, want := range map[string]string{`9007199254740993`: `9007199254740993`, `-1`: `-1`, `"é"`: `"é"`, `true`: ``} {
		if got := ReadMeta(raw(`{"_meta":{"progressToken":` + in + `}}`)).ProgressToken; string(got) != want {
			t.Errorf("token %s: %s", in, got)
		}
	}
	if m := ReadMeta(raw(`{"_meta":{"@protocolVersion":7}}`)); !m.HasProtocolVersion || m.ProtocolVersion != "" {
		t.Errorf("a version that is no string: %+v", m)
	}
}

func TestStripMeta_LeavesAllElseByteForByte(t *testing.T) {
	for in, want := range map[string]string{
		``:                    ``,
		`[1]`:                 `[1]`,
		` { "a" : 1 } `:       ` { "a" : 1 } `,
		`{"_meta":{}}`:        `{"_meta":{}}`,
		`{"_meta":{ "x":1 }}`: `{"_meta":{ "x":1 }}`,
		`{"_meta":{"@serverInfo":{},"@subscriptionId":1,"traceparent":"00"}}`:           `{"_meta":{"@serverInfo":{},"@subscriptionId":1,"traceparent":"00"}}`,
		`{"_meta":{"@protocolVersion":"x"}}`:                                            `{}`,
		`{"name":"n", "_meta":{"@clientInfo":{},"@clientCapabilities":{} }, "a":1}`:     `{"name":"n",  "a":1}`,
		`{"_meta":{"@logLevel":"debug", "progressToken" : 1 ,"@protocolVersion":"x" }}`: `{"_meta":{ "progressToken" : 1  }}`,
		`{"_meta":{"@logLevel":"a","k":0,"@logLevel":"b"}}`:                             `{"_meta":{"k":0}}`,
		`{"_meta":"odd"}`: `{"_meta":"odd"}`,
		`{"arguments":{"_meta":{"@logLevel":"a"}}}`: `{"arguments":{"_meta":{"@logLevel":"a"}}}`,
	} {
		if got := string(StripMeta(raw(in))); got != long(want) {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestWithMeta_AddsWhatTheModernEraRequires(t *testing.T) {
	for _, tc := range []struct{ params, info, caps, level, want string }{
		{``, `{"name":"m"}`, `{"roots":{}}`, "", `{"_meta":{"@protocolVersion":"2026-07-28","@clientInfo":{"name":"m"},"@clientCapabilities":{"roots":{}}}}`},
		{`{ "name":"x" }`, ``, ``, "warning", `{ "name":"x","_meta":{"@protocolVersion":"2026-07-28","@clientCapabilities":{},"@logLevel":"warning"} }`},
		{`{"_meta":{"progressToken":1,"@protocolVersion":"old"},"a":0}`, ``, ``, "", `{"_meta":{"progressToken":1,"@protocolVersion":"2026-07-28","@clientCapabilities":{}},"a":0}`},
		{`{"_meta":null}`, ``, ``, "", `{"_meta":{"@protocolVersion":"2026-07-28","@clientCapabilities":{}}}`},
		{`[1]`, ``, ``, "", `[1]`},
	} {
		got := WithMeta(raw(tc.params), V20260728, raw(tc.info), raw(tc.caps), tc.level)
		if string(got) != long(tc.want) {
			t.Errorf("%s: %s", tc.params, got)
		}
		if tc.params != "" && tc.params[0] == '{' && tc.params != `{"_meta":null}` {
			if back := StripMeta(got); ReadMeta(back).HasProtocolVersion {
				t.Errorf("stripped again: %s", back)
			}
		}
	}
}

func TestReadParams_RefusesWhatReadersMayUnderstandDifferently(t *testing.T) {
	for in, says := range map[string]string{
		``: ``, `[1,1]`: ``, `{}`: ``, `{"name":"a","arguments":{"x":1,"x":2},"_meta":{"a":1,"A":2}}`: ``,
		`{"name":"a","arguments":{},"name":"b"}`:          `member "name" occurs twice in params`,
		`{"name":"a","\u006eame":"b"}`:                    `member "name" occurs twice in params`,
		`{"name":"a","NAME":"b"}`:                         `member "NAME" occurs twice in params`,
		`{"argumentſ":{},"arguments":{}}`:                 `member "arguments" occurs twice in params`,
		`{"_meta":{"progressToken":1},"_meta":{}}`:        `member "_meta" occurs twice in params`,
		`{"_meta":{"progressToken":1,"progressToken":2}}`: `member "progressToken" occurs twice in params._meta`,
	} {
		err := ReadParams("", raw(in)).Twice
		if (err != nil) != (says != "") || err != nil && (err.Code != -32602 || !strings.Contains(err.Message, says)) {
			t.Errorf("%s: %v, want %q", in, err, says)
		}
	}
}

func TestReadParams_ReadsTheFirstOfWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		method, in, name, version string
	}{
		{"tools/call", `{"name":"a","_meta":{"@protocolVersion":"2026-07-28"}}`, "a", "2026-07-28"},
		{"tools/call", `{"_meta":{"@protocolVersion":"2030-01-01"},"n\u0061me":"\u0062"}`, "b", "2030-01-01"},
		{"tools/call", `{"uri":"u","name":7,"_meta":{"@protocolVersion":7}}`, "", ""},
		{"resources/read", `{"name":"a","uri":"u","_meta":[]}`, "u", ""},
		{"tools/list", `{"name":"a"}`, "", ""},
		{"tools/call", `{"name":"a","name":"b","_meta":{"@protocolVersion":"2025-11-25","@protocolVersion":"x"},"_meta":null}`, "a", "2025-11-25"},
		{"tools/call", `{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"name":"late"}`, "late", ""},
		{"tools/call", ``, "", ""},
	} {
		in := raw(long(c.in))
		got := ReadParams(c.method, in)
		if got.Name != c.name || got.Name != NameOf(c.method, in) || got.Meta.ProtocolVersion != c.version || !reflect.DeepEqual(got.Meta, ReadMeta(in)) {
			t.Errorf("%s: %+v", c.in, got)
		}
	}
}

// What is written beside the members that were there is written into a copy.
func TestWithMeta_LeavesTheParamsItGotAsTheyAre(t *testing.T) {
	for _, params := range []string{`{"_meta":{"a":1 }}`, `{"_meta":{ }}`, `{"_meta":{"a":1 ,"b":[2] } ,"x":1}`, `{"_meta":3}`, `{}`} {
		given := json.RawMessage(params)
		got := WithMeta(given, "2026-07-28", json.RawMessage(`{"name":"c"}`), nil, "debug")
		if string(given) != params {
			t.Errorf("%s became %s", params, given)
		}
		if !json.Valid(got) {
			t.Errorf("%s: %s is not JSON", params, got)
		}
		m := ReadMeta(got)
		if m.ProtocolVersion != "2026-07-28" || string(m.ClientInfo) != `{"name":"c"}` || string(m.ClientCapabilities) != "{}" || m.LogLevel != "debug" {
			t.Errorf("%s: %+v", params, m)
		}
	}
}
