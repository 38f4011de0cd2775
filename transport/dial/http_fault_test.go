package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Faults that cost one request. The connection must live on after each.
func TestHTTPFault_CostsItsOwnRequestAndSaysWhat(t *testing.T) {
	const unknown, done, no = messages.SentUnknown, messages.SentDone, messages.SentNo
	for _, test := range []struct {
		name  string
		fault puppethttp.Behaviour
		kind  messages.Kind
		sent  messages.Sent
		says  []string
	}{
		{"reset before the answer", puppethttp.Reset(""), messages.KindUnavailable, unknown, []string{"broke the connection"}},
		{"reset in the middle of it", puppethttp.Reset(`{"jsonrpc"`), messages.KindUnavailable, unknown, []string{"broke the connection"}},
		{"endless headers", puppethttp.EndlessHeaders, messages.KindUnavailable, unknown, []string{"limits.header_bytes (65536 bytes)"}},
		{"not HTTP", puppethttp.Garbage, messages.KindUnavailable, unknown, []string{"does not speak HTTP"}},
		{"401", puppethttp.Status(401, ""), messages.KindUnavailable, no, []string{`server "srv" refused our credentials (401): check its headers`}},
		{"403 with words", puppethttp.Fail(403, -32000, "not you, Bearer sesame-open", ""), messages.KindUnavailable, unknown, []string{"(403): check its headers: not you, ***"}},
		{"429", puppethttp.Status(429, "slow down", "Retry-After: 7"), messages.KindOverloaded, no, []string{"429", "slow down"}},
		{"500", puppethttp.Status(500, "<b>oh\x1b[31m\n no</b>\xff"), messages.KindUnavailable, unknown, []string{"HTTP 500 Internal Server Error: <b>oh [31m no</b>"}},
		{"500 with a JSON-RPC error", puppethttp.Fail(500, -32603, "oh no", ""), messages.KindUnavailable, unknown, []string{"HTTP 500 Internal Server Error: oh no"}},
		{"a long page", puppethttp.Status(502, strings.Repeat("é", 5000)), messages.KindUnavailable, unknown, []string{strings.Repeat("é", 200) + "…"}},
		{"a redirect away", puppethttp.Status(302, "", "Location: https://elsewhere.example/x?t=secret"), messages.KindUnavailable, unknown, []string{"https://elsewhere.example/x?t=***", "change its url"}},
		{"accepted and no answer", puppethttp.Status(202, ""), messages.KindUnavailable, unknown, []string{"accepted tools/call (202) without answering"}},
		{"a page", puppethttp.Status(200, "<p>login</p>", "Content-Type: text/html"), messages.KindUpstream, unknown, []string{`content type "text/html"`, "<p>login</p>"}},
		{"no type at all", puppethttp.Status(200, "", "Content-Type: "), messages.KindUpstream, unknown, []string{`content type ""`}},
		{"no JSON", puppethttp.Status(200, "{]", "Content-Type: application/json"), messages.KindUpstream, unknown, []string{"not a message"}},
		{"nothing", puppethttp.Status(200, "", "Content-Type: application/json"), messages.KindUpstream, unknown, []string{"not a message"}},
		{"a batch", puppethttp.Status(200, "[]", "Content-Type: application/json"), messages.KindUpstream, unknown, []string{"not a message"}},
		{"the answer to another request", puppethttp.Status(200, `{"jsonrpc":"2.0","id":"x","result":{}}`, "Content-Type: application/json"), messages.KindUpstream, unknown, []string{"holds no response to it"}},
		{"too large", puppethttp.Oversized(1 << 20), messages.KindUpstream, done, []string{"message too large", "limits.message_bytes (65536 bytes)"}},
		{"too large, chunk by chunk", puppethttp.Status(200, `{"jsonrpc":"2.0","id":1,"result":"`+strings.Repeat("x", 1<<20), "Content-Type: application/json", "Transfer-Encoding: chunked"), messages.KindUpstream, done, []string{"message too large"}},
		{"a refusal that is too large", puppethttp.Status(400, strings.Repeat(" ", 1<<20), "Content-Type: application/json"), messages.KindUpstream, done, []string{"message too large"}},
		{"an event that is too large", puppethttp.Events("data: " + strings.Repeat("x", 1<<20) + "\n\n"), messages.KindUpstream, done, []string{"message too large"}},
		{"too deep", puppethttp.Deep(40), messages.KindUpstream, unknown, []string{"too deep", "32"}},
		{"no message among the events", puppethttp.Events("data: {]\n\n"), messages.KindUpstream, unknown, []string{"not a message"}},
		{"events that end without an answer", puppethttp.Events("data: {\"jsonrpc\":\"2.0\",\"id\":99,\"result\":{}}\n\n"), messages.KindUnavailable, unknown, []string{"the answer to tools/call ended before the response"}},
		{"an event that stops in the middle", puppethttp.HangAfter("data: {\"jsonrpc\":"), messages.KindUnavailable, unknown, []string{"no sign of life", "sse_read_timeout"}},
		{"events and then silence", puppethttp.HangAfter(": hello\n\n"), messages.KindUnavailable, unknown, []string{"no sign of life"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
				d.Request.Limits.MessageBytes = 64 << 10
				d.Request.Limits.Depth = 32
				if test.says[0] == "no sign of life" {
					d.Request.Spec.Policy.SSEReadTimeout = 40 * time.Millisecond
				}
				c := d.dial(t)
				p.Once("tools/call:echo", test.fault)
				f := failed(t, do(t, c, toolCall("echo", "{}")), test.kind, test.sent, test.says...)
				if f.Kind == messages.KindUpstream && f.Code != jsonrpc.CodeInternal {
					t.Errorf("code %d", f.Code)
				}
				if f.Kind == messages.KindOverloaded && f.RetryAfter != 7*time.Second {
					t.Errorf("retry after %v", f.RetryAfter)
				}
				if strings.Contains(f.Message, "sesame") || f.Stale {
					t.Errorf("%+v", f)
				}
				if isLost(c) {
					t.Errorf("the connection is lost: %v", c.Err())
				}
				lives(t, c)
			})
		})
	}
}

func TestHTTPFault_SilenceIsWhatTheServerDoesAndNotWhatTheReaderDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		var silentSince time.Time
		q := &quietReader{r: r, limit: time.Minute, silent: func() {
			silentSince = time.Now()
			_ = w.CloseWithError(errSilent)
		}}
		var last time.Time
		go func() {
			for range 5 {
				<-time.After(59 * time.Second)
				_, _ = w.Write([]byte(":"))
			}
		}()
		for range 5 {
			if _, err := q.Read(make([]byte, 1)); err != nil {
				t.Fatalf("a server that says something every 59 s counts as silent: %v", err)
			}
			<-time.After(10 * time.Minute) // a slow reader
			last = time.Now()
		}
		_, err := q.Read(make([]byte, 1))
		if !errors.Is(err, errSilent) || silentSince.Sub(last) != time.Minute {
			t.Errorf("%v, noticed after %v", err, silentSince.Sub(last))
		}
	})
}

func TestHTTPFault_SilenceIsToldToALegacyServer(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(p.URL).era("legacy")
	d.Request.Spec.Policy.SSEReadTimeout = 30 * time.Millisecond
	c := d.dial(t)
	failed(t, do(t, c, toolCall("sleep", "{}")), messages.KindUnavailable, messages.SentUnknown, "no sign of life")
	if e := p.AwaitEnded(t, 1); e.How != "notified" {
		t.Errorf("ended %+v", e)
	}
}

func TestHTTPFault_AHalfOpenServerCostsItsDeadlineOnly(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		p.Once("tools/call:echo", puppethttp.Hang)
		ctx, cancel := context.WithCancelCause(within(t))
		go func() {
			p.Await(t, "tools/call:echo", 1)
			cancel(context.DeadlineExceeded)
		}()
		out := c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard)
		failed(t, out, messages.KindTimeout, messages.SentUnknown, "did not answer tools/call in time")
		lives(t, c)
	})
}

func TestHTTPFault_AServerThatCannotBeReachedIsLost(t *testing.T) {
	for _, stateless := range []bool{false, true} {
		t.Run(fmt.Sprintf("stateless=%v", stateless), func(t *testing.T) {
			bothEras(t, puppethttp.Options{Stateless: stateless}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
				c := d.dial(t)
				lives(t, c)
				p.Stop()
				if stateless && !c.Peer().Modern { // no standing stream that would notice
					// The idle connection is found dead before anything is written.
					f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "connection refused")
					if !f.Stale {
						t.Error("not stale")
					}
				}
				if why := awaitLost(t, c); !strings.Contains(why, "connection refused by 127.0.0.1:") {
					t.Errorf("lost because %q", why)
				}
				f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "connection refused")
				if !f.Stale {
					t.Error("not stale")
				}
				if err := c.Notify(within(t), messages.Notification{Method: "notifications/x"}); err == nil {
					t.Error("a notification on a lost connection")
				}
				if err := c.Close(within(t)); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		})
	}
}

func TestHTTPFault_RequestsInFlightFailWithAConnectionThatIsLost(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("legacy").dial(t)
	p.Always("tools/call:echo", puppethttp.Hang)
	out := make(chan messages.Outcome, 1)
	go func() { out <- do(t, c, toolCall("echo", "{}")) }()
	p.Await(t, "tools/call:echo", 1)
	p.AwaitStream(t) // else it could be the first to find out
	p.ExpireSessions()
	failed(t, do(t, c, toolCall("strange", "{}")), messages.KindUnavailable, messages.SentNo)
	failed(t, <-out, messages.KindUnavailable, messages.SentUnknown, "the session has expired")
}

// Several who find out at once are all told that they were not sent, and who
// is being served is not disturbed by them.
func TestHTTPFault_OfAnExpiredSessionEachRequestHearsForItself(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).era("legacy").dial(t)
	p.AwaitStream(t) // else it could be the first to find out
	released, expired := make(chan struct{}), make(chan struct{})
	p.Always("tools/call:hold", puppethttp.Hold(released))
	p.Always("tools/call:echo", func(x *puppethttp.Exchange) {
		<-expired // they come when they may, and are refused when it has
		x.Usual()
	})
	start := func(tool string, n int) chan messages.Outcome {
		out := make(chan messages.Outcome, n)
		for range n {
			go func() { out <- do(t, c, toolCall(tool, `{"n":1}`)) }()
		}
		p.Await(t, "tools/call:"+tool, n)
		return out
	}
	served, refused := start("hold", 1), start("echo", 8)
	p.ExpireSessions()
	close(expired)
	for range cap(refused) {
		if f := failed(t, <-refused, messages.KindUnavailable, messages.SentNo, "the session has expired"); !f.Stale {
			t.Errorf("%+v is not stale", f)
		}
	}
	awaitLost(t, c)
	failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "the session has expired")
	close(released)
	wantText(t, <-served, "1")
}

// Who gives a request up and closes in the same moment has said both.
func TestHTTPClose_WaitsForACancellationThatIsAboutToGoOut(t *testing.T) {
	for range 20 {
		p := puppethttp.Start(t, puppethttp.Options{})
		c := httpTo(p.URL).era("legacy").dial(t)
		p.Always("tools/call:hold", puppethttp.Hold(nil))
		out, cancel := underway(t, c, toolCall("hold", "{}"))
		p.AwaitHeld(t, 1)
		cancel(errors.New("bored"))
		if err := c.Close(within(t)); err != nil {
			t.Errorf("close: %v", err)
		}
		failed(t, outcome(t, out), messages.KindCancelled, messages.SentUnknown)
		if n := p.Count("notifications/cancelled"); n != 1 {
			t.Errorf("the server was told %d times", n)
		}
	}
}

func TestHTTPFault_ALegacyServerThatKnowsTheSessionNoMoreIsLost(t *testing.T) {
	t.Run("a request finds out", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		c := httpTo(p.URL).era("legacy").dial(t)
		p.AwaitStream(t)
		p.ExpireSessions()
		f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "the session has expired (404 to tools/call)")
		if !f.Stale {
			t.Error("not stale: it was not processed, and a new session may have it")
		}
		if why := awaitLost(t, c); !strings.Contains(why, "the session has expired") {
			t.Errorf("lost because %q", why)
		}
		if err := c.Close(within(t)); err != nil || p.Count("DELETE") != 0 {
			t.Errorf("close: %v, after %d DELETEs", err, p.Count("DELETE"))
		}
	})
	t.Run("a request finds out that was answered with 400", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{Stateless: true})
		p.Once("initialize", func(x *puppethttp.Exchange) {
			x.W.Header().Set("Mcp-Session-Id", "s")
			x.Usual()
		})
		c := httpTo(p.URL).era("legacy").dial(t)
		refuse := puppethttp.Fail(400, -32000, "Bad Request: no valid session", "")
		p.Always("tools/call:echo", refuse)
		failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUpstream, messages.SentDone, "no valid session")
		if isLost(c) {
			t.Error("lost, though the server still answers a ping")
		}
		p.Always("ping", refuse)
		f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "does not know the session any more (400 to tools/call and to ping)")
		if !f.Stale {
			t.Error("not stale")
		}
		awaitLost(t, c)
	})
	for status, says := range map[int]string{404: "the session has expired (404 to GET)", 400: "does not know the session any more (400 to GET)"} {
		t.Run(fmt.Sprintf("the standing stream finds out with %d", status), func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			c := httpTo(p.URL).era("legacy").dial(t)
			p.AwaitStream(t)
			p.Always("GET", puppethttp.Status(status, ""))
			p.DropStreams()
			if why := awaitLost(t, c); !strings.Contains(why, says) {
				t.Errorf("lost because %q", why)
			}
		})
	}
}

func TestHTTPFault_AServerThatIsNoLongerModernIsLost(t *testing.T) {
	for name, test := range map[string]struct {
		answer puppethttp.Behaviour
		kind   messages.Kind
		sent   messages.Sent
	}{
		"it refuses the version":  {puppethttp.Fail(400, -32022, "no", `{"supported":["2025-11-25"]}`), messages.KindUpstream, messages.SentDone},
		"it has no such endpoint": {puppethttp.Status(404, "nothing here"), messages.KindUnavailable, messages.SentUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			p := puppethttp.Start(t, puppethttp.Options{})
			c := httpTo(p.URL).dial(t)
			p.Always("tools/call:echo", test.answer)
			failed(t, do(t, c, toolCall("echo", "{}")), test.kind, test.sent)
			if why := awaitLost(t, c); !strings.Contains(why, "does not speak 2026-07-28 any more") {
				t.Errorf("lost because %q", why)
			}
		})
	}
	t.Run("the subscription is refused once it had one", func(t *testing.T) {
		p := puppethttp.Start(t, puppethttp.Options{})
		c := httpTo(p.URL).dial(t)
		p.AwaitStream(t)
		p.Always("subscriptions/listen", puppethttp.Status(400, ""))
		p.DropStreams()
		if why := awaitLost(t, c); !strings.Contains(why, "does not speak 2026-07-28 any more") {
			t.Errorf("lost because %q", why)
		}
	})
}

func TestHTTPFault_ABugInAListenerCostsTheConnectionAndNotTheProgram(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(p.URL)
	d.Request.Unsolicited = func(messages.Notification) { panic("oops") }
	c := d.dial(t)
	p.Announce(t, "notifications/tools/list_changed", `{}`)
	if why := awaitLost(t, c); !strings.Contains(why, "internal error: oops") {
		t.Errorf("lost because %q", why)
	}
}

func TestHTTPFault_RetryAfterIsSecondsOrADate(t *testing.T) {
	now := time.Date(2026, 7, 28, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "12": 12 * time.Second, "-1": 0, "soon": 0, "99999999999": 0,
		"Tue, 28 Jul 2026 12:00:30 GMT": 30 * time.Second, "Tue, 28 Jul 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestHTTPFault_AConnectionIsUsedAgainAfterAnswersOfEveryKind(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Stream: true, Stateless: true})
	c := httpTo(p.URL).era("legacy").dial(t)
	for range 50 {
		lives(t, c)
	}
	// The last streams may still be read to their end.
	if n := openConns(c.httpCore); n > 10 {
		t.Errorf("%d network connections for one request at a time", n)
	}
}

func TestHTTPFault_UnknownMethodsOfAModernServerAreItsOwnError(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	c := httpTo(p.URL).dial(t)
	f := failed(t, do(t, c, messages.Request{Method: "tasks/list"}), messages.KindUpstream, messages.SentDone, "Method not found")
	if f.Code != jsonrpc.CodeMethodNotFound || !json.Valid(f.Data) || isLost(c) {
		t.Errorf("%+v, lost %v", f, isLost(c))
	}
}
