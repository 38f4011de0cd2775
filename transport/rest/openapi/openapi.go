// Package openapi describes the tools of one upstream as an OpenAPI 3.1
// document: a catalog in, a document out, nothing else. The same catalog gives
// the same bytes.
//
// Schemas stay whole and in their order. What changes is what OpenAPI asks for:
// definitions move to components/schemas, older drafts are written as 2020-12,
// and what no reader of documents could follow (references to elsewhere,
// keywords with values that they cannot have) is left out, with a note where it
// stood.
package openapi

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Options say how a document is addressed and what replaces what the server says of itself.
type Options struct {
	Title, Version, Description string                 // empty: the upstream's serverInfo and instructions
	Base                        string                 // URL path in front of the paths, e.g. "/fs" or "/prefix/fs"; becomes servers[0].url together with Root
	Root                        string                 // --root-path: what a reverse proxy has cut off
	Auth                        bool                   // Bearer and Basic security schemes
	Reserved                    func(tool string) bool // tools that have no path here (single form: names of mcpx's own paths); nil for none
}

// Link is a server in the root document.
type Link struct {
	Name, Title, Description string
	Docs, Document           string // URL paths
}

// Segment returns a name as one escaped path segment, from which
// url.PathUnescape makes the name again. What a path could mean otherwise is
// escaped: slashes, braces (templates), and the names "." and "..".
func Segment(name string) string {
	switch name {
	case ".":
		return "%2E"
	case "..":
		return "%2E%2E"
	}
	return url.PathEscape(name)
}

// Document describes a catalog. A tool without a name, or of a name that an
// earlier one has, has no path.
func Document(c *messages.Catalog, o Options) json.RawMessage {
	title, _ := jsonrpc.GetString(c.Peer.Info, "title")
	d := newDocument(c.Server)
	d.paths(c, o)
	return d.render(info{
		title:       first(o.Title, title, c.Peer.Name, c.Server, "MCP server"),
		version:     first(o.Version, c.Peer.Version, "0.0.0"),
		description: first(o.Description, c.Peer.Instructions),
	}, o)
}

// Index is the root document: the servers, with links to their docs.
func Index(links []Link, o Options) json.RawMessage {
	d := newDocument("")
	servers := list()
	description := []string{o.Description}
	if len(links) > 0 {
		lines := make([]string, len(links))
		for i, l := range links {
			servers.vals = append(servers.vals, object().set("name", text(l.Name)).set("title", nonEmpty(l.Title)).
				set("description", nonEmpty(l.Description)).set("docs", text(l.Docs)).set("document", text(l.Document)))
			lines[i] = "- [" + markdown.Replace(first(l.Title, l.Name)) + "](" + l.Docs + ") ([openapi.json](" + l.Document + "))"
		}
		description = append(description, "Servers:\n\n"+strings.Join(lines, "\n"))
	}
	d.health("AllHealth", "Looks whether the servers can be reached.")
	d.extra = servers
	return d.render(info{
		title:       first(o.Title, "mcpx"),
		version:     first(o.Version, "0.0.0"),
		description: strings.TrimSpace(strings.Join(description, "\n\n")),
	}, o)
}

// markdown escapes what would end or nest a link.
var markdown = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, "\n", " ", "\r", " ")

// first returns the first text that says something.
func first(texts ...string) string {
	for _, t := range texts {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return ""
}
