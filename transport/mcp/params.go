package mcp

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// Params are what a gateway reads of a request's params.
type Params struct {
	Meta Meta
	Name string // see NameOf

	// Twice refuses params in which a member occurs twice, at the top or in
	// _meta: error -32602. We route and decide by the first of them, most servers
	// act on the last one, and so a call could reach what its caller may not use.
	// At the top, names that differ in case only count as equal, since some
	// decoders (encoding/json) take them for each other.
	Twice *jsonrpc.Error
}

// ReadParams reads the params of a request in one pass.
func ReadParams(method string, params json.RawMessage) Params {
	var p Params
	var meta, name json.RawMessage
	var top, in keys
	routing := nameKey(method)
	for key, value := range jsonrpc.RawMembers(params) {
		top.add(key, bytes.EqualFold)
		switch {
		case meta == nil && jsonrpc.StringIs(key, metaKey): // of equal keys the first counts
			meta = value
		case name == nil && routing != "" && jsonrpc.StringIs(key, routing):
			name = value
		}
	}
	if name != nil {
		p.Name, _ = jsonrpc.GetString(name)
	}
	p.Meta = readMeta(meta, &in)
	if top.unsure {
		if key, twice := duplicate(params, alike, fold); twice {
			p.Twice = twiceError("params", key)
			return p
		}
	}
	if in.unsure {
		if key, twice := duplicate(meta, same, exact); twice {
			p.Twice = twiceError("params."+metaKey, key)
		}
	}
	return p
}

// fewMembers are compared with each other; more are looked up.
const fewMembers = 8

// keys are those of an object, as they are written. They are unsure when some
// are equal, and where it takes more than their bytes to tell.
type keys struct {
	few    [fewMembers][]byte
	n      int
	unsure bool
}

func (k *keys) add(key []byte, equal func(a, b []byte) bool) {
	if k.unsure {
		return
	}
	if k.n == fewMembers || !asWritten(key) {
		k.unsure = true
		return
	}
	for _, earlier := range k.few[:k.n] {
		if equal(earlier, key) {
			k.unsure = true
			return
		}
	}
	k.few[k.n] = key
	k.n++
}

// asWritten tells whether a key has letters of ASCII only, and no escapes.
func asWritten(key []byte) bool {
	for _, c := range key {
		if c >= utf8.RuneSelf || c == '\\' {
			return false
		}
	}
	return true
}

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
