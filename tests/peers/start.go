package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/mcpx/mcpx/tests/peers/kit"
	"github.com/mcpx/mcpx/tests/testkit"
)

// bench is what all rounds share.
type bench struct {
	mcpx, reverseproxy, mcpgo string // programs
	against                   string // another build of mcpx; may be empty
	dir                       string // of all files; removed at the end
}

// build builds what is measured, as users have it: without race detector and
// coverage counters.
func build(mcpx, against string) (*bench, error) {
	dir, err := os.MkdirTemp("", "mcpx-peers-")
	if err != nil {
		return nil, err
	}
	b := &bench{mcpx: mcpx, against: against, dir: dir}
	for _, p := range []struct {
		path    *string
		name    string
		program string
	}{
		{&b.mcpx, "mcpx", "./cmd/mcpx"}, {&b.reverseproxy, "reverseproxy", "./tests/peers/reverseproxy"}, {&b.mcpgo, "mcpgo", "./tests/peers/mcpgo"},
	} {
		if *p.path != "" {
			continue
		}
		if *p.path, err = kit.Build(dir, p.name, p.program); err != nil {
			b.remove()
			return nil, err
		}
	}
	return b, nil
}

func (b *bench) remove() { _ = os.RemoveAll(b.dir) }

// folder makes a new folder for one program.
func (b *bench) folder() (string, error) { return os.MkdirTemp(b.dir, "run-") }

// running is a program that serves.
type running struct {
	*testkit.Program
	url string
}

// listening starts a program that prints "Listening on URL".
func (b *bench) listening(program string, args ...string) (*running, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	return listeningIn(dir, program, args...)
}

func listeningIn(dir, program string, args ...string) (*running, error) {
	p, err := testkit.StartPiped(testkit.Command(program, dir, args...))
	if err != nil {
		return nil, err
	}
	line, err := p.Out.ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "Listening on ")
	if err != nil || !ok {
		p.Kill()
		return nil, fmt.Errorf("%s printed %q (%w):\n%s", program, line, err, p.Errs)
	}
	go func() { _, _ = io.Copy(io.Discard, p.Out) }() // ends with the program
	return &running{p, url}, nil
}

// null starts the upstream of all.
func (b *bench) null(bytes int) (*running, error) {
	return b.listening(b.mcpx, "null", "--bytes", strconv.Itoa(bytes))
}

// nullCommand is it as a server over stdio.
func (b *bench) nullCommand(more ...string) map[string]any {
	return map[string]any{"command": b.mcpx, "args": append([]string{"null", "--transport", "stdio"}, more...)}
}

// serve starts `mcpx serve` with one server, called null, and waits until it is
// connected.
func (b *bench) serve(server map[string]any) (*running, error) {
	dir, err := b.folder()
	if err != nil {
		return nil, err
	}
	if _, err := testkit.WriteConfig(dir, testkit.Config(map[string]any{"null": server}, map[string]any{"log_level": "warn"})); err != nil {
		return nil, err
	}
	g, err := testkit.ServeBinary(b.mcpx, dir, "mcpx.json", "--port", "0")
	if err != nil {
		return nil, err
	}
	if err := g.AwaitServers(1); err != nil {
		g.Kill()
		return nil, err
	}
	return &running{g.Program, strings.TrimSuffix(g.URL, "/mcp")}, nil
}

// freePort is a port that nobody listens on at this moment.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// shot is a request that a load makes, and what its answer holds.
type shot struct {
	url     string
	body    string
	headers http.Header
	text    string // the payload
	tool    string // empty where it is no MCP
}

// check makes it once.
func (s shot) check() error {
	got, err := testkit.Ask(context.Background(), http.MethodPost, s.url, s.body, s.headers)
	switch {
	case err != nil:
		return err
	case got.Status != http.StatusOK || !strings.Contains(got.Body, s.text):
		return fmt.Errorf("POST %s: the answer is not the upstream's: HTTP %d: %.300s", s.url, got.Status, got.Body)
	}
	return nil
}

const (
	legacyHello = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},` +
		`"clientInfo":{"name":"peers","version":"1"}}}`
	initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// sessions opens legacy sessions and returns their ids.
func (s shot) sessions(n int) ([]string, error) {
	var ids []string
	for range n {
		h := s.headers.Clone()
		h.Del("Mcp-Session-Id")
		hello, err := testkit.Ask(context.Background(), http.MethodPost, s.url, legacyHello, h)
		id := hello.Header.Get("Mcp-Session-Id")
		if err != nil || hello.Status != http.StatusOK || id == "" {
			return nil, fmt.Errorf("initialize at %s: HTTP %d, session %q: %.300s (%w)", s.url, hello.Status, id, hello.Body, err)
		}
		h.Set("Mcp-Session-Id", id)
		if done, err := testkit.Ask(context.Background(), http.MethodPost, s.url, initialized, h); err != nil || done.Status/100 != 2 {
			return nil, fmt.Errorf("notifications/initialized at %s: HTTP %d: %.300s (%w)", s.url, done.Status, done.Body, err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
