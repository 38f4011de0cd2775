package httpd

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// routes finds the handler of a request and demands a key where one is due.
type routes struct {
	mux    *http.ServeMux
	keys   []apiKey
	public map[string]bool // by pattern; complete before the first request
}

func newRoutes(keys []apiKey) *routes {
	return &routes{mux: http.NewServeMux(), keys: keys, public: make(map[string]bool)}
}

func (rt *routes) handle(pattern string, h http.Handler, public bool) {
	rt.mux.Handle(pattern, h)
	rt.public[pattern] = public
}

// ServeHTTP authenticates before it says whether a page exists, so that
// strangers learn nothing of the routes.
func (rt *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, pattern := rt.mux.Handler(r)
	if !rt.public[pattern] {
		principal, problem := authenticate(rt.keys, r.Header.Get("Authorization"))
		if problem != nil {
			w.Header().Set("WWW-Authenticate", problem.challenge)
			fail(w, http.StatusUnauthorized, "%s", problem.text)
			return
		}
		r = r.WithContext(messages.WithPrincipal(r.Context(), principal))
	}
	if pattern == "" {
		rt.unrouted(w, r)
		return
	}
	rt.mux.ServeHTTP(w, r)
}

// unrouted answers for paths and methods without a handler. The mux decides
// between 404 and 405 and writes plain text; this keeps its decision and its
// Allow header.
func (rt *routes) unrouted(w http.ResponseWriter, r *http.Request) {
	verdict := &verdict{header: w.Header(), status: http.StatusOK}
	rt.mux.ServeHTTP(verdict, r)
	if verdict.status == http.StatusMethodNotAllowed {
		fail(w, verdict.status, "%s does not take %s; allowed: %s", r.URL.Path, r.Method, w.Header().Get("Allow"))
		return
	}
	fail(w, http.StatusNotFound, "there is nothing at %s", r.URL.Path)
}

// verdict is a ResponseWriter that keeps status and headers and drops the body.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

// apiKey is a key as it is kept: only its digest, which also gives all keys
// one length, so that comparing them takes one time.
type apiKey struct {
	name   string
	digest [sha256.Size]byte
}

func hashKeys(keys map[string]string) ([]apiKey, error) {
	hashed := make([]apiKey, 0, len(keys))
	for name, key := range keys {
		switch {
		case name == "":
			return nil, fmt.Errorf("an API key has no name; give every key the name of its holder")
		case key == "" || strings.TrimSpace(key) != key:
			return nil, fmt.Errorf("the API key %q is empty or has spaces around it", name)
		}
		hashed = append(hashed, apiKey{name: name, digest: sha256.Sum256([]byte(key))})
	}
	return hashed, nil
}

type refusal struct{ challenge, text string }

// authenticate is the one Authenticator: it names the principal of a request.
// Every key is compared, whichever fits, so that the time tells nothing.
func authenticate(keys []apiKey, authorization string) (messages.Principal, *refusal) {
	if len(keys) == 0 {
		return messages.Anonymous, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return messages.Anonymous, &refusal{"Bearer", `an API key is needed: send the header "Authorization: Bearer KEY"`}
	}
	digest := sha256.Sum256([]byte(token))
	var principal messages.Principal
	found := 0
	for i := range keys {
		if subtle.ConstantTimeCompare(digest[:], keys[i].digest[:]) == 1 {
			principal.Name, found = keys[i].name, 1
		}
	}
	if found == 0 {
		return messages.Anonymous, &refusal{`Bearer error="invalid_token"`, "the API key is not known here"}
	}
	return principal, nil
}

// fail answers with a small JSON body for people.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	body, _ := json.Marshal(struct {
		Error string `json:"error"`
	}{fmt.Sprintf(format, args...)})
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
