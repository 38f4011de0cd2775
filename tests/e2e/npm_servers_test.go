package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The servers that everybody knows, all four at once, from every side. Their
// tests share the gateways; each looks at one matter.
func TestNpmServers(t *testing.T) {
	t.Parallel()
	direct, all := upstreams(t), doors(t)
	for name, door := range all {
		t.Run(name, func(t *testing.T) {
			t.Run("every tool is inspected as its server lists it", func(t *testing.T) { everyTool(t, direct, door) })
			t.Run("a tool of each is executed", func(t *testing.T) { oneToolEach(t, door, name) })
			t.Run("content is what the server sent", func(t *testing.T) { sameContent(t, direct, door) })
			t.Run("resources are listed and read", func(t *testing.T) { resources(t, direct, door) })
		})
	}
}

// doors are the ways to the four servers, by name: /mcp of the shared gateway
// and `mcpx stdio` with servers of its own, each in both eras. Schemas come as
// TypeScript through the first and as JSON through the second. The directory is
// that of the servers behind a door.
type door struct {
	client
	dir string
}

func doors(t *testing.T) map[string]door {
	t.Helper()
	h := shared(t)
	dir := t.TempDir()
	servers, err := npmServers(dir, h.upstream)
	if err != nil {
		t.Fatal(err)
	}
	// One connection for both eras: each message is judged by itself.
	local := stdio(t, servers, map[string]any{"schema_compression_enabled": false})
	all := map[string]door{
		"http, legacy":  {dialHTTP(t, h.URL, v20251125), h.dir},
		"http, modern":  {dialHTTP(t, h.URL, modern), h.dir},
		"stdio, legacy": {local.client(t, v20251125), dir},
		"stdio, modern": {local.client(t, modern), dir},
	}
	awaitDirectory(t, local, all["stdio, modern"], len(servers))
	return all
}

// upstreams returns clients that talk to servers themselves, without mcpx, by
// the name of the server.
func upstreams(t *testing.T) map[string]client {
	t.Helper()
	h := shared(t)
	dir := t.TempDir()
	servers, err := npmServers(dir, h.upstream)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]client{"everything-http": dialHTTP(t, h.upstream, v20251125)}
	for name, spec := range servers {
		if spec := spec.(map[string]any); spec["command"] != nil {
			all[name] = dialStdio(t, dir, spec["command"].(string), spec["args"].([]string)...).client(t, v20251125)
		}
	}
	return all
}

// upstreamTool is a tool as its server lists it; inspected is what inspect makes of it.
type upstreamTool struct {
	Name, Description string
	InputSchema       json.RawMessage
}

type inspected struct {
	ServerName  string          `json:"server_name"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	InputSchema json.RawMessage `json:"input_schema"`
}

func everyTool(t *testing.T, direct map[string]client, door door) {
	for server, upstream := range direct {
		var catalog struct{ Tools []upstreamTool }
		decode(t, result(t, upstream, "tools/list", `{}`), &catalog)
		if len(catalog.Tools) < 9 { // as the smallest one has
			t.Fatalf("%s lists too little to prove anything: %+v", server, catalog)
		}
		var list []inspected
		decode(t, json.RawMessage(call(t, door, "inspect", fmt.Sprintf(`{"server_name":%q}`, server)).text(t)), &list)
		if len(list) != len(catalog.Tools) {
			t.Fatalf("%s: %d tools inspected, the server lists %d", server, len(list), len(catalog.Tools))
		}
		for i, tool := range catalog.Tools {
			sameTool(t, server, list[i], tool)
			var one inspected
			decode(t, json.RawMessage(call(t, door, "inspect", fmt.Sprintf(`{"server_name":%q,"tool_name":%q}`, server, tool.Name)).text(t)), &one)
			sameTool(t, server, one, tool)
		}
	}
}

func sameTool(t *testing.T, server string, got inspected, want upstreamTool) {
	t.Helper()
	if got.ServerName != server || got.Name != want.Name || got.Description != want.Description {
		t.Errorf("%s.%s: inspected as %+v", server, want.Name, got)
	}
	same := reflect.DeepEqual(value(t, got.InputSchema), value(t, want.InputSchema))
	if got.InputSchema[0] == '"' {
		same = names(t, got.InputSchema, want.InputSchema)
	}
	if !same {
		t.Errorf("%s.%s: the schema became %s\nthe server has %s", server, want.Name, got.InputSchema, want.InputSchema)
	}
}

// names tells whether a type has all properties of a schema, required ones as such.
func names(t *testing.T, typeText, schema json.RawMessage) bool {
	t.Helper()
	var text string
	var object struct {
		Properties map[string]any
		Required   []string
	}
	decode(t, typeText, &text)
	decode(t, schema, &object)
	for name := range object.Properties {
		if !slices.Contains(object.Required, name) {
			name += "?"
		}
		if !strings.Contains(text, name+": ") {
			return false
		}
	}
	return strings.HasPrefix(text, "{") && strings.HasSuffix(text, "}")
}

// value decodes JSON without rounding a number.
func value(t *testing.T, raw json.RawMessage) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

func oneToolEach(t *testing.T, door door, name string) {
	for _, server := range []string{"everything", "everything-http"} {
		if got := execute(t, door, server, "get-sum", `{"a":19,"b":23}`).text(t); got != "The sum of 19 and 23 is 42." {
			t.Errorf("%s: %q", server, got)
		}
	}
	text := fmt.Sprintf("written by %s, Ω", name)
	path := filepath.Join(door.dir, "files", name+".txt")
	execute(t, door, "files", "write_file", fmt.Sprintf(`{"path":%q,"content":%q}`, path, text))
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("the file holds %q (%v)", got, err)
	}
	poemFile := filepath.Join(door.dir, "files", "poem.txt")
	if got := execute(t, door, "files", "read_text_file", fmt.Sprintf(`{"path":%q}`, poemFile)).text(t); got != poem {
		t.Errorf("the poem became %q", got)
	}
	execute(t, door, "memory", "create_entities", fmt.Sprintf(`{"entities":[{"name":%q,"entityType":"door","observations":["hinges"]}]}`, name))
	var graph struct{ Entities []struct{ Name string } }
	decode(t, json.RawMessage(execute(t, door, "memory", "open_nodes", fmt.Sprintf(`{"names":[%q]}`, name)).text(t)), &graph)
	if len(graph.Entities) != 1 || graph.Entities[0].Name != name {
		t.Errorf("the memory holds %+v", graph)
	}
	if kept, err := os.ReadFile(filepath.Join(door.dir, "memory.jsonl")); err != nil || !strings.Contains(string(kept), name) {
		t.Errorf("the memory's file holds %q (%v)", kept, err)
	}
}

func sameContent(t *testing.T, direct map[string]client, door door) {
	// What server-everything says to the same arguments is always the same.
	for _, c := range []struct{ server, tool, arguments, holds string }{
		{"everything", "get-tiny-image", `{}`, `"type":"image"`},
		{"everything-http", "get-tiny-image", `{}`, `"type":"image"`},
		{"everything", "get-annotated-message", `{"messageType":"error","includeImage":true}`, `"annotations":{`},
		{"everything-http", "get-resource-links", `{"count":4}`, `"type":"resource_link"`},
	} {
		want := call(t, direct[c.server], c.tool, c.arguments).Content
		got := execute(t, door, c.server, c.tool, c.arguments).Content
		if !slices.EqualFunc(got, want, sameBytes) {
			t.Errorf("%s.%s: got %s\nthe server sends %s", c.server, c.tool, got, want)
		}
		if !slices.ContainsFunc(got, func(item json.RawMessage) bool { return bytes.Contains(item, []byte(c.holds)) }) {
			t.Errorf("%s.%s: no %s in %s", c.server, c.tool, c.holds, got)
		}
	}
	// Its text holds the time of day.
	content := execute(t, door, "everything", "get-resource-reference", `{"resourceType":"Text","resourceId":7}`).Content
	var embedded struct {
		Type     string
		Resource struct{ URI, Text string }
	}
	decode(t, content[1], &embedded)
	if embedded.Type != "resource" || !strings.HasSuffix(embedded.Resource.URI, "/7") || embedded.Resource.Text == "" {
		t.Errorf("the embedded resource: %s", content)
	}
	for file, c := range map[string]struct{ kind, media, data string }{
		"pixel.png": {"image", "image/png", pixel},
		"noise.wav": {"audio", "audio/wav", noise},
	} {
		content := execute(t, door, "files", "read_media_file", fmt.Sprintf(`{"path":%q}`, filepath.Join(door.dir, "files", file))).Content
		var media struct{ Type, Data, MIMEType string }
		decode(t, content[0], &media)
		if media.Type != c.kind || media.MIMEType != c.media || media.Data != base64.StdEncoding.EncodeToString([]byte(c.data)) {
			t.Errorf("%s: %s", file, content)
		}
	}
}

func sameBytes(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

func resources(t *testing.T, direct map[string]client, door door) {
	var listed struct {
		Resources []struct{ URI, Name, MIMEType string }
	}
	decode(t, result(t, direct["everything"], "resources/list", `{}`), &listed)
	var entries []struct {
		URI, Name string
		MIMEType  string `json:"mime_type"`
	}
	decode(t, json.RawMessage(call(t, door, "resources", `{"server_name":"everything"}`).text(t)), &entries)
	if len(listed.Resources) == 0 || len(entries) < len(listed.Resources) {
		t.Fatalf("the server lists %+v, mcpx %+v", listed, entries)
	}
	for i, r := range listed.Resources {
		if e := entries[i]; e.URI != r.URI || e.Name != r.Name || e.MIMEType != r.MIMEType {
			t.Errorf("%+v became %+v", r, e)
		}
		var read struct{ Contents []struct{ Text string } }
		decode(t, result(t, direct["everything"], "resources/read", fmt.Sprintf(`{"uri":%q}`, r.URI)), &read)
		if got := call(t, door, "resources", fmt.Sprintf(`{"server_name":"everything","uri":%q}`, r.URI)).text(t); got != read.Contents[0].Text {
			t.Errorf("%s reads as %.80q, the server says %.80q", r.URI, got, read.Contents[0].Text)
		}
	}
	var blob struct{ Blob string }
	decode(t, json.RawMessage(call(t, door, "resources",
		`{"server_name":"everything-http","uri":"demo://resource/dynamic/blob/3"}`).text(t)), &blob)
	if data, err := base64.StdEncoding.DecodeString(blob.Blob); err != nil || !strings.Contains(string(data), "Resource 3") {
		t.Errorf("the blob %q holds %q", blob.Blob, data)
	}
}
