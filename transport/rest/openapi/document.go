package openapi

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/schema"
)

// The ids of operations that are not tools. Health and prompts have none: some
// programs make a tool for a model of each operation with an id, and those are
// for programs and for people.
const (
	listResources = "mcpx_list_resources"
	readResource  = "mcpx_read_resource"
)

// document is one that is being written.
type document struct {
	server  string
	items   *node // paths
	schemas *node // components/schemas, beside the shared ones
	names   componentNames
	used    map[string]bool // shared responses and schemas
	extra   *node           // servers of the root document
}

func newDocument(server string) *document {
	return &document{server: server, items: object(), schemas: object(), names: componentNames{}, used: map[string]bool{}}
}

type info struct{ title, version, description string }

func (d *document) render(i info, o Options) json.RawMessage {
	security, schemes := list(), (*node)(nil)
	if o.Auth {
		schemes = object().
			set("bearer", object().set("type", text("http")).set("scheme", text("bearer")).set("description", text("The key of mcpx."))).
			set("basic", object().set("type", text("http")).set("scheme", text("basic")).set("description", text("The key of mcpx as the password, with any name.")))
		security.vals = []*node{object().set("bearer", list()), object().set("basic", list())}
	}
	doc := object().
		set("openapi", text("3.1.0")).
		set("info", object().set("title", text(i.title)).set("description", nonEmpty(i.description)).set("version", text(i.version))).
		set("servers", list(object().set("url", text(address(o))))).
		set("security", security).
		set("paths", d.items).
		set("components", d.components().set("securitySchemes", schemes)).
		set("x-mcpx-servers", d.extra)
	return doc.append(nil)
}

// address is where the paths begin: a URL, escaped where it is not yet. Braces
// would be variables there.
func address(o Options) string {
	var parts []string
	for _, p := range []string{o.Root, o.Base} {
		if p = strings.Trim(p, "/"); p != "" {
			parts = append(parts, p)
		}
	}
	path := strings.Join(parts, "/")
	if u, err := url.Parse(o.Root); err != nil || u.Scheme == "" { // a root may name its host as well
		path = "/" + path
	}
	var b strings.Builder
	for i := range len(path) {
		c := path[i]
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$&'()*+,;=:@/", c) >= 0
		if _, err := url.PathUnescape(path[i:min(i+3, len(path))]); plain || c == '%' && err == nil {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// operation adds an operation to its path.
func (d *document) operation(method, path string, op *node) {
	item := d.items.get(path)
	if item == nil {
		item = object()
		d.items.set(path, item)
	}
	item.set(method, op)
}

// paths describes what a catalog offers.
func (d *document) paths(c *messages.Catalog, o Options) {
	tools := make([]*messages.Tool, 0, len(c.Tools))
	names := make([]string, 0, len(c.Tools))
	seen := map[string]bool{}
	for i := range c.Tools {
		t := &c.Tools[i]
		if t.Name == "" || seen[t.Name] || o.Reserved != nil && o.Reserved(t.Name) {
			continue
		}
		seen[t.Name] = true
		tools, names = append(tools, t), append(names, t.Name)
	}
	ids := operationIDs(names, listResources, readResource)
	for _, t := range tools {
		d.operation("post", "/"+Segment(t.Name), d.tool(t, ids[t.Name]))
	}
	if len(c.Resources)+len(c.Templates) > 0 {
		d.resources()
	}
	d.prompts(c.Prompts)
	d.health("Health", "Looks whether the server can be reached.")
}

func (d *document) tool(t *messages.Tool, id string) *node {
	description := t.Description
	compiled, err := schema.Compile(t.InputSchema)
	if err != nil {
		description += "\n\nThis tool cannot be called: the schema that the server declares for its arguments " + err.Error() + "."
	}
	op := d.begin(id, first(t.Title, titleCase(t.Name)), description)
	if TakesBody(t) {
		required := err == nil && compiled.Validate(json.RawMessage("{}")) != nil
		op.set("requestBody", object().set("content", content(d.schema(t.InputSchema, id, "input"))).set("required", boolean(required)))
	}
	if len(t.OutputSchema) > 0 {
		return d.end(op, object().set("description", text("The tool's structured result.")).set("content", content(d.schema(t.OutputSchema, id, "output"))))
	}
	return d.end(op, object().
		set("description", text("What the tool answers: JSON as it is, a text as a string, media as a data URL, several of them as an array.")).
		set("content", content(object())))
}

// begin is an operation so far as all have it alike.
func (d *document) begin(id, summary, description string) *node {
	op := object()
	if d.server != "" {
		op.set("tags", list(text(d.server)))
	}
	return op.set("operationId", nonEmpty(id)).set("summary", text(summary)).set("description", nonEmpty(strings.TrimSpace(description)))
}

// end adds the responses: that of success, and what every call can meet.
func (d *document) end(op, success *node) *node {
	responses := object().set("200", success)
	for _, f := range failures {
		responses.set(f.status, d.failure(f))
	}
	return op.set("responses", responses)
}

func (d *document) failure(f failure) *node {
	d.used[f.name] = true
	return ref("#/components/responses/" + f.name)
}

func content(schema *node) *node {
	return object().set("application/json", object().set("schema", schema))
}

func ref(to string) *node { return object().set("$ref", text(to)) }
