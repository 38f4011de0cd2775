package rest_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/rest"
)

func TestCaller_ThatDisconnectsCancelsItsCallUpstream(t *testing.T) {
	for era, o := range eras {
		for _, types := range []string{"*/*", "text/event-stream"} {
			t.Run(era+" "+types, func(t *testing.T) {
				t.Parallel()
				s, p := start(t, o, nil)
				leave, left := s.leave("/up/sleep", "{}", "Accept: "+types)
				call := p.Await(t, "tools/call:sleep", 1)
				leave()
				<-left
				if ended := p.AwaitEnded(t, 1); ended.ID != string(call.ID) {
					t.Errorf("%s was to end, %+v has", call.ID, ended)
				}
				s.want("the next", s.post("/up/echo", `{"text":"x"}`), 200, `"x"`)
			})
		}
	}
}

func TestCaller_ThatDisconnectsCancelsItsCallOfAProcess(t *testing.T) {
	s := open(t, httpd.Options{}, rest.Options{})
	heard := filepath.Join(t.TempDir(), "heard")
	s.ServeAll(s.Stdio("up", "record", heard, "plain"))
	says := func(part string) func() bool {
		return func() bool {
			return slices.ContainsFunc(puppet.Recorded(heard), func(line string) bool { return strings.Contains(line, part) })
		}
	}
	leave, left := s.leave("/up/sleep", "{}")
	actortest.Eventually(t, "the call arrives", says(`"name":"sleep"`))
	leave()
	<-left
	actortest.Eventually(t, "the process is told", says(`"notifications/cancelled"`))
	s.want("the next", s.post("/up/echo", `{"a":1}`), 200, `{"a":1}`)
}

func TestCaller_WhoWantsEventsGetsProgressInOrder(t *testing.T) {
	for era, o := range eras {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			s, _ := start(t, o, nil)
			got := s.post("/up/progress", "{}", "Accept: text/event-stream")
			want := "event: progress\ndata: {\"progress\":1,\"total\":3}\n\n" +
				"event: message\ndata: {\"level\":\"info\",\"data\":\"working\"}\n\n" +
				"event: progress\ndata: {\"progress\":2,\"total\":3}\n\n" +
				"event: progress\ndata: {\"progress\":3,\"total\":3}\n\n" +
				"event: result\ndata: \"done\"\n\n"
			if got.Status != 200 || got.Header.Get("Content-Type") != "text/event-stream" || got.Body != want {
				t.Errorf("%d %v\n%s", got.Status, got.Header, got.Body)
			}
			s.want("who does not", s.post("/up/progress", "{}"), 200, `"done"`)
		})
	}
}

func TestIdempotencyKey_TwiceAndAtTheSameTimeIsOneCall(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, nil)
	released := make(chan struct{})
	p.Always("tools/call:echo", puppethttp.Hold(released))
	const callers = 8
	answers := make(chan testkit.Answer, callers)
	for i := range callers {
		types := []string{"*/*", "text/event-stream"}[i%2]
		go func() { answers <- s.post("/up/echo", `{"n":7}`, "Idempotency-Key: k", "Accept: "+types) }()
	}
	p.AwaitHeld(t, 1)
	close(released)
	first := 0
	for range callers {
		got := <-answers
		if got.Body != "7" && got.Body != "event: result\ndata: 7\n\n" || got.Status != 200 {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if got.Header.Get("Idempotent-Replayed") == "" {
			first++
		}
	}
	later := s.post("/up/echo", `{ "n": 7 }`, "Idempotency-Key: k")
	s.want("later", later, 200, "7")
	if n := p.Count("tools/call:echo"); n != 1 || first != 1 || later.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the server saw %d calls, %d answers were fresh; later: %v", n, first, later.Header)
	}
	other := s.post("/up/echo", `{"n":8}`, "Idempotency-Key: k")
	if other.Status != 422 || !strings.Contains(other.Body, `"loc":["header","Idempotency-Key"]`) {
		t.Errorf("another body: %d %s", other.Status, other.Body)
	}
	p.Always("tools/call:echo", nil)
	s.want("another key", s.post("/up/echo", `{"text":"x"}`, "Idempotency-Key: k2"), 200, `"x"`)
	if n := p.Count("tools/call:echo"); n != 2 {
		t.Errorf("the server saw %d calls", n)
	}
}

func TestIdempotencyKey_WhoLostItsConnectionComesBackForTheAnswer(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, nil)
	released := make(chan struct{})
	p.Always("tools/call:echo", puppethttp.Hold(released))
	leave, left := s.leave("/up/echo", `{"n":7}`, "Idempotency-Key: k")
	p.AwaitHeld(t, 1)
	leave()
	<-left
	back := make(chan testkit.Answer, 1)
	go func() { back <- s.post("/up/echo", `{"n":7}`, "Idempotency-Key: k") }()
	close(released)
	s.want("who comes back", <-back, 200, "7")
	if n := p.Count("tools/call:echo"); n != 1 || len(p.Ended()) != 0 {
		t.Errorf("the server saw %d calls, and %d were cancelled", n, len(p.Ended()))
	}
}

func TestIdempotencyKey_WhatWasNotSentMayBeSentAgain(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, func(spec *messages.ServerSpec) {
		spec.Policy.MaxConcurrency, spec.Policy.MaxQueue = 1, 0
	})
	released := make(chan struct{})
	p.Once("tools/call:echo", puppethttp.Hold(released))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.want("who holds the server", s.post("/up/echo", `{"n":1}`), 200, "1")
	}()
	p.AwaitHeld(t, 1)
	s.detail("too many", s.post("/up/echo", `{"text":"x"}`, "Idempotency-Key: k"), 429)
	close(released)
	<-done
	actortest.Eventually(t, "the credit is back", func() bool {
		return s.post("/up/echo", `{"text":"x"}`, "Idempotency-Key: k").Status == 200
	})
}

func TestHeaders_OnlyWhatIsWantedReachesTheServer(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	s := open(t, httpd.Options{Keys: map[string]string{"ann": "s3cret"}}, rest.Options{})
	spec := s.HTTP("up", p)
	spec.Headers = map[string]string{"X-Fixed": "ours"}
	spec.Forwarding = messages.HeaderForwarding{Enabled: true, Allow: []string{"X-*", "Authorization", "Mcp-*"}, Deny: []string{"X-Denied"}}
	s.ServeAll(spec)
	got := s.post("/up/echo", `{"text":"x"}`, "Authorization: Bearer s3cret", "X-User: ann", "X-Denied: x", "Other: o", "Mcp-Session-Id: forged",
		"Connection: X-Hop", "X-Hop: h", "Cookie: c=1", "Idempotency-Key: k")
	s.want("a call", got, 200, `"x"`)
	h := p.Await(t, "tools/call:echo", 1).Header
	if h.Get("X-User") != "ann" || h.Get("X-Fixed") != "ours" {
		t.Errorf("what is wanted: %v", h)
	}
	for _, name := range []string{"Authorization", "X-Denied", "Other", "X-Hop", "Cookie", "Idempotency-Key"} {
		if h.Values(name) != nil {
			t.Errorf("%s: %q went along", name, h.Values(name))
		}
	}
	if h.Get("Mcp-Session-Id") == "forged" {
		t.Error("a caller chose the session of the server")
	}
}

func TestHeaders_CannotBeInjected(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, func(spec *messages.ServerSpec) {
		spec.Forwarding = messages.HeaderForwarding{Enabled: true, Allow: []string{"X-*"}}
	})
	for what, header := range map[string]string{
		"a bare return": "X-User: a\rX-Evil: b", "a folded line": "X-User: a\r\n X-Evil: b",
		"a zero": "X-User: a\x00b", "a name with a space": "X-User : a", "an escaped line end in the path": "",
	} {
		path := "/up/echo"
		if header == "" {
			path, header = "/up/echo%0d%0aX-Evil:%20b", "X-User: a"
		}
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
		_, _ = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nConnection: close\r\n%s\r\n\r\n{}", path, header)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got.Header.Get("X-Evil") != "" {
			t.Errorf("%s: in the answer: %v", what, got.Header)
		}
		_ = got.Body.Close()
		_ = conn.Close()
	}
	s.post("/up/echo", `{"text":"x"}`)
	for _, rec := range p.Records() {
		if rec.Header.Get("X-Evil") != "" || strings.ContainsAny(rec.Header.Get("X-User"), "\r\n\x00") {
			t.Errorf("%v", rec.Header)
		}
	}
}

func TestCatalog_MayChangeDuringACall(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, nil)
	tag := s.get("/up/openapi.json").Header.Get("ETag")
	if again := s.get("/up/openapi.json", "If-None-Match: "+tag); again.Status != 304 {
		t.Errorf("unchanged: %d", again.Status)
	}
	released := make(chan struct{})
	p.Always("tools/call:echo", puppethttp.Hold(released))
	done := make(chan testkit.Answer, 1)
	go func() { done <- s.post("/up/echo", `{"n":5}`) }()
	p.AwaitHeld(t, 1)

	p.Always("tools/list", puppethttp.Answer(`{"tools":[{"name":"fresh","inputSchema":{"type":"object"}}]}`))
	p.Announce(t, "notifications/tools/list_changed", "{}")
	actortest.Eventually(t, "the document shows the change", func() bool {
		got := s.get("/up/openapi.json", "If-None-Match: "+tag)
		return got.Status == 200 && strings.Contains(got.Body, `"/fresh"`) && !strings.Contains(got.Body, `"/echo"`)
	})
	close(released)
	s.want("the call that was under way", <-done, 200, "5")
	s.detail("the tool is gone", s.post("/up/echo", "{}"), 404)
	p.Always("tools/call:fresh", puppethttp.Answer(`{"content":[{"type":"text","text":"new"}]}`))
	s.want("the new one", s.post("/up/fresh", ""), 200, `"new"`)
}

func TestExtras_ResourcesAndPromptsOfARealServer(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}, Stateless: true})
	p.Always("initialize", puppethttp.Answer(`{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"resources":{},"prompts":{}},"serverInfo":{"name":"lib","version":"1"}}`))
	p.Always("resources/list", puppethttp.Answer(`{"resources":[{"uri":"file:///a b","name":"a"}]}`))
	p.Always("resources/templates/list", puppethttp.Answer(`{"resourceTemplates":[]}`))
	p.Always("prompts/list", puppethttp.Answer(`{"prompts":[{"name":"greet","arguments":[{"name":"who","required":true}]}]}`))
	p.Always("resources/read", puppethttp.Answer(`{"contents":[{"uri":"file:///a b","text":"{\"n\":9007199254740993}"}]}`))
	p.Always("prompts/get", puppethttp.Answer(`{"messages":[{"role":"user","content":{"type":"text","text":"Hello"}}]}`))
	s := open(t, httpd.Options{}, rest.Options{Single: "lib"})
	s.ServeAll(s.HTTP("lib", p))
	for _, base := range []string{"", "/lib"} {
		s.want("resources", s.get(base+"/resources"), 200, `{"resources":[{"uri":"file:///a b","name":"a"}],"resourceTemplates":[]}`)
		s.want("a resource", s.get(base+"/resources/read?uri=file:///a%20b"), 200, `{"n":9007199254740993}`)
		s.want("a prompt", s.post(base+"/prompts/greet", `{"who":"Ann"}`), 200, `{"messages":[{"role":"user","content":{"type":"text","text":"Hello"}}]}`)
	}
	if r := p.Await(t, "resources/read", 1); string(r.Params) != `{"uri":"file:///a b"}` {
		t.Errorf("%s", r.Params)
	}
	p.Always("resources/read", puppethttp.Fail(200, -32002, "Resource not found", `{"uri":"x"}`))
	s.want("an unknown one", s.get("/lib/resources/read?uri=x"), 404, `{"detail":{"message":"Resource not found","data":{"uri":"x"}}}`)
}
