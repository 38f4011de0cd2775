package rest_test

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/rest"
)

// mortal is a server at one address that can be killed and started again.
type mortal struct {
	t       *testing.T
	addr    string
	handler http.Handler
	server  *http.Server
	served  chan struct{}
	release func() // of the port, which nobody else must get while it is dead
}

func (m *mortal) start() {
	m.t.Helper()
	listener, err := net.Listen("tcp", m.addr)
	if err != nil {
		m.t.Fatal(err)
	}
	m.addr, m.server, m.served = listener.Addr().String(), &http.Server{Handler: m.handler, ReadHeaderTimeout: time.Minute}, make(chan struct{})
	if m.release != nil {
		m.release()
		m.release = nil
	}
	go func(s *http.Server, served chan struct{}) {
		defer close(served)
		_ = s.Serve(listener)
	}(m.server, m.served)
}

func (m *mortal) kill() {
	_ = m.server.Close()
	<-m.served
	port, _ := strconv.Atoi(m.addr[strings.LastIndexByte(m.addr, ':')+1:])
	if _, release, err := puppethttp.Occupy(port); err == nil { // else somebody was very quick
		m.release = release
	}
}

type healthBody struct {
	Status         string `json:"status"`
	ConnectionName string `json:"connection_name"`
	Message        string `json:"message"`
	Details        struct {
		ErrorCount *int     `json:"error_count"`
		LastError  *string  `json:"last_error"`
		LastCheck  *float64 `json:"last_check"`
		CheckType  string   `json:"check_type"`
	} `json:"details"`
}

// health asks and checks all that does not depend on the moment.
func (s *service) health(t *testing.T, name string, status int, want string) healthBody {
	t.Helper()
	before := float64(time.Now().Add(-time.Minute).Unix())
	got := s.get("/up/health")
	var b healthBody
	d := json.NewDecoder(strings.NewReader(got.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&b); err != nil || got.Status != status || b.Status != want || b.ConnectionName != name ||
		b.Message != "MCP server connection is "+want || b.Details.CheckType != "on_demand" ||
		b.Details.ErrorCount == nil || b.Details.LastCheck == nil || *b.Details.LastCheck < before {
		t.Fatalf("%d %s (%v), want %d %s", got.Status, got.Body, err, status, want)
	}
	return b
}

func TestHealth_BeforeWhileAndAfterTheServerIsAway(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Older: true})
	m := &mortal{t: t, addr: "127.0.0.1:0", handler: p}
	m.start()
	t.Cleanup(func() {
		m.kill()
		if m.release != nil {
			m.release()
		}
	})
	s := open(t, httpd.Options{}, rest.Options{})
	url := "http://" + m.addr + "/sse"
	spec := messages.ServerSpec{Name: "up", Transport: messages.TransportSSE, URL: url, Declared: true, Protocol: "auto", Policy: messages.DefaultPolicy()}
	spec.Policy.RetryAttempts, spec.Policy.RetryDelay = 3, 20*time.Millisecond
	spec.Policy.Isolation = messages.IsolationClient // one session: no other is being opened when the server dies
	p.Always("tools/list", puppethttp.Answer(`{"tools":[{"name":"echo","inputSchema":{"type":"object"}},{"name":"tool2","inputSchema":{}},{"name":"tool3","inputSchema":{}}]}`))
	s.ServeAll(spec)
	name := "SSE-" + url

	s.want("before", s.post("/up/echo", `{"text":"x"}`), 200, `"x"`)
	if b := s.health(t, name, 200, "healthy"); *b.Details.ErrorCount != 0 || b.Details.LastError != nil {
		t.Errorf("before: %+v", b)
	}

	m.kill()
	actortest.Eventually(t, "its end is noticed", func() bool { return s.StatusOf("up").State != messages.StateConnected })
	d := s.detail("while it is away", s.post("/up/echo", `{"text":"x"}`), 503)
	if !strings.HasPrefix(d.Message, "MCP server connection problem: ") || d.Error == "" {
		t.Errorf("while it is away: %+v", d)
	}
	first := s.health(t, name, 503, "unhealthy")
	second := s.health(t, name, 503, "unhealthy")
	if *first.Details.ErrorCount < 1 || *second.Details.ErrorCount <= *first.Details.ErrorCount || second.Details.LastError == nil || !strings.Contains(strings.ToLower(*second.Details.LastError), "refused") {
		t.Errorf("while it is away: %+v, then %+v", first.Details, second.Details)
	}
	if all := s.get("/health"); all.Status != 503 || !strings.Contains(all.Body, `"1 of 1 MCP server connections are unhealthy"`) {
		t.Errorf("all: %d %s", all.Status, all.Body)
	}
	actortest.Eventually(t, "the burst of attempts is over", func() bool { return s.StatusOf("up").State == messages.StateError })

	m.start()
	actortest.Eventually(t, "a call succeeds, without an operator", func() bool { return s.post("/up/echo", `{"text":"x"}`).Status == 200 })
	if b := s.health(t, name, 200, "healthy"); *b.Details.ErrorCount != 0 || b.Details.LastError != nil {
		t.Errorf("after: %+v", b)
	}

	inOrder(t, s.lines,
		"info [up] Connecting to SSE MCP Server ("+url+") (attempt 1/3)",
		"info [up] Connected",
		"info [up] Initializing session of "+name,
		"info [up] Server info: puppet v1",
		"info [up] Fetching tools of "+name,
		"info [up] Found 3 tools: [echo, tool2, tool3]",
		"info [up] Registered connection "+name,
		"info [up] Created 3 endpoints for "+name,
		"warn [up] Health check of "+name+" failed: Connection lost",
		"info [up] Connecting to SSE MCP Server ("+url+") (attempt 1/3)",
		"warn [up] Connecting to SSE MCP Server ("+url+") failed (attempt 1/3): ",
		"info [up] Waiting 0.0 s before the next attempt",
		"info [up] Connecting to SSE MCP Server ("+url+") (attempt 2/3)",
		"warn [up] Connecting to SSE MCP Server ("+url+") failed (attempt 2/3): ",
		"info [up] Connecting to SSE MCP Server ("+url+") (attempt 3/3)",
		"warn [up] Connecting to SSE MCP Server ("+url+") failed (attempt 3/3): ",
		"error [up] Connection "+name+" became unhealthy",
		"info [up] Connected",
		"info [up] Registered connection "+name,
		"info [up] Created 3 endpoints for "+name,
	)
}

// inOrder insists that lines beginning so come in this order, with others
// between them; an answer may overtake what is logged of it.
func inOrder(t *testing.T, lines func() []string, want ...string) {
	t.Helper()
	missing := ""
	if !testkit.Until(func() bool {
		rest := lines()
		for _, missing = range want {
			i := slices.IndexFunc(rest, func(line string) bool { return strings.HasPrefix(line, missing) })
			if i < 0 {
				return false
			}
			rest = rest[i+1:]
		}
		return true
	}) {
		t.Fatalf("%q is not there, or not in its place:\n%s", missing, strings.Join(lines(), "\n"))
	}
}

func TestHealth_OfAProcessThatIsKilledComesBackByItself(t *testing.T) {
	s := open(t, httpd.Options{}, rest.Options{})
	spec := s.Stdio("up", "crash")
	spec.Policy.RetryDelay = 10 * time.Millisecond
	s.ServeAll(spec)
	s.health(t, spec.ConnectionName(), 200, "healthy")
	d := s.detail("the call during which it dies", s.post("/up/crash", "{}"), 503)
	if !strings.HasPrefix(d.Message, "MCP server connection problem: ") {
		t.Errorf("%+v", d)
	}
	actortest.Eventually(t, "the next call succeeds", func() bool { return s.post("/up/echo", `{"a":1}`).Body == `{"a":1}` })
	if b := s.health(t, spec.ConnectionName(), 200, "healthy"); *b.Details.ErrorCount != 0 {
		t.Errorf("%+v", b.Details)
	}
}

func TestReserved_NamesAreServedOverMCPOnlyAndSaidOnce(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	s := open(t, httpd.Options{}, rest.Options{})
	s.ServeAll(s.HTTP("metrics", p), s.HTTP("up", p))
	s.detail("its endpoint", s.post("/metrics/echo", "{}"), 404)
	if out := s.Call(t.Context(), testkit.ToolCall("metrics", "echo", 1), messages.Discard); out.Failure != nil {
		t.Errorf("over MCP: %v", out.Failure)
	}
	warned := 0
	for _, line := range s.lines() {
		if strings.HasPrefix(line, "warn [metrics] The name of server metrics is a path of mcpx itself") {
			warned++
		}
		if strings.Contains(line, "[metrics] Created") {
			t.Error(line)
		}
	}
	if warned != 1 {
		t.Errorf("%d warnings:\n%s", warned, strings.Join(s.lines(), "\n"))
	}
}
