package rest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/rest/openapi"
)

// page is what there is to GET.
type page uint8

const (
	noPage page = iota
	docsPage
	documentPage
	healthPage
	assetPage
	resourcesPage
	resourcePage
)

// public tells whether a page says nothing that needs a key.
func (p page) public() bool {
	switch p {
	case docsPage, documentPage, healthPage, assetPage:
		return true
	case noPage, resourcesPage, resourcePage:
	}
	return false
}

// pages are those of a server, by the last segment of their path.
var pages = map[string]page{
	"docs": docsPage, "openapi.json": documentPage, "health": healthPage, "resources": resourcesPage,
}

// reserved are the paths of mcpx itself: a server of such a name has no
// endpoints, nor has a tool where the server's name is left out.
var reserved = map[string]bool{
	"mcp": true, "sse": true, "messages": true, "api": true, "ui": true, "health": true, "healthz": true, "readyz": true,
	"metrics": true, "docs": true, "openapi.json": true, ".well-known": true,
}

// place is what a path means. Pages are read, tools and prompts called: one path
// can be both.
type place struct {
	server string // empty for what belongs to all of them
	short  bool   // the path leaves the server's name out
	page   page
	name   string // of an asset
	tool   string
	prompt string
	wrong  *messages.Failure // it means nothing
}

// find reads an escaped path.
func (h *Handler) find(escaped string) place {
	if h.root != "" {
		if rest, ok := strings.CutPrefix(escaped, h.root+"/"); ok {
			escaped = "/" + rest
		}
	}
	rest, below := strings.CutPrefix(escaped, h.prefix)
	if !below {
		rest = strings.TrimPrefix(escaped, "/")
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		name, err := url.PathUnescape(s)
		if err != nil || name == "" {
			return nothing(escaped)
		}
		segments[i] = name
	}
	if len(segments) == 2 && segments[0] == "docs" {
		if _, known := assetTypes[segments[1]]; !known {
			return nothing(escaped)
		}
		return place{page: assetPage, name: segments[1]}
	}
	if single := h.opts.Single; single != "" && h.isServer(single) {
		// Another server's path is long in any case, and so is one that has the single one's name.
		if len(segments) > 1 && below && !reserved[segments[0]] && h.isServer(segments[0]) {
			return h.below(escaped, segments[0], segments[1:])
		}
		p := h.below(escaped, single, segments)
		p.short = true
		if reserved[p.tool] {
			if p.page == noPage {
				p.wrong = messages.Failf(messages.KindUnknownTool, single,
					"%s is a path of mcpx itself; a tool of that name is at %s", escaped, h.longPath(single, p.tool))
			}
			p.tool = ""
		}
		return p
	}
	switch p := pages[segments[0]]; {
	case len(segments) == 1 && p.public():
		return place{page: p} // also without the prefix, where mcpo has them
	case !below:
		return nothing(escaped)
	case reserved[segments[0]]:
		return place{wrong: messages.Failf(messages.KindUnknownUpstream, segments[0],
			"%s is a path of mcpx itself; a server of the name %q is served over MCP only", "/"+segments[0], segments[0])}
	case len(segments) == 1 && h.isServer(segments[0]):
		return place{wrong: messages.Failf(messages.KindUnknownTool, segments[0],
			"%s is a server; name one of its tools, or see its page at %s/docs", escaped, escaped)}
	case len(segments) == 1:
		return place{wrong: h.unknownServer(segments[0])}
	}
	return h.below(escaped, segments[0], segments[1:])
}

// longPath is where a tool is found whatever its name is; empty where its server
// has a name that is a path of mcpx itself.
func (h *Handler) longPath(server, tool string) string {
	if reserved[server] {
		return ""
	}
	return h.root + h.prefix + openapi.Segment(server) + "/" + openapi.Segment(tool)
}

// below reads what follows the name of a server.
func (h *Handler) below(escaped, server string, rest []string) place {
	p := place{server: server}
	switch {
	case !h.isServer(server):
		p.wrong = h.unknownServer(server)
	case len(rest) == 1:
		p.page, p.tool = pages[rest[0]], rest[0]
	case len(rest) == 2 && rest[0] == "resources" && rest[1] == "read":
		p.page = resourcePage
	case len(rest) == 2 && rest[0] == "prompts":
		p.prompt = rest[1]
	default:
		return nothing(escaped)
	}
	return p
}

func nothing(escaped string) place {
	return place{wrong: messages.Failf(messages.KindUnknownMethod, "",
		"there is nothing at %s; tools are called as POST /{server}/{tool}, and /docs lists what there is", escaped)}
}

// isServer tells whether the configuration has such a server, enabled or not.
func (h *Handler) isServer(name string) bool {
	_, known := h.door.Spec(name)
	return known
}

func (h *Handler) unknownServer(name string) *messages.Failure {
	return unknown(messages.KindUnknownUpstream, name, "there is no server", name, h.door.Directory().Servers)
}

// namesShown bounds the list of names in an answer.
const namesShown = 50

// unknown says what there is not, and what was probably meant.
func unknown(kind messages.Kind, server, what, name string, available []string) *messages.Failure {
	text := fmt.Sprintf("%s %q", what, name)
	if near := messages.Nearest(name, available); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	f := messages.Failf(kind, server, "%s", text)
	f.Available = available[:min(len(available), namesShown)]
	return f
}

// wrongMethod answers a method that a path does not take, or a path that is none.
func (h *Handler) wrongMethod(r *request) answer {
	var allow []string
	if r.page != noPage {
		allow = append(allow, http.MethodGet, http.MethodHead)
	}
	switch {
	case r.prompt != "":
		allow = append(allow, http.MethodPost)
	case r.tool != "":
		catalog, known := h.door.Directory().Catalog(r.server)
		if !known {
			allow = append(allow, http.MethodPost) // nobody knows yet
		} else if _, ok := catalog.Tool(r.tool); ok {
			allow = append(allow, http.MethodPost)
		} else if allow == nil {
			return h.failed(h.unknownTool(r, catalog))
		}
	}
	return refusal(http.StatusMethodNotAllowed, "%s does not take %s; allowed: %s", r.URL.EscapedPath(), r.Method, strings.Join(allow, ", ")).
		with("Allow", strings.Join(allow, ", "))
}
