package gatewaytools

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// The directories stand in the descriptions of the tools: one line per server,
// tool and resource. What upstreams say of themselves is folded into the line:
// each run of white space and control characters becomes one space, so no
// upstream can write lines that look like another's. Then it is cut, in whole
// characters. A server that has never been connected yet is listed without
// tools: exec and inspect wait for it.

// The cuts, in characters, "..." included.
const (
	cutInstructions      = 300
	cutDescription       = 80
	cutMethodDescription = 60

	// Names are not meant to be cut; these keep a hostile one from flooding the list.
	cutName = 256
	cutURI  = 2048

	maxParams = 100 // of one tool; then "..."
)

// view is a directory as one principal may see it.
type view struct {
	dir     *messages.Directory
	allowed func(server, tool string) bool
}

func (t *Tools) view(p messages.Principal) *view {
	return &view{dir: t.door.Directory(), allowed: func(server, tool string) bool {
		return t.door.Allowed(p, server, tool) == nil
	}}
}

// servers returns the names that p may know, sorted.
func (v *view) servers() []string {
	names := make([]string, 0, len(v.dir.Servers))
	for _, s := range v.dir.Servers {
		if v.allowed(s, "") {
			names = append(names, s)
		}
	}
	return names
}

// has tells whether there is a server of that name.
func (v *view) has(server string) bool {
	_, found := slices.BinarySearch(v.dir.Servers, server)
	return found
}

// catalog returns the catalog of a server that has been connected.
func (v *view) catalog(server string) *messages.Catalog {
	i, found := slices.BinarySearchFunc(v.dir.Catalogs, server, func(c messages.Catalog, name string) int {
		return strings.Compare(c.Server, name)
	})
	if !found {
		return nil
	}
	return &v.dir.Catalogs[i]
}

// tools returns the tools of a catalog that may be used.
func (v *view) tools(c *messages.Catalog) []*messages.Tool {
	tools := make([]*messages.Tool, 0, len(c.Tools))
	for i := range c.Tools {
		if v.allowed(c.Server, c.Tools[i].Name) {
			tools = append(tools, &c.Tools[i])
		}
	}
	return tools
}

// toolDirectory lists servers and tools.
func toolDirectory(v *view) string {
	var b strings.Builder
	b.WriteString("Available tools:")
	for _, server := range v.servers() {
		c := v.catalog(server)
		writeServer(&b, server, c)
		if c == nil {
			continue
		}
		for _, tool := range v.tools(c) {
			b.WriteString("\n    - ")
			writeTool(&b, tool, cutDescription)
		}
	}
	return b.String()
}

// methodDirectory lists the tools of all servers as "server.tool".
func methodDirectory(v *view) string {
	var b strings.Builder
	b.WriteString("Available tools:")
	for _, server := range v.servers() {
		c := v.catalog(server)
		if c == nil {
			b.WriteString("\n  - " + fold(server, cutName) + ": not connected yet")
			continue
		}
		for _, tool := range v.tools(c) {
			b.WriteString("\n  - " + fold(server, cutName) + ".")
			writeTool(&b, tool, cutMethodDescription)
		}
	}
	return b.String()
}

func writeTool(b *strings.Builder, tool *messages.Tool, cut int) {
	b.WriteString(fold(tool.Name, cutName))
	if params := parameters(tool.InputSchema); params != "" {
		b.WriteString("(" + params + ")")
	}
	if d := fold(tool.Description, cut); d != "" {
		b.WriteString(": " + d)
	}
}

func writeServer(b *strings.Builder, server string, c *messages.Catalog) {
	b.WriteString("\n  Server: " + fold(server, cutName))
	if c == nil {
		b.WriteString(" - not connected yet")
	} else if about := fold(c.Peer.Instructions, cutInstructions); about != "" {
		b.WriteString(" - " + about)
	}
}

// resourceDirectory lists resources and resource templates. Servers without any are left out.
func resourceDirectory(v *view) string {
	var b strings.Builder
	for _, server := range v.servers() {
		c := v.catalog(server)
		if c == nil || len(c.Resources)+len(c.Templates) == 0 {
			continue
		}
		writeServer(&b, server, c)
		for _, list := range [][]messages.Resource{c.Resources, c.Templates} {
			for i := range list {
				writeResource(&b, &list[i])
			}
		}
	}
	if b.Len() == 0 {
		return "No resources available."
	}
	return "Available resources:" + b.String()
}

func writeResource(b *strings.Builder, r *messages.Resource) {
	b.WriteString("\n    - " + fold(r.Name, cutName) + " (" + fold(r.URI, cutURI) + ")")
	if r.MIMEType != "" {
		b.WriteString(" [" + fold(r.MIMEType, cutName) + "]")
	}
	if r.Size != nil {
		b.WriteString(" (" + strconv.FormatInt(*r.Size, 10) + " bytes)")
	}
	if d := fold(r.Description, cutDescription); d != "" {
		b.WriteString(": " + d)
	}
}

// parameters renders the properties of an input schema, sorted, optional ones with "?".
func parameters(inputSchema json.RawMessage) string {
	properties, _ := jsonrpc.Get(inputSchema, "properties")
	var names []string
	for name := range jsonrpc.Members(properties) {
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	required := map[string]bool{}
	list, _ := jsonrpc.Get(inputSchema, "required")
	for e := range jsonrpc.Elements(list) {
		var name string
		if json.Unmarshal(e, &name) == nil {
			required[name] = true
		}
	}
	for i, name := range names {
		names[i] = fold(name, cutName)
		if !required[name] {
			names[i] += "?"
		}
		if i == maxParams {
			names = append(names[:i], "...")
			break
		}
	}
	return strings.Join(names, ", ")
}

// fold makes a text one line of at most limit characters, the last three "..." if it was cut.
func fold(s string, limit int) string {
	var b strings.Builder
	n, cut := 0, 0 // characters in b; bytes of the first limit-3 of them
	space := false
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			space = n > 0
			continue
		}
		for _, c := range [2]rune{' ', r} {
			if c == ' ' && !space {
				continue
			}
			if n == limit-3 {
				cut = b.Len()
			}
			if n == limit {
				return b.String()[:cut] + "..."
			}
			b.WriteRune(c)
			n++
		}
		space = false
	}
	return b.String()
}
