package relay_test

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// stdioClient speaks with `mcpx stdio --endpoint up`.
type stdioClient struct {
	modern  bool
	program *testkit.Program
	closed  atomic.Bool
	opened  *call // by initialize
	*sorter
	writing sync.Mutex
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
	c := &stdioClient{modern: modern, program: p, sorter: newSorter(t)}
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

func (c *stdioClient) isModern() bool { return c.modern }
func (c *stdioClient) hello() *call   { return c.opened }

// close ends the input of mcpx, which is its end.
func (c *stdioClient) close() error {
	c.closed.Store(true)
	_ = c.program.In.Close() // it may be closed
	return nil
}

func (c *stdioClient) begin(method, params string) *call {
	q := c.add(params)
	q.cancel = func() { c.send(note("notifications/cancelled", `{"requestId":`+q.id+`}`)) }
	c.send(frame(q.id, method, params))
	return q
}

func (c *stdioClient) send(raw string) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if _, err := io.WriteString(c.program.In, strings.ReplaceAll(raw, "\n", " ")+"\n"); err != nil && !c.closed.Load() {
		c.t.Errorf("writing to mcpx: %v\n%s", err, c.program.Errs)
	}
}
