package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/mcpx/mcpx/tests/testkit"
)

// row is one target under one kind of load.
type row struct {
	group, name string
	bytes       int // of the payload
	clients     []int
	start       func(b *bench, null *running, bytes int) (*target, error)
	about       string // for the report

	// paced rows get half as many calls per second as this row could answer in
	// the same round; from mcpx load, which alone can.
	paced string
}

func (r row) id() string { return r.group + "/" + r.name }

// target is what was started for a row, fresh for each round.
type target struct {
	pid   int // of what is measured; 0: of nothing, the load goes to the upstream itself
	check func() error
	load  func(clients int, length time.Duration) (sample, error)
	stop  func() error
	mcp   *loadTarget // for mcpx load; nil for what is no MCP
	text  string      // of each answer
}

// The rows that others are compared with.
const (
	direct       = "direct"
	reverseProxy = "ReverseProxy"
	pooledProxy  = "ReverseProxy-pooled"
	mcpGo        = "mcp-go"
	transparent  = "mcpx"
)

const nullCall = `{"name":"null","arguments":{}}`

// roomy has room for the sessions of both generators: in a transparent endpoint
// each client session has one upstream of its own.
var roomy = map[string]any{"pool": map[string]any{"max": 256}}

// rows are all that are measured, in the order of the report. against adds
// another build of mcpx.
func rows(peers []peer, against bool) []row {
	few, two, one := []int{1, 16, 64}, []int{16, 64}, []int{16}
	http100 := func(name string, clients []int, start func(*bench, *running, int) (*target, error), about string) row {
		return row{group: "100B", name: name, bytes: 100, clients: clients, start: start, about: about}
	}
	all := []row{
		http100(direct, few, startDirect, "the null server itself"),
		http100(reverseProxy, few, startReverseProxy, "httputil.ReverseProxy with a tuned transport"),
		http100(pooledProxy, few, startPooledProxy, "the same with a BufferPool, which saves it 32 KiB of garbage per request"),
		http100(mcpGo, few, startMCPGo, "a page of code with mcp-go's server and client"),
		http100(transparent, few, viaMCPX("/mcp/null", false, nil), "`/mcp/null`, modern"),
		http100("mcpx-legacy", few, viaMCPX("/mcp/null", true, roomy), "`/mcp/null`, legacy, a session per client"),
		http100("mcpx-exec", few, viaMCPX("/mcp", false, nil), "`/mcp`, tool `exec`"),
		http100("mcpx-rest", few, viaMCPX("/null/null", false, nil), "`POST /null/null`"),
	}
	if against {
		all = append(all, http100("mcpx-before", few, func(b *bench, null *running, bytes int) (*target, error) {
			before := *b
			before.mcpx = b.against
			return viaMCPX("/mcp/null", false, nil)(&before, null, bytes)
		}, "`/mcp/null`, modern, another build"))
	}
	for _, p := range peers {
		all = append(all, http100(p.Name, few, p.target, p.about()))
	}
	for _, wire := range []string{"http", "stdio"} {
		for _, policy := range []string{"request", "client", "shared"} {
			server := map[string]any{"isolation": policy, "protocol": "legacy", "pool": roomy["pool"]}
			// A session of a transparent endpoint is its client's under every policy.
			about := "`exec`, isolation `" + policy + "`, legacy upstream over " + wire
			all = append(all, row{"isolation", wire + "-" + policy, 100, one, viaMCPXTo(wire, "/mcp", true, server), about, ""})
		}
	}
	for _, policy := range []string{"request", "shared"} {
		server := map[string]any{"isolation": policy, "protocol": "legacy", "pool": roomy["pool"]}
		all = append(all, row{"paced", "stdio-" + policy, 100, one, viaMCPXTo("stdio", "/mcp", true, server),
			"`exec`, isolation `" + policy + "`, over stdio, at half the rate that isolation `request` can do", "isolation/stdio-request"})
	}
	for _, size := range []struct {
		group string
		bytes int
	}{{"10KB", 10 << 10}, {"1MB", 1 << 20}} {
		all = append(all,
			row{size.group, direct, size.bytes, two, startDirect, "the null server itself", ""},
			row{size.group, reverseProxy, size.bytes, two, startReverseProxy, "httputil.ReverseProxy", ""},
			row{size.group, pooledProxy, size.bytes, two, startPooledProxy, "the same with a BufferPool", ""},
			row{size.group, transparent, size.bytes, two, viaMCPX("/mcp/null", false, nil), "`/mcp/null`, modern", ""})
		if against {
			all = append(all, row{size.group, "mcpx-before", size.bytes, two, func(b *bench, null *running, bytes int) (*target, error) {
				before := *b
				before.mcpx = b.against
				return viaMCPX("/mcp/null", false, nil)(&before, null, bytes)
			}, "`/mcp/null`, modern, another build", ""})
		}
	}
	for _, delay := range []string{"0ms", "5ms"} {
		all = append(all,
			row{"stdio-" + delay, direct, 100, few, stdioTarget(false, delay), "the null server itself, over stdio", ""},
			row{"stdio-" + delay, transparent, 100, few, stdioTarget(true, delay), "`mcpx stdio --endpoint null` in front of it", ""})
		if against {
			all = append(all, row{"stdio-" + delay, "mcpx-before", 100, few, func(b *bench, null *running, bytes int) (*target, error) {
				before := *b
				before.mcpx = b.against
				return stdioTarget(true, delay)(&before, null, bytes)
			}, "the same, another build", ""})
		}
	}
	return all
}

// modernShot calls a tool as a modern client does.
func modernShot(url, tool, params, text string) shot {
	return shot{url, testkit.Modern(1, "tools/call", params), testkit.ModernHeaders("tools/call", tool), text, tool}
}

// legacyShot does so in a session.
func legacyShot(url, tool, params, text string) shot {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%s}`, params)
	return shot{url, body, http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {"2025-11-25"},
	}, text, tool}
}

// payload is what a null server answers.
func payload(bytes int) string {
	const line = "Nothing was done, and this is what came of it. "
	return strings.Repeat(line, bytes/len(line)+1)[:bytes]
}

// overHTTP is a target that wrk loads. sessions are those of a legacy client.
func (b *bench) overHTTP(s shot, pid int, stop func() error, sessions bool) (*target, error) {
	t := &target{pid: pid, stop: stop, text: s.text}
	if s.tool != "" {
		t.mcp = &loadTarget{url: s.url, era: "modern", tool: []string{"--tool", s.tool}, pid: pid}
		if s.tool == "exec" {
			t.mcp.tool = []string{"--exec", "null/null"}
		}
	}
	var ids []string
	if sessions {
		t.mcp.era = "legacy"
		var err error
		if ids, err = s.sessions(64); err != nil {
			return nil, errors.Join(err, stop())
		}
		s.headers.Set("Mcp-Session-Id", ids[0])
	}
	t.check = s.check
	t.load = func(clients int, length time.Duration) (sample, error) {
		return b.wrk(s, ids[:min(len(ids), clients)], clients, length)
	}
	return t, nil
}

func nothing() error { return nil }

func startDirect(b *bench, null *running, bytes int) (*target, error) {
	return b.overHTTP(modernShot(null.url, "null", nullCall, payload(bytes)), 0, nothing, false)
}

func startReverseProxy(b *bench, null *running, bytes int) (*target, error) {
	return b.proxy(b.reverseproxy, null, bytes)
}

func startPooledProxy(b *bench, null *running, bytes int) (*target, error) {
	return b.proxy(b.reverseproxy, null, bytes, "-pooled")
}

func startMCPGo(b *bench, null *running, bytes int) (*target, error) {
	return b.proxy(b.mcpgo, null, bytes)
}

func (b *bench) proxy(program string, null *running, bytes int, flags ...string) (*target, error) {
	p, err := b.listening(program, append(flags, null.url)...)
	if err != nil {
		return nil, err
	}
	return b.overHTTP(modernShot(p.url, "null", nullCall, payload(bytes)), p.Pid(), p.kill, false)
}

func (r *running) kill() error { r.Kill(); return nil }

// close ends mcpx as a service manager would: whoever leaves something behind
// has not won.
func (r *running) close() error { return r.End(r.Terminate) }

func viaMCPX(path string, legacy bool, server map[string]any) func(*bench, *running, int) (*target, error) {
	return viaMCPXTo("http", path, legacy, server)
}

func viaMCPXTo(wire, path string, legacy bool, settings map[string]any) func(*bench, *running, int) (*target, error) {
	return func(b *bench, null *running, bytes int) (*target, error) {
		server := map[string]any{"url": null.url}
		if wire == "stdio" {
			server = b.nullCommand()
		}
		for key, value := range settings {
			server[key] = value
		}
		g, err := b.serve(server)
		if err != nil {
			return nil, err
		}
		text := payload(bytes)
		tool, params := "null", nullCall
		if path == "/mcp" {
			tool, params = "exec", testkit.ExecParams("null", "null", `{}`)
		}
		s := modernShot(g.url+path, tool, params, text)
		switch {
		case legacy:
			s = legacyShot(g.url+path, tool, params, text)
		case path == "/null/null":
			s = shot{g.url + path, `{}`, http.Header{"Content-Type": {"application/json"}}, text, ""}
		}
		t, err := b.overHTTP(s, g.Pid(), g.close, legacy)
		if err == nil && wire == "stdio" {
			t.mcp.pid = 0
		}
		return t, err
	}
}
