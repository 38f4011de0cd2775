package httpd

import (
	"encoding/base64"
	"io"
	"net/http"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestFallback_ServesWhatNoPatternMatchesAndNothingElse(t *testing.T) {
	s, err := New(Options{Addr: "127.0.0.1:0", Keys: map[string]string{"ann": "k"}})
	if err != nil {
		t.Fatal(err)
	}
	s.Handle("POST /mcp", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "mcp") }))
	s.HandlePublic("GET /healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	s.Fallback(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "fallback "+r.URL.EscapedPath()+" "+messages.PrincipalFrom(r.Context()).String())
	}))
	start(t, s)
	for _, c := range []struct{ method, path, want string }{
		{http.MethodGet, "/", "fallback / anonymous"},
		{http.MethodPost, "/time/convert", "fallback /time/convert anonymous"},
		{http.MethodPost, "/a%2Fb/c%25d", "fallback /a%2Fb/c%25d anonymous"},
		{http.MethodPost, "/a//b", "fallback /a//b anonymous"}, // not redirected to another path
		{http.MethodPost, "/mcp/", "fallback /mcp/ anonymous"},
		{http.MethodGet, "/healthz", "ok"},
	} {
		if got := body(t, ask(t, s, c.method, c.path)); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.want)
		}
	}
	// Its own paths stay behind their keys and methods.
	wantError(t, "no key", ask(t, s, http.MethodPost, "/mcp"), http.StatusUnauthorized)
	wantError(t, "no key and a wrong method", ask(t, s, http.MethodGet, "/mcp"), http.StatusUnauthorized)
	refused := ask(t, s, http.MethodGet, "/mcp", "Authorization", "Bearer k")
	wantError(t, "a wrong method", refused, http.StatusMethodNotAllowed)
	if allow := refused.Header.Get("Allow"); allow != "POST" {
		t.Errorf("Allow: %q", allow)
	}
}

func TestAuthenticate_TakesBearerAndBasicAndTellsMissingFromWrong(t *testing.T) {
	basic := func(pair string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(pair)) }
	s := serve(t, Options{Keys: map[string]string{"default": "s3cret", "bob": "with:colon"}})
	for authorization, want := range map[string]struct {
		name   string
		status int
	}{
		"Bearer s3cret":           {"default", 0},
		"bearer s3cret":           {"default", 0},
		"Bearer with:colon":       {"bob", 0},
		basic("anyone:s3cret"):    {"default", 0},
		basic(":s3cret"):          {"default", 0},
		basic("x:with:colon"):     {"bob", 0},
		"":                        {"", 401},
		"Bearer":                  {"", 401},
		"Bearer ":                 {"", 401},
		"Basic":                   {"", 401},
		"Basic s3cret":            {"", 401}, // no base64 of a pair
		basic("s3cret"):           {"", 401},
		"Digest s3cret":           {"", 401},
		"s3cret":                  {"", 401},
		"Bearer S3cret":           {"", 403},
		"Bearer default":          {"", 403},
		basic("s3cret:"):          {"", 403},
		basic("s3cret:x"):         {"", 403},
		"Bearer s3cret, Basic eA": {"", 403},
	} {
		if p, status := s.Authenticate(authorization); p.Name != want.name || status != want.status {
			t.Errorf("%q: %q %d, want %q %d", authorization, p.Name, status, want.name, want.status)
		}
	}
	open := serve(t, Options{})
	if p, status := open.Authenticate("Bearer whatever"); p != messages.Anonymous || status != 0 {
		t.Errorf("without keys: %v %d", p, status)
	}
}
