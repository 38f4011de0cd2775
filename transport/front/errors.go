package front

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

func methodNotFound(method string) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: fmt.Sprintf("the method %q is not served here", method)}
}

func invalidRequest(format string, args ...any) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidRequest, Message: fmt.Sprintf(format, args...)}
}

func invalidParams(format string, args ...any) *jsonrpc.Error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: fmt.Sprintf(format, args...)}
}

// unsupportedVersion is the UnsupportedProtocolVersionError (2026-07-28, versioning).
func unsupportedVersion(requested string) *jsonrpc.Error {
	return &jsonrpc.Error{
		Code:    mcp.CodeUnsupportedVersion,
		Message: fmt.Sprintf("the protocol version %q is not supported in this form of request; legacy versions begin with initialize", requested),
		Data:    object("supported", marshal(mcp.Versions()), "requested", jsonrpc.Quote(requested)),
	}
}

// errorOf translates what a service or a client actor returned.
func errorOf(err error, modern bool) *jsonrpc.Error {
	var rpc *jsonrpc.Error
	if errors.As(err, &rpc) {
		return rpc
	}
	return mcp.ErrorOf(failureOf(err), modern)
}

func failureOf(err error) *messages.Failure {
	var f *messages.Failure
	if errors.As(err, &f) {
		return f
	}
	return internal(err.Error())
}

// internal is the failure of a bug. How far the request got is not known.
func internal(what string) *messages.Failure {
	f := messages.Failf(messages.KindInternal, "", "internal error: %s", what)
	f.Sent = messages.SentUnknown
	return f
}

// beginError translates why a request could not be taken into a session.
func beginError(err error, id jsonrpc.ID, modern bool) *jsonrpc.Error {
	if f := failureOf(err); f.Kind != messages.KindInvalidArgs {
		return mcp.ErrorOf(f, modern)
	}
	return duplicate(id)
}

func duplicate(id jsonrpc.ID) *jsonrpc.Error {
	return invalidRequest("a request with the id %s is already in flight; every request needs an id of its own", id)
}

// object builds a JSON object of names and raw values; nil values are left out.
func object(members ...any) json.RawMessage {
	obj := []byte{'{'}
	for i := 0; i < len(members); i += 2 {
		value := members[i+1].(json.RawMessage)
		if value == nil {
			continue
		}
		if len(obj) > 1 {
			obj = append(obj, ',')
		}
		obj = append(obj, jsonrpc.Quote(members[i].(string))...)
		obj = append(append(obj, ':'), value...)
	}
	return append(obj, '}')
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}

// text is a JSON string, nil for an empty one.
func text(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return jsonrpc.Quote(s)
}

// marshal is for values that always marshal.
func marshal(v any) json.RawMessage {
	raw, err := jsonrpc.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}
