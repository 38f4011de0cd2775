// Package rest_test proves the OpenAPI service with real upstreams: the listener,
// the endpoints, the runtime and its links in one process, servers that do what
// they are told behind them.
package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/rest"
	"github.com/mcpx/mcpx/transport/telemetry"
	"github.com/rs/zerolog"
)

// report is what the tests have measured.
var report = testkit.Report{Title: "The OpenAPI service"}

func TestMain(m *testing.M) {
	puppet.Main() // this binary is its own puppets
	leak.Main(reporting{m})
}

type reporting struct{ *testing.M }

func (r reporting) Run() int {
	code := r.M.Run()
	if err := report.Write("rest.md"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// service is mcpx as an HTTP service, in the process of the test.
type service struct {
	*testkit.House
	t    testing.TB
	url  string
	logs *testkit.Buffer
}

// open listens; nothing is served yet.
func open(t *testing.T, listen httpd.Options, opts rest.Options) *service {
	t.Helper()
	s := &service{House: testkit.Open(t, nil), t: t, logs: &testkit.Buffer{}}
	t.Cleanup(telemetry.Follow(s.Runtime, telemetry.NewLogger(s.logs, zerolog.InfoLevel, telemetry.FormatJSON)))
	listen.Addr = "127.0.0.1:0"
	listener, err := httpd.New(listen)
	if err != nil {
		t.Fatal(err)
	}
	opts.Authenticate = listener.Authenticate
	endpoints := rest.New(s.Runtime, opts)
	t.Cleanup(endpoints.Close)
	listener.Fallback(endpoints)
	served := make(chan error, 1)
	go func() { served <- listener.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
		defer cancel()
		if err := listener.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	s.url = listener.URL()
	return s
}

// start serves one puppet over HTTP under the name "up".
func start(t *testing.T, o puppethttp.Options, change func(*messages.ServerSpec)) (*service, *puppethttp.Puppet) {
	t.Helper()
	p := puppethttp.Start(t, o)
	s := open(t, httpd.Options{}, rest.Options{})
	spec := s.HTTP("up", p)
	if o.Older {
		spec.Transport = messages.TransportSSE
	}
	if change != nil {
		change(&spec)
	}
	s.ServeAll(spec)
	return s, p
}

var eras = map[string]puppethttp.Options{
	"legacy": {Versions: []string{puppethttp.Legacy}},
	"modern": {Versions: []string{puppethttp.Modern}},
	"older":  {Older: true},
}

// post calls a path with a body. Headers are "Name: value".
func (s *service) post(path, body string, headers ...string) testkit.Answer {
	s.t.Helper()
	return s.ask(s.t.Context(), http.MethodPost, path, body, headers...)
}

func (s *service) get(path string, headers ...string) testkit.Answer {
	s.t.Helper()
	return s.ask(s.t.Context(), http.MethodGet, path, "", headers...)
}

func (s *service) ask(ctx context.Context, method, path, body string, headers ...string) testkit.Answer {
	s.t.Helper()
	a, err := testkit.Ask(ctx, method, s.url+path, body, header(headers))
	if err != nil {
		s.t.Error(err)
	}
	return a
}

func header(lines []string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func (s *service) want(what string, got testkit.Answer, status int, body string) {
	s.t.Helper()
	if got.Status != status || got.Body != body {
		s.t.Errorf("%s: %d %s\nwant %d %s", what, got.Status, got.Body, status, body)
	}
}

// detail reads what an answer says of its failure.
func (s *service) detail(what string, got testkit.Answer, status int) (d struct{ Message, Error string }) {
	s.t.Helper()
	var body struct {
		Detail *struct{ Message, Error string }
	}
	if err := json.Unmarshal([]byte(got.Body), &body); err != nil || got.Status != status || body.Detail == nil {
		s.t.Errorf("%s: %d %s (%v), want %d with a detail", what, got.Status, got.Body, err, status)
		return d
	}
	return *body.Detail
}

// lines are the messages that were logged so far, with their levels.
func (s *service) lines() []string {
	var all []string
	for scan := bufio.NewScanner(strings.NewReader(s.logs.String())); scan.Scan(); {
		var line struct{ Level, Message, Server string }
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			s.t.Fatalf("%s: %v", scan.Text(), err)
		}
		all = append(all, line.Level+" ["+line.Server+"] "+line.Message)
	}
	return all
}

// leave sends a request and leaves when told to; the channel is closed when it has left.
func (s *service) leave(path, body string, headers ...string) (leave context.CancelFunc, left <-chan struct{}) {
	ctx, leave := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = testkit.Ask(ctx, http.MethodPost, s.url+path, body, header(headers))
	}()
	return leave, done
}
