// Package mcp holds what both sides of the gateway must know of the protocol's
// eras: versions, the wire's reserved names, negotiation as pure decisions,
// and the splices by which one era's envelope becomes the other's.
package mcp

import (
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
)

// The protocol's revisions, oldest first.
const (
	V20241105 = "2024-11-05"
	V20250326 = "2025-03-26"
	V20250618 = "2025-06-18"
	V20251125 = "2025-11-25"
	V20260728 = "2026-07-28"

	LatestLegacy = V20251125
	LatestModern = V20260728
)

// Reserved keys of _meta (2026-07-28, basic: _meta).
const (
	MetaProtocolVersion    = "io.modelcontextprotocol/protocolVersion"
	MetaClientInfo         = "io.modelcontextprotocol/clientInfo"
	MetaClientCapabilities = "io.modelcontextprotocol/clientCapabilities"
	MetaLogLevel           = "io.modelcontextprotocol/logLevel"
	MetaSubscriptionID     = "io.modelcontextprotocol/subscriptionId"
	MetaServerInfo         = "io.modelcontextprotocol/serverInfo"
	MetaProgressToken      = "progressToken"
)

// Header names of Streamable HTTP.
const (
	HeaderSessionID       = "Mcp-Session-Id"
	HeaderProtocolVersion = "MCP-Protocol-Version"
	HeaderMethod          = "Mcp-Method"
	HeaderName            = "Mcp-Name"
	HeaderParamPrefix     = "Mcp-Param-"
	HeaderLastEventID     = "Last-Event-ID"
)

// Error codes that the 2026-07-28 revision defines, and our own (outside the reserved range).
const (
	CodeHeaderMismatch     = -32020
	CodeMissingCapability  = -32021
	CodeUnsupportedVersion = -32022
	CodeResourceNotFound   = -32002 // legacy only

	CodeForbidden   = -31010
	CodeUnavailable = -31011
	CodeTimeout     = -31012
	CodeOverloaded  = -31013
)

// Caller is who asks, as a front knows it.
type Caller struct {
	Principal    messages.Principal
	Client       messages.ClientID // empty for modern callers over HTTP
	Protocol     string
	Capabilities json.RawMessage
	Info         json.RawMessage // clientInfo; nil when it was not given
	Asked        string          // legacy: the version that initialize asked for
	Hello        json.RawMessage // legacy: the params of initialize
}

// Request is one request that a front hands to the service behind an endpoint.
type Request struct {
	Caller  Caller
	Request messages.Request
}

// Description is what a service says of itself in initialize and server/discover.
type Description struct {
	Info         json.RawMessage // Implementation object
	Capabilities json.RawMessage
	Instructions string
}
