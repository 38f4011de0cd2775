package actors

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/actors/gateway"
	"github.com/mcpx/mcpx/messages"
)

// repeatable tells whether doing a request twice does no harm: it reads by its
// nature, or its tool says that it is read-only or idempotent.
func repeatable(entry *gateway.Entry, call *messages.Call) bool {
	if call.Request.Kind != messages.RequestCall {
		return false
	}
	switch call.Request.Method {
	case "tools/call":
		tool := entry.Tool(call.Request.Name)
		return tool != nil && (tool.ReadOnly || tool.Idempotent)
	case "tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list", "prompts/get",
		"completion/complete", "ping":
		return true
	}
	return false
}

// cacheKey says under which key the result of a call may be kept: that of a
// read-only or idempotent tool for which the configuration gives a time. The
// key holds whoever could get another answer: the principal, what of the caller
// goes upstream, and, where sessions of the upstream are kept for clients, the
// client.
func cacheKey(entry *gateway.Entry, call *messages.Call) messages.CacheKey {
	if call.Request.Method != "tools/call" {
		return messages.CacheKey{}
	}
	ttl := entry.Spec.Policy.CacheTTL
	if own, ok := entry.Spec.CacheTools[call.Request.Name]; ok {
		ttl = own
	}
	if ttl <= 0 || !repeatable(entry, call) {
		return messages.CacheKey{}
	}
	arguments, ok := arguments(call.Request.Params)
	if !ok {
		return messages.CacheKey{}
	}
	var b strings.Builder
	for _, part := range []string{call.Principal.Name, owner(entry, call), call.Caller.DialKey(), call.Request.Name} {
		b.WriteString(part)
		b.WriteByte('\x03')
	}
	b.Write(arguments)
	return messages.CacheKey{Key: b.String(), TTL: ttl}
}

func owner(entry *gateway.Entry, call *messages.Call) string {
	if entry.Spec.EffectiveIsolation() == messages.IsolationClient {
		return call.SessionKey()
	}
	return ""
}

// arguments returns the arguments of a tools/call as its canonical text. It has
// none when the params hold something else that may make a difference to the
// result: a task, the answer to a question, metadata of which nothing is known.
func arguments(params json.RawMessage) ([]byte, bool) {
	if len(params) == 0 {
		return nil, true
	}
	var p map[string]json.RawMessage
	if json.Unmarshal(params, &p) != nil {
		return nil, false
	}
	for member, value := range p {
		switch member {
		case "name", "arguments":
		case "_meta":
			var meta map[string]json.RawMessage
			if json.Unmarshal(value, &meta) != nil {
				return nil, false
			}
			for key := range meta {
				if !slices.Contains(ownMeta, key) {
					return nil, false
				}
			}
		default:
			return nil, false
		}
	}
	return canonical(p["arguments"])
}

// ownMeta is what each request has for itself: where its progress goes, and of
// which trace it is a part.
var ownMeta = []string{"progressToken", "traceparent", "tracestate", "baggage"}

// canonical writes JSON with the members of objects in order, numbers as they
// stand. Parameters that are not JSON have no canonical form.
func canonical(raw json.RawMessage) ([]byte, bool) {
	if len(raw) == 0 {
		return nil, true
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil, false
	}
	out, err := json.Marshal(v)
	return out, err == nil
}
