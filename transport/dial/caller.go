package dial

import (
	"encoding/json"
	"slices"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// identity is what a connection says of its client: mcpx itself, which can do
// nothing for a server, or the caller in whose name it is opened.
type identity struct {
	info         json.RawMessage // clientInfo
	capabilities json.RawMessage
	hello        json.RawMessage // of a legacy caller: what it said to open its session; nil where that would not do
	mirrors      bool            // a caller
	isModern     bool            // that one
	anonymous    bool            // that one: info is mcpx's own, for handshakes that demand one
}

// declared is what a connection of an era says that its client can do. A caller
// of the other era offers no tasks there (see mcp.WithoutTasks).
func (id identity) declared(modern bool) json.RawMessage {
	if id.mirrors && id.isModern != modern {
		return mcp.WithoutTasks(id.capabilities)
	}
	return id.capabilities
}

var noCapabilities = json.RawMessage("{}")

// as returns the identity of connections that are opened for caller.
func (d *Dialer) as(caller messages.Caller) identity {
	id := identity{info: d.info, capabilities: noCapabilities}
	if !caller.Mirror {
		return id
	}
	id.mirrors, id.isModern = true, caller.Modern
	if id.anonymous = !isObject(caller.Info); !id.anonymous {
		id.info = caller.Info
	}
	if isObject(caller.Capabilities) {
		id.capabilities = caller.Capabilities
	}
	if !id.anonymous && isObject(caller.Capabilities) && isObject(caller.Hello) {
		id.hello = jsonrpc.Delete(caller.Hello, "_meta", mcp.MetaProgressToken) // of nothing upstream
	}
	return id
}

func isObject(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] == '{' }

// modern adds what every request of the modern era says of its client. A caller
// of that era has said it itself, with each request anew.
func (id identity) modern(params json.RawMessage, version, logLevel string) json.RawMessage {
	if id.mirrors && id.isModern {
		if said, ok := jsonrpc.Get(params, "_meta", mcp.MetaProtocolVersion); ok && said[0] == '"' && jsonrpc.StringIs(said, version) {
			return params
		}
	}
	info := id.info
	if id.anonymous {
		info = nil
	}
	return mcp.WithMeta(params, version, info, id.declared(true), logLevel)
}

// discovers are the params of server/discover, and what of them is to be noted
// with the answer: nothing where nobody's session is opened.
func (id identity) discovers(version string) (params, noted json.RawMessage) {
	params = id.modern(nil, version, "")
	if id.mirrors {
		noted = params
	}
	return params, noted
}

// legacy takes out again what a modern caller's request says of it, where the
// server is not of that era.
func (id identity) legacy(params json.RawMessage) json.RawMessage {
	if id.mirrors && id.isModern {
		return mcp.StripMeta(params)
	}
	return params
}

// eras are the versions that a connection may speak, and which era it begins with.
type eras struct {
	protocol       string   // as configured
	modern, legacy []string // the best one first

	// initialize: the legacy era comes first, because the caller in whose name
	// the connection is opened speaks it, or since nothing newer is offered.
	initialize bool
}

// erasOf decides what to begin with. The configuration wins, then what the
// server is known to offer, then the caller's era, then the newest.
func erasOf(req link.DialRequest) (eras, *messages.Failure) {
	e := eras{protocol: req.Spec.Protocol}
	allowed, err := mcp.Allowed(e.protocol)
	if err != nil {
		return e, messages.Failf(messages.KindUnavailable, req.Spec.Name, "server %q: %v", req.Spec.Name, err)
	}
	known := req.Known
	mirror := req.Caller.Mirror
	if i := slices.Index(allowed, req.Caller.Protocol); mirror && i > 0 {
		allowed = slices.Insert(slices.Delete(allowed, i, i+1), 0, req.Caller.Protocol)
	}
	for _, v := range allowed {
		if mcp.IsModern(v) {
			e.modern = append(e.modern, v)
		} else {
			e.legacy = append(e.legacy, v)
		}
	}
	offers := func(versions []string) bool {
		return slices.ContainsFunc(versions, func(v string) bool { return slices.Contains(known.Offers, v) })
	}
	switch {
	case len(e.modern) == 0 || len(e.legacy) == 0:
		e.initialize = len(e.modern) == 0
	case mirror && !req.Caller.Modern:
		e.initialize = known.Offers == nil || offers(e.legacy)
	case known.Offers != nil:
		e.initialize = offers(e.legacy) && !offers(e.modern)
	default:
		e.initialize = slices.Contains(e.legacy, known.Protocol)
	}
	return e, nil
}

// choose settles on one of the versions that a server offers. The error names
// both sides.
func (e *eras) choose(offered []string) (string, error) {
	for _, v := range slices.Concat(e.modern, e.legacy) {
		if slices.Contains(offered, v) {
			return v, nil
		}
	}
	return mcp.Choose(e.protocol, offered)
}
