package gatewaytools

import (
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// maxListings bounds for how many principals the rendered list is kept. Beyond
// it all are forgotten and rendered anew when they are asked for.
const maxListings = 256

// listings are the results of tools/list of one version of the directory, by
// principal. Immutable; replaced as a whole.
type listings struct {
	version uint64
	by      map[string]json.RawMessage
}

func (l *listings) get(version uint64, p messages.Principal) (json.RawMessage, bool) {
	if l == nil || l.version != version {
		return nil, false
	}
	list, ok := l.by[p.Name]
	return list, ok
}

// list returns the result of tools/list for p, rendered once per version of the directory.
func (t *Tools) list(p messages.Principal) json.RawMessage {
	if list, ok := t.listings.Load().get(t.door.Directory().Version, p); ok {
		return list
	}
	t.render.Lock()
	defer t.render.Unlock()
	v := t.view(p)
	old := t.listings.Load()
	if list, ok := old.get(v.dir.Version, p); ok {
		return list
	}
	next := &listings{version: v.dir.Version, by: map[string]json.RawMessage{}}
	if old != nil && old.version == next.version && len(old.by) < maxListings {
		for name, list := range old.by {
			next.by[name] = list
		}
	}
	list := t.renderList(v)
	next.by[p.Name] = list
	t.listings.Store(next)
	return list
}

func (t *Tools) renderList(v *view) json.RawMessage {
	defs := make([]json.RawMessage, len(t.tools))
	for i, tool := range t.tools {
		defs[i] = tool.definition(v)
	}
	var o object
	o.raw("tools", array(defs))
	return o.close()
}

// definition renders a tool as tools/list has it (2025-11-25, server/tools: data types).
func (t *tool) definition(v *view) json.RawMessage {
	description := t.lead
	if t.directory != nil {
		description += "\n\n" + t.directory(v)
	}
	var hints object
	hints.str("title", t.title)
	if t.readOnly {
		hints.raw("readOnlyHint", []byte("true"))
	} else {
		// What the upstream's tool does is not known here: the careful answers.
		hints.raw("readOnlyHint", []byte("false"))
		hints.raw("destructiveHint", []byte("true"))
	}
	hints.raw("openWorldHint", []byte("true"))
	var o object
	o.str("name", t.name)
	o.str("title", t.title)
	o.str("description", description)
	o.raw("inputSchema", t.inputSchema())
	o.raw("annotations", hints.close())
	return o.close()
}

// inputSchema renders the parameters as JSON Schema.
func (t *tool) inputSchema() json.RawMessage {
	var properties object
	var required []json.RawMessage
	for _, p := range t.params {
		var o object
		o.str("type", p.typ)
		o.str("description", p.description)
		properties.raw(p.name, o.close())
		if p.required {
			required = append(required, jsonrpc.Quote(p.name))
		}
	}
	var o object
	o.str("type", "object")
	o.raw("properties", properties.close())
	o.raw("required", array(required))
	o.raw("additionalProperties", []byte("false"))
	return o.close()
}
