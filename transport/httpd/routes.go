package httpd

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// routes finds the handler of a request and demands a key where one is due. It
// says whether a page exists only to those who have one, so that strangers
// learn nothing of the routes.
type routes struct {
	mux      *http.ServeMux  // every pattern, and "/" for what has none
	patterns *http.ServeMux  // every pattern
	public   map[string]bool // by pattern; complete before the first request
	keys     []apiKey
	fallback http.Handler // for paths without a pattern; may be nil
	crowd    *crowd       // of requests that are not public
}

func newRoutes(keys []apiKey, most int) *routes {
	rt := &routes{mux: http.NewServeMux(), patterns: http.NewServeMux(), public: map[string]bool{}, keys: keys, crowd: newCrowd(most)}
	rt.mux.HandleFunc("/", rt.unmatched)
	return rt
}

func (rt *routes) handle(pattern string, h http.Handler, public bool) {
	rt.patterns.Handle(pattern, h)
	rt.public[pattern] = public
	if public {
		rt.mux.Handle(pattern, h)
		return
	}
	rt.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if r = rt.admit(w, r); r != nil {
			rt.crowd.serve(h, w, r)
		}
	})
}

func (rt *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A path that the mux would clean and redirect to may be meant as it is.
	if strings.Contains(r.URL.Path, "//") || strings.Contains(r.URL.Path, "/.") {
		_, pattern := rt.patterns.Handler(r)
		if pattern == "" {
			rt.unmatched(w, r)
			return
		}
		// To be sent to another path says that there is something.
		if !rt.public[pattern] {
			if r = rt.admit(w, r); r == nil {
				return
			}
		}
	}
	rt.mux.ServeHTTP(w, r)
}

// admit notes whose request it is, or refuses it.
func (rt *routes) admit(w http.ResponseWriter, r *http.Request) *http.Request {
	principal, problem := authenticate(rt.keys, r.Header.Get("Authorization"))
	switch {
	case problem != nil:
		w.Header().Set("WWW-Authenticate", problem.challenge)
		fail(w, http.StatusUnauthorized, "%s", problem.text)
		return nil
	case principal == messages.Anonymous:
		return r // as it is without a word
	}
	return r.WithContext(messages.WithPrincipal(r.Context(), principal))
}

// unmatched serves what has no pattern.
func (rt *routes) unmatched(w http.ResponseWriter, r *http.Request) {
	refused := rt.judge(r)
	if rt.fallback != nil && refused.status != http.StatusMethodNotAllowed {
		rt.crowd.serve(rt.fallback, w, r)
		return
	}
	if r = rt.admit(w, r); r != nil {
		refused.tell(w, r)
	}
}

// judge asks the patterns what they would answer to a request that has none:
// they decide between 404 and 405, and know what is allowed.
func (rt *routes) judge(r *http.Request) *verdict {
	v := &verdict{header: http.Header{}, status: http.StatusOK}
	rt.patterns.ServeHTTP(v, r)
	return v
}

// verdict is a ResponseWriter that keeps status and headers and drops the body.
type verdict struct {
	header http.Header
	status int
}

func (v *verdict) Header() http.Header         { return v.header }
func (v *verdict) WriteHeader(status int)      { v.status = status }
func (v *verdict) Write(p []byte) (int, error) { return len(p), nil }

// tell answers in our own words.
func (v *verdict) tell(w http.ResponseWriter, r *http.Request) {
	if v.status == http.StatusMethodNotAllowed {
		allowed := v.header.Get("Allow")
		w.Header().Set("Allow", allowed)
		fail(w, v.status, "%s does not take %s; allowed: %s", r.URL.Path, r.Method, allowed)
		return
	}
	fail(w, http.StatusNotFound, "there is nothing at %s", r.URL.Path)
}

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
	principal, known := holder(keys, token)
	if !known {
		return messages.Anonymous, &refusal{`Bearer error="invalid_token"`, "the API key is not known here"}
	}
	return principal, nil
}

// holder names whose key it is.
func holder(keys []apiKey, key string) (p messages.Principal, known bool) {
	digest := sha256.Sum256([]byte(key))
	for i := range keys {
		if subtle.ConstantTimeCompare(digest[:], keys[i].digest[:]) == 1 {
			p.Name, known = keys[i].name, true
		}
	}
	return p, known
}

// credential reads the key of an Authorization header of either form: "Bearer
// KEY", or Basic with any name and the key as password (RFC 7617).
func credential(authorization string) (key string, ok bool) {
	scheme, value, _ := strings.Cut(authorization, " ")
	value = strings.TrimSpace(value)
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		return value, value != ""
	case strings.EqualFold(scheme, "Basic"):
		pair, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return "", false
		}
		_, password, found := strings.Cut(string(pair), ":")
		return password, found
	}
	return "", false
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
