package gatewaytools

import (
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
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

// definition renders a tool as tools/list has it (2025-11-25, server/tools:
// data types). A client may hold it all the time, so it says nothing twice and
// nothing that is the default: without annotations a tool may change things,
// destroy them, and reach the world, which is the careful answer where the
// upstream's tool is not known.
func (t *tool) definition(v *view) json.RawMessage {
	description := t.lead
	if t.directory != nil {
		description += "\n\n" + t.directory(v)
	}
	var o object
	o.str("name", t.name)
	o.str("title", t.title)
	o.str("description", description)
	o.raw("inputSchema", t.inputSchema())
	if t.readOnly {
		o.raw("annotations", []byte(`{"readOnlyHint":true}`))
	}
	return o.close()
}
