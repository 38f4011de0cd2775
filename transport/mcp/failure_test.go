package mcp

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

func TestErrorOf_IsTheHousesTable(t *testing.T) {
	for _, tc := range []struct {
		kind           messages.Kind
		legacy, modern int
	}{
		{messages.KindUnknownUpstream, -32602, -32602},
		{messages.KindUnknownTool, -32602, -32602},
		{messages.KindUnknownResource, -32002, -32602},
		{messages.KindUnknownMethod, -32601, -32601},
		{messages.KindInvalidArgs, -32602, -32602},
		{messages.KindForbidden, -31010, -31010},
		{messages.KindUnavailable, -31011, -31011},
		{messages.KindTimeout, -31012, -31012},
		{messages.KindOverloaded, -31013, -31013},
		{messages.KindCancelled, -32603, -32603},
		{messages.KindInternal, -32603, -32603},
	} {
		f := messages.Failf(tc.kind, "fs", "what happened")
		f.Sent = messages.SentUnknown
		want := fmt.Sprintf(`{"kind":%q,"server":"fs","sent":"unknown"}`, tc.kind)
		for modern, code := range map[bool]int{false: tc.legacy, true: tc.modern} {
			if e := ErrorOf(f, modern); e.Code != code || e.Message != "what happened" || string(e.Data) != want {
				t.Errorf("%s, modern %v: %d %q %s", tc.kind, modern, e.Code, e.Message, e.Data)
			}
		}
	}
}

func TestErrorOf_NamesWhatExistsAndWhenToComeBack(t *testing.T) {
	e := ErrorOf(&messages.Failure{Kind: messages.KindUnknownTool, Available: []string{"<a>", "b"}}, true)
	if string(e.Data) != `{"kind":"unknown_tool","server":"","sent":"no","available":["<a>","b"]}` {
		t.Errorf("got %s", e.Data)
	}
	e = ErrorOf(&messages.Failure{Kind: messages.KindOverloaded, Server: "s", RetryAfter: 1500 * time.Millisecond}, false)
	if string(e.Data) != `{"kind":"overloaded","server":"s","sent":"no","retry_after_ms":1500}` {
		t.Errorf("got %s", e.Data)
	}
}

func TestErrorOf_LeavesAnUpstreamsErrorUnchanged(t *testing.T) {
	for _, data := range []json.RawMessage{nil, json.RawMessage(`{"n": 9007199254740993}`)} {
		f := &messages.Failure{Kind: messages.KindUpstream, Server: "s", Sent: messages.SentDone, Code: -32042, Message: "theirs", Data: data}
		for _, modern := range []bool{false, true} {
			if e := ErrorOf(f, modern); e.Code != -32042 || e.Message != "theirs" || string(e.Data) != string(data) {
				t.Errorf("got %+v", e)
			}
		}
	}
}

func TestSupportedFromError_TellsModernServers(t *testing.T) {
	for _, tc := range []struct {
		code      int
		data      string
		supported string
		modern    bool
	}{
		{-32022, `{"supported":["2026-07-28","2025-11-25"],"requested":"1900-01-01"}`, "[2026-07-28 2025-11-25]", true},
		{-32022, ``, "[]", true}, {-32022, `{"supported":"x"}`, "[]", true}, {-32022, `{"supported":[1,"a"]}`, "[a]", true},
		{-32021, `{"supported":["a"]}`, "[]", true}, {-32020, ``, "[]", true},
		{-32019, `{"supported":["a"]}`, "[]", false}, {-32023, ``, "[]", false}, {-32601, ``, "[]", false}, {-32602, `{"supported":["2025-11-25"]}`, "[]", false},
	} {
		supported, modern := SupportedFromError(&jsonrpc.Error{Code: tc.code, Data: raw(tc.data)})
		if fmt.Sprint(supported) != tc.supported || modern != tc.modern {
			t.Errorf("%d %s: %v, %v", tc.code, tc.data, supported, modern)
		}
	}
	if supported, modern := SupportedFromError(nil); supported != nil || modern {
		t.Error("no error tells nothing")
	}
}
