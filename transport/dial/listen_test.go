package dial

import (
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

const (
	noteAcknowledged = "notifications/subscriptions/acknowledged"
	noteUpdated      = "notifications/resources/updated"
)

// listenTo is a request that goes on until somebody ends it.
func listenTo(uris string) messages.Request {
	return messages.Request{Method: methodListen, Params: []byte(`{"notifications":{"resourceSubscriptions":` + uris + `}}`)}
}

// The two ways in which a modern server is reached; each returns what changes a resource.
func libraries(t *testing.T) map[string]func() (conn link.Conn, change func(uri string), unsolicited *hearing) {
	return map[string]func() (link.Conn, func(string), *hearing){
		"stdio": func() (link.Conn, func(string), *hearing) {
			d := stdioTo("library", "modern")
			c := d.dial(t)
			return c, func(uri string) { wantText(t, do(t, c, toolCall("change", `{"uri":"`+uri+`"}`)), "changed") }, d.heard
		},
		"HTTP": func() (link.Conn, func(string), *hearing) {
			p := puppethttp.Start(t, puppethttp.Options{Resources: true})
			d := httpTo(p.URL).era("modern")
			d.Request.Spec.Policy.SSEReadTimeout = 1 // ns: it may be silent for longer all the same
			return d.dial(t), func(uri string) { p.Update(t, uri) }, d.heard
		},
	}
}

func TestListen_ItsSinkHearsOfWhatItListensToUnderNoIdOfOurs(t *testing.T) {
	for name, reach := range libraries(t) {
		t.Run(name, func(t *testing.T) {
			conn, change, unsolicited := reach()
			one, two := newHearing(), newHearing()
			ended, cancel := started(t, conn, listenTo(`["a:1","a:2"]`), one)
			other, _ := started(t, conn, listenTo(`["a:3"]`), two)
			ack := one.await(t, noteAcknowledged, 1)
			if got := string(ack.Params); got != `{"notifications":{"resourceSubscriptions":["a:1","a:2"]}}` && got != `{"_meta":{},"notifications":{"resourceSubscriptions":["a:1","a:2"]}}` {
				t.Errorf("acknowledged %s", got)
			}
			two.await(t, noteAcknowledged, 1)
			for i, uri := range []string{"a:1", "a:2"} {
				change(uri)
				if got, _ := jsonrpc.GetString(one.await(t, noteUpdated, i+1).Params, "uri"); got != uri {
					t.Errorf("heard of %s, want %s", got, uri)
				}
			}
			change("a:3")
			two.await(t, noteUpdated, 1)
			cancel(nil)
			failed(t, outcome(t, ended), messages.KindCancelled, messages.SentUnknown)
			if n := len(one.all()) + len(two.all()); n != 5 {
				t.Errorf("heard %v and %v", one.all(), two.all())
			}
			for _, n := range unsolicited.all() {
				if n.Method == noteUpdated || n.Method == noteAcknowledged {
					t.Errorf("unsolicited: %v", n)
				}
			}
			if err := conn.Close(within(t)); err != nil {
				t.Error(err)
			}
			failed(t, outcome(t, other), messages.KindUnavailable, messages.SentUnknown)
		})
	}
}

func TestListen_EndedByTheServerIsAnAnswer(t *testing.T) {
	d := stdioTo("library", "modern")
	c := d.dial(t)
	heard := newHearing()
	ended, _ := started(t, c, listenTo(`["a:1"]`), heard)
	heard.await(t, noteAcknowledged, 1)
	wantText(t, do(t, c, toolCall("end", "{}")), "ended")
	if out := outcome(t, ended); out.Failure != nil {
		t.Error(out.Failure)
	}
	serves(t, c)

	// Some servers end it by notifications/cancelled alone.
	again, _ := started(t, c, listenTo(`["a:1"]`), heard)
	heard.await(t, noteAcknowledged, 2)
	var id string
	eventually(t, "its id", func() bool {
		c.table.mu.Lock()
		defer c.table.mu.Unlock()
		for _, p := range c.table.open {
			if p.method == methodListen && !p.own {
				id = string(integer(p.id))
			}
		}
		return id != ""
	})
	c.mux.message([]byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`))
	if out := outcome(t, again); out.Failure != nil || string(out.Result) != "{}" {
		t.Errorf("%s %v", out.Result, out.Failure)
	}
}
