package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/dial/h1"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// The end of the stream is the end of the connection. It is noticed at once,
// and everybody in flight is answered.
func TestSSEFault_ADeadServerIsNoticedAtOnceAndEveryCallIsAnswered(t *testing.T) {
	for name, test := range map[string]struct {
		die  func(p *puppethttp.Puppet)
		says string
	}{
		"the stream ends":   {(*puppethttp.Puppet).DropStreams, "it ended its event stream"},
		"the stream breaks": {(*puppethttp.Puppet).ResetStreams, "its event stream broke: it broke the connection"},
		"the server dies":   {(*puppethttp.Puppet).Stop, "its event stream"},
		"the event stops in the middle": {func(p *puppethttp.Puppet) {
			p.Say(`data: {"jsonrpc":"2.0","id":99,"res`) // of nobody: a call that begins to be held may complete the line
			p.DropStreams()
		}, "it ended its event stream"},
	} {
		t.Run(name, func(t *testing.T) {
			p, d := older(t)
			d.Request.Spec.Policy.SSEReadTimeout = 10 * patience
			c := d.sse(t)
			calls := held(t, p, c, 10)
			test.die(p) // to be noticed by itself: sse_read_timeout is longer than these tests wait
			for _, call := range calls {
				f := failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, test.says)
				if f.Stale {
					t.Errorf("%+v", f)
				}
			}
			if reason := awaitLost(t, c); !strings.Contains(reason, test.says) {
				t.Errorf("lost: %s", reason)
			}
			f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, test.says)
			if !f.Stale {
				t.Error("a call that came too late is not stale")
			}
			nobodyWaits(t, c)
			if err := c.Close(within(t)); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

func TestSSEFault_AnAnswerBeforeTheEndStillCounts(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
		x.Result(`{"content":[{"type":"text","text":"last words"}]}`)
		p.DropStreams()
	})
	wantText(t, do(t, c, toolCall("echo", "{}")), "last words")
	awaitLost(t, c)
}

func TestSSEFault_SilenceWhileSomebodyWaitsCostsTheConnection(t *testing.T) {
	p, d := older(t)
	d.Request.Spec.Policy.SSEReadTimeout = time.Hour
	c := d.sse(t)
	calls := held(t, p, c, 3)
	c.silence.mu.Lock()
	c.silence.limit = time.Millisecond
	c.silence.timer.Reset(c.silence.limit)
	c.silence.mu.Unlock()
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "no sign of life on its event stream for 1ms (sse_read_timeout)")
	}
	awaitLost(t, c)
	eventually(t, "the end of the session", func() bool { return p.Sessions() == 0 })
}

func TestSSESilence_CountsFromTheLastByteOrTheFirstWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan time.Time, 1)
		s := &silence{limit: time.Minute, tell: func() { told <- time.Now() }}
		pass := func(d time.Duration) { <-time.After(d) }
		quiet := func(when string) {
			select {
			case <-told:
				t.Errorf("told %s", when)
			default:
			}
		}
		pass(time.Hour)
		s.begin()
		pass(59 * time.Second)
		s.heard()
		pass(59 * time.Second)
		quiet("although something came")
		s.begin() // one more who waits changes nothing
		s.end()
		s.heard()
		s.end()
		pass(time.Hour)
		quiet("although nobody waits")
		s.begin()
		begin := time.Now()
		if after := (<-told).Sub(begin); after != time.Minute {
			t.Errorf("told after %v", after)
		}
		s.end()
		none := &silence{tell: s.tell}
		none.begin()
		pass(time.Hour)
		none.end()
		quiet("without a limit")
	})
}

func TestSSEFault_CommentsAreASignOfLife(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	calls := held(t, p, c, 1)
	heard := func() time.Time {
		c.silence.mu.Lock()
		defer c.silence.mu.Unlock()
		return c.silence.since
	}
	before := heard()
	p.Say(":\n")
	eventually(t, "the comment to count", func() bool { return heard().After(before) })
	p.DropStreams()
	outcome(t, calls[0])
}

// Faults of one POST, or of one answer. The connection must live on after each.
func TestSSEFault_CostsItsOwnRequestAndSaysWhat(t *testing.T) {
	const unknown, done, no = messages.SentUnknown, messages.SentDone, messages.SentNo
	for _, test := range []struct {
		name  string
		post  bool // what happens to the POST itself
		fault puppethttp.Behaviour
		kind  messages.Kind
		sent  messages.Sent
		says  []string
	}{
		{"reset", true, puppethttp.Reset(""), messages.KindUnavailable, unknown, []string{"tools/call: it broke the connection"}},
		{"garbage", true, puppethttp.Garbage, messages.KindUnavailable, unknown, []string{"does not speak HTTP"}},
		{"endless headers", true, puppethttp.EndlessHeaders, messages.KindUnavailable, unknown, []string{"limits.header_bytes"}},
		{"401", true, puppethttp.Status(401, ""), messages.KindUnavailable, no, []string{"refused our credentials (401)"}},
		{"403", true, puppethttp.Status(403, "session-1 is not yours, Bearer sesame-open"), messages.KindUnavailable, unknown, []string{"(403): check its headers: *** is not yours, ***"}},
		{"429", true, puppethttp.Status(429, "slow down", "Retry-After: 7"), messages.KindOverloaded, no, []string{"429", "slow down"}},
		{"500", true, puppethttp.Status(500, "oh no"), messages.KindUnavailable, unknown, []string{"it answered tools/call with HTTP 500 Internal Server Error: oh no"}},
		{"400 with a JSON-RPC error", true, puppethttp.Fail(400, -32602, "bad request", `{"x":1}`), messages.KindUpstream, done, []string{"bad request"}},
		{"400 with a page", true, puppethttp.Status(400, "<b>bad</b>"), messages.KindUnavailable, unknown, []string{"HTTP 400 Bad Request: <b>bad</b>"}},
		{"a redirect", true, puppethttp.Status(302, "", "Location: /elsewhere"), messages.KindUnavailable, unknown, []string{"change its url"}},
		{"too large", false, puppethttp.Oversized(1 << 20), messages.KindUpstream, done, []string{"message too large", "limits.message_bytes (65536 bytes)"}},
		{"too deep", false, puppethttp.Deep(40), messages.KindUpstream, done, []string{"its answer to tools/call is malformed", "too deep"}},
		{"malformed", false, func(x *puppethttp.Exchange) { x.Event("", fmt.Sprintf(`{"jsonrpc":"1.0","id":%s,"result":{}}`, x.ID)) }, messages.KindUpstream, done, []string{"its answer to tools/call is malformed"}},
		{"an error of its own", false, puppethttp.Fail(200, -32042, "not today", `{"big":9007199254740993}`), messages.KindUpstream, done, []string{"not today"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, d := older(t)
			d.Request.Limits.MessageBytes = 64 << 10
			d.Request.Limits.Depth = 32
			c := d.sse(t)
			kind := "tools/call:echo"
			if test.post {
				kind = "POST " + kind
			}
			p.Once(kind, test.fault)
			f := failed(t, do(t, c, toolCall("echo", "{}")), test.kind, test.sent, test.says...)
			if f.Kind == messages.KindOverloaded && f.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v", f.RetryAfter)
			}
			if strings.Contains(f.Message, "sesame") || strings.Contains(f.Message, "session-1") || f.Stale {
				t.Errorf("%+v", f)
			}
			if isLost(c) {
				t.Errorf("the connection is lost: %v", c.Err())
			}
			nobodyWaits(t, c)
			lives(t, c)
		})
	}
}

// What was said by the status counts, and not what is still to come.
func TestHTTPFault_ARefusalThatDoesNotEndIsToldAtOnce(t *testing.T) {
	stalls := func(status int, headers ...string) puppethttp.Behaviour {
		begin := puppethttp.Status(status, "half a rea", headers...)
		return func(x *puppethttp.Exchange) {
			begin(x)
			x.Raw("")
			x.Hang()
		}
	}
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := puppethttp.Start(t, way.options)
			d, post := httpTo(p.URL).era(way.protocol), ""
			if way.options.Older {
				d.Request.Spec.Transport, post = messages.TransportSSE, "POST "
			}
			p.Once(post+"notifications/initialized", stalls(202, "Content-Length: 4000"))
			conn, err := d.Dialer.Dial(within(t), d.Request)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(within(t)) }()
			for _, test := range []struct {
				refuse puppethttp.Behaviour
				says   string
			}{
				{stalls(503), "HTTP 503 Service Unavailable: half a rea"},
				{stalls(500, "Content-Length: 4000"), "HTTP 500 Internal Server Error: half a rea"},
				{stalls(302, "Location: /elsewhere"), "redirects to "},
			} {
				p.Once(post+"tools/call:echo", test.refuse)
				failed(t, do(t, conn, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentUnknown, test.says)
			}
			lives(t, conn)
		})
	}
}

func TestSSEFault_ASessionThatIsNotKnownAnyMoreCostsTheConnection(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	calls := held(t, p, c, 2)
	p.Once("POST tools/call:echo", puppethttp.Status(404, "no such session"))
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "the session has expired (404 to tools/call)")
	if !f.Stale || !isLost(c) {
		t.Errorf("%+v, lost %v", f, isLost(c))
	}
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "the session has expired")
	}
}

func TestSSEFault_AServerThatCannotBeReachedAnyMoreWasSentNothing(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	calls := held(t, p, c, 2)
	p.Deafen()
	c.wire.(*h1.Transport).CloseIdleConnections() // the server may still be about to close them
	if n := openConns(c.httpCore); n != 1 {
		t.Errorf("%d network connections, want the stream alone", n)
	}
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "connection refused by 127.0.0.1:")
	if !f.Stale || !isLost(c) {
		t.Errorf("%+v, lost %v", f, isLost(c))
	}
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "connection refused")
	}
}

// Some servers accept a request only when its answer is out, and some never.
func TestSSEPost_ProgressAndAnswerDoNotWaitForTheServerToAccept(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	accept := make(chan struct{})
	p.Once("POST tools/call:progress", func(x *puppethttp.Exchange) {
		for i := range 2 {
			p.Say(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":%s,\"progress\":%d}}\n\n", x.ID, i))
		}
		<-accept
		p.Say(fmt.Sprintf("data: {\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"spring\"}]}}\n\n", x.ID))
		x.Hang()
	})
	heard := newHearing()
	req := toolCall("progress", "{}")
	req.ProgressToken = json.RawMessage(`"t"`)
	call, _ := started(t, c, req, heard)
	heard.await(t, "notifications/progress", 2)
	close(accept)
	wantText(t, outcome(t, call), "spring")
	nobodyWaits(t, c)
	lives(t, c)
	if err := c.Close(within(t)); err != nil { // nothing of the POST may be left
		t.Errorf("close: %v", err)
	}
}

func TestSSEPost_OneThatIsNotAcceptedIsGivenUpWithItsCaller(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	p.Once("POST tools/call:echo", puppethttp.Hang)
	call, cancel := started(t, c, toolCall("echo", "{}"), messages.Discard)
	rec := p.Await(t, "tools/call:echo", 1)
	cancel(context.DeadlineExceeded)
	failed(t, outcome(t, call), messages.KindTimeout, messages.SentUnknown, "did not answer tools/call in time")
	told := p.Await(t, "notifications/cancelled", 1)
	if id, _ := jsonrpc.Get(told.Params, "requestId"); string(id) != string(rec.ID) {
		t.Errorf("it cancelled %s, want %s", told.Params, rec.ID)
	}
	lives(t, c)
}

func TestSSEPost_WhoGivesUpBeforeAByteIsOutSentNothing(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	c.wire = stuckWire{c.wire}
	sent := new(link.SentFlag)
	ctx, cancel := context.WithCancelCause(within(t))
	call := make(chan messages.Outcome, 1)
	go func() { call <- c.Do(ctx, toolCall("echo", "{}"), sent, messages.Discard) }()
	eventually(t, "the request", func() bool { return c.mux.table.look(2) != nil })
	cancel(context.DeadlineExceeded)
	failed(t, outcome(t, call), messages.KindTimeout, messages.SentNo)
	if sent.Sent() != messages.SentNo || p.Count("notifications/cancelled") != 0 {
		t.Error("something was sent")
	}
}

func TestSSEFault_ABugBehindAConnectionCostsThisConnectionOnly(t *testing.T) {
	p, d := older(t)
	d.Request.Unsolicited = func(messages.Notification) { panic("a bug") }
	c := d.sse(t)
	calls := held(t, p, c, 2)
	p.Say("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "internal error: a bug")
	}
	awaitLost(t, c)
}
