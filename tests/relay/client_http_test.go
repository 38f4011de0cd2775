package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/testkit"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// httpClient speaks with one endpoint over Streamable HTTP.
type httpClient struct {
	t       testing.TB
	url     string
	modern  bool
	key     string // API key
	session string // legacy, once it is initialized
	wire    *http.Transport
	life    context.Context
	ids     atomic.Int64
	rest    heard[message] // of the GET stream
	work    sync.WaitGroup
	opened  *call // by initialize
}

// dialHTTP opens a session where the era has such, with its GET stream.
func dialHTTP(t testing.TB, g *testkit.Gateway, modern bool, params string) *httpClient {
	t.Helper()
	return dialServer(t, g, "up", modern, params)
}

// dialServer is dialHTTP for a server of that name.
func dialServer(t testing.TB, g *testkit.Gateway, server string, modern bool, params string) *httpClient {
	t.Helper()
	c := newHTTPClient(t, g, modern)
	c.url = g.URL + "/" + server
	if !modern {
		c.initialize(params)
		c.listen()
	}
	return c
}

func newHTTPClient(t testing.TB, g *testkit.Gateway, modern bool) *httpClient {
	ctx, cancel := context.WithCancel(context.Background())
	c := &httpClient{t: t, url: g.URL + "/up", modern: modern, wire: &http.Transport{MaxIdleConnsPerHost: 128}, life: ctx}
	t.Cleanup(func() {
		cancel()
		c.work.Wait()
		c.wire.CloseIdleConnections()
	})
	return c
}

func (c *httpClient) isModern() bool          { return c.modern }
func (c *httpClient) others() *heard[message] { return &c.rest }
func (c *httpClient) hello() *call            { return c.opened }

// initialize opens the session.
func (c *httpClient) initialize(params string) {
	c.t.Helper()
	resp, err := c.do(c.life, http.MethodPost, frame("0", "initialize", params), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	c.session = resp.Header.Get("Mcp-Session-Id")
	c.opened = &call{id: "0"}
	read(resp, func(m message, _ string) { c.opened.stream.add(m) })
	if c.session == "" {
		c.t.Fatalf("no session: %s %+v", resp.Status, c.opened.stream.sofar())
	}
	c.send(note("notifications/initialized", "{}"))
}

// listen opens the GET stream, and returns when it is open.
func (c *httpClient) listen() {
	c.t.Helper()
	resp, err := c.do(c.life, http.MethodGet, "", nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		c.t.Fatalf("GET: %v %v", resp, err)
	}
	c.work.Go(func() {
		defer resp.Body.Close()
		read(resp, func(m message, _ string) { c.rest.add(m) })
	})
}

// do makes one HTTP exchange.
func (c *httpClient) do(ctx context.Context, method, body string, change http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	if c.modern {
		m, _ := parse([]byte(body))
		mcp.SetHeaders(req.Header, v20260728, messages.Request{Method: m.Method, Params: m.Params, Name: mcp.NameOf(m.Method, m.Params)})
	} else if c.session != "" {
		req.Header.Set("Mcp-Session-Id", c.session)
		req.Header.Set("Mcp-Protocol-Version", v20251125)
	}
	for name, values := range change {
		req.Header[name] = values
		if len(values) == 0 {
			req.Header.Del(name)
		}
	}
	return c.wire.RoundTrip(req)
}

func (c *httpClient) begin(method, params string) *call {
	id := fmt.Sprint(c.ids.Add(1))
	if c.ids.Load()%2 == 0 {
		id = `"id-` + id + `"` // ids are of two types
	}
	ctx, cancel := context.WithCancel(c.life)
	q := &call{id: id, cancel: cancel}
	c.work.Go(func() {
		defer cancel()
		resp, err := c.do(ctx, http.MethodPost, frame(id, method, params), nil)
		if err != nil {
			if ctx.Err() == nil {
				c.t.Errorf("%s: %v", method, err)
			}
			return
		}
		defer resp.Body.Close()
		read(resp, func(m message, _ string) { q.stream.add(m) })
	})
	return q
}

func (c *httpClient) send(raw string) {
	c.t.Helper()
	resp, err := c.do(c.life, http.MethodPost, raw, nil)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
		c.t.Errorf("%.200s: %s %s", raw, resp.Status, body)
	}
}

// read reads the messages of a response, with the ids of events.
func read(resp *http.Response, take func(m message, id string)) {
	if resp.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body)
		if m, ok := parse(body); ok {
			take(m, "")
		}
		return
	}
	var data []byte
	id := ""
	in := bufio.NewReaderSize(resp.Body, 64<<10)
	for {
		line, err := in.ReadBytes('\n')
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case err != nil:
			return
		case len(line) == 0:
			if m, ok := parse(data); ok {
				take(m, id)
			} else if id != "" {
				take(message{Method: primed}, id)
			}
			data, id = nil, ""
		case bytes.HasPrefix(line, []byte("data:")):
			data = append(data, bytes.TrimPrefix(line[5:], []byte(" "))...)
		case bytes.HasPrefix(line, []byte("id:")):
			id = string(bytes.TrimSpace(line[3:]))
		}
	}
}

// primed is the method under which an event is heard that says nothing.
const primed = "-primed-"

// exchange is one that is read to its end: its status, and its last message.
func (c *httpClient) exchange(method, body string, change http.Header) (status int, last message) {
	c.t.Helper()
	resp, err := c.do(c.life, method, body, change)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	read(resp, func(m message, _ string) { last = m })
	return resp.StatusCode, last
}

// member returns a member of a JSON object; nil when there is none.
func member(obj json.RawMessage, path ...string) json.RawMessage {
	raw, _ := jsonrpc.Get(obj, path...)
	return raw
}
