package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Discovered is the content of a server/discover result.
type Discovered struct {
	Versions []string      // supportedVersions
	Peer     messages.Peer // without Protocol and Modern: Choose says what to speak
}

// ReadDiscover reads a server/discover result; false when it is none (no supportedVersions array).
func ReadDiscover(result json.RawMessage) (Discovered, bool) {
	raw, ok := jsonrpc.Get(result, "supportedVersions")
	if !ok || !jsonrpc.IsBatch(raw) {
		return Discovered{}, false
	}
	info, ok := jsonrpc.Get(result, metaKey, MetaServerInfo)
	if !ok {
		info, _ = jsonrpc.Get(result, "serverInfo")
	}
	return Discovered{Versions: stringsOf(raw), Peer: peer(result, info)}, true
}

// ReadInitialize reads an initialize result; an error when protocolVersion is
// missing, unknown to mcpx, or of the modern era, which has no initialize.
func ReadInitialize(result json.RawMessage) (messages.Peer, error) {
	version, ok := jsonrpc.GetString(result, "protocolVersion")
	switch {
	case !ok:
		return messages.Peer{}, errors.New("the server answered initialize without a protocolVersion")
	case !Known(version) || IsModern(version):
		legacy, _ := Allowed("legacy")
		return messages.Peer{}, fmt.Errorf("the server answered initialize with protocol version %q; mcpx speaks %s after it",
			version, strings.Join(legacy, ", "))
	}
	info, _ := jsonrpc.Get(result, "serverInfo")
	p := peer(result, info)
	p.Protocol = version
	return p, nil
}

// peer reads what the results of initialize and server/discover have in common.
func peer(result, info json.RawMessage) messages.Peer {
	p := messages.Peer{Info: info, Capabilities: json.RawMessage("{}"), Raw: result}
	p.Name, _ = jsonrpc.GetString(info, "name")
	p.Version, _ = jsonrpc.GetString(info, "version")
	p.Instructions, _ = jsonrpc.GetString(result, "instructions")
	if c, ok := jsonrpc.Get(result, "capabilities"); ok && c[0] == '{' {
		p.Capabilities = c
	}
	return p
}

// stringsOf returns the strings of a JSON array; elements of other types are left out.
func stringsOf(raw json.RawMessage) []string {
	var out []string
	for e := range jsonrpc.Elements(raw) {
		if s, ok := jsonrpc.GetString(e); ok {
			out = append(out, s)
		}
	}
	return out
}
