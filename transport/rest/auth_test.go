package rest

import (
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// keyed knows one key, as the listener would.
func keyed(authorization string) (messages.Principal, int) {
	switch {
	case authorization == "Bearer right":
		return messages.Principal{Name: "ann"}, 0
	case strings.HasPrefix(authorization, "Bearer "):
		return messages.Anonymous, 403
	}
	return messages.Anonymous, 401
}

const (
	missing = `{"detail":"Missing or invalid Authorization header"}`
	wrong   = `{"detail":"Invalid API key"}`
)

var (
	needKey = []string{"POST /time/now", "POST /time/nothing", "GET /time/resources", "GET /time/resources/read?uri=a", "POST /time/prompts/p",
		"GET /time/now", "GET /nowhere/to/be/found", "GET /", "POST /time/docs", "DELETE /docs", "POST /mcp/x"}
	publicPages = []string{"GET /docs", "GET /openapi.json", "GET /health", "GET /docs/start.js", "GET /docs/swagger-ui.css",
		"GET /time/docs", "GET /time/openapi.json", "GET /time/health", "HEAD /time/openapi.json"}
)

func (s *service) ask(request string, header ...string) response {
	method, path, _ := strings.Cut(request, " ")
	return s.send(method, path, nil, header...)
}

func TestKeys_AreDemandedForAllButPages(t *testing.T) {
	s := serve(t, clock(), Options{Authenticate: keyed})
	for _, request := range needKey {
		got := s.ask(request)
		s.want(request, got, 401, missing)
		if challenges := got.Header.Values("WWW-Authenticate"); !slices.Equal(challenges, []string{"Bearer", `Basic realm="mcpx"`}) {
			t.Errorf("%s: challenges %q", request, challenges)
		}
		s.want(request, s.ask(request, "Authorization", "Bearer wrong"), 403, wrong)
	}
	for _, request := range publicPages {
		for _, authorization := range []string{"", "Bearer wrong", "Bearer right"} {
			if got := s.ask(request, "Authorization", authorization); got.StatusCode != 200 {
				t.Errorf("%s as %q: %d %s", request, authorization, got.StatusCode, got.body)
			}
		}
	}
	s.want("with the key", s.post("/time/now", "{}", "Authorization", "Bearer right"), 200, `{"name":"now","arguments":{}}`)
	if c := s.called(); len(c) != 1 || c[0].Principal.Name != "ann" {
		t.Errorf("%+v", c)
	}
}

func TestKeys_StrictlyAreDemandedForPagesToo(t *testing.T) {
	s := serve(t, clock(), Options{Authenticate: keyed, StrictAuth: true})
	for _, request := range append(slices.Clone(publicPages), needKey...) {
		if got := s.ask(request); got.StatusCode != 401 {
			t.Errorf("%s: %d %s", request, got.StatusCode, got.body)
		}
		if got := s.ask(request, "Authorization", "Bearer wrong"); got.StatusCode != 403 {
			t.Errorf("%s: %d %s", request, got.StatusCode, got.body)
		}
	}
	for _, request := range publicPages {
		if got := s.ask(request, "Authorization", "Bearer right"); got.StatusCode != 200 {
			t.Errorf("%s: %d %s", request, got.StatusCode, got.body)
		}
	}
}

func TestKeys_InOtherPlacesAreNoKeys(t *testing.T) {
	s := serve(t, clock(), Options{Authenticate: keyed})
	for what, got := range map[string]response{
		"query":         s.post("/time/now?api_key=right&Authorization=Bearer%20right", "{}"),
		"body":          s.post("/time/now", `{"Authorization":"Bearer right"}`),
		"another name":  s.post("/time/now", "{}", "X-Api-Key", "right"),
		"a cookie":      s.post("/time/now", "{}", "Cookie", "Authorization=Bearer right"),
		"proxy's":       s.post("/time/now", "{}", "Proxy-Authorization", "Bearer right"),
		"not the first": s.post("/time/now", "{}", "Authorization", "", "Authorization", "Bearer right"),
	} {
		s.want(what, got, 401, missing)
	}
	if s.called() != nil {
		t.Error("something was called")
	}
}

func TestKeys_WithoutAnyEverybodyMayCall(t *testing.T) {
	nobody := func(string) (messages.Principal, int) { return messages.Anonymous, 0 }
	s := serve(t, clock(), Options{StrictAuth: true, Authenticate: nobody})
	s.want("anybody", s.post("/time/now", "{}", "Authorization", "Bearer whatever"), 200, `{"name":"now","arguments":{}}`)
	if p := s.called()[0].Principal; p != messages.Anonymous {
		t.Errorf("%v", p)
	}
	if doc := s.get("/time/openapi.json").body; strings.Contains(doc, "bearer") {
		t.Errorf("the document speaks of keys: %s", doc)
	}
	if doc := serve(t, clock(), Options{Authenticate: keyed}).get("/time/openapi.json").body; !strings.Contains(doc, `"bearer"`) || !strings.Contains(doc, `"basic"`) {
		t.Errorf("the document does not speak of keys: %s", doc)
	}
}
