package mcp

import (
	"encoding/json"
	"strings"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// CheckParams refuses params in which a member occurs twice, at the top or in
// _meta: error -32602. We route and decide by the first of them, most servers
// act on the last one, and so a call could reach what its caller may not use.
// At the top, names that differ in case only count as equal, since some
// decoders (encoding/json) take them for each other.
func CheckParams(params json.RawMessage) *jsonrpc.Error {
	if key, twice := duplicate(params, fold); twice {
		return twiceError("params", key)
	}
	meta, _ := jsonrpc.Get(params, metaKey)
	if key, twice := duplicate(meta, exact); twice {
		return twiceError("params."+metaKey, key)
	}
	return nil
}

// duplicate returns the first key of obj that is equal to an earlier one.
func duplicate(obj json.RawMessage, form func(string) string) (string, bool) {
	seen := map[string]struct{}{}
	for key := range jsonrpc.Members(obj) {
		formed := form(key)
		if _, twice := seen[formed]; twice {
			return key, true
		}
		seen[formed] = struct{}{}
	}
	return "", false
}

func exact(key string) string { return key }

// fold makes keys equal that differ in case only, the long s and the Kelvin sign included.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }

func twiceError(where, key string) *jsonrpc.Error {
	return &jsonrpc.Error{
		Code:    jsonrpc.CodeInvalidParams,
		Message: "Invalid params: member " + string(jsonrpc.Quote(key)) + " occurs twice in " + where,
	}
}
