package openapi

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

func sample() *messages.Catalog {
	return &messages.Catalog{
		Server: "fs",
		Peer:   messages.Peer{Name: "fileserver", Version: "2.1", Info: raw(`{"name":"fileserver","title":"Files","version":"2.1"}`), Instructions: "Read *before* you write."},
		Tools: []messages.Tool{
			{Name: "read_file", Title: "Read a file", Description: "Reads.", InputSchema: raw(`{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}`), OutputSchema: raw(`{"type":"object","properties":{"content":{"type":"string"}}}`)},
			{Name: "list-all", InputSchema: raw(`{"type":"object"}`)},
			{Name: "docs", InputSchema: raw(`{"type":"object"}`)},
		},
		Resources: []messages.Resource{{URI: "file:///a"}},
		Prompts: []messages.Prompt{
			{Name: "greet/all", Description: "Greets.", Raw: raw(`{"name":"greet/all","arguments":[{"name":"who","description":"Whom.","required":true},{"name":"tone","title":"Tone"},{"name":"who"},{"title":"nameless"}]}`)},
			{Name: "plain", Title: "Plain prompt", Raw: raw(`{"name":"plain"}`)}, {Name: "plain", Raw: raw(`{}`)}, {Raw: raw(`{}`)},
		},
	}
}

func TestDocument_SaysWhatTheServerSaysOfItself(t *testing.T) {
	doc := accepted(t, Document(sample(), Options{Base: "/fs"}))
	if doc.OpenAPI != "3.1.0" || doc.Info.Title != "Files" || doc.Info.Version != "2.1" || doc.Info.Description != "Read *before* you write." {
		t.Errorf("%+v", doc.Info)
	}
	read := doc.Paths.Value("/read_file").Post
	if read.OperationID != "read_file" || read.Summary != "Read a file" || read.Description != "Reads." || !slices.Equal(read.Tags, []string{"fs"}) || !read.RequestBody.Value.Required {
		t.Errorf("%+v", read)
	}
	if output := read.Responses.Value("200").Value.Content.Get("application/json").Schema.Value; output.Properties["content"] == nil {
		t.Errorf("the response is %+v", output)
	}
	for _, status := range []string{"401", "403", "404", "422", "429", "500", "503", "504"} {
		if read.Responses.Value(status) == nil {
			t.Errorf("no response %s", status)
		}
	}
	if list := doc.Paths.Value("/list-all").Post; list.OperationID != "list_all" || list.Summary != "List All" || list.RequestBody != nil {
		t.Errorf("%+v", list)
	}
	greet := doc.Paths.Value("/prompts/greet%2Fall").Post
	if body := greet.RequestBody.Value.Content.Get("application/json").Schema.Value; !slices.Equal(body.Required, []string{"who"}) || len(body.Properties) != 2 || body.Properties["who"].Value.Description != "Whom." {
		t.Errorf("%+v", body)
	}
	if plain := doc.Paths.Value("/prompts/plain").Post; plain.Summary != "Plain prompt" || plain.RequestBody != nil {
		t.Errorf("%+v", plain)
	}
	if parameter := doc.Paths.Value("/resources/read").Get.Parameters[0].Value; parameter.Name != "uri" || !parameter.Required {
		t.Errorf("%+v", parameter)
	}
	if doc.Paths.Value("/resources").Get == nil || doc.Paths.Value("/health").Get == nil || doc.Paths.Len() != 8 {
		t.Errorf("the paths are %v", doc.Paths.InMatchingOrder())
	}
}

func TestDocument_OfAnEmptyCatalogIsOne(t *testing.T) {
	doc := accepted(t, Document(&messages.Catalog{}, Options{}))
	if doc.Info.Title != "MCP server" || doc.Info.Version != "0.0.0" || doc.Paths.Len() != 1 || doc.Servers[0].URL != "/" {
		t.Errorf("%+v", doc)
	}
}

func TestDocument_OptionsReplaceWhatTheServerSays(t *testing.T) {
	doc := accepted(t, Document(sample(), Options{Title: "T", Version: "V", Description: "D", Auth: true, Reserved: func(tool string) bool { return tool == "docs" }}))
	if doc.Info.Title != "T" || doc.Info.Version != "V" || doc.Info.Description != "D" {
		t.Errorf("%+v", doc.Info)
	}
	if doc.Paths.Value("/docs") != nil || doc.Paths.Value("/read_file") == nil {
		t.Error("the reserved tool has a path, or the other one has none")
	}
	if len(doc.Security) != 2 || doc.Components.SecuritySchemes["bearer"].Value.Scheme != "bearer" || doc.Components.SecuritySchemes["basic"].Value.Scheme != "basic" {
		t.Errorf("%+v %+v", doc.Security, doc.Components.SecuritySchemes)
	}
}

func TestDocument_IsAddressedWhereItIs(t *testing.T) {
	for _, c := range []struct{ root, base, want string }{
		{"", "", "/"}, {"", "/", "/"}, {"", "/fs", "/fs"}, {"", "/prefix/fs/", "/prefix/fs"}, {"/behind", "/fs", "/behind/fs"}, {"/", "/fs", "/fs"}, {"behind/", "", "/behind"},
		{"/a proxy", "/a%2Fb{c}%zz", "/a%20proxy/a%2Fb%7Bc%7D%25zz"}, {"https://example.org/x/", "/fs", "https://example.org/x/fs"}, {"", "/é", "/%C3%A9"},
	} {
		if got, _ := jsonrpc.Get(Document(&messages.Catalog{}, Options{Root: c.root, Base: c.base}), "servers"); string(got) != `[{"url":"`+c.want+`"}]` {
			t.Errorf("%q and %q are %s, want %s", c.root, c.base, got, c.want)
		}
	}
}

func TestDocument_IsTheSameEachTime(t *testing.T) {
	c := sample()
	for _, other := range hostile(t) {
		if other.Server != "large" {
			c.Tools = append(c.Tools, other.Tools...)
		}
	}
	before, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	first := Document(c, Options{Auth: true})
	for range 3 {
		if !bytes.Equal(Document(c, Options{Auth: true}), first) {
			t.Fatal("it is another one")
		}
	}
	if after, err := json.Marshal(c); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the catalog has changed (%v)", err)
	}
}

func TestDocument_MayBeMadeByManyAtOnce(t *testing.T) {
	done := make(chan json.RawMessage)
	for range 8 {
		go func() { done <- Document(sample(), Options{}) }()
	}
	first := <-done
	for range 7 {
		if again := <-done; !bytes.Equal(first, again) {
			t.Error("they differ")
		}
	}
}

func TestIndex_LinksTheServers(t *testing.T) {
	links := []Link{
		{Name: "fs", Title: "Files [and \\ more]", Description: "All files.", Docs: "/p/fs/docs", Document: "/p/fs/openapi.json"},
		{Name: "a/b", Docs: "/p/a%2Fb/docs", Document: "/p/a%2Fb/openapi.json"},
	}
	document := Index(links, Options{Title: "All", Base: "/p", Description: "What there is."})
	doc := accepted(t, document)
	if doc.Info.Title != "All" || doc.Servers[0].URL != "/p" || doc.Paths.Value("/health").Get == nil || doc.Components.Schemas["AllHealth"] == nil {
		t.Errorf("%s", document)
	}
	want := "What there is.\n\nServers:\n\n- [Files \\[and \\\\ more\\]](/p/fs/docs) ([openapi.json](/p/fs/openapi.json))\n- [a/b](/p/a%2Fb/docs) ([openapi.json](/p/a%2Fb/openapi.json))"
	if doc.Info.Description != want {
		t.Errorf("%q\nwant %q", doc.Info.Description, want)
	}
	listed, _ := jsonrpc.Get(document, "x-mcpx-servers")
	if string(listed) != `[{"name":"fs","title":"Files [and \\ more]","description":"All files.","docs":"/p/fs/docs","document":"/p/fs/openapi.json"},{"name":"a/b","docs":"/p/a%2Fb/docs","document":"/p/a%2Fb/openapi.json"}]` {
		t.Errorf("%s", listed)
	}
	if empty := accepted(t, Index(nil, Options{})); empty.Info.Title != "mcpx" || strings.Contains(empty.Info.Description, "Servers") {
		t.Errorf("%+v", empty.Info)
	}
}
