package chaos_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/gatewaytools"
)

// ask is one call: a tool of a server, for somebody.
type ask struct {
	n                 int
	server, tool, who string
}

func (a ask) arguments() string { return fmt.Sprintf(`{"n":%d,"who":%q}`, a.n, a.who) }

// answer is what came of it.
type answer struct {
	ask
	result     *ledger.Count // nil: it failed
	kind, sent string        // of the failure
	text       string        // as it came
	asked      time.Time
	took       time.Duration
}

// door takes a call and returns its answer.
type door func(ask) answer

// doors are all ways in: the runtime's own, a legacy client over stdio, modern
// ones over HTTP.
func doors(t *testing.T, h *testkit.House) (all []door, shut func()) {
	t.Helper()
	service := gatewaytools.New(h.Runtime, gatewaytools.Options{Version: "0"})
	lines := openLines(t, h, service)
	listener := httptest.NewServer(front.NewHTTP(service, h.Runtime, front.Options{}))
	web := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	shut = sync.OnceFunc(func() {
		lines.close()
		web.CloseIdleConnections()
		listener.Close()
	})
	t.Cleanup(shut)
	return []door{
		func(a ask) answer { return direct(h, a) },
		lines.ask,
		func(a ask) answer { return overHTTP(t, web, listener.URL, a) },
	}, shut
}

// direct calls the runtime, as one of three principals.
func direct(h *testkit.House, a ask) answer {
	principal := fmt.Sprintf("p%d", a.n%3)
	a.who = "direct, " + principal
	out := h.Call(context.Background(), messages.Call{
		Server: a.server, Principal: messages.Principal{Name: principal},
		Request: messages.Request{Method: "tools/call", Name: a.tool, Params: json.RawMessage(fmt.Sprintf(`{"name":%q,"arguments":%s}`, a.tool, a.arguments()))},
	}, messages.Discard)
	got := answer{ask: a, text: string(out.Result)}
	if f := out.Failure; f != nil {
		got.kind, got.sent, got.text = f.Kind.String(), f.Sent.String(), f.Message
		return got
	}
	got.read(out.Result)
	return got
}

// read takes the result of a tool: a count, or the failure of a compact tool.
func (a *answer) read(result json.RawMessage) {
	var r struct {
		Content []struct{ Text string }
		IsError bool
	}
	if json.Unmarshal(result, &r) != nil || len(r.Content) != 1 {
		return
	}
	a.text = r.Content[0].Text
	if r.IsError {
		var f struct{ Kind, Sent string }
		_ = json.Unmarshal([]byte(a.text), &f) // of another shape it has no kind, which is not allowed
		a.kind, a.sent = f.Kind, f.Sent
		return
	}
	var c ledger.Count
	if json.Unmarshal([]byte(a.text), &c) == nil {
		a.result = &c
	}
}

// message is a JSON-RPC message from mcpx.
type message struct {
	ID     json.RawMessage
	Method string
	Result json.RawMessage
	Error  json.RawMessage
}

// overHTTP calls as a modern client. There must be one answer, and nothing behind it.
func overHTTP(t *testing.T, web *http.Client, url string, a ask) answer {
	a.who = "over HTTP"
	got := answer{ask: a}
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(testkit.Modern(a.n, "tools/call", testkit.ExecParams(a.server, a.tool, a.arguments()))))
	if err != nil {
		t.Error(err)
		return got
	}
	req.Header = testkit.ModernHeaders("tools/call", "exec")
	resp, err := web.Do(req)
	if err != nil {
		got.text = err.Error()
		return got
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	responses := testkit.Responses(string(body))
	var m message
	if err != nil || len(responses) != 1 || json.Unmarshal([]byte(responses[0]), &m) != nil || string(m.ID) != fmt.Sprint(a.n) || m.Result == nil {
		got.text = fmt.Sprintf("HTTP %d %s (%v)", resp.StatusCode, body, err)
		return got
	}
	got.read(m.Result)
	return got
}

// lineClient is a legacy client over stdio, with many requests in flight.
type lineClient struct {
	t     *testing.T
	to    *io.PipeWriter
	ended chan struct{} // closed when mcpx has written its last line

	mu      sync.Mutex
	waiting map[string]chan message
	strays  []string // answers to what nobody waits for any more: second ones
}

func openLines(t *testing.T, h *testkit.House, service front.Service) *lineClient {
	t.Helper()
	in, to := io.Pipe()
	from, out := io.Pipe()
	c := &lineClient{t: t, to: to, ended: make(chan struct{}), waiting: map[string]chan message{}}
	go func() {
		if err := front.ServeStdio(context.Background(), in, out, service, h.Runtime, front.Options{}); err != nil {
			t.Errorf("stdio: %v", err)
		}
		_ = out.Close()
	}()
	go c.read(from)
	c.request("0", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	c.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func (c *lineClient) read(from io.Reader) {
	defer close(c.ended)
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				c.t.Error(err)
			}
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil {
			c.t.Errorf("%s: %v", line, err)
		}
		if m.Method != "" {
			continue
		}
		c.mu.Lock()
		if w, ok := c.waiting[string(m.ID)]; ok {
			delete(c.waiting, string(m.ID))
			w <- m
		} else {
			c.strays = append(c.strays, string(line))
		}
		c.mu.Unlock()
	}
}

func (c *lineClient) write(line string) {
	if _, err := io.WriteString(c.to, line+"\n"); err != nil {
		c.t.Error(err)
	}
}

func (c *lineClient) request(id, line string) (m message, ok bool) {
	w := make(chan message, 1)
	c.mu.Lock()
	c.waiting[id] = w
	c.mu.Unlock()
	c.write(line)
	late := time.NewTimer(testkit.Patience)
	defer late.Stop()
	select {
	case m = <-w:
		return m, true
	case <-c.ended:
	case <-late.C:
	}
	return m, false
}

func (c *lineClient) ask(a ask) answer {
	a.who = "over stdio"
	got := answer{ask: a}
	m, ok := c.request(fmt.Sprint(a.n), fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":%s}`, a.n, testkit.ExecParams(a.server, a.tool, a.arguments())))
	switch {
	case !ok:
		got.text = "no answer"
	case m.Result == nil:
		got.text = "error " + string(m.Error)
	default:
		got.read(m.Result)
	}
	return got
}

// close ends the connection, and with it what may have come beyond one answer each.
func (c *lineClient) close() {
	_ = c.to.Close() // never fails
	<-c.ended
	for _, line := range c.strays {
		c.t.Errorf("an answer that nobody waits for: %s", line)
	}
}
