package e2e_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppet"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/tests/testkit"
)

// Content items, with what a gateway that decodes them would lose: the order of
// members, members that no revision knows, integers above 2^53 and others that
// no machine number holds, escapes, and 0.50 as opposed to 0.5.
var items = map[string]string{
	"image":         `{"mimeType":"image/png","type":"image","data":"aW1n","annotations":{"priority":0.50,"audience":["user"]}}`,
	"audio":         `{"type":"audio","mimeType":"audio/wav","data":"YXVk","_meta":{"org.example/frames":9007199254740993}}`,
	"embedded-text": `{"type":"resource","resource":{"uri":"file:///%C3%BC","text":"\u00fcber <b>\ud83d\ude00</b>\u2028","mimeType":"text/html","size":18446744073709551616}}`,
	"embedded-blob": `{"resource":{"blob":"AAEC","uri":"x:y"},"type":"resource","x":null}`,
	"link":          `{"type":"resource_link","uri":"file:///l","name":"l","size":9007199254740993,"icons":[{"src":"data:,"}]}`,
	"unknown":       `{"type":"hologram","beam":[1,2.50,-0,1e400,9007199254740993],"deep":{"b":{},"a":[[]]},"type2":"\/"}`,
	"no-type":       `{"what":12345678901234567890}`,
	"odd-text":      `{"type":"text","text":{"not":"a string"}}`,
}

// together is a result that holds all of them, and more than content.
func together() (result string, content []string) {
	names := make([]string, 0, len(items))
	for name := range items {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		content = append(content, items[name])
	}
	return `{"x-before":9007199254740993,"content":[` + strings.Join(content, ",") + `],"_meta":{"org.example/k":[1.0]},"x-after":{"b":1,"a":2}}`, content
}

// exhibitor is a server over HTTP with a tool for each of the items, and one for
// all of them.
func exhibitor(t *testing.T, o puppethttp.Options) *puppethttp.Puppet {
	t.Helper()
	p := puppethttp.Start(t, o)
	var tools []string
	show := func(name, result string) {
		tools = append(tools, `{"name":"`+name+`","inputSchema":{"type":"object"}}`)
		if o.Versions[0] == modern {
			result = member(result, `"resultType":"complete"`)
		}
		p.Always("tools/call:"+name, puppethttp.Answer(result))
	}
	for name, item := range items {
		show(name, `{"content":[`+item+`]}`)
	}
	all, _ := together()
	show("together", all)
	// Its answer has line breaks, which neither a pipe nor an event can hold.
	show("pretty", strings.ReplaceAll(`{~"content": [~{"type":"image",~"data": "aW1n"}~,{"type":"hologram"~}],~"x": 9007199254740993~}`, "~", "\r\n\t"))
	p.Always("tools/list", puppethttp.Answer(`{"tools":[`+strings.Join(tools, ",")+`],"resultType":"complete","ttlMs":0,"cacheScope":"public"}`))
	return p
}

// exhibition are servers of both eras and of every way to answer.
func exhibition(t *testing.T) map[string]any {
	t.Helper()
	servers := map[string]any{"stdio": puppetServer("plain"), "stdio-modern": puppetServer("modern")}
	for name, o := range map[string]puppethttp.Options{
		"http":          {Versions: []string{v20251125}},
		"http-sse":      {Versions: []string{v20251125}, Stream: true},
		"stateless":     {Versions: []string{v20251125}, Stateless: true},
		"http-modern":   {Versions: []string{modern}},
		"modern-stream": {Versions: []string{modern}, Stream: true},
	} {
		servers[name] = map[string]any{"url": exhibitor(t, o).URL}
	}
	return servers
}

// fronts are clients of both eras over both transports, each with a connection
// of its own to a gateway in front of the same servers.
func fronts(t *testing.T, servers map[string]any) map[string]client {
	t.Helper()
	g := serve(t, servers)
	local := stdio(t, servers)
	all := map[string]client{
		"http, legacy":  dialHTTP(t, g.URL, v20251125),
		"http, modern":  dialHTTP(t, g.URL, modern),
		"stdio, legacy": local.client(t, v20251125),
		"stdio, modern": local.client(t, modern),
	}
	awaitDirectory(t, local, all["stdio, modern"], len(servers))
	return all
}

// awaitDirectory waits until so many servers show in the listing of a client of
// `mcpx stdio`, which serves no /healthz.
func awaitDirectory(t *testing.T, local *pipe, c client, servers int) {
	t.Helper()
	if !testkit.Until(func() bool {
		directory := listedTools(t, result(t, c, "tools/list", `{}`))["inspect"]
		return strings.Count(directory, "\n  Server: ") == servers
	}) {
		t.Fatalf("not all servers came up behind mcpx stdio:\n%s", local.Errs)
	}
}

func TestContent_EveryItemComesThroughByteForByte(t *testing.T) {
	t.Parallel()
	servers := exhibition(t)
	_, whole := together()
	for front, c := range fronts(t, servers) {
		for server := range servers {
			if strings.HasPrefix(server, "stdio") {
				continue // below
			}
			for name, item := range items {
				if got := execute(t, c, server, name, `{}`).Content; len(got) != 1 || string(got[0]) != item {
					t.Errorf("%s, %s, %s:\n got %s\nwant %s", front, server, name, got, item)
				}
			}
			got := execute(t, c, server, "together", `{}`).Content
			if !slices.EqualFunc(got, whole, func(a json.RawMessage, b string) bool { return string(a) == b }) {
				t.Errorf("%s, %s, together:\n got %s\nwant %s", front, server, got, whole)
			}
		}
		for _, server := range []string{"stdio", "stdio-modern"} {
			var want toolResult
			decode(t, json.RawMessage(puppet.Contents), &want)
			if got := execute(t, c, server, "content", `{}`).Content; !slices.EqualFunc(got, want.Content, sameBytes) {
				t.Errorf("%s, %s:\n got %s\nwant %s", front, server, got, want.Content)
			}
		}
	}
}

func TestContent_WhatStandsBesideItIsKept(t *testing.T) {
	t.Parallel()
	servers := map[string]any{"legacy": map[string]any{"url": exhibitor(t, puppethttp.Options{Versions: []string{v20251125}}).URL}}
	all, _ := together()
	for front, c := range fronts(t, servers) {
		got := result(t, c, "tools/call", `{"name":"exec","arguments":`+execution("legacy", "together", `{}`)+`}`)
		want := all
		if c.version() == modern {
			// What the era demands of a server's results, spliced in and nothing else.
			var added map[string]json.RawMessage
			decode(t, got, &added)
			if string(added["resultType"]) != `"complete"` || !bytes.Contains(added["_meta"], []byte(`"io.modelcontextprotocol/serverInfo"`)) {
				t.Errorf("%s: %s", front, got)
			}
			delete(added, "resultType")
			added["_meta"] = json.RawMessage(`{"org.example/k":[1.0]}`)
			got, _ = json.Marshal(added) // of raw messages: cannot fail
			if !reflect.DeepEqual(value(t, got), value(t, json.RawMessage(want))) {
				t.Errorf("%s:\n got %s\nwant %s", front, got, want)
			}
			continue
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", front, got, want)
		}
	}
}

func TestContent_LineBreaksInAnAnswerDoNotBreakItsFraming(t *testing.T) {
	t.Parallel()
	servers := exhibition(t)
	for front, c := range fronts(t, servers) {
		for _, server := range []string{"http", "http-modern"} {
			got := execute(t, c, server, "pretty", `{}`).Content
			if len(got) != 2 || !reflect.DeepEqual(value(t, got[0]), map[string]any{"type": "image", "data": "aW1n"}) {
				t.Errorf("%s, %s: %s", front, server, got)
			}
		}
	}
}

// What goes the other way: the arguments of a call.
func TestArguments_ReachTheServerByteForByte(t *testing.T) {
	t.Parallel()
	const arguments = `{"z":9007199254740993,"a":[1.10,-0,1e400,18446744073709551616],"text":"\u00fc <&> 山 \ud83d\ude00","n":null,"o":{"b":1,"a":{}}}`
	servers := map[string]any{"legacy": puppetServer("plain"), "modern": puppetServer("modern")}
	legacy := puppethttp.Start(t, puppethttp.Options{Versions: []string{v20251125}})
	latest := puppethttp.Start(t, puppethttp.Options{Versions: []string{modern}})
	servers["http"], servers["http-modern"] = map[string]any{"url": legacy.URL}, map[string]any{"url": latest.URL}
	for front, c := range fronts(t, servers) {
		for _, server := range []string{"legacy", "modern"} { // echo says what came
			if got := execute(t, c, server, "echo", arguments).text(t); !reflect.DeepEqual(value(t, json.RawMessage(got)), value(t, json.RawMessage(arguments))) {
				t.Errorf("%s, %s:\n got %s\nsent %s", front, server, got, arguments)
			}
		}
		for server, p := range map[string]*puppethttp.Puppet{"http": legacy, "http-modern": latest} {
			n := p.Count("tools/call:echo")
			execute(t, c, server, "echo", arguments)
			var params struct{ Arguments json.RawMessage }
			decode(t, p.Await(t, "tools/call:echo", n+1).Params, &params)
			if string(params.Arguments) != arguments {
				t.Errorf("%s, %s:\n got %s\nsent %s", front, server, params.Arguments, arguments)
			}
		}
	}
}
