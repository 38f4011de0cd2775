package isolation_test

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/ledger"
	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// counters are servers of a configuration that have state for each of their
// sessions: one process of each era, and one over HTTP.
func counters(t *testing.T, book *ledger.Book, isolation messages.Isolation) map[string]any {
	t.Helper()
	mark := testkit.NewMark()
	t.Cleanup(func() {
		if left := puppet.Marked(mark); len(left) > 0 {
			t.Errorf("processes are left: %v", left)
		}
	})
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	p.Keep(book, "over-http")
	servers := map[string]any{
		"process":        testkit.CounterServer(program, mark, book, "process"),
		"modern-process": testkit.CounterServer(program, mark, book, "modern-process", "modern"),
		"over-http":      map[string]any{"url": p.URL},
	}
	for _, s := range servers {
		s.(map[string]any)["isolation"] = string(isolation)
	}
	return servers
}

// Six callers at once, each with calls one after the other, on three servers:
// whoever may not share a session counts alone.
func TestClient_NobodySeesAnothersState(t *testing.T) {
	book := testkit.OpenLedger(t)
	g := testkit.ServeConfig(t, testkit.Config(counters(t, book, messages.IsolationClient), keys("ann", "bob")))
	if err := g.AwaitServers(3); err != nil {
		t.Fatal(err)
	}
	const capable = `{"elicitation":{}}`
	callers := []*caller{
		legacyCaller(t, g, "ann's first session", "ann"),
		legacyCaller(t, g, "ann's second session", "ann"),
		legacyCaller(t, g, "bob's session", "bob"),
		modernCaller(t, g, "ann, modern", "ann", ""),
		modernCaller(t, g, "bob, modern", "bob", ""),
		modernCaller(t, g, "ann, modern, other capabilities", "ann", capable),
	}
	servers := []string{"process", "modern-process", "over-http"}
	const calls = 8
	sessions := sync.Map{} // server and caller -> the session met
	var wg sync.WaitGroup
	for _, c := range callers {
		wg.Go(func() {
			for k := range calls {
				for _, server := range servers {
					got, err := c.count(server)
					if err != nil || got.Count != k+1 {
						t.Errorf("%s, call %d of %s: %+v %v", c.name, k+1, server, got, err)
						return
					}
					if was, met := sessions.LoadOrStore(server+c.name, got.Session); met && was != got.Session {
						t.Errorf("%s met %v and then %s of %s", c.name, was, got.Session, server)
					}
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return // who has not counted has used nothing
	}
	for _, server := range servers {
		used := 0
		for session, h := range histories(book, server) {
			for _, e := range h.calls {
				if e.Who != h.calls[0].Who {
					t.Errorf("%s of %s was called by %s and by %s", session, server, h.calls[0].Who, e.Who)
				}
			}
			used += min(1, len(h.calls))
		}
		if used != len(callers) {
			t.Errorf("%d callers of %s used %d sessions", len(callers), server, used)
		}
	}

	t.Run("a modern client finds its state again under its key", func(t *testing.T) {
		for _, again := range []*caller{
			modernCaller(t, g, "ann, modern", "ann", ""),
			modernCaller(t, g, "bob, modern", "bob", ""),
			modernCaller(t, g, "ann, modern, other capabilities", "ann", capable),
		} {
			for _, server := range servers {
				if got, err := again.count(server); err != nil || got.Count != calls+1 {
					t.Errorf("%s counts %d of %s (%v), want %d", again.name, got.Count, server, err, calls+1)
				}
			}
		}
	})

	t.Run("what was kept for a session goes with it", func(t *testing.T) {
		left := callers[0]
		left.end()
		for _, server := range servers {
			was, _ := sessions.Load(server + left.name)
			actortest.Eventually(t, "the upstream session is ended", func() bool { return histories(book, server)[was.(string)].bye >= 0 })
		}
		fresh := legacyCaller(t, g, "ann's third session", "ann")
		for _, server := range servers {
			if got, err := fresh.count(server); err != nil || got.Count != 1 {
				t.Errorf("a new session counts %d of %s (%v)", got.Count, server, err)
			}
		}
	})

	report.Add(t, "`client` over HTTP", "%d callers at once (two sessions of one key, one of another, modern callers with two keys, and with one key and two sets of "+
		"capabilities) with %d calls each of %d servers (a process of each era, Streamable HTTP): each counted 1 to %d in one session of its own, of which nobody else has seen anything.",
		len(callers), calls, len(servers), calls)
}

// The counters do show who shares: under shared everybody sees one count.
func TestShared_AllCallersSeeOneState(t *testing.T) {
	book := testkit.OpenLedger(t)
	g := testkit.ServeConfig(t, testkit.Config(counters(t, book, messages.IsolationShared), keys("ann", "bob")))
	if err := g.AwaitServers(3); err != nil {
		t.Fatal(err)
	}
	for _, server := range []string{"process", "modern-process", "over-http"} {
		for k, c := range []*caller{
			legacyCaller(t, g, "ann's session", "ann"), modernCaller(t, g, "bob, modern", "bob", ""), modernCaller(t, g, "ann, modern", "ann", ""),
		} {
			if got, err := c.count(server); err != nil || got.Count != k+1 {
				t.Errorf("%s counts %d of %s (%v), want %d", c.name, got.Count, server, err, k+1)
			}
		}
	}
}

// One connection over stdio may hold clients of both eras.
func TestClient_TheErasOfOneStdioConnectionDoNotShare(t *testing.T) {
	book := testkit.OpenLedger(t)
	one, two := overStdio(t, book), overStdio(t, book)
	const legacy = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":%s}`
	for k := range 3 {
		for _, server := range []string{"process", "modern-process", "over-http"} {
			params := testkit.ExecParams(server, "count", `{}`)
			for who, ask := range map[string]func() string{
				"the legacy client":       func() string { return one.ask(fmt.Sprintf(legacy, params)) },
				"the modern client":       func() string { return one.ask(testkit.Modern(8, "tools/call", params)) },
				"that of another process": func() string { return two.ask(fmt.Sprintf(legacy, params)) },
			} {
				if got, err := readCount(ask()); err != nil || got.Count != k+1 {
					t.Errorf("%s counts %d of %s (%v), want %d", who, got.Count, server, err, k+1)
				}
			}
		}
	}
}

// connection is a client that has started `mcpx stdio`.
type connection struct {
	*testkit.Program
	t *testing.T
}

func overStdio(t *testing.T, book *ledger.Book) connection {
	t.Helper()
	binary, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := testkit.WriteConfig(dir, testkit.Config(counters(t, book, messages.IsolationClient), keys())); err != nil {
		t.Fatal(err)
	}
	p, err := testkit.StartPiped(testkit.Command(binary, dir, "stdio", "mcpx.json"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.End(p.In.Close); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(io.Discard, p.Out)
	})
	c := connection{p, t}
	c.ask(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}`)
	if _, err := io.WriteString(p.In, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n"); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends a request and returns its answer.
func (c connection) ask(request string) string {
	c.t.Helper()
	if _, err := io.WriteString(c.In, request+"\n"); err != nil {
		c.t.Fatalf("%v\n%s", err, c.Errs)
	}
	stuck := time.AfterFunc(testkit.Patience, c.Kill)
	defer stuck.Stop()
	for {
		line, err := c.Out.ReadString('\n')
		if err != nil {
			c.t.Fatalf("%q %v\n%s", line, err, c.Errs)
		}
		if !strings.Contains(line, `"method":"notifications/`) {
			return line
		}
	}
}

// Headers of a caller that go upstream are a credential there.
func TestClient_CallersWithOtherHeadersNeverShare(t *testing.T) {
	h, book := testkit.Open(t, nil), testkit.OpenLedger(t)
	s := counterHTTP(h, book, "s", puppethttp.Legacy)
	s.Policy.Isolation = messages.IsolationClient
	h.ServeAll(s)
	clients := []messages.ClientID{""}
	for range 2 {
		id, err := h.OpenClient(t.Context(), messages.ClientSpec{Protocol: puppethttp.Legacy})
		if err != nil {
			t.Fatal(err)
		}
		clients = append(clients, id)
	}
	for round := range 3 {
		for _, token := range []string{"", "one", "two"} {
			for i, client := range clients {
				c := count("s", 0, "")
				if c.Client = client; token != "" {
					c.Caller.Headers = map[string]string{"Authorization": token}
				}
				if got := counted(t, h.Call(t.Context(), c, messages.Discard)); got.Count != round+1 {
					t.Errorf("round %d: token %q, client %d: %+v", round+1, token, i, got)
				}
			}
		}
	}
}
