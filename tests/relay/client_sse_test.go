package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// sseClient speaks with one endpoint over HTTP+SSE (2024-11-05, transports):
// everything comes on one event stream, messages are posted beside it.
type sseClient struct {
	post   string // where messages are posted, as the stream has said
	wire   *http.Transport
	life   context.Context
	leave  func()
	opened *call // by initialize
	*sorter
}

// dialSSE opens a session.
func dialSSE(t testing.TB, g *testkit.Gateway, params string) *sseClient {
	t.Helper()
	life, cancel := context.WithCancel(context.Background())
	c := &sseClient{wire: &http.Transport{MaxIdleConnsPerHost: 128}, life: life, sorter: newSorter(t)}
	var reading sync.WaitGroup
	c.leave = func() {
		cancel()
		reading.Wait()
		c.wire.CloseIdleConnections()
	}
	t.Cleanup(c.leave)
	req, err := http.NewRequestWithContext(life, http.MethodGet, g.Path("/sse/up"), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := c.wire.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	named := make(chan string, 1)
	reading.Go(func() {
		defer resp.Body.Close()
		defer close(named)
		readEvents(resp.Body, func(event string, data []byte) {
			switch event {
			case "endpoint":
				named <- string(data)
			case "message":
				c.take(data)
			default:
				t.Errorf("an event %q: %.200s", event, data)
			}
		})
	})
	endpoint := <-named
	if endpoint == "" {
		t.Fatalf("GET /sse/up: %s, and no endpoint is named", resp.Status)
	}
	c.post = g.Path(endpoint)
	c.opened = c.begin("initialize", params)
	c.opened.result(t)
	c.send(note("notifications/initialized", "{}"))
	return c
}

func (c *sseClient) isModern() bool { return false }
func (c *sseClient) hello() *call   { return c.opened }

func (c *sseClient) begin(method, params string) *call {
	q := c.add(params)
	q.cancel = func() { c.send(note("notifications/cancelled", `{"requestId":`+q.id+`}`)) }
	c.send(frame(q.id, method, params))
	return q
}

func (c *sseClient) send(raw string) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.life, http.MethodPost, c.post, strings.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.wire.RoundTrip(req)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
		c.t.Errorf("%.200s: %s %s", raw, resp.Status, body)
	}
}

// readEvents reads an event stream to its end.
func readEvents(body io.Reader, take func(event string, data []byte)) {
	in := bufio.NewReaderSize(body, 64<<10)
	event, data, some := "", []byte(nil), false
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		line = bytes.TrimRight(line, "\r\n")
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch {
		case len(line) == 0 && some:
			take(event, data)
			event, data, some = "", nil, false
		case string(name) == "event":
			event, some = string(value), true
		case string(name) == "data":
			if some && data != nil {
				data = append(data, '\n')
			}
			data, some = append(data, value...), true
		}
	}
}
