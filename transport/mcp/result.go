package mcp

import (
	"bytes"
	"encoding/json"
	"slices"

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
	open := bytes.IndexByte(result, '{')
	if open < 0 || len(bytes.TrimLeft(result[:open], " \t\r\n")) > 0 {
		return result
	}
	kind, meta := json.RawMessage(nil), json.RawMessage(nil)
	hasTTL, hasScope, empty := false, false, true
	for key, value := range jsonrpc.Members(result) {
		empty = false
		switch {
		case key == keyResultType && kind == nil: // of equal keys the first counts
			kind = value
		case key == keyTTL:
			hasTTL = true
		case key == keyScope:
			hasScope = true
		case key == metaKey && meta == nil:
			meta = value
		}
	}
	var add []byte // members, each with a comma
	isComplete := kind == nil
	if kind == nil {
		add = append(add, `"resultType":"complete",`...)
	} else if text, ok := jsonrpc.GetString(kind); ok {
		isComplete = text == complete
	}
	if isComplete && cacheable(method) {
		if !hasTTL {
			add = append(add, `"ttlMs":0,`...)
		}
		if !hasScope {
			add = append(add, `"cacheScope":"private",`...)
		}
	}
	if len(serverInfo) > 0 {
		switch {
		case meta == nil:
			add = append(append(append(add, `"_meta":{"`+MetaServerInfo+`":`...), serverInfo...), "},"...)
		case meta[0] == '{': // a _meta of another type is not ours to repair
			if _, has := jsonrpc.Get(meta, MetaServerInfo); !has {
				result = jsonrpc.Set(result, serverInfo, metaKey, MetaServerInfo)
			}
		}
	}
	if len(add) == 0 {
		return result
	}
	if empty {
		add = add[:len(add)-1]
	}
	// At the front, where nothing has to be looked for: results may be long.
	return slices.Concat(result[:open+1], add, result[open+1:])
}
