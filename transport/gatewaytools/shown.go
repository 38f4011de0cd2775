package gatewaytools

import (
	"crypto/sha256"
	"encoding/json"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/compact/tsschema"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// declared returns the input schema of a tool as it is shown. A tool that
// declares none takes an object like any other.
func (t *Tools) declared(tool *messages.Tool) json.RawMessage {
	switch {
	case len(tool.InputSchema) > 0:
		return t.shown(tool.InputSchema)
	case t.opts.TypeScript:
		return json.RawMessage(`"{}"`)
	}
	return json.RawMessage("{}")
}

// shown returns a schema as it is shown: the text of a TypeScript type, or JSON
// where that is not wanted or cannot be.
func (t *Tools) shown(schema json.RawMessage) json.RawMessage {
	if t.opts.TypeScript {
		if text := t.types.text(schema); text != nil {
			return text
		}
	}
	return compact(schema)
}

// The bounds of typeTexts. Beyond them all are forgotten and written anew when
// they are asked for.
const (
	maxTypes     = 4096
	maxTypeBytes = 16 << 20
)

// typeTexts are schemas as TypeScript, by the digest of the schema. Nothing
// else decides what the text is, so no catalog makes one stale. The zero value
// is ready.
type typeTexts struct {
	mu    sync.Mutex // guards the map; nothing is written under it
	texts map[[sha256.Size]byte]json.RawMessage
	bytes int
}

// text returns the type as a JSON string; nil when the schema has none.
func (c *typeTexts) text(schema json.RawMessage) json.RawMessage {
	key := sha256.Sum256(schema)
	c.mu.Lock()
	text, known := c.texts[key]
	c.mu.Unlock()
	if known {
		return text
	}
	if plain, err := tsschema.Compress(schema, tsschema.Options{}); err == nil {
		text = jsonrpc.Quote(plain)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.texts == nil || len(c.texts) >= maxTypes || c.bytes+len(text) > maxTypeBytes {
		c.texts, c.bytes = map[[sha256.Size]byte]json.RawMessage{}, 0
	}
	c.texts[key] = text
	c.bytes += len(text)
	return text
}
