package rest

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// odd are names that a path could mean otherwise.
var odd = []string{"a/b", "..", ".", "50%", "a%2Fb", "with space", "späße", "a?b#c", "{id}", "a;b=c", "a+b&c", "docs/x", "resources", "health", "docs"}

func TestPaths_OfOddNamesWorkWhenEscaped(t *testing.T) {
	tools := make([]messages.Tool, len(odd))
	for i, name := range odd {
		tools[i] = tool(name, "")
	}
	all := map[string][]messages.Tool{}
	for _, name := range odd {
		if !reserved[name] {
			all[name] = tools
		}
	}
	f := servers(all)
	s := serve(t, f, Options{})
	for server := range all {
		for _, name := range odd {
			path := "/" + escape(server) + "/" + escape(name)
			got := s.post(path, `{"n":1}`)
			if got.StatusCode != 200 || !strings.Contains(got.body, `"arguments":{"n":1}`) {
				t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
				continue
			}
			calls := f.called()
			if c := calls[len(calls)-1]; c.Server != server || c.Request.Name != name {
				t.Errorf("%s: called %q of %q", path, c.Request.Name, c.Server)
			}
		}
	}
}

// escape escapes every byte, as a caller may.
func escape(name string) string {
	var b strings.Builder
	const hex = "0123456789ABCDEF"
	for _, c := range []byte(name) {
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}

func TestPaths_WhatIsNotThereNamesTheNearest(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": {tool("now", ""), tool("convert", ""), tool("secret", "")}, "files": {tool("read", "")}, "off": {tool("x", "")}})
	f.specs["off"] = messages.ServerSpec{Name: "off", Disabled: true}
	f.hidden["time/secret"] = true
	s := serve(t, f, Options{})
	s.want("a server", s.post("/tim/now", "{}"), 404, `{"detail":{"message":"there is no server \"tim\"; did you mean \"time\"?","available":["files","time"]}}`)
	s.want("nothing like a server", s.post("/x/now", "{}"), 404, `{"detail":{"message":"there is no server \"x\"","available":["files","time"]}}`)
	s.want("a server alone", s.get("/tim"), 404, `{"detail":{"message":"there is no server \"tim\"; did you mean \"time\"?","available":["files","time"]}}`)
	s.want("documents of a server", s.get("/tim/openapi.json"), 404, `{"detail":{"message":"there is no server \"tim\"; did you mean \"time\"?","available":["files","time"]}}`)
	s.want("a tool", s.post("/time/nwo", "{}"), 404, `{"detail":{"message":"server \"time\" has no tool \"nwo\"; did you mean \"now\"?","available":["now","convert"]}}`)
	s.want("a tool to GET", s.get("/time/nwo"), 404, `{"detail":{"message":"server \"time\" has no tool \"nwo\"; did you mean \"now\"?","available":["now","convert"]}}`)
	s.wantMessage("a tool that is disabled", s.post("/time/secret", "{}"), 403, "disabled")
	s.wantMessage("a server that is disabled", s.post("/off/x", "{}"), 403, "disabled")
	s.wantMessage("its document", s.get("/off/openapi.json"), 403, "disabled")
	s.wantMessage("its page", s.get("/off/docs"), 403, "disabled")
	s.wantMessage("its health", s.get("/off/health"), 403, "disabled")
	s.wantMessage("a server and nothing else", s.get("/time"), 404, "/time/docs")
	for _, path := range []string{"/", "/time/", "//time/now", "/time//now", "/time/now/more", "/time/resources/write", "/docs/passwd", "/%2e%2e/%2e%2e/etc"} {
		s.wantMessage(path, s.post(path, "{}"), 404)
	}
	if calls := f.called(); calls != nil {
		t.Errorf("something was called: %v", calls)
	}
}

func TestPaths_AWrongMethodNamesTheRightOnes(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": {tool("now", ""), tool("docs", "")}, "new": nil})
	s := serve(t, f, Options{})
	for _, c := range []struct{ method, path, allow string }{
		{"GET", "/time/now", "POST"},
		{"DELETE", "/time/now", "POST"},
		{"PUT", "/time/now", "POST"},
		{"OPTIONS", "/time/now", "POST"},
		{"POST", "/time/health", "GET, HEAD"},
		{"POST", "/time/openapi.json", "GET, HEAD"},
		{"PATCH", "/time/docs", "GET, HEAD, POST"}, // a page, and a tool
		{"GET", "/time/prompts/p", "POST"},
		{"POST", "/time/resources/read", "GET, HEAD"},
		{"POST", "/docs", "GET, HEAD"},
		{"POST", "/health", "GET, HEAD"},
		{"POST", "/docs/swagger-ui.css", "GET, HEAD"},
		{"GET", "/new/tool", "POST"}, // nobody knows yet whether there is one
	} {
		got := s.send(c.method, c.path, nil)
		s.wantMessage(c.method+" "+c.path, got, 405, c.method, c.allow)
		if allow := got.Header.Get("Allow"); allow != c.allow {
			t.Errorf("%s %s: Allow %q, want %q", c.method, c.path, allow, c.allow)
		}
	}
	s.want("a tool of the name of a page", s.post("/time/docs", "{}"), 200, `{"name":"docs","arguments":{}}`)
}

func TestPaths_OfMcpxItselfAreNoServers(t *testing.T) {
	all := map[string][]messages.Tool{"time": {tool("now", "")}}
	for name := range reserved {
		all[name] = []messages.Tool{tool("now", "")}
	}
	s := serve(t, servers(all), Options{})
	for name := range reserved {
		s.wantMessage(name, s.post("/"+name+"/now", "{}"), 404)
	}
	s.want("another", s.post("/time/now", "{}"), 200, `{"name":"now","arguments":{}}`)
	root := s.get("/openapi.json")
	if strings.Contains(root.body, "/mcp/docs") || !strings.Contains(root.body, "/time/docs") {
		t.Errorf("the root document: %s", root.body)
	}
}

func TestPaths_BelowAPrefixAndAProxysRoot(t *testing.T) {
	for _, prefix := range []string{"/api/v1/", "/api/v1", "api/v1"} {
		s := serve(t, clock(), Options{Prefix: prefix, RootPath: "/behind/a proxy/"})
		for _, path := range []string{"/api/v1/time/now", "/behind/a%20proxy/api/v1/time/now"} {
			s.want(path, s.post(path, ""), 200, `{"name":"now","arguments":{}}`)
		}
		s.wantMessage("without the prefix", s.post("/time/now", ""), 404)
		for _, path := range []string{"/docs", "/openapi.json", "/health", "/docs/start.js"} {
			for _, base := range []string{"", "/api/v1", "/behind/a%20proxy", "/behind/a%20proxy/api/v1"} {
				if got := s.get(base + path); got.StatusCode != 200 {
					t.Errorf("%s: %d %s", base+path, got.StatusCode, got.body)
				}
			}
		}
		if doc := s.get("/openapi.json").body; !strings.Contains(doc, `"/behind/a%20proxy/api/v1/time/docs"`) {
			t.Errorf("the root document: %s", doc)
		}
		if doc := s.get("/api/v1/time/openapi.json").body; !strings.Contains(doc, `"servers":[{"url":"/behind/a proxy/api/v1/time"}]`) && !strings.Contains(doc, `"servers":[{"url":"/behind/a%20proxy/api/v1/time"}]`) {
			t.Errorf("the document: %s", doc)
		}
	}
}

func TestPaths_OfASingleServerWorkInBothForms(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": {tool("now", ""), tool("time", ""), tool("mcp", ""), tool("docs", ""), tool("resources", "")}})
	s := serve(t, f, Options{Single: "time"})
	for path, want := range map[string]string{
		"/now": "now", "/time/now": "now",
		"/time": "time", "/time/time": "time",
		"/resources": "resources", "/time/resources": "resources",
		"/time/mcp": "mcp", "/time/docs": "docs",
	} {
		s.want(path, s.post(path, "{}"), 200, `{"name":"`+want+`","arguments":{}}`)
	}
	s.wantMessage("a tool of a reserved name", s.post("/mcp", "{}"), 404, "/time/mcp")
	s.wantMessage("a tool of a page's name", s.post("/docs", "{}"), 405)
	s.wantMessage("an unknown tool", s.post("/nwo", "{}"), 404, "did you mean")
	s.wantMessage("an unknown tool in the long form", s.post("/time/nwo", "{}"), 404, "did you mean")
	s.wantMessage("two unknown segments", s.post("/tim/now", "{}"), 404)

	short, long := s.get("/openapi.json").body, s.get("/time/openapi.json").body
	for _, p := range []string{`"/now"`, `"/time"`} {
		if !strings.Contains(short, p) || !strings.Contains(long, p) {
			t.Errorf("%s is not in both documents:\n%s\n%s", p, short, long)
		}
	}
	if strings.Contains(short, `"/mcp"`) || !strings.Contains(long, `"/mcp"`) {
		t.Errorf("the path of the reserved name:\n%s\n%s", short, long)
	}
	if !strings.Contains(short, `"servers":[{"url":"/"}]`) || !strings.Contains(long, `"servers":[{"url":"/time"}]`) {
		t.Errorf("the servers:\n%s\n%s", short, long)
	}
	for _, path := range []string{"/docs", "/time/docs", "/health", "/time/health", "/resources", "/time/resources"} {
		if got := s.get(path); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", path, got.StatusCode, got.body)
		}
	}
}

func TestPaths_OfASingleServerOfAReservedName(t *testing.T) {
	s := serve(t, servers(map[string][]messages.Tool{"api": {tool("now", ""), tool("ui", "")}}), Options{Single: "api"})
	s.want("the short form", s.post("/now", ""), 200, `{"name":"now","arguments":{}}`)
	s.wantMessage("the long form", s.post("/api/now", ""), 404)
	s.wantMessage("a tool that has no path at all", s.post("/ui", ""), 404)
}

func TestPaths_OfASingleServerBesideOthers(t *testing.T) {
	s := serve(t, servers(map[string][]messages.Tool{"time": {tool("now", "")}, "files": {tool("read", "")}}), Options{Single: "time"})
	s.want("the single one", s.post("/now", ""), 200, `{"name":"now","arguments":{}}`)
	s.want("another", s.post("/files/read", ""), 200, `{"name":"read","arguments":{}}`)
	gone := serve(t, servers(map[string][]messages.Tool{"files": {tool("read", "")}}), Options{Single: "time"})
	gone.wantMessage("a single one that is gone", gone.post("/time/now", ""), 404, "no server")
	if got := gone.send(http.MethodHead, "/files/health", nil); got.StatusCode != 200 || got.body != "" {
		t.Errorf("HEAD: %d %q", got.StatusCode, got.body)
	}
}
