package dial

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestHTTPLegacy_RequestsOfTheServerAreAnsweredOnWhateverStreamTheyCome(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("legacy").dial(t)
	const pong = `{"jsonrpc":"2.0","id":"%s","result":{}}`
	const refusal = `{"jsonrpc":"2.0","id":"%s","error":{"code":-32601,"message":"method not found: this client declared no capabilities"}}`
	for method, answer := range map[string]string{"ping": pong, "sampling/createMessage": refusal, "elicitation/create": refusal, "roots/list": refusal} {
		p.Once("tools/call:echo", puppethttp.Asks("call-"+method, method))
		wantText(t, do(t, c, toolCall("echo", "{}")), fmt.Sprintf(answer, "call-"+method))

		p.Ask(t, "get-"+method, method)
		rec := p.AwaitRecord(t, "the answer on the standing stream", func(r puppethttp.Record) bool {
			return string(r.ID) == `"get-`+method+`"`
		})
		if got := string(rec.Body); got != fmt.Sprintf(answer, "get-"+method) || rec.Header.Get("Mcp-Session-Id") != "session-1" {
			t.Errorf("answered %s", got)
		}
	}
}

func TestHTTPLegacy_ACutAnswerIsTakenUpWhereTheServerLeftIt(t *testing.T) {
	for name, test := range map[string]struct {
		times int
		retry string
	}{
		"cut once":                                {1, ""},
		"polled more often than failures may be":  {9, "retry: 1\n"},
		"polled at once":                          {2, "retry: 0\n"},
		"with a pause that nobody would wait for": {1, "retry: 1000\n"},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			request, get := puppethttp.CutThenResume(test.times, test.retry)
			p.Always("tools/call:echo", request)
			p.Always("GET", get)
			d := httpTo(p.URL).era("legacy")
			d.Dialer.pace.asked = 2 * time.Millisecond
			c := d.dial(t)
			wantText(t, do(t, c, toolCall("echo", "{}")), "resumed after e1")
		})
	}
}

func TestHTTPLegacy_NotificationsOfAResumedAnswerReachTheSameSink(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Always("tools/call:echo", puppethttp.Events("id: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"n\":1}}\n\n"))
	var mu sync.Mutex
	resumed := 0
	p.Always("GET", func(x *puppethttp.Exchange) {
		id := x.Header.Get("Last-Event-ID")
		if id == "" {
			x.Usual()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if resumed++; resumed == 1 {
			x.W.WriteHeader(http.StatusOK) // not a stream
			return
		}
	})
	c := httpTo(p.URL).era("legacy").dial(t)
	heard := newHearing()
	out := c.Do(within(t), toolCall("echo", "{}"), new(link.SentFlag), heard)
	failed(t, out, messages.KindUnavailable, messages.SentUnknown, "the answer to tools/call ended before the response")
	if got := heard.all(); len(got) != 1 || string(got[0].Params) != `{"n":1}` {
		t.Errorf("heard %v", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if resumed != 1 {
		t.Errorf("resumed %d times at a server that does not", resumed)
	}
}

func TestHTTPLegacy_ResumingEndsWithTheTriesTheSessionTheServerOrTheCaller(t *testing.T) {
	const cut = "id: 1\ndata:\n\n"
	start := func(t *testing.T, resumed puppethttp.Behaviour) (*puppethttp.Puppet, *httpConn) {
		p := puppethttp.Start(t, puppethttp.Options{})
		p.Always("tools/call:echo", puppethttp.Events(cut))
		p.Always("GET", func(x *puppethttp.Exchange) {
			if x.Header.Get("Last-Event-ID") == "" {
				x.Usual()
				return
			}
			resumed(x)
		})
		return p, httpTo(p.URL).era("legacy").dial(t)
	}
	t.Run("tries", func(t *testing.T) {
		p, c := start(t, puppethttp.Reset(""))
		failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown)
		tries := 0
		for _, rec := range p.Records() {
			if rec.Header.Get("Last-Event-ID") == "1" {
				tries++
			}
		}
		if tries < 3 || isLost(c) { // net/http may repeat a GET by itself
			t.Errorf("%d tries, lost: %v", tries, isLost(c))
		}
	})
	t.Run("streams that bring nothing", func(t *testing.T) {
		_, c := start(t, puppethttp.Events(": nothing\n\n"))
		failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown, "ended before the response")
	})
	t.Run("session", func(t *testing.T) {
		_, c := start(t, puppethttp.Status(404, ""))
		failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown, "the session has expired")
		awaitLost(t, c)
	})
	t.Run("server", func(t *testing.T) {
		p, c := start(t, puppethttp.Hang)
		p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
			x.Stream()
			x.Raw(cut)
			go p.Stop()
			x.Hang()
		})
		failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown)
		awaitLost(t, c)
	})
	t.Run("caller", func(t *testing.T) {
		p, c := start(t, puppethttp.Hang)
		ctx, cancel := context.WithCancel(within(t))
		out := make(chan messages.Outcome, 1)
		go func() { out <- c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard) }()
		p.AwaitRecord(t, "the resumption", func(r puppethttp.Record) bool { return r.Header.Get("Last-Event-ID") == "1" })
		cancel()
		failed(t, <-out, messages.KindCancelled, messages.SentUnknown)
		p.Await(t, "notifications/cancelled", 1)
	})
	t.Run("caller, in the pause", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		d := httpTo(p.URL).era("legacy")
		d.Dialer.pace.asked = time.Hour
		c := d.dial(t)
		ctx, cancel := context.WithCancel(within(t))
		p.Always("tools/call:echo", func(x *puppethttp.Exchange) {
			x.Stream()
			x.Raw("id: 1\nretry: 3600000\ndata:\n\n")
			x.Raw("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n")
		})
		out := c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.SinkFunc(func(messages.Notification) error {
			cancel()
			return nil
		}))
		failed(t, out, messages.KindCancelled, messages.SentUnknown)
	})
}

func TestHTTPLegacy_TheStandingStreamGoesOnAfterItsLastEvent(t *testing.T) {
	const changed = `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Once("GET", puppethttp.Events("id: 7\nretry: 1\ndata: "+changed+"\n\n"))
	d := httpTo(p.URL).era("legacy")
	d.dial(t)
	if got := p.Await(t, "GET", 2).Header.Get("Last-Event-ID"); got != "7" {
		t.Errorf("opened again after event %q", got)
	}
	p.AwaitStream(t)
	// What is resumed has no gap: nothing is told but what was said.
	p.Announce(t, "notifications/prompts/list_changed", "{}")
	d.heard.await(t, "notifications/prompts/list_changed", 1)
	if got := d.heard.all(); len(got) != 2 {
		t.Errorf("heard %v", got)
	}
}

func TestHTTPLegacy_BadMessagesOnTheStandingStreamAreSkipped(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(p.URL).era("legacy")
	d.Request.Limits.MessageBytes = 1 << 10
	p.Once("GET", func(x *puppethttp.Exchange) {
		x.Stream()
		x.Raw("event: other\ndata: {}\n\n")
		x.Raw("data: {]\n\n")
		x.Raw("data: " + strings.Repeat("x", 1<<11) + "\n\n")
		x.Raw("data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n")
		x.Notify("notifications/tools/list_changed", "{}")
		x.Hang()
	})
	c := d.dial(t)
	d.heard.await(t, "notifications/tools/list_changed", 1)
	for n, part := range []string{"parse error", "limits.message_bytes"} {
		warning := string(d.heard.await(t, "notifications/message", n+1).Params)
		if !strings.Contains(warning, `"level":"warning","logger":"mcpx"`) || !strings.Contains(warning, part) {
			t.Errorf("warned %s", warning)
		}
	}
	lives(t, c)
}

func TestHTTPLegacy_AServerWithoutStandingStreamIsFine(t *testing.T) {
	for _, status := range []int{405, 400, 404, 501} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{Stateless: true})
			p.Always("GET", puppethttp.Status(status, ""))
			c := httpTo(p.URL).era("legacy").dial(t)
			n := 1
			if status >= 500 {
				n = 4 // it may come back
			}
			p.Await(t, "GET", n)
			lives(t, c)
			if err := c.Close(within(t)); err != nil {
				t.Error(err)
			}
			if status < 500 && p.Count("GET") != 1 || p.Count("DELETE") != 0 {
				t.Errorf("%d GETs, %d DELETEs", p.Count("GET"), p.Count("DELETE"))
			}
		})
	}
	t.Run("refused after it was open", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		d := httpTo(p.URL).era("legacy")
		c := d.dial(t)
		p.AwaitStream(t)
		p.Always("GET", puppethttp.Status(405, ""))
		p.DropStreams()
		d.heard.await(t, "notifications/message", 1)
		lives(t, c)
	})
}

func TestHTTPLegacy_BatchesOfThe2025_03_26RevisionAreRead(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Always("initialize", func(x *puppethttp.Exchange) {
		x.Result(`{"protocolVersion":"2025-03-26","capabilities":{},"serverInfo":{"name":"old","version":"1"}}`)
	})
	p.Always("notifications/initialized", puppethttp.Status(202, ""))
	p.Always("GET", puppethttp.Status(405, ""))
	c := httpTo(p.URL).era("legacy").dial(t)
	p.Always("tools/call:echo", puppethttp.Events(`data: [{"jsonrpc":"2.0","method":"notifications/message","params":{}},`+
		`{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"batched"}]}}]`+"\n\n"))
	heard := newHearing()
	wantText(t, c.Do(within(t), toolCall("echo", "{}"), new(link.SentFlag), heard), "batched")
	if len(heard.all()) != 1 {
		t.Errorf("heard %v", heard.all())
	}
	p.Always("tools/call:echo", puppethttp.Events("data: []\n\n"))
	failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUpstream, messages.SentUnknown, "not a message")
}
