package mcp

import (
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// SupportedFromError reads data.supported of a -32022 error; modern tells
// whether the code is one that only modern servers send (-32020 to -32022).
func SupportedFromError(e *jsonrpc.Error) (supported []string, modern bool) {
	if e == nil {
		return nil, false
	}
	if e.Code == CodeUnsupportedVersion {
		if raw, ok := jsonrpc.Get(e.Data, "supported"); ok {
			supported = stringsOf(raw)
		}
	}
	return supported, CodeUnsupportedVersion <= e.Code && e.Code <= CodeHeaderMismatch
}

// failureData is the data of an error that mcpx itself answers with.
type failureData struct {
	Kind         string   `json:"kind"`
	Server       string   `json:"server"`
	Sent         string   `json:"sent"`
	Available    []string `json:"available,omitempty"`
	RetryAfterMS int64    `json:"retry_after_ms,omitempty"`
}

// ErrorOf translates a failure into the error of a transparent endpoint: code by the
// house's table (unknown resource differs by era), message, and
// data {"kind","server","sent"} plus "available" and "retry_after_ms" where
// known. KindUpstream keeps the upstream's own code, message and data unchanged.
func ErrorOf(f *messages.Failure, modern bool) *jsonrpc.Error {
	if f.Kind == messages.KindUpstream {
		return &jsonrpc.Error{Code: f.Code, Message: f.Message, Data: f.Data, Raw: f.Raw}
	}
	data, err := jsonrpc.Marshal(failureData{
		Kind: f.Kind.String(), Server: f.Server, Sent: f.Sent.String(),
		Available: f.Available, RetryAfterMS: f.RetryAfter.Milliseconds(),
	})
	if err != nil {
		data = json.RawMessage("{}") // strings and numbers: cannot happen
	}
	return &jsonrpc.Error{Code: codeOf(f.Kind, modern), Message: f.Message, Data: data}
}

// codeOf is the table of failure kinds.
func codeOf(kind messages.Kind, modern bool) int {
	switch kind {
	case messages.KindUnknownUpstream, messages.KindUnknownTool, messages.KindInvalidArgs:
		return jsonrpc.CodeInvalidParams
	case messages.KindUnknownResource:
		if modern {
			return jsonrpc.CodeInvalidParams
		}
		return CodeResourceNotFound
	case messages.KindUnknownMethod:
		return jsonrpc.CodeMethodNotFound
	case messages.KindForbidden:
		return CodeForbidden
	case messages.KindUnavailable:
		return CodeUnavailable
	case messages.KindTimeout:
		return CodeTimeout
	case messages.KindOverloaded:
		return CodeOverloaded
	default: // internal; and cancelled, which no wire shows: its stream is closed
		return jsonrpc.CodeInternal
	}
}
