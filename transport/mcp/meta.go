package mcp

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/mcpx/mcpx/transport/jsonrpc"
)

const metaKey = "_meta"

// Meta are the protocol's own members of a request's _meta.
type Meta struct {
	ProtocolVersion    string
	HasProtocolVersion bool            // the member was there (of whatever type)
	ClientInfo         json.RawMessage // nil when absent
	ClientCapabilities json.RawMessage // nil when absent
	LogLevel           string
	HasLogLevel        bool            // as HasProtocolVersion
	ProgressToken      json.RawMessage // raw string or number; nil when absent
}

// ReadMeta reads the protocol's members of params._meta.
func ReadMeta(params json.RawMessage) Meta {
	meta, _ := jsonrpc.Get(params, metaKey)
	return readMeta(meta, &keys{unsure: true}) // nobody asks whether there are two
}

// readMeta reads the members of a _meta, and notes its keys.
func readMeta(meta json.RawMessage, seen *keys) Meta {
	var m Meta
	var v [len(metaKeys)]json.RawMessage
	for key, value := range jsonrpc.RawMembers(meta) {
		seen.add(key, bytes.Equal)
		if i := jsonrpc.OneOf(key, metaKeys[:]); i >= 0 && v[i] == nil { // of equal keys the first counts
			v[i] = value
		}
	}
	if v[0] != nil {
		m.HasProtocolVersion = true
		m.ProtocolVersion = versionOf(v[0])
	}
	m.ClientInfo, m.ClientCapabilities = v[1], v[2]
	if v[3] != nil {
		m.HasLogLevel = true
		m.LogLevel, _ = jsonrpc.GetString(v[3])
	}
	if token := v[4]; token != nil && isToken(token) {
		m.ProgressToken = token
	}
	return m
}

// versionOf is the text of raw; empty when it is none. One that is known needs
// no string of its own.
func versionOf(raw json.RawMessage) string {
	if raw[0] == '"' {
		for _, v := range versions {
			if jsonrpc.StringIs(raw, v) {
				return v
			}
		}
	}
	said, _ := jsonrpc.GetString(raw)
	return said
}

// metaKeys are what is read of _meta: the eraKeys, and the token.
var metaKeys = [...]string{MetaProtocolVersion, MetaClientInfo, MetaClientCapabilities, MetaLogLevel, MetaProgressToken}

// isToken tells whether raw is a string or a number.
func isToken(raw json.RawMessage) bool {
	c := raw[0]
	return c == '"' || c == '-' || '0' <= c && c <= '9'
}

// eraKeys are the members of _meta by which the modern era speaks of itself.
var eraKeys = metaKeys[:4]

// StripMeta removes the io.modelcontextprotocol/{protocolVersion,clientInfo,clientCapabilities,logLevel}
// members from params._meta, and a _meta that is empty then. Everything else
// stays byte for byte, also a _meta that was empty before.
func StripMeta(params json.RawMessage) json.RawMessage {
	meta, ok := jsonrpc.Get(params, metaKey)
	if !ok {
		return params
	}
	rest := jsonrpc.Without(meta, eraKeys...)
	if len(rest) == len(meta) {
		return params
	}
	for range jsonrpc.Members(rest) {
		return jsonrpc.Set(params, rest, metaKey)
	}
	return jsonrpc.Delete(params, metaKey)
}

// WithMeta adds the modern era's required members to params._meta for a request
// that mcpx sends to a modern upstream. clientInfo and logLevel may be empty and
// are left out then; capabilities are required by the era and {} when empty.
func WithMeta(params json.RawMessage, version string, clientInfo, capabilities json.RawMessage, logLevel string) json.RawMessage {
	if len(capabilities) == 0 {
		capabilities = none
	}
	meta, _ := jsonrpc.Get(params, metaKey)
	if len(meta) == 0 || meta[0] != '{' {
		return jsonrpc.Set(params, newMeta(version, clientInfo, capabilities, logLevel), metaKey)
	}
	add := make([]byte, 0, 256)
	member := func(key string, value json.RawMessage) {
		if _, there := jsonrpc.Get(meta, key); there {
			meta = jsonrpc.Set(meta, value, key) // where it stood
			return
		}
		if len(add) > 0 {
			add = append(add, ',')
		}
		add = append(append(append(append(add, '"'), key...), `":`...), value...)
	}
	member(MetaProtocolVersion, jsonrpc.Quote(version))
	if len(clientInfo) > 0 {
		member(MetaClientInfo, clientInfo)
	}
	member(MetaClientCapabilities, capabilities)
	if logLevel != "" {
		member(MetaLogLevel, jsonrpc.Quote(logLevel))
	}
	if len(add) == 0 {
		return jsonrpc.Set(params, meta, metaKey)
	}
	before := []byte("{")
	for range jsonrpc.Members(meta) { // it has some of its own
		before = append(slices.Clip(bytes.TrimRight(meta[:len(meta)-1], " \t\r\n")), ',')
		break
	}
	return jsonrpc.Set(params, slices.Concat(before, add, []byte("}")), metaKey)
}

// none are the capabilities of a client that has none. Nobody changes them.
var none = json.RawMessage("{}")

// newMeta is what WithMeta adds where there is no _meta yet.
func newMeta(version string, clientInfo, capabilities json.RawMessage, logLevel string) json.RawMessage {
	b := make([]byte, 0, 192+len(clientInfo)+len(capabilities))
	b = jsonrpc.AppendQuote(append(b, `{"`+MetaProtocolVersion+`":`...), version)
	if len(clientInfo) > 0 {
		b = append(append(b, `,"`+MetaClientInfo+`":`...), clientInfo...)
	}
	b = append(append(b, `,"`+MetaClientCapabilities+`":`...), capabilities...)
	if logLevel != "" {
		b = jsonrpc.AppendQuote(append(b, `,"`+MetaLogLevel+`":`...), logLevel)
	}
	return append(b, '}')
}
