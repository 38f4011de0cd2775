package e2e_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// pipe is a server behind a pair of pipes: `mcpx stdio`, or for comparison a
// server itself.
type pipe struct {
	*testkit.Program

	mu      sync.Mutex
	ids     int
	waiting map[string]chan message
	notes   []message     // unasked ones, in their order
	more    chan struct{} // closed and replaced with each of them
	fault   error         // stdout held something else than messages
}

// pipeClient speaks one revision over a pipe, which it may share with another.
type pipeClient struct {
	*pipe
	revision string
}

// dialStdio starts a command and returns a pipe to it, which ends with the test.
func dialStdio(t *testing.T, dir, command string, args ...string) *pipe {
	t.Helper()
	cmd := exec.Command(command, args...)
	cmd.Dir, cmd.Env = dir, testkit.Environment(dir)
	p, err := testkit.StartPiped(cmd)
	if err != nil {
		t.Fatal(err)
	}
	c := &pipe{Program: p, waiting: map[string]chan message{}, more: make(chan struct{})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.read()
	}()
	t.Cleanup(func() {
		err := c.End(c.In.Close)
		<-done
		if err = errors.Join(err, c.fault); err != nil {
			t.Error(err)
		}
	})
	return c
}

// stdio starts `mcpx stdio` in front of the given servers.
func stdio(t *testing.T, servers map[string]any, settings ...map[string]any) *pipe {
	t.Helper()
	path, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return dialStdio(t, dir, path, "stdio", writeConfig(t, dir, servers, settings...))
}

// client returns a client of a revision; a legacy one has initialised.
func (c *pipe) client(t *testing.T, revision string) *pipeClient {
	t.Helper()
	p := &pipeClient{c, revision}
	if revision == modern {
		return p
	}
	hello := c.ask(t, "initialize", `{"protocolVersion":"`+revision+`","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}`)
	if got := negotiated(t, hello.Result); got != revision {
		t.Fatalf("%s: negotiated %q; %s", revision, got, hello.Error)
	}
	c.write(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return p
}

// read takes the lines of stdout: each is one message, or something is wrong.
func (c *pipe) read() {
	for {
		line, err := c.Out.ReadBytes('\n')
		if err != nil {
			if len(line) > 0 {
				c.note(message{}, fmt.Errorf("stdout ends within a line: %q", line))
			}
			return
		}
		var m message
		if err := json.Unmarshal(line, &m); err != nil || m.JSONRPC != "2.0" {
			c.note(m, fmt.Errorf("stdout holds a line that is no message: %q", line))
			continue
		}
		c.note(m, nil)
	}
}

func (c *pipe) note(m message, fault error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := c.waiting[string(m.ID)]
	switch {
	case fault != nil:
		c.fault = errors.Join(c.fault, fault)
	case m.Method != "" && m.ID == nil:
		c.notes = append(c.notes, m)
		close(c.more)
		c.more = make(chan struct{})
	case m.Method == "" && answered != nil:
		delete(c.waiting, string(m.ID))
		answered <- m
	default:
		c.fault = errors.Join(c.fault, fmt.Errorf("an answer to nothing, or a question: %+v", m))
	}
}

func (c *pipe) write(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.In, line+"\n"); err != nil {
		t.Fatalf("%v\n%s", err, c.Errs)
	}
}

// send sends a request and returns where its answer comes.
func (c *pipe) send(t *testing.T, method, params string) <-chan message {
	t.Helper()
	answer := make(chan message, 1)
	c.mu.Lock()
	c.ids++
	id := fmt.Sprintf(`"r%d"`, c.ids)
	c.waiting[id] = answer
	c.mu.Unlock()
	c.write(t, `{"jsonrpc":"2.0","id":`+id+`,"method":"`+method+`","params":`+params+`}`)
	return answer
}

func (c *pipe) ask(t *testing.T, method, params string) message {
	t.Helper()
	late := time.NewTimer(testkit.Patience)
	defer late.Stop()
	select {
	case m := <-c.send(t, method, params):
		return m
	case <-c.Exited:
		t.Fatalf("%s: it has ended with %v\n%s", method, c.Err(), c.Errs)
	case <-late.C:
		t.Fatalf("%s: no answer\n%s", method, c.Errs)
	}
	panic("unreachable")
}

func (c *pipeClient) version() string { return c.revision }

func (c *pipeClient) request(t *testing.T, method, params string) reply {
	t.Helper()
	if c.revision == modern {
		params = identify(params)
	}
	c.mu.Lock()
	before := len(c.notes)
	c.mu.Unlock()
	m := c.ask(t, method, params)
	c.mu.Lock()
	defer c.mu.Unlock()
	return reply{m, append([]message{}, c.notes[before:]...)}
}

// listen passes on what comes from now on; a modern client subscribes first.
func (c *pipeClient) listen(t *testing.T) <-chan message {
	t.Helper()
	c.mu.Lock()
	next := len(c.notes)
	c.mu.Unlock()
	messages, left, gone := make(chan message), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		for {
			c.mu.Lock()
			fresh, more := c.notes[next:], c.more
			c.mu.Unlock()
			next += len(fresh)
			for _, m := range fresh {
				select {
				case messages <- m:
				case <-left:
					return
				}
			}
			select {
			case <-more:
			case <-left:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(left)
		<-gone
	})
	if c.revision == modern {
		c.send(t, "subscriptions/listen", identify(`{"notifications":{"toolsListChanged":true}}`))
		if m := await(t, "the acknowledgment", messages); m.Method != "notifications/subscriptions/acknowledged" {
			t.Fatalf("the first message of a subscription: %+v", m)
		}
	}
	return messages
}
