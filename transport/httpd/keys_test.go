package httpd

import (
	"net/http"
	"strings"
	"testing"
)

func TestKeys_NameThePrincipal(t *testing.T) {
	s := serve(t, Options{Keys: map[string]string{"default": "s3cret", "bob": "other"}})
	for authorization, want := range map[string]string{
		"Bearer s3cret":   "hello default",
		"bearer  other ":  "hello bob",
		"BEARER other":    "hello bob",
		"":                "",
		"Bearer":          "",
		"Bearer ":         "",
		"Bearer s3cre":    "",
		"Bearer s3crets":  "",
		"Basic s3cret":    "",
		"s3cret":          "",
		"Bearer default":  "",
		"Bearer s3cret x": "",
	} {
		var header []string
		if authorization != "" {
			header = []string{"Authorization", authorization}
		}
		response := ask(t, s, http.MethodPost, "/mcp", header...)
		if want != "" {
			if got := body(t, response); got != want {
				t.Errorf("%q: %s, want %s", authorization, got, want)
			}
			continue
		}
		text := wantError(t, authorization, response, http.StatusUnauthorized)
		challenge := response.Header.Get("WWW-Authenticate")
		if !strings.HasPrefix(challenge, "Bearer") || strings.Contains(text, "s3cret") {
			t.Errorf("%q: challenge %q, text %q", authorization, challenge, text)
		}
	}
}

func TestKeys_GuardAllButPublicRoutes(t *testing.T) {
	s := serve(t, Options{Keys: map[string]string{"ann": "k"}})
	if got := body(t, ask(t, s, http.MethodGet, "/healthz")); got != "ok" {
		t.Errorf("/healthz: %s", got)
	}
	// Without a key nobody learns which routes exist.
	wantError(t, "an unknown path", ask(t, s, http.MethodGet, "/nowhere"), http.StatusUnauthorized)
	wantError(t, "a wrong method", ask(t, s, http.MethodPost, "/healthz"), http.StatusUnauthorized)
	wantError(t, "an unknown path", ask(t, s, http.MethodGet, "/nowhere", "Authorization", "Bearer k"), http.StatusNotFound)
	response := ask(t, s, http.MethodPost, "/healthz", "Authorization", "Bearer k")
	if text := wantError(t, "a wrong method", response, http.StatusMethodNotAllowed); !strings.Contains(text, "GET") || response.Header.Get("Allow") == "" {
		t.Errorf("%s %v", text, response.Header)
	}
}

// A path that is cleaned is so for those who have a key: to be sent elsewhere
// would say that there is something.
func TestKeys_StrangersAreSentNowhere(t *testing.T) {
	s := serve(t, Options{Keys: map[string]string{"ann": "k"}})
	once := func(path string, header ...string) *http.Response {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Add(header[i], header[i+1])
		}
		response, err := http.DefaultTransport.RoundTrip(r) // which follows nothing
		if err != nil {
			t.Fatal(err)
		}
		return response
	}
	for _, path := range []string{"//mcp", "/./mcp", "/nowhere/../mcp", "//nowhere"} {
		wantError(t, path, once(path), http.StatusUnauthorized)
	}
	sent := once("//mcp", "Authorization", "Bearer k")
	if _ = body(t, sent); sent.StatusCode != http.StatusTemporaryRedirect || sent.Header.Get("Location") != "/mcp" {
		t.Errorf("with a key: %d to %q", sent.StatusCode, sent.Header.Get("Location"))
	}
}

func TestKeys_WithoutAnyEverybodyIsAnonymous(t *testing.T) {
	s := serve(t, Options{})
	if got := body(t, ask(t, s, http.MethodPost, "/mcp", "Authorization", "Bearer whatever")); got != "hello anonymous" {
		t.Errorf("%s", got)
	}
	wantError(t, "an unknown path", ask(t, s, http.MethodGet, "/nowhere"), http.StatusNotFound)
}
