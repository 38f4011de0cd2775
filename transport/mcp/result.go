package mcp

import (
	"bytes"
	"encoding/json"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// The members that the modern era demands of a result.
const (
	keyResultType = "resultType"
	keyTTL        = "ttlMs"
	keyScope      = "cacheScope"

	complete = "complete"
)

// cacheable tells whether the results of method carry caching hints
// (2026-07-28, caching: cacheable results).
func cacheable(method string) bool {
	switch method {
	case "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list", "resources/read":
		return true
	}
	return false
}

// CompleteResult makes an era-neutral result a result of the modern era:
// resultType "complete" where it is missing, serverInfo in _meta where it is
// missing (and given), and ttlMs 0 with cacheScope "private" on the cacheable
// methods where they are missing and the result is complete (2026-07-28,
// caching: an input_required result carries no hints). A result that is no
// object is returned as it is, none at all counts as {}.
func CompleteResult(method string, result json.RawMessage, serverInfo json.RawMessage) json.RawMessage {
	if len(result) == 0 {
		result = json.RawMessage("{}")
	}
	if trimmed := bytes.TrimLeft(result, " \t\r\n"); trimmed[0] != '{' {
		return result
	}
	kind, has := jsonrpc.Get(result, keyResultType)
	if !has {
		kind = jsonrpc.Quote(complete)
		result = jsonrpc.Set(result, kind, keyResultType)
	}
	if text, _ := jsonrpc.GetString(kind); text == complete && cacheable(method) {
		if _, ok := jsonrpc.Get(result, keyTTL); !ok {
			result = jsonrpc.Set(result, json.RawMessage("0"), keyTTL)
		}
		if _, ok := jsonrpc.Get(result, keyScope); !ok {
			result = jsonrpc.Set(result, json.RawMessage(`"private"`), keyScope)
		}
	}
	if len(serverInfo) == 0 {
		return result
	}
	meta, has := jsonrpc.Get(result, metaKey)
	if has && meta[0] != '{' {
		return result // not ours to repair
	}
	if _, has = jsonrpc.Get(meta, MetaServerInfo); !has {
		result = jsonrpc.Set(result, serverInfo, metaKey, MetaServerInfo)
	}
	return result
}
