package rest

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/rest/openapi"
)

// FuzzPath_FindsWhatItNames: whatever the names of a server and a tool are, the
// path that documents give for them leads there, in every form.
func FuzzPath_FindsWhatItNames(f *testing.F) {
	for _, name := range append(odd, "mcp", "api", "\xff", "\x00", "//", "a\nb", "\u202e", "prompts") {
		f.Add("time", name)
		f.Add(name, "now")
		f.Add(name, name)
	}
	f.Fuzz(func(t *testing.T, server, tool string) {
		if server == "" || tool == "" {
			return
		}
		door := servers(map[string][]messages.Tool{server: nil})
		for _, opts := range []Options{{}, {Prefix: "/a b/c/"}, {RootPath: "/r"}, {Single: server}, {Single: server, Prefix: "/p/", RootPath: "/r/s"}} {
			h := New(door, opts)
			defer h.Close()
			long := "/" + openapi.Segment(server) + "/" + openapi.Segment(tool)
			for _, root := range []string{"", h.root} {
				at := h.find(root + h.prefix + long[1:])
				if reserved[server] {
					if at.tool == tool && !at.short {
						t.Errorf("%+v: %q of %q has a path of mcpx itself", opts, tool, server)
					}
				} else if at.server != server || at.tool != tool || at.short || at.wrong != nil {
					t.Errorf("%+v: %s leads to %+v", opts, long, at)
				}
				if opts.Single == "" || reserved[tool] {
					continue
				}
				if at := h.find(root + h.prefix + openapi.Segment(tool)); at.server != server || at.tool != tool || !at.short || at.wrong != nil {
					t.Errorf("%+v: %s in short leads to %+v", opts, openapi.Segment(tool), at)
				}
			}
		}
	})
}

// FuzzPath_LeadsSomewhere: no path that net/http lets in makes us fail.
func FuzzPath_LeadsSomewhere(f *testing.F) {
	for _, path := range []string{"/", "//", "/time/now", "/time/%zz", "/%2F/%2E%2E", "/docs/x", "/time/prompts/", "/p/time/now", "*", ""} {
		f.Add(path)
	}
	door := clock()
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		for _, opts := range []Options{{}, {Prefix: "/p/", RootPath: "/time"}, {Single: "time"}} {
			h := New(door, opts)
			at := h.find(u.EscapedPath())
			h.Close()
			if at.wrong == nil && at.page == noPage && at.tool == "" && at.prompt == "" {
				t.Errorf("%+v: %q leads nowhere and says nothing", opts, path)
			}
			if at.wrong != nil && at.wrong.Message == "" {
				t.Errorf("%+v: %q is wrong for no reason", opts, path)
			}
		}
	})
}

// FuzzResult_BecomesJSON: whatever JSON a server answers with, the body is JSON.
func FuzzResult_BecomesJSON(f *testing.F) {
	for _, result := range []string{
		`{}`, `null`, `[]`, `1`, `{"content":[{"type":"text","text":"{"}]}`, `{"content":{"type":"text"}}`, `{"content":[1,null,"x",[]]}`,
		`{"isError":true,"content":[{"type":"text","text":"\ud800"}]}`, `{"isError":"true"}`, `{"structuredContent":{"a":1},"content":null}`,
		`{"content":[{"type":"resource","resource":null}]}`, `{"content":[{"type":"image","data":1}]}`, `{"contents":[{"text":" 01 "}]}`,
	} {
		f.Add(result)
	}
	f.Fuzz(func(t *testing.T, result string) {
		if !json.Valid([]byte(result)) {
			return
		}
		for _, present := range []func(json.RawMessage) answer{toolAnswer, resourceAnswer} {
			if a := present(json.RawMessage(result)); !json.Valid(a.body) || a.status != 200 && a.status != 500 {
				t.Errorf("%s becomes %d %s", result, a.status, a.body)
			}
		}
	})
}
