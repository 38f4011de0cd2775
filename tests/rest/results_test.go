package rest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
	"github.com/mcpx/mcpx/transport/httpd"
	"github.com/mcpx/mcpx/transport/rest"
	"github.com/mcpx/mcpx/transport/rest/openapi"
)

func TestResults_OfAllShapesThroughARealServer(t *testing.T) {
	for era, o := range eras {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			s, p := start(t, o, nil)
			s.want("a text", s.post("/up/echo", `{"text":"plain"}`), 200, `"plain"`)
			s.want("a text that is JSON", s.post("/up/echo", `{"text":"{ \"b\": 12345678901234567890, \"a\": 1.10 }"}`), 200, `{"b":12345678901234567890,"a":1.10}`)
			for result, want := range map[string]string{
				`"content":[{"type":"text","text":"x"}],"structuredContent":{"z":9007199254740993,"a":null}`: `{"z":9007199254740993,"a":null}`,
				`"content":[{"type":"image","mimeType":"image/png","data":"iVBORw0KGgo="}]`:                  `"data:image/png;base64,iVBORw0KGgo="`,
				`"content":[{"type":"audio","mimeType":"audio/wav","data":"UklGRg=="}]`:                      `"data:audio/wav;base64,UklGRg=="`,
				`"content":[{"type":"resource","resource":{"uri":"a:b","text":"embedded"}}]`:                 `"embedded"`,
				`"content":[{"type":"resource","resource":{"uri":"a:b","blob":"AAEC"}}]`:                     `"AAEC"`,
				`"content":[{"type":"resource_link","uri":"file:///a","name":"a"}]`:                          `"file:///a"`,
				`"content":[{"type":"text","text":"1"},{"type":"text","text":"one"}]`:                        `[1,"one"]`,
				`"content":[]`: `[]`,
			} {
				p.Once("tools/call:echo", puppethttp.Answer(`{"resultType":"complete",`+result+`}`))
				s.want(result, s.post("/up/echo", "{}"), 200, want)
			}
			s.want("unknown content", s.post("/up/strange", ``), 200,
				`["data:image/png;base64,iVBORw0KGgo=",{"type":"hologram","beam":[1,2.50,1e400],"big":9007199254740993}]`)
		})
	}
}

func TestBodies_ReachTheServerAsTheyWereSent(t *testing.T) {
	s, p := start(t, puppethttp.Options{}, nil)
	body := `{"z":{"b":null,"a":[]},"n":123456789012345678901234567890,"e":1.50e+3,"nothing":null,"undeclared":"ü"}`
	s.post("/up/echo", strings.ReplaceAll(body, ",", ",\n\t"))
	call := p.Await(t, "tools/call:echo", 1)
	if !strings.Contains(string(call.Params), `"arguments":`+body) {
		t.Errorf("sent %s", call.Params)
	}
}

// odd are names that a path could mean otherwise.
var odd = []string{"a/b", "50%", "a%2Fb", "with space", "späße", "a?b#c", "{id}", "dots.in.it", "docs", "-"}

func TestNames_WithSlashesDotsAndPercentSignsReachTheirTools(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{Versions: []string{puppethttp.Legacy}})
	var tools []string
	for _, name := range odd {
		tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		p.Always("tools/call:"+name, puppethttp.Answer(fmt.Sprintf(`{"content":[{"type":"text","text":"called %s"}]}`, name)))
	}
	p.Always("tools/list", puppethttp.Answer(`{"tools":[`+strings.Join(tools, ",")+`]}`))
	s := open(t, httpd.Options{}, rest.Options{})
	s.ServeAll(s.HTTP("my/server 100%", p), s.HTTP("plain.name", p))
	for _, server := range []string{"my%2Fserver%20100%25", "plain.name"} {
		doc := s.get("/" + server + "/openapi.json").Body
		for _, name := range odd {
			path := openapi.Segment(name)
			s.want(path, s.post("/"+server+"/"+path, ""), 200, fmt.Sprintf("%q", "called "+name))
			if !strings.Contains(doc, `"/`+openapi.Segment(name)+`":`) {
				t.Errorf("%q is not in the document: %s", name, doc)
			}
		}
	}
}
