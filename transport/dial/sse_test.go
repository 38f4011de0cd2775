package dial

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

func TestSSE_HandshakesAndSaysWhatItIs(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	peer := c.Peer()
	if peer.Protocol != puppethttp.Older || peer.Modern || peer.Name != "puppet" || peer.Instructions != "pull the strings" ||
		string(peer.Capabilities) != puppethttp.Capabilities || c.Pid() != 0 || c.Err() != nil {
		t.Errorf("peer %+v, pid %d, %v", peer, c.Pid(), c.Err())
	}
	hello := p.Await(t, "initialize", 1)
	if version, _ := jsonrpc.GetString(hello.Params, "protocolVersion"); version != mcp.LatestLegacy {
		t.Errorf("it asked for %q", version)
	}
	if done := p.Await(t, "notifications/initialized", 1); done.Header.Get("MCP-Protocol-Version") != puppethttp.Older {
		t.Errorf("the agreed version is not in the headers: %v", done.Header)
	}
	for _, rec := range p.Records() {
		if rec.Header.Get("X-Team") != "blue" || rec.Header.Get("Authorization") != "Bearer sesame-open" {
			t.Errorf("%s %s came with the headers %v", rec.HTTP, rec.Method, rec.Header)
		}
		if got, want := rec.Header.Get("Accept"), map[string]string{"GET": typeEvents, "POST": typeJSON + ", " + typeEvents}[rec.HTTP]; got != want {
			t.Errorf("%s accepts %q", rec.HTTP, got)
		}
	}
	if err := c.Notify(within(t), messages.Notification{Method: "notifications/hello", Params: json.RawMessage(`{"a":1}`)}); err != nil {
		t.Errorf("notify: %v", err)
	}
	if rec := p.Await(t, "notifications/hello", 1); string(rec.Params) != `{"a":1}` || rec.ID != nil {
		t.Errorf("it heard %s", rec.Body)
	}
	if err := c.Close(within(t)); err != nil {
		t.Errorf("close: %v", err)
	}
}

func TestSSE_SpeaksEveryLegacyVersionThatTheServerChooses(t *testing.T) {
	for _, version := range []string{mcp.V20241105, mcp.V20250326, mcp.V20250618, mcp.V20251125} {
		p := puppethttp.Start(t, puppethttp.Options{Older: true, Versions: []string{version}})
		c := sseAt(p.URL).era("auto").sse(t)
		if c.Peer().Protocol != version {
			t.Errorf("speaks %s, want %s", c.Peer().Protocol, version)
		}
		lives(t, c)
		lives(t, sseAt(p.URL).era(version).sse(t))
	}
}

func TestSSE_BytesComeThroughAsTheyWere(t *testing.T) {
	_, d := older(t)
	c := d.sse(t)
	out := do(t, c, toolCall("strange", "{}"))
	if string(out.Result) != puppethttp.Strange {
		t.Errorf("the result became %s", out.Result)
	}
	list := do(t, c, messages.Request{Method: "tools/list"})
	if !bytes.Contains(list.Result, []byte(`"x-unknown":9007199254740993`)) {
		t.Errorf("listed %s", list.Result)
	}
	f := failed(t, do(t, c, messages.Request{Method: "no/such"}), messages.KindUpstream, messages.SentDone, "Method not found")
	if f.Code != jsonrpc.CodeMethodNotFound || string(f.Data) != `{"method":"no/such","big":9007199254740993}` {
		t.Errorf("failure %+v", f)
	}
}

func TestSSE_ManyRequestsShareTheStreamAndNoneGetsWhatIsOfAnother(t *testing.T) {
	_, d := older(t)
	c := d.sse(t)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			heard := newHearing()
			if i%2 == 0 {
				wantText(t, do(t, c, toolCall("echo", fmt.Sprintf(`{"text":"n%d"}`, i))), fmt.Sprintf("n%d", i))
				return
			}
			req := toolCall("progress", "{}")
			req.ProgressToken = json.RawMessage(fmt.Sprintf(`"token-%d"`, i))
			wantText(t, c.Do(within(t), req, new(link.SentFlag), heard), "done")
			var steps []string
			for _, n := range heard.all() {
				if token, _ := jsonrpc.Get(n.Params, "progressToken"); n.Method == "notifications/progress" && string(token) == string(req.ProgressToken) {
					step, _ := jsonrpc.Get(n.Params, "progress")
					steps = append(steps, string(step))
				} else if n.Method != "notifications/message" {
					t.Errorf("call %d heard %s %s", i, n.Method, n.Params)
				}
			}
			if got := strings.Join(steps, " "); got != "1 2 3" {
				t.Errorf("call %d heard the steps %q", i, got)
			}
		})
	}
	all.Wait()
	nobodyWaits(t, c)
}

func TestSSE_WhoDoesNotReadSlowsNobodyAndLosesTheOldest(t *testing.T) {
	p, d := older(t)
	d.Request.Limits.RequestNotifications = 4
	c := d.sse(t)
	const flood = 100
	p.Once("tools/call:progress", func(x *puppethttp.Exchange) {
		for i := range flood {
			x.Notify("notifications/progress", fmt.Sprintf(`{"progressToken":%s,"progress":%d}`, x.ID, i))
		}
		x.Usual()
	})
	reading := make(chan struct{})
	first := make(chan struct{}, flood)
	req := toolCall("progress", "{}")
	req.ProgressToken = json.RawMessage("1")
	slow, _ := started(t, c, req, sinkFunc(func(messages.Notification) error {
		first <- struct{}{}
		<-reading
		return nil
	}))
	<-first
	lives(t, c) // the reader goes on
	eventually(t, "the flood", func() bool { return c.mux.counts.dropped.Load() > 0 })
	close(reading)
	if out := outcome(t, slow); out.Failure != nil {
		t.Errorf("%v", out.Failure)
	}
}

type sinkFunc func(messages.Notification) error

func (f sinkFunc) Notify(n messages.Notification) error { return f(n) }

func TestSSE_AReaderWhoIsGoneStillGetsItsAnswer(t *testing.T) {
	_, d := older(t)
	c := d.sse(t)
	req := toolCall("progress", "{}")
	req.ProgressToken = json.RawMessage("1")
	out := c.Do(within(t), req, new(link.SentFlag), sinkFunc(func(messages.Notification) error { return errors.New("gone") }))
	wantText(t, out, "done")
}

func TestSSE_WhatBelongsToNoRequestGoesToAll(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	p.Announce(t, "notifications/tools/list_changed", "{}")
	d.heard.await(t, "notifications/tools/list_changed", 1)
	p.Announce(t, "notifications/message", `{"level":"info","data":"nobody in flight"}`)
	if n := d.heard.await(t, "notifications/message", 1); !bytes.Contains(n.Params, []byte("nobody in flight")) {
		t.Errorf("heard %s", n.Params)
	}
	// With one request in flight it can only be that one's.
	heard := newHearing()
	_, cancel := started(t, c, toolCall("sleep", "{}"), heard)
	p.Await(t, "tools/call:sleep", 1)
	p.Announce(t, "notifications/message", `{"level":"info","data":"for the one"}`)
	heard.await(t, "notifications/message", 1)
	cancel(nil)
}

func TestSSE_AnswersWhatTheServerAsks(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	p.Ask(t, "q1", "ping")
	p.Ask(t, "q2", "sampling/createMessage")
	pong := p.AwaitRecord(t, "the answer to ping", func(r puppethttp.Record) bool { return string(r.ID) == `"q1"` })
	if string(pong.Result) != "{}" {
		t.Errorf("ping was answered with %s", pong.Body)
	}
	refused := p.AwaitRecord(t, "the answer to sampling", func(r puppethttp.Record) bool { return string(r.ID) == `"q2"` })
	if code, _ := jsonrpc.Get(refused.Error, "code"); string(code) != "-32601" || !bytes.Contains(refused.Error, []byte("no client capabilities")) {
		t.Errorf("sampling was answered with %s", refused.Body)
	}
	lives(t, c)
}

func TestSSE_BatchesAreReadAndWhatIsNoMessageCostsNothing(t *testing.T) {
	p, d := older(t)
	d.Request.Limits.Depth = 32
	c := d.sse(t)
	p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
		x.Raw("event: ping\ndata: {\n\nevent: endpoint\ndata: http://elsewhere.example/\n\nid: 7\nretry: 5\n\n")
		x.Event("", "hello?")
		x.Event("", strings.Repeat("[", 100))
		x.Event("", "[]")
		x.Event("", `{"jsonrpc":"2.0","id":99,"result":{}}`)
		x.Event("", `{"jsonrpc":"2.0","id":"x","result":{}}`)
		x.Raw(fmt.Sprintf(`data: [{"jsonrpc":"2.0","method":"notifications/tools/list_changed"},
data: {"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"batched"}]}}]

`, x.ID))
	})
	wantText(t, do(t, c, toolCall("echo", "{}")), "batched")
	d.heard.await(t, "notifications/tools/list_changed", 1)
	if n := d.heard.await(t, "notifications/message", 1); !bytes.Contains(n.Params, []byte(`on its event stream, and no message`)) ||
		!bytes.Contains(n.Params, []byte("hello?")) {
		t.Errorf("said %s", n.Params)
	}
	d.heard.await(t, "notifications/message", 3)
	if stray, junk := c.mux.counts.stray.Load(), c.mux.counts.junk.Load(); stray != 2 || junk != 3 {
		t.Errorf("%d stray, %d junk", stray, junk)
	}
	lives(t, c)
}

// Many frameworks send /sse to /sse/, with whatever status: a GET may follow
// each of them, and what is posted goes to where the stream was found.
func TestSSE_FollowsARedirectOfItsStreamAndTakesTheEndpointFromThere(t *testing.T) {
	p, _ := older(t)
	for _, status := range []int{301, 302, 303, 307, 308} {
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/sse" {
				http.Redirect(w, r, "/sse/", status)
				return
			}
			p.ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		lives(t, sseAt(front.URL+"/sse").sse(t))
	}
}

func TestSSEClose_AnswersWhatIsInFlightAndLeavesNothing(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	calls := held(t, p, c, 5)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() { errs <- c.Close(within(t)) }()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("close: %v", err)
		}
	}
	for _, call := range calls {
		failed(t, outcome(t, call), messages.KindUnavailable, messages.SentUnknown, "the connection is being closed")
	}
	if !isLost(c) || c.Err() != nil {
		t.Errorf("lost: %v, %v", isLost(c), c.Err())
	}
	f := failed(t, do(t, c, toolCall("echo", "{}")), messages.KindUnavailable, messages.SentNo, "closed")
	if !f.Stale {
		t.Error("a call that came too late is not stale")
	}
	if err := c.Notify(within(t), messages.Notification{Method: "notifications/x"}); err == nil {
		t.Error("a notification went out on a closed connection")
	}
	nobodyWaits(t, c)
	eventually(t, "the end of the session", func() bool { return p.Sessions() == 0 })
}

func TestSSECancel_TellsTheServerAndCostsNobodyElse(t *testing.T) {
	p, d := older(t)
	c := d.sse(t)
	for n, end := range []struct {
		cause error
		kind  messages.Kind
		says  string
	}{
		{errors.New("bored"), messages.KindCancelled, "tools/call was cancelled: bored"},
		{context.DeadlineExceeded, messages.KindTimeout, "did not answer tools/call in time"},
	} {
		out, cancel := started(t, c, toolCall("sleep", "{}"), messages.Discard)
		rec := p.Await(t, "tools/call:sleep", n+1)
		p.AwaitHeld(t, 1)
		cancel(end.cause)
		failed(t, outcome(t, out), end.kind, messages.SentUnknown, end.says)
		if e := p.AwaitEnded(t, n+1); e.How != "notified" || e.ID != string(rec.ID) {
			t.Errorf("ended %+v, want the call %s", e, rec.ID)
		}
		lives(t, c)
	}
	nobodyWaits(t, c)

	done, cancel := context.WithCancel(t.Context())
	cancel()
	out := c.Do(done, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard)
	failed(t, out, messages.KindCancelled, messages.SentNo)
}
