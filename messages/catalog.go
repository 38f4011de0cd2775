package messages

import "encoding/json"

// Catalog is what one upstream offers: a value, replaced as a whole.
type Catalog struct {
	Server  string
	Version uint64 // grows with every change of this server's catalog
	Stale   bool   // the server is away; this is what it last offered
	Cut     bool   // limits.catalog_pages or catalog_tools cut it

	Peer Peer

	// In the order of the upstream.
	Tools     []Tool
	Resources []Resource
	Templates []Resource // URI holds the uriTemplate
	Prompts   []Prompt
}

// Peer is what an upstream says of itself when it is connected.
type Peer struct {
	Transport    Transport       // by which it was reached: an undeclared HTTP server may turn out to be one of HTTP+SSE
	Protocol     string          // the version spoken, "2025-11-25"
	Modern       bool            // whether that version is of the modern era
	Offers       []string        // the versions that it listed; the one spoken where it lists none
	Info         json.RawMessage // serverInfo, raw; may be nil
	Name         string          // serverInfo.name
	Version      string          // serverInfo.version
	Capabilities json.RawMessage // raw; "{}" when none
	Instructions string
	Raw          json.RawMessage // the whole result of initialize or server/discover; may be nil
	Asked        json.RawMessage // with Raw of server/discover, where that was asked in a caller's name: the params; else nil
}

// Tool is one tool of a catalog. Raw is the definition as it came.
type Tool struct {
	Name         string
	Title        string
	Description  string
	InputSchema  json.RawMessage
	OutputSchema json.RawMessage // nil when not declared
	ReadOnly     bool            // annotations.readOnlyHint
	Idempotent   bool            // annotations.idempotentHint
	Raw          json.RawMessage
}

// Resource is one resource or resource template of a catalog.
type Resource struct {
	URI         string
	Name        string
	Title       string
	Description string
	MIMEType    string
	Size        *int64 // bytes; nil when not declared
	Raw         json.RawMessage
}

// Prompt is one prompt of a catalog.
type Prompt struct {
	Name        string
	Title       string
	Description string
	Raw         json.RawMessage
}

// Tool returns the tool of that name.
func (c *Catalog) Tool(name string) (*Tool, bool) {
	for i := range c.Tools {
		if c.Tools[i].Name == name {
			return &c.Tools[i], true
		}
	}
	return nil, false
}

// ToolNames returns the names of all tools, in the catalog's order.
func (c *Catalog) ToolNames() []string {
	names := make([]string, len(c.Tools))
	for i := range c.Tools {
		names[i] = c.Tools[i].Name
	}
	return names
}

// Directory is what all upstreams offer together, as seen at one moment. It is
// immutable: readers keep it as long as they like.
type Directory struct {
	Version  uint64    // grows with every change of any catalog or of the set of servers
	Catalogs []Catalog // sorted by server name; only servers that were connected at least once and are enabled
	Servers  []string  // sorted names of all enabled servers, connected or not
}

// Catalog returns the catalog of one server.
func (d *Directory) Catalog(server string) (*Catalog, bool) {
	for i := range d.Catalogs {
		if d.Catalogs[i].Server == server {
			return &d.Catalogs[i], true
		}
	}
	return nil, false
}
