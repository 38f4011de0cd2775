package main

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"
)

// demoClient talks to the demo server in this process, line by line.
type demoClient struct {
	t   *testing.T
	in  io.WriteCloser
	out *bufio.Scanner
	end chan error
	id  int
}

func startDemo(t *testing.T) *demoClient {
	t.Helper()
	serverIn, in := io.Pipe()
	out, serverOut := io.Pipe()
	c := &demoClient{t: t, in: in, out: bufio.NewScanner(out), end: make(chan error, 1)}
	go func() {
		c.end <- runDemo(t.Context(), serverIn, serverOut)
		serverOut.Close()
	}()
	t.Cleanup(func() {
		in.Close()
		// What was still to be said must not hold the server up.
		for c.out.Scan() {
			continue
		}
		if err := <-c.end; err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	c.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`)
	c.send(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c
}

func (c *demoClient) send(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

type reply struct {
	ID     int `json:"id"`
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
	}
}

// request sends a request and returns its answer and the notifications before it.
func (c *demoClient) request(method, params string) (answer reply, notified []reply) {
	c.t.Helper()
	c.id++
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.id, "method": method, "params": json.RawMessage(params)})
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(string(line))
	for c.out.Scan() {
		var r reply
		if err := json.Unmarshal(c.out.Bytes(), &r); err != nil {
			c.t.Fatalf("%s: %v", c.out.Text(), err)
		}
		if r.Method == "" && r.ID == c.id {
			return r, notified
		}
		notified = append(notified, r)
	}
	c.t.Fatalf("%s: no answer (%v)", method, c.out.Err())
	return reply{}, nil
}

func TestDemo_EveryToolAnswers(t *testing.T) {
	c := startDemo(t)
	for _, row := range []struct{ params, want string }{
		{`{"name":"echo","arguments":{"text":"héllo"}}`, `"text":"héllo"`},
		{`{"name":"add","arguments":{"a":1.5,"b":2}}`, `"structuredContent":{"sum":3.5}`},
		{`{"name":"word_count","arguments":{"text":"one two\nthrée"}}`, `"structuredContent":{"characters":13,"words":3,"lines":2}`},
		{`{"name":"word_count","arguments":{"text":"a\n"}}`, `"structuredContent":{"characters":2,"words":1,"lines":1}`},
		{`{"name":"random","arguments":{"low":7,"high":7,"count":3}}`, `"structuredContent":{"numbers":[7,7,7]}`},
		{`{"name":"random","arguments":{"low":2,"high":1}}`, `high (1) is below low (2)`},
		{`{"name":"random","arguments":{"low":-9000000000000000000,"high":9000000000000000000}}`, `too far apart`},
		{`{"name":"random","arguments":{"low":1,"high":2,"count":101}}`, `at most 100 numbers`},
		{`{"name":"now","arguments":{"timezone":"Nowhere/Land"}}`, `No time zone \"Nowhere/Land\"`},
		{`{"name":"countdown","arguments":{"from":0}}`, `from must be between`},
		{`{"name":"echo","arguments":{}}`, `text`},
	} {
		r, _ := c.request("tools/call", row.params)
		if got := string(r.Result); !strings.Contains(got, row.want) {
			t.Errorf("%s\n got %s (%+v)\nwant %s", row.params, got, r.Error, row.want)
		}
	}

	r, _ := c.request("tools/call", `{"name":"now","arguments":{}}`)
	var now struct{ Content []struct{ Text string } }
	if err := json.Unmarshal(r.Result, &now); err != nil || len(now.Content) != 1 {
		t.Fatalf("now: %s: %v", r.Result, err)
	}
	if at, err := time.Parse(time.RFC3339, now.Content[0].Text); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("now says %q", now.Content[0].Text)
	}
}

func TestDemo_CountdownReportsProgress(t *testing.T) {
	c := startDemo(t)
	r, notified := c.request("tools/call", `{"name":"countdown","arguments":{"from":3,"interval_ms":1},"_meta":{"progressToken":"p1"}}`)
	if !strings.Contains(string(r.Result), "Liftoff!") {
		t.Errorf("got %s", r.Result)
	}
	// mcp-go may deliver the last ones after the answer; the first is there.
	if len(notified) == 0 || notified[0].Method != "notifications/progress" || !strings.Contains(string(notified[0].Params), `"progressToken":"p1"`) {
		t.Errorf("got %+v", notified)
	}
}

func TestDemo_ToolsAreDescribedAndAnnotated(t *testing.T) {
	c := startDemo(t)
	r, _ := c.request("tools/list", `{}`)
	var list struct {
		Tools []struct {
			Name, Title, Description string
			InputSchema              struct {
				Properties map[string]struct{ Description string }
			}
			Annotations struct{ ReadOnlyHint, IdempotentHint, DestructiveHint *bool }
		}
	}
	if err := json.Unmarshal(r.Result, &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Tools) != 6 {
		t.Errorf("%d tools, want 6", len(list.Tools))
	}
	for _, tool := range list.Tools {
		if tool.Title == "" || tool.Description == "" || tool.Annotations.ReadOnlyHint == nil || !*tool.Annotations.ReadOnlyHint ||
			tool.Annotations.IdempotentHint == nil || tool.Annotations.DestructiveHint == nil {
			t.Errorf("%s lacks title, description or annotations: %+v", tool.Name, tool)
		}
		if len(tool.InputSchema.Properties) == 0 {
			t.Errorf("%s has no properties", tool.Name)
		}
		for name, p := range tool.InputSchema.Properties {
			if p.Description == "" {
				t.Errorf("%s.%s has no description", tool.Name, name)
			}
		}
	}
}

func TestDemo_ResourceAndPrompt(t *testing.T) {
	c := startDemo(t)
	if r, _ := c.request("resources/read", `{"uri":"demo://guide"}`); !strings.Contains(string(r.Result), "mcpServers") {
		t.Errorf("guide: %s", r.Result)
	}
	if r, _ := c.request("prompts/get", `{"name":"greet","arguments":{"name":"Ada"}}`); !strings.Contains(string(r.Result), "Greet Ada") {
		t.Errorf("greet: %s", r.Result)
	}
}
