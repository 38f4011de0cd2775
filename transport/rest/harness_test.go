package rest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
)

// patienceCap caps every wait for an event; no test depends on its length.
const patienceCap = time.Minute

// fake is a door: what it knows are fields, what it was asked is kept.
type fake struct {
	mu       sync.Mutex
	specs    map[string]messages.ServerSpec
	catalogs map[string]messages.Catalog
	version  uint64
	hidden   map[string]bool // "server/tool" that nobody may use
	statuses map[string]messages.Status
	calls    []messages.Call
	keys     []string
	follow   func(messages.Event)
	events   []messages.Event

	// answer answers calls; nil: with the call's params as structured content.
	answer func(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome
	// catalog answers Catalog for servers without one; nil: as if one never came.
	catalog func(ctx context.Context, server string) (messages.Catalog, error)
	// check answers CheckHealth; nil: healthy.
	check func(server string) (messages.Health, error)
}

// servers makes a door with servers that have these tools: name and input schema.
func servers(tools map[string][]messages.Tool) *fake {
	f := &fake{
		specs: map[string]messages.ServerSpec{}, catalogs: map[string]messages.Catalog{}, hidden: map[string]bool{},
		statuses: map[string]messages.Status{}, version: 1,
	}
	for name, list := range tools {
		f.specs[name] = messages.ServerSpec{Name: name, Policy: messages.DefaultPolicy()}
		f.statuses[name] = messages.Status{Server: name, State: messages.StateConnected, Connection: "Stdio-" + name}
		if list != nil {
			f.catalogs[name] = messages.Catalog{Server: name, Version: 1, Tools: list}
		}
	}
	return f
}

func tool(name, schema string) messages.Tool {
	if schema == "" {
		schema = `{"type":"object"}`
	}
	return messages.Tool{Name: name, InputSchema: json.RawMessage(schema)}
}

// clock is the server of most tests.
func clock() *fake {
	return servers(map[string][]messages.Tool{"time": {
		tool("now", ""),
		tool("convert", `{"type":"object","properties":{"zone":{"type":"string"},"at":{"type":["string","null"]},"n":{"type":"integer"}},"required":["zone"]}`),
	}})
}

func (f *fake) Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome {
	f.mu.Lock()
	f.calls = append(f.calls, call)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		return answer(ctx, call, sink)
	}
	return messages.Outcome{Result: slices.Concat([]byte(`{"structuredContent":`), call.Request.Params, []byte(`}`))}
}

func (f *fake) CallOnce(ctx context.Context, key string, call messages.Call, sink messages.Sink) messages.Outcome {
	f.mu.Lock()
	f.keys = append(f.keys, key)
	f.mu.Unlock()
	return f.Call(ctx, call, sink)
}

func (f *fake) Catalog(ctx context.Context, server string) (messages.Catalog, error) {
	f.mu.Lock()
	c, known := f.catalogs[server]
	f.mu.Unlock()
	switch {
	case known:
		return c, nil
	case f.catalog != nil:
		return f.catalog(ctx, server)
	}
	<-ctx.Done()
	return c, ctx.Err()
}

func (f *fake) Directory() *messages.Directory {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := &messages.Directory{Version: f.version}
	for name, spec := range f.specs {
		if !spec.Disabled {
			d.Servers = append(d.Servers, name)
		}
	}
	slices.Sort(d.Servers)
	for _, name := range d.Servers {
		if c, known := f.catalogs[name]; known {
			d.Catalogs = append(d.Catalogs, c)
		}
	}
	return d
}

func (f *fake) Allowed(_ messages.Principal, server, tool string) *messages.Failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	spec, known := f.specs[server]
	switch {
	case !known:
		return messages.Failf(messages.KindUnknownUpstream, server, "there is no server %q", server)
	case spec.Disabled:
		return messages.Failf(messages.KindForbidden, server, "server %q is disabled", server)
	case f.hidden[server+"/"+tool]:
		return messages.Failf(messages.KindForbidden, server, "tool %q is disabled", tool)
	}
	return nil
}

func (f *fake) Spec(server string) (messages.ServerSpec, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.specs[server]
	return s, ok
}

func (f *fake) Status(server string) (messages.Status, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.statuses[server]
	return s, ok
}

func (f *fake) Statuses() []messages.Status {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []messages.Status
	for _, s := range f.statuses {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b messages.Status) int { return strings.Compare(a.Server, b.Server) })
	return all
}

func (f *fake) CheckHealth(_ context.Context, server string) (messages.Health, error) {
	if f.check != nil {
		return f.check(server)
	}
	return messages.Health{Status: messages.Healthy, LastCheck: time.Unix(1701234567, 890_000_000)}, nil
}

func (f *fake) Subscribe(follow func(messages.Event)) func() {
	f.follow = follow
	return func() { f.follow = nil }
}

func (f *fake) Publish(e messages.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events = append(f.events, e)
}

// called returns the calls so far.
func (f *fake) called() []messages.Call {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.calls)
}

// failing makes every call fail so.
func (f *fake) failing(failure messages.Failure) *fake {
	f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
		told := failure
		return messages.Outcome{Failure: &told}
	}
	return f
}

// service is a door behind endpoints behind a listener.
type service struct {
	*fake
	t   *testing.T
	url string
}

func serve(t *testing.T, f *fake, opts Options) *service {
	t.Helper()
	h := New(f, opts)
	t.Cleanup(func() {
		h.Close()
		if f.follow != nil {
			t.Error("the subscription goes on")
		}
	})
	return &service{f, t, newServer(t, h)}
}

// newServer runs a handler until the test ends and returns its URL.
func newServer(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// response is an HTTP response that was read to its end.
type response struct {
	*http.Response
	body string
}

// send sends a request. Headers are pairs; a nil body sends none.
func (s *service) send(method, path string, body io.Reader, header ...string) response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		s.t.Fatal(err)
	}
	return response{got, string(text)}
}

func (s *service) get(path string, header ...string) response {
	s.t.Helper()
	return s.send(http.MethodGet, path, nil, header...)
}

// post sends JSON; an empty text sends no body.
func (s *service) post(path, body string, header ...string) response {
	s.t.Helper()
	if body == "" {
		return s.send(http.MethodPost, path, nil, header...)
	}
	return s.send(http.MethodPost, path, strings.NewReader(body), append([]string{"Content-Type", "application/json"}, header...)...)
}

// want checks status and body.
func (s *service) want(what string, got response, status int, body string) {
	s.t.Helper()
	if got.StatusCode != status || got.body != body {
		s.t.Errorf("%s: %d %s, want %d %s", what, got.StatusCode, got.body, status, body)
	}
	if got.Header.Get("Content-Type") != "application/json" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		s.t.Errorf("%s: headers %v", what, got.Header)
	}
}

// wantMessage checks an error for people, and returns its text.
func (s *service) wantMessage(what string, got response, status int, parts ...string) string {
	s.t.Helper()
	var e struct {
		Detail struct{ Message string }
	}
	if err := json.Unmarshal([]byte(got.body), &e); err != nil || got.StatusCode != status || e.Detail.Message == "" {
		s.t.Errorf("%s: %d %s (%v), want %d with a message", what, got.StatusCode, got.body, err, status)
	}
	for _, p := range parts {
		if !strings.Contains(e.Detail.Message, p) {
			s.t.Errorf("%s: %q does not say %q", what, e.Detail.Message, p)
		}
	}
	return e.Detail.Message
}
