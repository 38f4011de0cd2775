package rest

import (
	"context"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func library() *fake {
	f := servers(map[string][]messages.Tool{"lib": {}})
	f.catalogs["lib"] = messages.Catalog{
		Server: "lib", Version: 1,
		Resources: []messages.Resource{{URI: "a:1", Raw: []byte(`{"uri":"a:1","name":"one","size":9007199254740993}`)}},
		Templates: []messages.Resource{{URI: "a:{n}", Raw: []byte(`{"uriTemplate":"a:{n}","name":"any"}`)}},
		Prompts: []messages.Prompt{
			{Name: "greet/all", Raw: []byte(`{"name":"greet/all","arguments":[{"name":"who","required":true},{"name":"how"}]}`)},
			{Name: "plain", Raw: []byte(`{"name":"plain"}`)},
		},
	}
	return f
}

func TestResources_AreListedAsTheServerDescribesThem(t *testing.T) {
	s := serve(t, library(), Options{})
	s.want("resources", s.get("/lib/resources"), 200,
		`{"resources":[{"uri":"a:1","name":"one","size":9007199254740993}],"resourceTemplates":[{"uriTemplate":"a:{n}","name":"any"}]}`)
	none := serve(t, clock(), Options{})
	none.want("none", none.get("/time/resources"), 200, `{"resources":[],"resourceTemplates":[]}`)
}

func TestResource_IsReadByItsURI(t *testing.T) {
	f := library()
	s := serve(t, f, Options{})
	for what, c := range map[string]struct{ result, want string }{
		"a text":         {`{"contents":[{"uri":"a:1","text":"plain"}]}`, `"plain"`},
		"JSON":           {`{"contents":[{"uri":"a:1","mimeType":"application/json","text":"{\"n\": 9007199254740993}"}]}`, `{"n":9007199254740993}`},
		"a blob":         {`{"contents":[{"uri":"a:1","blob":"AAEC"}]}`, `"AAEC"`},
		"several":        {`{"contents":[{"uri":"a:1","text":"x"},{"uri":"a:2","blob":"AA"}]}`, `["x","AA"]`},
		"nothing":        {`{"contents":[]}`, `[]`},
		"something else": {`{"contents":[{"uri":"a:1","of":1}]}`, `{"uri":"a:1","of":1}`},
	} {
		f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
			return messages.Outcome{Result: []byte(c.result)}
		}
		s.want(what, s.get("/lib/resources/read?uri=a%3A1%3Fx%3D%22y%22%26z"), 200, c.want)
	}
	r := f.called()[0].Request
	if r.Method != "resources/read" || r.Name != `a:1?x="y"&z` || string(r.Params) != `{"uri":"a:1?x=\"y\"&z"}` {
		t.Errorf("%+v %s", r, r.Params)
	}
	s.want("without a uri", s.get("/lib/resources/read"), 422,
		`{"detail":[{"loc":["query","uri"],"msg":"is missing: the URI of the resource, as in ?uri=file:///a.txt"}]}`)
	f.failing(messages.Failure{Kind: messages.KindUnknownResource, Message: "no resource"})
	s.want("an unknown one", s.get("/lib/resources/read?uri=b"), 404, `{"detail":{"message":"no resource"}}`)
	s.wantMessage("of an unknown server", s.get("/lip/resources/read?uri=b"), 404, "lib")
}

func TestPrompt_IsMadeWithItsArguments(t *testing.T) {
	f := library()
	f.answer = func(context.Context, messages.Call, messages.Sink) messages.Outcome {
		return messages.Outcome{Result: []byte(`{"messages":[{"role":"user","content":{"type":"text","text":"1"}}]}`)}
	}
	s := serve(t, f, Options{})
	s.want("a prompt", s.post("/lib/prompts/greet%2Fall", `{"who":"Ann"}`), 200, `{"messages":[{"role":"user","content":{"type":"text","text":"1"}}]}`)
	s.want("one without arguments", s.post("/lib/prompts/plain", ``), 200, `{"messages":[{"role":"user","content":{"type":"text","text":"1"}}]}`)
	calls := f.called()
	if r := calls[0].Request; r.Method != "prompts/get" || r.Name != "greet/all" || string(r.Params) != `{"name":"greet/all","arguments":{"who":"Ann"}}` {
		t.Errorf("%+v %s", r, r.Params)
	}
	s.want("wrong arguments", s.post("/lib/prompts/greet%2Fall", `{"how":3}`), 422,
		`{"detail":[{"loc":["body","how"],"msg":"must be a string, as all arguments of prompts"},{"loc":["body","who"],"msg":"is missing"}]}`)
	s.wantMessage("no JSON", s.post("/lib/prompts/plain", `{`), 400)
	s.want("an unknown one", s.post("/lib/prompts/plian", `{}`), 404,
		`{"detail":{"message":"server \"lib\" has no prompt \"plian\"; did you mean \"plain\"?","available":["greet/all","plain"]}}`)
	single := serve(t, f, Options{Single: "lib"})
	single.want("in short", single.post("/prompts/plain", ``), 200, `{"messages":[{"role":"user","content":{"type":"text","text":"1"}}]}`)
	if n := len(f.called()); n != 3 {
		t.Errorf("%d calls", n)
	}
}

func TestExtras_OfAServerThatIsNotThereYet(t *testing.T) {
	f := servers(map[string][]messages.Tool{"new": nil})
	f.catalog = func(context.Context, string) (messages.Catalog, error) {
		return messages.Catalog{}, messages.Failf(messages.KindUnavailable, "new", "refused")
	}
	s := serve(t, f, Options{})
	for _, got := range []response{s.post("/new/prompts/p", "{}"), s.get("/new/resources/read?uri=a"), s.get("/new/resources")} {
		s.want(got.Request.URL.Path, got, 503, `{"detail":{"message":"MCP server connection problem: refused","error":"refused"}}`)
	}
}
