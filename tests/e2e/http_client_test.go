package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// httpClient is a client over Streamable HTTP.
type httpClient struct {
	url      string
	revision string
	session  string // legacy: what initialize has given
	http     *http.Client
	ids      atomic.Int64
}

// dialHTTP returns a client of a revision; a legacy one has initialised.
func dialHTTP(t *testing.T, url, revision string) *httpClient {
	t.Helper()
	return dialAs(t, url, revision, "{}")
}

// dialAs returns a client that declares capabilities, a JSON object.
func dialAs(t *testing.T, url, revision, capabilities string) *httpClient {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	c := &httpClient{url: url, revision: revision, http: &http.Client{Transport: transport}}
	t.Cleanup(transport.CloseIdleConnections)
	if revision == modern {
		return c
	}
	resp := c.send(t, http.MethodPost, initializeAs(revision, capabilities), "initialize", "")
	c.session = resp.Header.Get("Mcp-Session-Id")
	hello := c.read(t, resp)
	if got := negotiated(t, hello.Result); got != revision || c.session == "" {
		t.Fatalf("%s: negotiated %q, session %q; %s", revision, got, c.session, hello.Error)
	}
	if status := c.notify(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`); status != http.StatusAccepted {
		t.Fatalf("notifications/initialized: status %d", status)
	}
	return c
}

func initialize(revision string) string { return initializeAs(revision, "{}") }

func initializeAs(revision, capabilities string) string {
	return `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"` + revision +
		`","capabilities":` + capabilities + `,"clientInfo":{"name":"raw","version":"1"}}}`
}

// negotiated returns the revision that an answer to initialize names.
func negotiated(t *testing.T, hello json.RawMessage) string {
	t.Helper()
	var r struct{ ProtocolVersion string }
	decode(t, hello, &r)
	return r.ProtocolVersion
}

func (c *httpClient) version() string { return c.revision }

func (c *httpClient) request(t *testing.T, method, params string) reply {
	t.Helper()
	resp, id := c.open(t, method, params)
	r := c.read(t, resp)
	if string(r.ID) != id {
		t.Fatalf("%s: the answer to request %s has the id %s", method, id, r.ID)
	}
	return r
}

// open sends a request and returns its response as soon as it begins.
func (c *httpClient) open(t *testing.T, method, params string) (resp *http.Response, id string) {
	t.Helper()
	if c.revision == modern {
		params = identify(params)
	}
	id = fmt.Sprint(c.ids.Add(1))
	var p struct{ Name, URI string }
	decode(t, json.RawMessage(params), &p)
	body := `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`
	return c.send(t, http.MethodPost, body, method, p.Name+p.URI), id
}

// notify sends a message that has no answer and returns the status.
func (c *httpClient) notify(t *testing.T, body string) int {
	t.Helper()
	resp := c.send(t, http.MethodPost, body, "", "")
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	_ = resp.Body.Close()
	return resp.StatusCode
}

// send sends one HTTP request with the headers of the client's revision.
func (c *httpClient) send(t *testing.T, verb, body, method, name string) *http.Response {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	if verb == http.MethodPost && method != "subscriptions/listen" { // what is listened to stands as long as its test
		late := time.AfterFunc(testkit.Patience, cancel)
		t.Cleanup(func() { late.Stop() })
	}
	req, err := http.NewRequestWithContext(ctx, verb, c.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.revision == modern:
		req.Header.Set("MCP-Protocol-Version", modern)
		req.Header.Set("Mcp-Method", method)
		if name != "" {
			req.Header.Set("Mcp-Name", name)
		}
	case c.session != "":
		req.Header.Set("Mcp-Session-Id", c.session)
		if c.revision >= v20250618 {
			req.Header.Set("MCP-Protocol-Version", c.revision)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// read reads a response to its end: one message, or a stream whose last
// message is the answer.
func (c *httpClient) read(t *testing.T, resp *http.Response) reply {
	t.Helper()
	defer resp.Body.Close()
	var r reply
	switch media := resp.Header.Get("Content-Type"); media {
	case "application/json":
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		decode(t, body, &r.message)
	case "text/event-stream":
		for m := range events(resp.Body) {
			if m.Method != "" {
				r.notes = append(r.notes, m)
				continue
			}
			if r.ID != nil {
				t.Errorf("a second answer on one stream: %s%s", m.Result, m.Error)
			}
			r.message = m
		}
	default:
		body, _ := io.ReadAll(resp.Body) // the status says enough without it
		t.Fatalf("status %s, Content-Type %q: %s", resp.Status, media, body)
	}
	if r.JSONRPC != "2.0" || (r.Result == nil) == (r.Error == nil) {
		t.Fatalf("not one answer: %+v", r)
	}
	return r
}

// events yields the messages of an event stream (HTML living standard, 9.2).
func events(body io.Reader) func(yield func(message) bool) {
	return func(yield func(message) bool) {
		lines := bufio.NewReader(body)
		var data []string
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return // an event that does not end does not count
			}
			line = strings.TrimRight(line, "\r\n")
			switch {
			case strings.HasPrefix(line, "data:"):
				data = append(data, strings.TrimPrefix(strings.TrimPrefix(line, "data:"), " "))
			case line == "" && strings.Join(data, "") != "":
				var m message
				if err := json.Unmarshal([]byte(strings.Join(data, "\n")), &m); err != nil {
					m.Method = "not JSON: " + strings.Join(data, "\n") // nobody expects that method
				}
				if !yield(m) {
					return
				}
				data = nil
			case line == "":
				data = nil
			}
		}
	}
}

// listen opens the session's GET stream, or subscribes to changed lists of tools.
func (c *httpClient) listen(t *testing.T) <-chan message {
	t.Helper()
	var resp *http.Response
	if c.revision == modern {
		resp, _ = c.open(t, "subscriptions/listen", `{"notifications":{"toolsListChanged":true}}`)
	} else {
		resp = c.send(t, http.MethodGet, "", "", "")
	}
	if media := resp.Header.Get("Content-Type"); media != "text/event-stream" {
		body, _ := io.ReadAll(resp.Body) // the status says enough without it
		t.Fatalf("status %s, Content-Type %q: %s", resp.Status, media, body)
	}
	messages, left, gone := make(chan message), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		defer close(messages)
		for m := range events(resp.Body) {
			select {
			case messages <- m:
			case <-left:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(left)
		_ = resp.Body.Close()
		<-gone
	})
	if c.revision == modern {
		if m := await(t, "the acknowledgment", messages); m.Method != "notifications/subscriptions/acknowledged" {
			t.Fatalf("the first message of a subscription: %+v", m)
		}
	}
	return messages
}
