package dial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestHTTP_ResultsArriveAsTheyWereWritten(t *testing.T) {
	for _, stream := range []bool{false, true} {
		t.Run(fmt.Sprintf("stream=%v", stream), func(t *testing.T) {
			bothEras(t, puppethttp.Options{Stream: stream}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
				out := do(t, d.dial(t), toolCall("strange", "{}"))
				if string(out.Result) != puppethttp.Strange {
					t.Errorf("result %s, failure %v", out.Result, out.Failure)
				}
			})
		})
	}
}

func TestHTTP_EveryRequestCarriesTheHeadersOfConfigurationAndEra(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		d.Request.Spec.Headers["Host"] = "mcp.example"
		c := d.dial(t)
		lives(t, c)
		p.AwaitStream(t)
		if err := c.Close(within(t)); err != nil {
			t.Fatal(err)
		}
		for _, rec := range p.Records() {
			get := rec.Header.Get
			if get("X-Team") != "blue" || get("Authorization") != "Bearer sesame-open" || get("User-Agent") != "mcpx" {
				t.Errorf("%s %s: headers %v", rec.HTTP, rec.Method, rec.Header)
			}
			if rec.HTTP == "POST" && (get("Content-Type") != "application/json" || get("Accept") != "application/json, text/event-stream") {
				t.Errorf("%s: content type %q, accept %q", rec.Method, get("Content-Type"), get("Accept"))
			}
			if rec.HTTP == "GET" && get("Accept") != "text/event-stream" {
				t.Errorf("GET: accept %q", get("Accept"))
			}
			version, session := c.Peer().Protocol, "session-1"
			if rec.Method == "initialize" {
				version, session = "", ""
			}
			if c.Peer().Modern {
				session = ""
				if get("Mcp-Method") != rec.Method {
					t.Errorf("%s: Mcp-Method %q", rec.Method, get("Mcp-Method"))
				}
			}
			if get("MCP-Protocol-Version") != version || get("Mcp-Session-Id") != session {
				t.Errorf("%s %s: version %q, session %q", rec.HTTP, rec.Method, get("MCP-Protocol-Version"), get("Mcp-Session-Id"))
			}
		}
	})
}

func TestHTTP_CredentialsInTheURLBecomeAHeader(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(strings.Replace(p.URL, "http://", "http://user:pass@", 1))
	delete(d.Request.Spec.Headers, "Authorization")
	d.dial(t)
	if got := p.Await(t, "server/discover", 1).Header.Get("Authorization"); got != "Basic dXNlcjpwYXNz" {
		t.Errorf("authorization %q", got)
	}
}

func TestHTTP_ErrorsOfTheServerKeepCodeMessageAndData(t *testing.T) {
	for _, status := range []int{200, 400, 404, 422} {
		for _, era := range []string{"legacy", "modern"} {
			p := puppethttp.Start(t, puppethttp.Options{Stateless: true})
			p.Always("prompts/get", puppethttp.Fail(status, -31999, "no <such> prompt", `{"big":9007199254740993}`))
			c := httpTo(p.URL).era(era).dial(t)
			out := do(t, c, messages.Request{Method: "prompts/get", Params: json.RawMessage(`{}`)})
			f := failed(t, out, messages.KindUpstream, messages.SentDone)
			if f.Code != -31999 || f.Message != "no <such> prompt" || string(f.Data) != `{"big":9007199254740993}` {
				t.Errorf("%s %d: %d %q %s", era, status, f.Code, f.Message, f.Data)
			}
			lives(t, c)
		}
	}
}

func TestHTTP_ProgressAndLogsReachTheirOwnRequestInOrderWithTheCallersToken(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		var callers sync.WaitGroup
		for i := range 16 {
			callers.Go(func() {
				token := fmt.Sprintf(`"caller %d"`, i)
				req := toolCall("progress", "{}")
				req.Params = json.RawMessage(`{"name":"progress","_meta":{"progressToken":` + token + `,"k":1.0}}`)
				req.ProgressToken = json.RawMessage(token)
				heard := newHearing()
				wantText(t, c.Do(within(t), req, new(link.SentFlag), heard), "done")
				var got []string
				for _, n := range heard.all() {
					got = append(got, strings.TrimPrefix(n.Method, "notifications/")+string(n.Params))
				}
				want := `progress{"progressToken":$T,"progress":1,"total":3} message{"level":"info","data":"working"} ` +
					`progress{"progressToken":$T,"progress":2,"total":3} progress{"progressToken":$T,"progress":3,"total":3}`
				if want = strings.ReplaceAll(want, "$T", token); strings.Join(got, " ") != want {
					t.Errorf("heard %q", got)
				}
			})
		}
		callers.Wait()
		seen := map[string]bool{}
		for _, rec := range p.Records() {
			if rec.Tool() != "progress" {
				continue
			}
			var params struct {
				Meta map[string]json.RawMessage `json:"_meta"`
			}
			_ = json.Unmarshal(rec.Params, &params)
			token := string(params.Meta["progressToken"])
			if token != string(rec.ID) || seen[token] || string(params.Meta["k"]) != "1.0" {
				t.Errorf("on the wire: %s", rec.Body)
			}
			seen[token] = true
		}
	})
}

func TestHTTP_ProgressThatNobodyAskedForIsDropped(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		heard := newHearing()
		wantText(t, d.dial(t).Do(within(t), toolCall("progress", "{}"), new(link.SentFlag), heard), "done")
		if got := heard.all(); len(got) != 1 || got[0].Method != "notifications/message" {
			t.Errorf("heard %v", got)
		}
	})
}

func TestHTTP_ASinkThatNobodyReadsDoesNotCostTheAnswer(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	told := 0
	sink := messages.SinkFunc(func(messages.Notification) error { told++; return errors.New("gone") })
	req := toolCall("progress", "{}")
	req.ProgressToken = json.RawMessage("1")
	wantText(t, httpTo(p.URL).dial(t).Do(within(t), req, new(link.SentFlag), sink), "done")
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

func TestHTTP_ASlowReaderSlowsNobodyElse(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		reading, goOn := make(chan struct{}), make(chan struct{})
		first := sync.OnceFunc(func() { close(reading) })
		slow := make(chan messages.Outcome, 1)
		go func() {
			slow <- c.Do(within(t), toolCall("progress", "{}"), new(link.SentFlag), messages.SinkFunc(func(messages.Notification) error {
				first()
				<-goOn
				return nil
			}))
		}()
		<-reading
		for range 20 {
			lives(t, c)
		}
		close(goOn)
		wantText(t, <-slow, "done")
	})
}

func TestHTTP_ListChangedOnARequestsStreamIsForEverybody(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Once("tools/call:echo", func(x *puppethttp.Exchange) {
		x.Notify("notifications/tools/list_changed", "{}")
		x.Usual()
	})
	d := httpTo(p.URL).era("legacy")
	heard := newHearing()
	out := d.dial(t).Do(within(t), toolCall("echo", `{"text":"x"}`), new(link.SentFlag), heard)
	wantText(t, out, "x")
	d.heard.await(t, "notifications/tools/list_changed", 1)
	if got := heard.all(); len(got) != 0 {
		t.Errorf("the caller heard %v", got)
	}
}

func TestHTTP_ChangesAreHeardOnTheStandingStreamAlsoAfterItEnded(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		const changed = "notifications/tools/list_changed"
		c := d.dial(t)
		p.Announce(t, changed, `{}`)
		if n := d.heard.await(t, changed, 1); strings.Contains(string(n.Params), "subscriptionId") {
			t.Errorf("our own subscription shows: %s", n.Params)
		}
		p.DropStreams()
		// Nobody knows what was announced meanwhile: one more is told.
		d.heard.await(t, changed, 2)
		p.Announce(t, changed, `{}`)
		d.heard.await(t, changed, 3)
		lives(t, c)
	})
}

func TestHTTP_CancellingEndsExactlyThatRequestAsItsEraDemands(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		outs := make([]chan messages.Outcome, 8)
		cancels := make([]context.CancelCauseFunc, len(outs))
		for i := range outs {
			ctx, cancel := context.WithCancelCause(within(t))
			cancels[i], outs[i] = cancel, make(chan messages.Outcome, 1)
			go func() {
				outs[i] <- c.Do(ctx, toolCall("sleep", fmt.Sprintf(`{"n":%d}`, i)), new(link.SentFlag), messages.Discard)
			}()
		}
		p.Await(t, "tools/call:sleep", len(outs))
		cancels[3](errors.New("changed my mind"))
		failed(t, <-outs[3], messages.KindCancelled, messages.SentUnknown, "tools/call was cancelled: changed my mind")
		ended := p.AwaitEnded(t, 1)
		rec := p.AwaitRecord(t, "the request that was cancelled", func(r puppethttp.Record) bool {
			return r.Tool() == "sleep" && string(r.ID) == ended.ID
		})
		if !strings.Contains(string(rec.Params), `"n":3`) {
			t.Errorf("cancelled %s", rec.Params)
		}
		if c.Peer().Modern {
			if ended.How != "disconnected" || p.Count("notifications/cancelled") != 0 {
				t.Errorf("ended: %+v, %d notifications", ended, p.Count("notifications/cancelled"))
			}
		} else {
			said := p.Await(t, "notifications/cancelled", 1)
			if ended.How != "notified" || string(said.Params) != `{"requestId":`+ended.ID+`,"reason":"changed my mind"}` {
				t.Errorf("ended: %+v by %s", ended, said.Params)
			}
		}
		lives(t, c)
		for i, cancel := range cancels {
			if cancel(nil); i != 3 {
				failed(t, <-outs[i], messages.KindCancelled, messages.SentUnknown)
			}
		}
		for n := range outs { // all of them are told, none is forgotten
			p.AwaitEnded(t, n+1)
		}
	})
}

func TestHTTP_ADeadlineIsATimeout(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		ctx, cancel := context.WithDeadline(within(t), time.Unix(0, 0))
		defer cancel()
		out := c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard)
		failed(t, out, messages.KindTimeout, messages.SentNo, "did not answer tools/call in time")
		if p.Count("tools/call") != 0 || p.Count("notifications/cancelled") != 0 {
			t.Error("a request that was over before it began was sent")
		}
	})
}

func TestHTTP_CancellingDoesNotWaitForAServerThatDoesNotListen(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Always("tools/call:echo", puppethttp.Hang)
	p.Always("notifications/cancelled", puppethttp.Hang)
	c := httpTo(p.URL).era("legacy").dial(t)
	ctx, cancel := context.WithCancel(within(t))
	out := make(chan messages.Outcome, 1)
	go func() { out <- c.Do(ctx, toolCall("echo", "{}"), new(link.SentFlag), messages.Discard) }()
	p.Await(t, "tools/call:echo", 1)
	cancel()
	failed(t, <-out, messages.KindCancelled, messages.SentUnknown)
	p.Await(t, "notifications/cancelled", 1)
	closing, hurry := context.WithCancel(within(t))
	hurry()
	if err := c.Close(closing); err == nil || !strings.Contains(err.Error(), "ending its session (DELETE)") {
		t.Errorf("close in no time at all: %v", err)
	}
}

func TestHTTP_ACancellationDoesNotOvertakeItsRequest(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	p.Always("tools/call:echo", puppethttp.Hang) // no sign that it has seen the request
	c := httpTo(p.URL).era("legacy").dial(t)
	out, cancel := started(t, c, toolCall("echo", "{}"), messages.Discard)
	p.Await(t, "tools/call:echo", 1)
	begun := time.Now()
	cancel(errors.New("enough"))
	failed(t, outcome(t, out), messages.KindCancelled, messages.SentUnknown)
	p.Await(t, "notifications/cancelled", 1)
	if lead := time.Since(begun); lead < headStart {
		t.Errorf("the cancellation followed after %v, want at least %v", lead, headStart)
	}
}

func TestHTTP_NotifyIsPosted(t *testing.T) {
	bothEras(t, puppethttp.Options{}, func(t *testing.T, p *puppethttp.Puppet, d *httpDial) {
		c := d.dial(t)
		p.Always("notifications/own", func(x *puppethttp.Exchange) { x.W.WriteHeader(http.StatusAccepted) })
		p.Always("notifications/bad", puppethttp.Status(400, "never heard of it"))
		if err := c.Notify(within(t), messages.Notification{Method: "notifications/own", Params: json.RawMessage(`{"a":1}`)}); err != nil {
			t.Error(err)
		}
		if rec := p.Await(t, "notifications/own", 1); string(rec.Params) != `{"a":1}` || rec.ID != nil {
			t.Errorf("came as %s", rec.Body)
		}
		err := c.Notify(within(t), messages.Notification{Method: "notifications/bad"})
		if err == nil || !strings.Contains(err.Error(), "notifications/bad with HTTP 400 Bad Request: never heard of it") {
			t.Errorf("error %v", err)
		}
		p.Stop()
		if err := c.Notify(within(t), messages.Notification{Method: "notifications/own"}); err == nil {
			t.Error("no error from a dead server")
		}
	})
}

func TestHTTP_TLSServersAreReachedWithHTTP2(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	var protocol atomic.Value
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protocol.Store(r.Proto)
		p.ServeHTTP(w, r)
	}))
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	d := httpTo(front.URL).era("legacy")
	c, failure := d.Dialer.newHTTPConn(d.Request)
	if failure != nil {
		t.Fatal(failure)
	}
	t.Cleanup(func() { _ = c.Close(within(t)) })
	c.wire.(*netWire).TLSClientConfig = front.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	if f, _ := c.negotiate(within(t), d.Request); f != nil {
		t.Fatal(f)
	}
	if protocol.Load() != "HTTP/2.0" {
		t.Errorf("spoke %v", protocol.Load())
	}
	c.start()
	lives(t, c)
}
