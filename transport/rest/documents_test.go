package rest

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// paths reads which paths a document describes.
func paths(t *testing.T, doc string) map[string]json.RawMessage {
	t.Helper()
	var d struct{ Paths map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	return d.Paths
}

func TestDocument_FollowsTheCatalog(t *testing.T) {
	f := clock()
	s := serve(t, f, Options{Title: "Clock", Version: "9.9", Description: "of all clocks"})
	first := s.get("/time/openapi.json")
	for _, part := range []string{`"title":"Clock"`, `"version":"9.9"`, `"description":"of all clocks"`, `"/now":`, `"/convert":`} {
		if !strings.Contains(first.body, part) {
			t.Errorf("%s is not in %s", part, first.body)
		}
	}
	tag := first.Header.Get("ETag")
	for _, seen := range []string{tag, `"other", ` + tag, "W/" + tag, "*"} {
		got := s.get("/time/openapi.json", "If-None-Match", seen)
		if got.StatusCode != http.StatusNotModified || got.body != "" || got.Header.Get("ETag") != tag {
			t.Errorf("%s: %d %s %v", seen, got.StatusCode, got.body, got.Header)
		}
	}
	f.mu.Lock()
	f.catalogs["time"] = messages.Catalog{Server: "time", Version: 2, Tools: []messages.Tool{tool("now", ""), tool("later", "")}}
	f.mu.Unlock()
	second := s.get("/time/openapi.json", "If-None-Match", tag)
	if p := paths(t, second.body); second.StatusCode != 200 || p["/later"] == nil || p["/convert"] != nil || second.Header.Get("ETag") == tag {
		t.Errorf("after a change: %d %s", second.StatusCode, second.body)
	}
	if again := s.get("/time/openapi.json"); again.body != second.body || again.Header.Get("ETag") != second.Header.Get("ETag") {
		t.Error("without a change it is another")
	}
}

func TestDocument_DoesNotShowWhatNobodyMayUse(t *testing.T) {
	f := servers(map[string][]messages.Tool{"time": {tool("now", ""), tool("secret", "")}, "hidden": {tool("x", "")}})
	f.specs["hidden"] = messages.ServerSpec{Name: "hidden", Disabled: true}
	s := serve(t, f, Options{})
	if p := paths(t, s.get("/time/openapi.json").body); p["/secret"] == nil {
		t.Error("it is not there while it may be used")
	}
	f.mu.Lock()
	f.hidden["time/secret"] = true
	f.mu.Unlock()
	if p := paths(t, s.get("/time/openapi.json").body); p["/secret"] != nil || p["/now"] == nil {
		t.Errorf("paths %v", p)
	}
	if doc := s.get("/openapi.json").body; strings.Contains(doc, "hidden") || !strings.Contains(doc, "/time/docs") {
		t.Errorf("the root document: %s", doc)
	}
}

func TestDocuments_OfServersThatHaveGoneAreForgotten(t *testing.T) {
	f := servers(map[string][]messages.Tool{"a": {tool("x", "")}, "b": {tool("x", "")}})
	h := New(f, Options{})
	defer h.Close()
	s := &service{f, t, newServer(t, h)}
	s.get("/a/openapi.json")
	s.get("/b/openapi.json")
	s.get("/openapi.json")
	f.mu.Lock()
	delete(f.specs, "a")
	f.mu.Unlock()
	f.follow(messages.DirectoryChanged{Version: 2})
	var left []documentKey
	for key := range h.docs.kept.Range {
		left = append(left, key.(documentKey))
	}
	if len(left) != 2 {
		t.Errorf("%v", left)
	}
}

// addresses are those that a page or a style sheet makes a browser load.
var addresses = regexp.MustCompile(`(?:src|href|url)\s*[=(]\s*["']?([^"')\s>]+)`)

func TestPage_LoadsNothingFromElsewhere(t *testing.T) {
	s := serve(t, clock(), Options{Single: "", Title: ""})
	for _, path := range []string{"/docs", "/time/docs"} {
		page := s.get(path)
		if page.StatusCode != 200 || page.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("%s: %d %v", path, page.StatusCode, page.Header)
		}
		policy := page.Header.Get("Content-Security-Policy")
		for _, directive := range []string{"default-src 'none'", "script-src 'self';", "img-src 'self' data:", "connect-src 'self'"} {
			if !strings.Contains(policy, directive) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, directive)
			}
		}
		found := addresses.FindAllStringSubmatch(page.body, -1)
		if len(found) < 4 {
			t.Fatalf("%s loads only %q:\n%s", path, found, page.body)
		}
		for _, address := range found {
			if strings.Contains(address[1], "//") || strings.HasPrefix(address[1], "/") {
				t.Errorf("%s loads %s", path, address[1])
			}
			to, err := page.Request.URL.Parse(address[1])
			if err != nil {
				t.Fatal(err)
			}
			if got := s.get(to.Path); got.StatusCode != 200 {
				t.Errorf("%s loads %s, which is not there: %d", path, address[1], got.StatusCode)
			}
		}
		if strings.Contains(page.body, "<script>") || strings.Contains(page.body, "onload") {
			t.Errorf("%s has a script of its own:\n%s", path, page.body)
		}
	}
	if script := s.get("/docs/start.js"); !strings.Contains(script.body, `"openapi.json"`) || !strings.Contains(script.body, "validatorUrl: null") {
		t.Errorf("start.js: %s", script.body)
	}
	css := s.get("/docs/swagger-ui.css").body
	for _, address := range addresses.FindAllStringSubmatch(css, -1) {
		if !strings.HasPrefix(address[1], "data:") && !strings.HasPrefix(address[1], "#") {
			t.Errorf("the style sheet loads %s", address[1])
		}
	}
}

func TestPage_EscapesTheNamesOfServers(t *testing.T) {
	s := serve(t, servers(map[string][]messages.Tool{"<script>x": {}}), Options{})
	page := s.get("/%3Cscript%3Ex/docs")
	if page.StatusCode != 200 || strings.Contains(page.body, "<script>x") || !strings.Contains(page.body, "&lt;script&gt;x") {
		t.Errorf("%d %s", page.StatusCode, page.body)
	}
}

func TestAssets_AreCompressedForThoseWhoTakeThat(t *testing.T) {
	s := serve(t, clock(), Options{})
	for file, media := range assetTypes {
		plain := s.get("/docs/"+file, "Accept-Encoding", "identity")
		if plain.StatusCode != 200 || plain.body == "" || plain.Header.Get("Content-Type") != media || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", file, plain.StatusCode, plain.Header)
		}
		packed := s.get("/docs/"+file, "Accept-Encoding", "gzip")
		if packed.Header.Get("Content-Type") != media {
			t.Errorf("%s compressed: %v", file, packed.Header)
		}
		if packed.Header.Get("Content-Encoding") != "gzip" {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(z); err != nil || string(text) != plain.body {
			t.Errorf("%s: compressed it is another (%v)", file, err)
		}
		if len(packed.body) >= len(plain.body) {
			t.Errorf("%s: %d bytes of %d", file, len(packed.body), len(plain.body))
		}
	}
}
