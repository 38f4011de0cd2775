package dial

import (
	"fmt"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

// Some servers never end the exchange that brought a request. What is left of
// these must not keep what we owe the server from going out: one whose pings
// are not answered ends the session.
func TestHTTPLinger_WhatServersLeaveOpenKeepsNoAnswerOfOursBack(t *testing.T) {
	for _, older := range []bool{true, false} {
		t.Run(fmt.Sprintf("older %v", older), func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{Older: older})
			d := httpTo(p.URL).era("legacy")
			d.Request.Spec.Declared = true
			d.Request.Spec.Policy.MaxConcurrency = 1
			answer := `data: {"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"early"}]}}` + "\n\n"
			kind, hang := "tools/call:echo", func(x *puppethttp.Exchange) {
				x.Stream()
				x.Raw(fmt.Sprintf(answer, x.ID))
				x.Hang()
			}
			if older {
				d = sseAt(p.URL)
				d.Request.Spec.Policy.MaxConcurrency = 1
				kind, hang = "POST "+kind, func(x *puppethttp.Exchange) {
					p.Say(fmt.Sprintf(answer, x.ID))
					x.Hang()
				}
			}
			p.Always(kind, hang)
			conn, err := d.Dialer.Dial(within(t), d.Request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(within(t)) }()
			for range 2 * (httpSpareTasks + 1) {
				wantText(t, do(t, conn, toolCall("echo", "{}")), "early")
			}
			p.Ask(t, "q", "ping")
			p.AwaitRecord(t, "the answer to ping", func(r puppethttp.Record) bool { return string(r.ID) == `"q"` })
		})
	}
}
