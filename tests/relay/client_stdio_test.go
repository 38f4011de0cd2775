package relay_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// stdioClient speaks with `mcpx stdio --endpoint up`.
type stdioClient struct {
	t       testing.TB
	modern  bool
	program *testkit.Program
	closed  atomic.Bool
	rest    heard[message]
	opened  *call // by initialize

	mu     sync.Mutex
	ids    int
	calls  map[string]*call // by id
	tokens map[string]*call // by progress token
}

func dialStdio(t testing.TB, config string, modern bool, params string) *stdioClient {
	t.Helper()
	dir := t.TempDir()
	if _, err := testkit.WriteConfig(dir, config); err != nil {
		t.Fatal(err)
	}
	bin, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	p, err := testkit.StartPiped(testkit.Command(bin, dir, "stdio", "mcpx.json", "--endpoint", "up"))
	if err != nil {
		t.Fatal(err)
	}
	c := &stdioClient{t: t, modern: modern, program: p, calls: map[string]*call{}, tokens: map[string]*call{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines(p.Out, c.take)
	}()
	t.Cleanup(func() {
		if err := p.End(c.close); err != nil {
			t.Error(err)
		}
		<-read
	})
	if !modern {
		c.opened = c.begin("initialize", params)
		c.opened.result(t)
		c.send(note("notifications/initialized", "{}"))
	}
	return c
}

func (c *stdioClient) isModern() bool          { return c.modern }
func (c *stdioClient) others() *heard[message] { return &c.rest }
func (c *stdioClient) hello() *call            { return c.opened }

// close ends the input of mcpx, which is its end.
func (c *stdioClient) close() error {
	c.closed.Store(true)
	_ = c.program.In.Close() // it may be closed
	return nil
}

func (c *stdioClient) take(raw []byte) {
	m, ok := parse(raw)
	if !ok {
		c.t.Errorf("mcpx wrote %q", raw)
		return
	}
	var p struct{ ProgressToken json.RawMessage }
	if m.Method == "notifications/progress" {
		_ = json.Unmarshal(m.Params, &p) // without a token it is nobody's
	}
	c.mu.Lock()
	q := c.calls[string(m.ID)]
	if m.Method != "" {
		q = c.tokens[string(p.ProgressToken)]
	}
	c.mu.Unlock()
	if q != nil {
		q.stream.add(m)
	} else {
		c.rest.add(m)
	}
}

func (c *stdioClient) begin(method, params string) *call {
	c.mu.Lock()
	c.ids++
	id := fmt.Sprint(c.ids)
	if c.ids%2 == 0 {
		id = `"id-` + id + `"`
	}
	q := &call{id: id, cancel: func() { c.send(note("notifications/cancelled", `{"requestId":`+id+`}`)) }}
	c.calls[id] = q
	if token := member(json.RawMessage(params), "_meta", "progressToken"); token != nil {
		c.tokens[string(token)] = q
	}
	c.mu.Unlock()
	c.send(frame(id, method, params))
	return q
}

func (c *stdioClient) send(raw string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := io.WriteString(c.program.In, strings.ReplaceAll(raw, "\n", " ")+"\n"); err != nil && !c.closed.Load() {
		c.t.Errorf("writing to mcpx: %v\n%s", err, c.program.Errs)
	}
}
