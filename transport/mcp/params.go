package mcp

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// CheckParams refuses params in which a member occurs twice, at the top or in
// _meta: error -32602. We route and decide by the first of them, most servers
// act on the last one, and so a call could reach what its caller may not use.
// At the top, names that differ in case only count as equal, since some
// decoders (encoding/json) take them for each other.
func CheckParams(params json.RawMessage) *jsonrpc.Error {
	if key, twice := duplicate(params, alike, fold); twice {
		return twiceError("params", key)
	}
	meta, _ := jsonrpc.Get(params, metaKey)
	if key, twice := duplicate(meta, same, exact); twice {
		return twiceError("params."+metaKey, key)
	}
	return nil
}

// fewMembers are compared with each other; more are looked up.
const fewMembers = 8

// duplicate returns the first key of obj that is equal to an earlier one: two
// that are equal have the same form.
func duplicate(obj json.RawMessage, equal func(a, b string) bool, form func(string) string) (string, bool) {
	var few [fewMembers]string
	var seen map[string]struct{}
	n := 0
	for key := range jsonrpc.Members(obj) {
		switch {
		case n < fewMembers:
			for _, earlier := range few[:n] {
				if equal(earlier, key) {
					return key, true
				}
			}
			few[n] = key
		case n == fewMembers:
			seen = make(map[string]struct{}, 2*fewMembers)
			for _, earlier := range few {
				seen[form(earlier)] = struct{}{}
			}
			fallthrough
		default:
			formed := form(key)
			if _, twice := seen[formed]; twice {
				return key, true
			}
			seen[formed] = struct{}{}
		}
		n++
	}
	return "", false
}

// alike tells whether fold makes two keys equal.
func alike(a, b string) bool {
	if plain(a) && plain(b) {
		return strings.EqualFold(a, b)
	}
	return fold(a) == fold(b)
}

// plain tells whether a key has letters of ASCII only.
func plain(key string) bool {
	for i := range len(key) {
		if key[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func same(a, b string) bool { return a == b }

func exact(key string) string { return key }

// fold makes keys equal that differ in case only, the long s and the Kelvin sign included.
func fold(key string) string { return strings.ToLower(strings.ToUpper(key)) }

func twiceError(where, key string) *jsonrpc.Error {
	return &jsonrpc.Error{
		Code:    jsonrpc.CodeInvalidParams,
		Message: "Invalid params: member " + string(jsonrpc.Quote(key)) + " occurs twice in " + where,
	}
}
