package relay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/tests/testkit"
)

// neighbour is a good client of the same server, with a call in flight.
type neighbour struct {
	*holder
	client *httpClient
	call   *call
}

func meet(t *testing.T, h *holder, g *testkit.Gateway, modern bool) neighbour {
	t.Helper()
	n := neighbour{h, dialHTTP(t, g, modern, initialize()), nil}
	n.call = tool(n.client, "hold", `{"n":1}`, "")
	actortest.Eventually(t, "the neighbour's call is with its server", func() bool { return len(h.seen(h.arrived)) > 0 })
	return n
}

// wantUnharmed: it has noticed nothing.
func (n neighbour) wantUnharmed(t *testing.T) {
	t.Helper()
	n.on("tools/call:well", func(r *request) { r.result(n.text("very well")) })
	if got := tool(n.client, "well", "{}", "").result(t); !strings.Contains(got, "very well") {
		t.Errorf("the neighbour's next call: %s", got)
	}
	n.release()
	if got := n.call.result(t); !strings.Contains(got, "held 1") || len(n.seen(n.cancelled)) != 0 {
		t.Errorf("the neighbour's call: %s, cancelled %v", got, n.seen(n.cancelled))
	}
	for _, m := range n.client.rest.sofar() {
		if m.Method != primed {
			t.Errorf("the neighbour was told %s %s", m.Method, m.Params)
		}
	}
}

// regional is a tool that wants one of its arguments in a header.
const regional = `{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[{"name":"regional",` +
	`"inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}]}`

// What a modern client says in its headers and in the body must agree.
func TestBadClient_HeadersThatDisagreeWithTheBody(t *testing.T) {
	up := httpUpstream(t, true)
	h := hold(up)
	up.on("tools/list", func(r *request) { r.result(regional) })
	up.on("tools/call:regional", func(r *request) { r.result(up.text("here")) })
	g := testkit.ServeConfig(t, configOf(up))
	good := meet(t, h, g, true)
	c := newHTTPClient(t, g, true)
	call := func(name, arguments string) string {
		return frame("1", "tools/call", `{"name":"`+name+`","arguments":`+arguments+`,"_meta":`+meta()+`}`)
	}
	read := frame("1", "resources/read", `{"uri":"file:///a","_meta":`+meta()+`}`)
	another := strings.Replace(call("regional", "{}"), v20260728, "2099-01-01", 1)
	for _, row := range []struct {
		name, body string
		header     http.Header
		status     int
		code       string
	}{
		{"no Mcp-Method", call("regional", "{}"), http.Header{"Mcp-Method": nil}, 400, "-32020"},
		{"another Mcp-Method", call("regional", "{}"), http.Header{"Mcp-Method": {"tools/list"}}, 400, "-32020"},
		{"Mcp-Method in another case", call("regional", "{}"), http.Header{"Mcp-Method": {"Tools/Call"}}, 400, "-32020"},
		{"no Mcp-Name", call("regional", "{}"), http.Header{"Mcp-Name": nil}, 400, "-32020"},
		{"the Mcp-Name of another tool", call("regional", "{}"), http.Header{"Mcp-Name": {"hold"}}, 400, "-32020"},
		{"the Mcp-Name of another resource", read, http.Header{"Mcp-Name": {"file:///b"}}, 400, "-32020"},
		{"no Mcp-Param", call("regional", `{"region":"eu"}`), nil, 400, "-32020"},
		{"another Mcp-Param", call("regional", `{"region":"eu"}`), http.Header{"Mcp-Param-Region": {"us"}}, 400, "-32020"},
		{"no version", call("regional", "{}"), http.Header{"Mcp-Protocol-Version": nil}, 400, "-32020"},
		{"a legacy version", call("regional", "{}"), http.Header{"Mcp-Protocol-Version": {v20251125}}, 400, "-32020"},
		{"an unknown version in the header", call("regional", "{}"), http.Header{"Mcp-Protocol-Version": {"2099-01-01"}}, 400, "-32020"},
		{"an unknown version in the body", another, nil, 400, "-32020"},
		{"an unknown version in both", another, http.Header{"Mcp-Protocol-Version": {"2099-01-01"}}, 400, "-32022"},
		{"what agrees", call("regional", `{"region":"eu"}`), http.Header{"Mcp-Param-Region": {"eu"}}, 200, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, m := c.exchange(http.MethodPost, row.body, row.header)
			if status != row.status || string(member(m.Error, "code")) != row.code {
				t.Errorf("status %d, %s%s; want %d and %s", status, m.Error, m.Result, row.status, row.code)
			}
			if supported := string(member(m.Error, "data", "supported")); row.code == "-32022" && (!strings.Contains(supported, v20260728) || !strings.Contains(supported, v20251125)) {
				t.Errorf("supported: %s", supported)
			}
		})
	}
	if n := up.log.count(func(r received) bool {
		return r.Method == "resources/read" || strings.Contains(string(r.Params), `"regional"`)
	}); n != 1 {
		t.Errorf("%d of these requests came to the server, want the last one", n)
	}
	good.wantUnharmed(t)
}

// What a legacy client can do wrong over HTTP.
func TestBadClient_LegacyOverHTTP(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		h := hold(up)
		g := testkit.ServeConfig(t, configOf(up))
		good := meet(t, h, g, false)
		c := dialHTTP(t, g, false, initialize())
		first := tool(c, "hold", `{"n":2}`, "")
		actortest.Eventually(t, "a call is in flight", func() bool { return len(h.seen(h.arrived)) == 2 })
		ping := func(id string) string { return frame(id, "tools/call", `{"name":"well","arguments":{}}`) }
		for _, row := range []struct {
			name, method, body string
			header             http.Header
			status             int
			code               string
		}{
			{"an unknown version", "POST", ping("9"), http.Header{"Mcp-Protocol-Version": {"1999-01-01"}}, 400, "-32022"},
			{"an unknown version to GET", "GET", "", http.Header{"Mcp-Protocol-Version": {"1999-01-01"}}, 400, "-32022"},
			{"an unknown version to DELETE", "DELETE", "", http.Header{"Mcp-Protocol-Version": {"1999-01-01"}}, 400, "-32022"},
			{"an unknown session", "POST", ping("9"), http.Header{"Mcp-Session-Id": {"nobody"}}, 404, "-32600"},
			{"an unknown session to GET", "GET", "", http.Header{"Mcp-Session-Id": {"nobody"}}, 404, "-32600"},
			{"an unknown session to DELETE", "DELETE", "", http.Header{"Mcp-Session-Id": {"nobody"}}, 404, "-32600"},
			{"no session", "POST", ping("9"), http.Header{"Mcp-Session-Id": nil}, 400, "-32600"},
			{"an id that is null", "POST", ping("null"), nil, 400, "-32600"},
			{"an id that is true", "POST", ping("true"), nil, 400, "-32600"},
			{"an id that is an object", "POST", ping("{}"), nil, 400, "-32600"},
			{"an id that is an array", "POST", ping("[1]"), nil, 400, "-32600"},
			{"an id that is a fraction", "POST", ping("1.5"), nil, 400, "-32600"},
			{"the id of a call in flight", "POST", ping(first.id), nil, 400, "-32600"},
			{"no JSON", "POST", `{"jsonrpc":`, nil, 400, "-32700"},
			{"no JSON-RPC", "POST", `{"id":1,"method":"ping"}`, nil, 400, "-32600"},
			{"a batch", "POST", "[" + ping("9") + "]", nil, 400, "-32600"},
			{"an answer to nothing", "POST", `{"jsonrpc":"2.0","id":"never","result":{}}`, nil, 202, ""},
			{"a refusal of nothing", "POST", `{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"no"}}`, nil, 202, ""},
			{"a cancellation of nothing", "POST", note("notifications/cancelled", `{"requestId":"never"}`), nil, 202, ""},
			{"a cancellation without an id", "POST", note("notifications/cancelled", `{"requestId":[]}`), nil, 202, ""},
			{"a cancellation by an id of the other type", "POST", note("notifications/cancelled", `{"requestId":`+otherType(first.id)+`}`), nil, 202, ""},
			{"a member that stands twice", "POST", frame("9", "tools/call", `{"name":"well","name":"hold"}`), nil, 200, "-32602"},
		} {
			status, m := c.exchange(row.method, row.body, row.header)
			if status != row.status || string(member(m.Error, "code")) != row.code {
				t.Errorf("%s: status %d, %s%s; want %d and %s", row.name, status, m.Error, m.Result, row.status, row.code)
			}
		}
		if n := up.log.count(func(r received) bool {
			return strings.Contains(string(r.Params), `"well"`) || r.Method == "notifications/cancelled"
		}); n != 0 {
			t.Errorf("%d of these came to the server", n)
		}
		good.wantUnharmed(t)
		if got := first.result(t); !strings.Contains(got, "held 2") {
			t.Errorf("the call in flight: %s", got)
		}
	})
}

// otherType is the same id as a text, or as a number.
func otherType(id string) string {
	if strings.HasPrefix(id, `"`) {
		return strings.Trim(id, `"`)
	}
	return `"` + id + `"`
}

// The same over stdio, where the client is mcpx's only one and must itself
// notice nothing in its other requests.
func TestBadClient_OverStdio(t *testing.T) {
	for _, modern := range []bool{false, true} {
		t.Run(era(modern), func(t *testing.T) {
			t.Parallel()
			up := stdioUpstream(t, modern)
			h := hold(up)
			c := dialStdio(t, configOf(up), modern, initialize())
			first := tool(c, "hold", `{"n":1}`, "")
			actortest.Eventually(t, "a call is in flight", func() bool { return len(h.seen(h.arrived)) == 1 })
			params := `{"name":"well","arguments":{}}`
			if modern {
				params = `{"name":"well","arguments":{},"_meta":` + meta() + `}`
			}
			ping := func(id string) string { return frame(id, "tools/call", params) }
			for _, row := range []struct{ name, line, code string }{
				{"an id that is null", ping("null"), "-32600"},
				{"an id that is true", ping("true"), "-32600"},
				{"an id that is a fraction", ping("1.5"), "-32600"},
				{"no JSON", `{"jsonrpc":`, "-32700"},
				{"no object", `"text"`, "-32600"},
				{"a batch", "[" + ping("9") + "]", "-32600"},
				{"an unknown version", frame("9", "tools/call", `{"name":"well","_meta":`+strings.Replace(meta(), v20260728, "2099-01-01", 1)+`}`), "-32022"},
			} {
				seen := c.rest.len()
				c.send(row.line)
				got, ok := c.rest.find(seen, isAnswer)
				if !ok || string(member(got.Error, "code")) != row.code {
					t.Errorf("%s: %s%s, want %s", row.name, got.Error, got.Result, row.code)
				}
			}
			seen := first.stream.len()
			c.send(ping(first.id)) // the refusal has the id of both
			if got, ok := first.stream.find(seen, isAnswer); !ok || string(member(got.Error, "code")) != "-32600" {
				t.Errorf("the id of a call in flight: %+v", got)
			}
			c.send(`{"jsonrpc":"2.0","id":"never","result":{}}`)
			c.send(note("notifications/cancelled", `{"requestId":`+otherType(first.id)+`}`))
			h.release()
			got, ok := first.stream.find(seen+1, isAnswer)
			if !ok || !strings.Contains(string(got.Result), "held 1") || len(h.seen(h.cancelled)) != 0 {
				t.Errorf("the call in flight: %s%s", got.Result, got.Error)
			}
		})
	}
}

// A question is answered once: what comes again, or for another, is nobody's.
func TestBadClient_AnswersTwice(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		h := hold(up)
		g := testkit.ServeConfig(t, configOf(up))
		good := meet(t, h, g, false)
		c := dialHTTP(t, g, false, initialize())
		s := scene{client: c, up: up}
		for n := range 3 {
			question, answer := conversation(t, s, "roots/list", "{}", fmt.Sprintf(`"result":{"roots":[],"n":%d}`, n))
			if string(member(answer.Result, "n")) != fmt.Sprint(n) {
				t.Errorf("question %d was answered %s", n, answer.Result)
			}
			c.send(`{"jsonrpc":"2.0","id":` + string(question.ID) + `,"result":{"roots":[],"n":"again"}}`)
			good.client.send(`{"jsonrpc":"2.0","id":` + string(question.ID) + `,"result":{"roots":[],"n":"of another"}}`)
		}
		tool(c, "unknown", "{}", "").answer(t) // behind which nothing waits
		if n := up.log.count(func(r received) bool { return r.Method == "" && r.ID != nil }); n != 3 {
			t.Errorf("the server got %d answers to 3 questions", n)
		}
		good.wantUnharmed(t)
	})
}
