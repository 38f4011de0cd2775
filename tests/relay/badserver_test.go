package relay_test

import (
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// badServer is one thing that a server does wrong in the course of a call, and
// what its client is told: a part of the result, or of the error.
type badServer struct {
	name   string
	do     func(r *request)
	result string // nothing where an error is due
	http   string // what is told where the upstream speaks HTTP, if that differs: "error: ", or a result
}

const strayQuestion = `{"jsonrpc":"2.0","id":"late","method":"roots/list","params":{}}`

var badServers = []badServer{
	{"asks after its answer", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`) // over HTTP: a stream
		r.result(r.on.up.text("answered"))
		r.say(strayQuestion)
	}, "answered", ""},
	{"speaks after its answer", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`)
		r.result(r.on.up.text("answered"))
		r.notify("notifications/progress", `{"progressToken":1,"progress":1}`)
		r.notify("notifications/message", `{"level":"info","data":"last"}`)
	}, "answered", ""},
	{"answers twice", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`)
		r.result(r.on.up.text("answered"))
		r.result(r.on.up.text("again"))
		r.fail(`{"code":1,"message":"no, it failed"}`)
	}, "answered", ""},
	{"answers an id that nobody has asked", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`)
		r.say(`{"jsonrpc":"2.0","id":987654321,"result":{"content":[]}}`)
		r.result(r.on.up.text("answered"))
	}, "answered", ""},
	{"answers with an id of another type first", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`)
		r.say(`{"jsonrpc":"2.0","id":` + otherType(string(r.ID)) + `,"result":{"content":[],"of":"another type"}}`)
		r.result(r.on.up.text("answered"))
	}, "answered", ""},
	{"reports progress of nothing", func(r *request) {
		r.notify("notifications/progress", `{"progressToken":"nobody's","progress":1}`)
		r.notify("notifications/progress", `{"progress":1}`)
		r.result(r.on.up.text("answered"))
	}, "answered", ""},
	{"cancels what is not its own", func(r *request) {
		r.notify("notifications/cancelled", `{"requestId":`+string(r.ID)+`}`)
		r.result(r.on.up.text("answered"))
	}, "answered", ""},
	{"asks with an id that is null", func(r *request) {
		r.notify("notifications/message", `{"level":"info","data":"first"}`)
		r.say(`{"jsonrpc":"2.0","id":null,"method":"roots/list"}`)
		r.result(r.on.up.text("answered"))
	}, "answered", "error: "},
	{"answers with neither result nor error", func(r *request) {
		r.say(`{"jsonrpc":"2.0","id":` + string(r.ID) + `}`)
	}, "", ""},
	{"answers with both", func(r *request) {
		r.say(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":{},"error":{"code":1,"message":"both"}}`)
	}, "", ""},
	{"answers with no JSON", func(r *request) {
		r.say(`{"jsonrpc":"2.0","id":` + string(r.ID) + `,"result":{]}`)
	}, "", ""},
}

// A server that breaks the rules in one call has answered that call, or failed
// it: its other calls, and those of other clients, notice nothing.
func TestBadServer_OtherCallsNoticeNothing(t *testing.T) {
	upstreams(t, func(t *testing.T, up *upstream) {
		h := hold(up)
		g := testkit.ServeConfig(t, configOf(up))
		good := meet(t, h, g, false)
		c := dialHTTP(t, g, false, initialize())
		own := tool(c, "hold", `{"n":2}`, "")
		for _, row := range badServers {
			up.on("tools/call:bad", row.do)
			m := tool(c, "bad", "{}", "").answer(t)
			want := row.result
			if _, overHTTP := up.server["url"]; overHTTP && row.http != "" {
				want = strings.TrimPrefix(row.http, "error: ")
			}
			switch {
			case want == "" && (m.Error == nil || len(member(m.Error, "message")) < 3):
				t.Errorf("%s: %s%s, want an error that says what happened", row.name, m.Result, m.Error)
			case want != "" && !strings.Contains(string(m.Result), want):
				t.Errorf("%s: %s%s, want %q", row.name, m.Result, m.Error, want)
			}
		}
		good.wantUnharmed(t) // and lets everything go
		if got := own.result(t); !strings.Contains(got, "held 2") {
			t.Errorf("the client's other call: %s", got)
		}
	})
}

// A process that asks after its answer is answered all the same: its question
// goes where things go that belong to no request.
func TestBadServer_AProcessThatAsksTooLateIsAnswered(t *testing.T) {
	up := stdioUpstream(t, false)
	c := dialHTTP(t, testkit.ServeConfig(t, configOf(up)), false, initialize())
	up.on("tools/call:late", func(r *request) {
		r.result(up.text("answered"))
		r.say(strayQuestion)
	})
	tool(c, "late", "{}", "").result(t)
	question := await(t, &c.rest, "the question", func(m message) bool { return m.Method == "roots/list" })
	c.send(`{"jsonrpc":"2.0","id":` + string(question.ID) + `,"result":{"roots":[]}}`)
	await(t, &up.log, "the answer to it", func(r received) bool { return r.Method == "" && string(r.ID) == `"late"` && r.Result != nil })
}
