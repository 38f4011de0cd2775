package rest_test

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/rest"
)

// strict is a tool whose arguments can be wrong.
const strict = `{"tools":[{"name":"strict","inputSchema":{"type":"object","additionalProperties":false,"required":["name"],` +
	`"properties":{"name":{"type":"string"},"list":{"type":"array","items":{"type":"object","properties":{"n":{"type":"integer"}}}}}}}]}`

func TestFailures_OfTheServerKeepTheirKind(t *testing.T) {
	for era, o := range eras {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			s, p := start(t, o, nil)
			once := func(b puppethttp.Behaviour) { p.Once("tools/call:echo", b) }
			once(puppethttp.Answer(`{"resultType":"complete","isError":true,"content":[{"type":"text","text":"no {\"such\"} \u00fc zone"}]}`))
			s.want("the tool's own text", s.post("/up/echo", "{}"), 500, `{"detail":{"message":"no {\"such\"} ü zone"}}`)
			for code, status := range map[int]int{-32700: 400, -32600: 400, -32602: 422, -32603: 500, 4711: 500} {
				once(puppethttp.Fail(200, code, "its own words", `{"b":9007199254740993,"a":1}`))
				s.want("code "+strconv.Itoa(code), s.post("/up/echo", "{}"), status, `{"detail":{"message":"its own words","data":{"b":9007199254740993,"a":1}}}`)
			}
			once(puppethttp.Fail(200, -32603, "without data", ""))
			s.want("without data", s.post("/up/echo", "{}"), 500, `{"detail":{"message":"without data"}}`)
			s.detail("an unknown tool", s.post("/up/ehco", "{}"), 404)
		})
	}
}

func TestFailures_OfTheArgumentsAreFoundBeforeAnythingIsSent(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	p.Always("tools/list", puppethttp.Answer(strict))
	s := open(t, httpd.Options{}, rest.Options{})
	s.ServeAll(s.HTTP("up", p))
	s.want("several", s.post("/up/strict", `{"list":[{"n":1},{"n":1.5}],"other":null}`), 422, `{"detail":[`+
		`{"loc":["body","name"],"msg":"$ misses the required property 'name'"},`+
		`{"loc":["body","other"],"msg":"$ has the unknown property 'other'"},`+
		`{"loc":["body","list",1,"n"],"msg":"$.list[1].n is number, want integer"}]}`)
	s.detail("no JSON", s.post("/up/strict", `{"name":`), 400)
	s.detail("an unknown tool", s.post("/up/strikt", `{"name":"x"}`), 404)
	s.detail("an unknown server", s.post("/upp/strict", `{"name":"x"}`), 404)
	if n := p.Count("tools/call"); n != 0 {
		t.Errorf("%d calls were sent", n)
	}
}

func TestFailures_OfTheKeyAreMcpos(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	for strictly, pages := range map[bool]int{false: 200, true: 401} {
		s := open(t, httpd.Options{Keys: map[string]string{"ann": "s3cret"}, AllowedOrigins: []string{"https://ui.example"}}, rest.Options{StrictAuth: strictly})
		s.ServeAll(s.HTTP("up", p))
		before := p.Count("tools/call")
		const missing, wrong = `{"detail":"Missing or invalid Authorization header"}`, `{"detail":"Invalid API key"}`
		basic := func(pair string) string {
			return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
		}
		s.want("none", s.post("/up/echo", "{}"), 401, missing)
		s.want("none, of nothing", s.post("/nowhere/x", "{}"), 401, missing)
		s.want("in the query", s.post("/up/echo?key=s3cret", "{}"), 401, missing)
		s.want("another one", s.post("/up/echo", "{}", "Authorization: Bearer s3cre"), 403, wrong)
		s.want("as a name", s.post("/up/echo", "{}", basic("s3cret:x")), 403, wrong)
		if n := p.Count("tools/call"); n != before {
			t.Errorf("%d calls were sent", n-before)
		}
		s.want("bearer", s.post("/up/echo", `{"text":"hi"}`, "Authorization: Bearer s3cret"), 200, `"hi"`)
		s.want("basic", s.post("/up/echo", `{"text":"hi"}`, basic("me:s3cret")), 200, `"hi"`)
		for _, path := range []string{"/docs", "/openapi.json", "/health", "/up/docs", "/up/openapi.json", "/up/health", "/docs/start.js"} {
			if got := s.get(path); got.Status != pages {
				t.Errorf("strict %v: %s: %d", strictly, path, got.Status)
			}
			if got := s.get(path, basic("me:s3cret")); got.Status != 200 {
				t.Errorf("strict %v: %s with the key: %d", strictly, path, got.Status)
			}
		}
		// A page of an allowed origin may ask without a key whether it may call; others may not even ask.
		ask := func(origin string) (int, http.Header) {
			got := s.ask(t.Context(), http.MethodOptions, "/up/echo", "", "Origin: "+origin, "Access-Control-Request-Method: POST",
				"Access-Control-Request-Headers: authorization,content-type,idempotency-key")
			return got.Status, got.Header
		}
		if status, h := ask("https://ui.example"); status != 204 || h.Get("Access-Control-Allow-Origin") != "https://ui.example" ||
			!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
			t.Errorf("preflight: %d %v", status, h)
		}
		if status, _ := ask("https://evil.example"); status != 403 {
			t.Errorf("a foreign preflight: %d", status)
		}
		refused := s.post("/up/echo", "{}", "Origin: https://ui.example")
		if refused.Status != 401 || refused.Header.Get("Access-Control-Allow-Origin") != "https://ui.example" {
			t.Errorf("a page cannot read its refusal: %d %v", refused.Status, refused.Header)
		}
		s.Close()
	}
}

func TestFailures_OfDisabledServersAndToolsAreForbidden(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	s := open(t, httpd.Options{}, rest.Options{})
	part, off := s.HTTP("part", p), s.HTTP("off", p)
	part.DisabledTools, off.Disabled = []string{"sleep"}, true
	s.Serve(part, off)
	if err := s.Connect(t.Context(), "part"); err != nil {
		t.Fatal(err)
	}
	s.detail("a tool", s.post("/part/sleep", "{}"), 403)
	s.detail("a server", s.post("/off/echo", "{}"), 403)
	s.want("another tool", s.post("/part/echo", `{"text":"x"}`), 200, `"x"`)
	if doc := s.get("/part/openapi.json").Body; strings.Contains(doc, `"/sleep"`) || !strings.Contains(doc, `"/echo"`) {
		t.Errorf("the document: %s", doc)
	}
}

func TestFailures_TooManyCallsAre429WithATimeToComeBack(t *testing.T) {
	s, p := start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}}, func(spec *messages.ServerSpec) {
		spec.Policy.MaxConcurrency, spec.Policy.MaxQueue = 1, 0
	})
	released := make(chan struct{})
	p.Always("tools/call:echo", puppethttp.Hold(released))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.want("the first", s.post("/up/echo", `{"n":1}`), 200, `1`)
	}()
	p.AwaitHeld(t, 1)
	got := s.post("/up/echo", `{"n":2}`)
	s.detail("the second", got, 429)
	if after, err := strconv.Atoi(got.Header.Get("Retry-After")); err != nil || after < 1 || got.Header.Get("Mcpx-Sent") != "no" {
		t.Errorf("headers %v", got.Header)
	}
	close(released)
	<-done
}

func TestFailures_AServerThatIsNotThereIs503WithinTheConnectPolicy(t *testing.T) {
	s := open(t, httpd.Options{}, rest.Options{})
	spec := messages.ServerSpec{Name: "up", Transport: messages.TransportHTTP, URL: puppethttp.Nowhere(t), Protocol: "auto", Policy: messages.DefaultPolicy()}
	spec.Policy.RetryAttempts, spec.Policy.RetryDelay = 2, 10*time.Millisecond
	s.Serve(spec)
	for what, got := range map[string]testkit.Answer{
		"a call": s.post("/up/echo", "{}"), "a document": s.get("/up/openapi.json"), "resources": s.get("/up/resources"),
	} {
		d := s.detail(what, got, 503)
		if !strings.HasPrefix(d.Message, "MCP server connection problem: ") || !strings.Contains(strings.ToLower(d.Error), "connection refused") ||
			got.Header.Get("Mcpx-Sent") != "no" || got.Header.Get("Mcpx-Failure") != "unavailable" {
			t.Errorf("%s: %+v %v", what, d, got.Header)
		}
	}
	if got := s.get("/up/docs"); got.Status != 200 {
		t.Errorf("its page: %d", got.Status)
	}
}

func TestFailures_AServerThatSaysNothingIs504(t *testing.T) {
	s := open(t, httpd.Options{}, rest.Options{})
	spec := messages.ServerSpec{Name: "up", Transport: messages.TransportHTTP, URL: puppethttp.Silent(t), Protocol: "auto", Policy: messages.DefaultPolicy()}
	spec.Policy.ConnectionTimeout = 100 * time.Millisecond
	s.Serve(spec)
	got := s.post("/up/echo", "{}")
	d := s.detail("a call", got, 504)
	if !strings.HasPrefix(d.Message, "MCP server connection problem: ") || d.Error != "Connection timeout after 0.1 seconds" {
		t.Errorf("%+v", d)
	}
}

// timely is a deadline that passes, and not before the server has the call.
const timely = 1500 * time.Millisecond

func TestFailures_ADeadlineIs504AndTheServerIsTold(t *testing.T) {
	for era, o := range eras {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			s, p := start(t, o, nil)
			got := s.post("/up/sleep", "{}", "X-Request-Timeout: 1.5")
			if d := s.detail("the caller's deadline", got, 504); !strings.HasPrefix(d.Error, "Request timeout after 1.") || got.Header.Get("Mcpx-Sent") != "unknown" {
				t.Errorf("%+v %v", d, got.Header)
			}
			p.AwaitEnded(t, 1)
		})
	}
	t.Run("of the server's policy", func(t *testing.T) {
		t.Parallel()
		s, p := start(t, puppethttp.Options{}, func(spec *messages.ServerSpec) { spec.Policy.RequestTimeout = timely })
		s.detail("the policy's deadline", s.post("/up/sleep", "{}"), 504)
		p.AwaitEnded(t, 1)
	})
	t.Run("beyond the server's policy", func(t *testing.T) {
		t.Parallel()
		s, p := start(t, puppethttp.Options{}, func(spec *messages.ServerSpec) { spec.Policy.RequestTimeoutMax = timely })
		s.detail("a deadline that nobody may have", s.post("/up/sleep", "{}", "X-Request-Timeout: 3600"), 504)
		p.AwaitEnded(t, 1)
	})
}
