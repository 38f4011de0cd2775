package dial

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/mcp"
)

func TestHTTPModern_RequestsSpeakForThemselves(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).dial(t)
	req := toolCall("strange", "{}")
	req.LogLevel = "debug"
	do(t, c, req)
	meta := mcp.ReadMeta(p.Await(t, "tools/call:strange", 1).Params)
	if meta.ProtocolVersion != puppethttp.Modern || string(meta.ClientInfo) != `{"name":"mcpx-test","version":"0"}` ||
		string(meta.ClientCapabilities) != "{}" || meta.LogLevel != "debug" {
		t.Errorf("meta %+v", meta)
	}
}

func TestHTTPModern_InvalidToolsAreLeftOutAndEveryOtherByteStays(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(p.URL)
	c := d.dial(t)
	out := do(t, c, messages.Request{Method: "tools/list"})
	broken := strings.Index(puppethttp.Tools, `,{"name":"broken"`)
	want := `{"tools":` + puppethttp.Tools[:broken] + `],"resultType":"complete","ttlMs":0,"cacheScope":"private"}`
	if string(out.Result) != want {
		t.Errorf("listed %s\n  want %s", out.Result, want)
	}
	warning := string(d.heard.await(t, "notifications/message", 1).Params)
	if !strings.Contains(warning, `"level":"warning","logger":"mcpx"`) || !strings.Contains(warning, `tool \"broken\" is left out`) {
		t.Errorf("warned %s", warning)
	}
	// The same is not said twice, something new is.
	do(t, c, messages.Request{Method: "tools/list"})
	if n := len(d.heard.all()); n != 1 {
		t.Errorf("%d warnings", n)
	}
	p.Once("tools/list", puppethttp.Answer(`{"tools":[{"name":"broken","inputSchema":{"x-mcp-header":"Y"}}]}`))
	if out := do(t, c, messages.Request{Method: "tools/list"}); string(out.Result) != `{"tools":[]}` {
		t.Errorf("listed %s", out.Result)
	}
	d.heard.await(t, "notifications/message", 2)
	// What is no list is not ours to judge.
	p.Once("tools/list", puppethttp.Answer(`{"tools":"none"}`))
	if out := do(t, c, messages.Request{Method: "tools/list"}); string(out.Result) != `{"tools":"none"}` {
		t.Errorf("listed %s", out.Result)
	}
}

func TestHTTPModern_ALegacyServersAnnotationsAreNotOurs(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("legacy").dial(t)
	if out := do(t, c, messages.Request{Method: "tools/list"}); string(out.Result) != `{"tools":`+puppethttp.Tools+`}` {
		t.Errorf("listed %s", out.Result)
	}
}

func TestHTTPModern_MarkedArgumentsAreMirroredIntoHeaders(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).dial(t)
	do(t, c, messages.Request{Method: "tools/list"})
	wantText(t, do(t, c, toolCall("mirror", `{"region":"us-west1"}`)), `mirrored "us-west1"`)
	do(t, c, toolCall("mirror", `{"region":"Grüße"}`))
	do(t, c, toolCall("mirror", `{"region":null}`))
	for n, value := range []string{"us-west1", "=?base64?R3LDvMOfZQ==?=", ""} {
		if got := p.Await(t, "tools/call:mirror", n+1).Header.Get("Mcp-Param-Region"); got != value {
			t.Errorf("call %d: header %q, want %q", n+1, got, value)
		}
	}
}

func TestHTTPModern_ARefusedHeaderIsLearntOnceAndSentAgain(t *testing.T) {
	t.Run("the tool has changed", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		p.Once("tools/list", puppethttp.Answer(`{"tools":[{"name":"other"}],"nextCursor":"p2"}`))
		c := httpTo(p.URL).dial(t)
		wantText(t, do(t, c, toolCall("mirror", `{"region":"eu"}`)), `mirrored "eu"`)
		if p.Count("tools/call") != 2 || p.Count("tools/list") != 2 {
			t.Errorf("%d calls, %d listings", p.Count("tools/call"), p.Count("tools/list"))
		}
		if got := string(p.Await(t, "tools/list", 2).Params); !strings.HasPrefix(got, `{"cursor":"p2"`) {
			t.Errorf("second page asked with %s", got)
		}
		first, second := p.Await(t, "tools/call", 1), p.Await(t, "tools/call", 2)
		if string(first.ID) == string(second.ID) {
			t.Error("the same id twice")
		}
	})
	t.Run("nothing has changed", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		c := httpTo(p.URL).dial(t)
		p.Always("tools/call:echo", puppethttp.Fail(400, -32020, "Header mismatch: whatever", ""))
		f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUpstream, messages.SentDone, "Header mismatch: whatever")
		if f.Code != mcp.CodeHeaderMismatch || p.Count("tools/call") != 1 {
			t.Errorf("code %d after %d calls", f.Code, p.Count("tools/call"))
		}
	})
	t.Run("the list cannot be read", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		c := httpTo(p.URL).dial(t)
		p.Always("tools/list", puppethttp.Status(500, ""))
		failed(t, do(t, c, toolCall("mirror", `{"region":"eu"}`)), messages.KindUpstream, messages.SentDone, "Header mismatch")
	})
	t.Run("a list without end", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		p.Always("tools/list", puppethttp.Answer(`{"tools":[],"nextCursor":"again"}`))
		d := httpTo(p.URL)
		d.Request.Limits.CatalogPages = 3
		failed(t, do(t, d.dial(t), toolCall("mirror", `{"region":"eu"}`)), messages.KindUpstream, messages.SentDone, "Header mismatch")
		if n := p.Count("tools/list"); n != 3 {
			t.Errorf("%d pages", n)
		}
	})
}

func TestHTTPModern_InputRequiredIsAnsweredForTheClient(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).dial(t)
	p.Always("tools/call:echo", puppethttp.Answer(puppethttp.InputRequired))
	out := do(t, c, toolCall("echo", "{}"))
	if out.Failure != nil || !strings.Contains(string(out.Result), `"isError":true`) || !strings.Contains(string(out.Result), "elicitation/create") {
		t.Errorf("result %s, failure %v", out.Result, out.Failure)
	}
	p.Always("prompts/get", puppethttp.Answer(puppethttp.InputRequired))
	failed(t, do(t, c, messages.Request{Method: "prompts/get", Params: json.RawMessage(`{}`)}), messages.KindUpstream, messages.SentDone, "asks for input")
}

func TestHTTPModern_RequestsOfTheServerAreIgnored(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).dial(t)
	p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
		x.Event("", `{"jsonrpc":"2.0","id":"s1","method":"ping"}`)
		x.Usual()
	})
	wantText(t, do(t, c, toolCall("echo", `{"text":"x"}`)), "x")
	if err := c.Close(within(t)); err != nil { // it waits for whatever is on its way
		t.Fatal(err)
	}
	for _, rec := range p.Records() {
		if rec.Method == "" {
			t.Errorf("sent %s %s", rec.HTTP, rec.Body)
		}
	}
}

func TestHTTPModern_TheSubscriptionAsksForWhatTheServerAnnounces(t *testing.T) {
	for capabilities, filter := range map[string]string{
		`{"tools":{"listChanged":true},"prompts":{"listChanged":false},"resources":{"listChanged":true}}`: `{"toolsListChanged":true,"resourcesListChanged":true}`,
		`{"tools":{},"resources":{"subscribe":true}}`:                                                     "",
	} {
		p := puppethttp.Start(t, puppethttp.Options{})
		p.Always("server/discover", puppethttp.Answer(`{"supportedVersions":["2026-07-28"],"capabilities":`+capabilities+`}`))
		c := httpTo(p.URL).dial(t)
		if filter == "" {
			if err := c.Close(within(t)); err != nil || p.Count("subscriptions/listen") != 0 {
				t.Errorf("subscribed to nothing: %d, %v", p.Count("subscriptions/listen"), err)
			}
			continue
		}
		rec := p.Await(t, "subscriptions/listen", 1)
		if !strings.HasPrefix(string(rec.Params), `{"notifications":`+filter+`,"_meta":`) {
			t.Errorf("asked for %s", rec.Params)
		}
	}
}

func TestHTTPModern_ARefusedOrEndedSubscription(t *testing.T) {
	for name, test := range map[string]struct {
		answer puppethttp.Behaviour
		again  bool
		warns  bool
	}{
		"unknown method":       {puppethttp.Fail(404, -32601, "Method not found", ""), false, true},
		"an error as an event": {puppethttp.Events(`data: {"jsonrpc":"2.0","id":$ID,"error":{"code":-32601,"message":"no"}}` + "\n\n"), false, false},
		"an error as JSON":     {puppethttp.Fail(200, -32601, "no", ""), false, true},
		"overloaded":           {puppethttp.Status(429, ""), true, false},
		"broken":               {puppethttp.Status(503, ""), true, false},
		"reset":                {puppethttp.Reset(""), true, false},
		"ended gracefully":     {puppethttp.Events(`data: {"jsonrpc":"2.0","id":$ID,"result":{"resultType":"complete"}}` + "\n\n"), true, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			p.Always("subscriptions/listen", test.answer)
			d := httpTo(p.URL)
			c := d.dial(t)
			if test.again {
				p.Await(t, "subscriptions/listen", 3)
			}
			if test.warns {
				d.heard.await(t, "notifications/message", 1)
			}
			lives(t, c)
			if err := c.Close(within(t)); err != nil {
				t.Fatal(err)
			}
			if n := p.Count("subscriptions/listen"); !test.again && n > 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

func TestHTTPClose_EndsTheSessionAndSaysWhatWasNotInOrder(t *testing.T) {
	for name, test := range map[string]struct {
		answer puppethttp.Behaviour
		says   string
	}{
		"ended":                  {nil, ""},
		"405":                    {puppethttp.Status(405, ""), ""},
		"404":                    {puppethttp.Status(404, ""), ""},
		"500":                    {puppethttp.Status(500, "cannot let you go"), `server "srv": ending its session (DELETE): HTTP 500 Internal Server Error: cannot let you go`},
		"400 from a strict one":  {puppethttp.Status(400, ""), "HTTP 400 Bad Request"},
		"a reset":                {puppethttp.Reset(""), "broke the connection"},
		"no answer until we end": {puppethttp.Hang, "it did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			c := httpTo(p.URL).era("legacy").dial(t)
			p.AwaitStream(t)
			p.Always("DELETE", test.answer)
			ctx, cancel := context.WithCancel(within(t))
			defer cancel()
			errs := make(chan error, 4)
			for range cap(errs) {
				go func() { errs <- c.Close(ctx) }()
			}
			if strings.Contains(test.says, "in time") {
				p.Await(t, "DELETE", 1)
				cancel()
			}
			first := <-errs
			for range cap(errs) - 1 {
				if err := <-errs; (err == nil) != (first == nil) || err != nil && err.Error() != first.Error() {
					t.Errorf("two answers: %v and %v", first, err)
				}
			}
			if test.says == "" && first != nil || test.says != "" && (first == nil || !strings.Contains(first.Error(), test.says)) {
				t.Errorf("close: %v, want %q", first, test.says)
			}
			if p.Count("DELETE") != 1 || !isLost(c) || c.Err() != nil {
				t.Errorf("%d DELETEs, lost %v, err %v", p.Count("DELETE"), isLost(c), c.Err())
			}
			f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "the connection is being closed")
			if !f.Stale || openConns(c.httpCore) != 0 {
				t.Errorf("stale %v, %d network connections left", f.Stale, openConns(c.httpCore))
			}
		})
	}
}

func TestHTTPClose_EndsRequestsInFlight(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		out := make(chan messages.Outcome, 1)
		go func() { out <- do(t, c, toolCall("sleep", "{}")) }()
		p.Await(t, "tools/call:sleep", 1)
		if err := c.Close(within(t)); err != nil {
			t.Fatal(err)
		}
		failed(t, <-out, messages.KindUnavailable, messages.SentUnknown, "the connection is being closed")
		if n := p.Sessions(); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
}
