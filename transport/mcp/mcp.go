// Package mcp holds what both sides of the gateway must know of the protocol's
// eras: versions, the wire's reserved names, negotiation as pure decisions,
// and the splices by which one era's envelope becomes the other's.
package mcp

import (
	"encoding/json"
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
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

// Versions returns all revisions that mcpx speaks, newest first.
func Versions() []string { panic("todo") }

// IsModern tells whether version belongs to the modern era (2026-07-28 and any later date).
func IsModern(version string) bool { panic("todo") }

// Known tells whether mcpx speaks the version.
func Known(version string) bool { panic("todo") }

// NegotiateLegacy answers an initialize: the requested version if it is a
// legacy one that mcpx speaks, else the latest legacy one (2025-11-25, lifecycle: version negotiation).
func NegotiateLegacy(requested string) string { panic("todo") }

// Caller is who asks, as a front knows it.
type Caller struct {
	Principal    messages.Principal
	Client       messages.ClientID // empty for modern callers over HTTP
	Protocol     string
	Capabilities json.RawMessage
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

// Meta are the protocol's own members of a request's _meta.
type Meta struct {
	ProtocolVersion    string
	HasProtocolVersion bool            // the member was there (of whatever type)
	ClientInfo         json.RawMessage // nil when absent
	ClientCapabilities json.RawMessage // nil when absent
	LogLevel           string
	ProgressToken      json.RawMessage // raw string or number; nil when absent
}

// ReadMeta reads the protocol's members of params._meta.
func ReadMeta(params json.RawMessage) Meta { panic("todo") }

// StripMeta removes the io.modelcontextprotocol/{protocolVersion,clientInfo,clientCapabilities,logLevel}
// members from params._meta, and a _meta that is empty then. Everything else stays byte for byte.
func StripMeta(params json.RawMessage) json.RawMessage { panic("todo") }

// WithMeta adds the modern era's required members to params._meta for a request
// that mcpx sends to a modern upstream. logLevel may be empty.
func WithMeta(params json.RawMessage, version string, clientInfo, capabilities json.RawMessage, logLevel string) json.RawMessage {
	panic("todo")
}

// CompleteResult makes an era-neutral result a result of the modern era:
// resultType "complete" where it is missing, serverInfo in _meta where it is
// missing, and ttlMs 0 with cacheScope "private" on the cacheable methods where
// they are missing (2026-07-28, caching). A result that is no object is returned as it is.
func CompleteResult(method string, result json.RawMessage, serverInfo json.RawMessage) json.RawMessage {
	panic("todo")
}

// NameOf returns the routing name of a request: params.name or params.uri for
// the methods whose Mcp-Name header is required (tools/call, prompts/get: name; resources/read: uri), else "".
func NameOf(method string, params json.RawMessage) string { panic("todo") }

// EncodeHeader makes a value safe for Mcp-Name and Mcp-Param-* (2026-07-28, streamable-http: value encoding).
func EncodeHeader(value string) string { panic("todo") }

// DecodeHeader undoes EncodeHeader; an error for characters that a header must not hold or for broken Base64.
func DecodeHeader(value string) (string, error) { panic("todo") }

// CheckHeaders compares the standard headers of a modern request with its body:
// MCP-Protocol-Version, Mcp-Method, Mcp-Name. nil or an error of code -32020.
func CheckHeaders(h http.Header, m jsonrpc.Message, meta Meta) *jsonrpc.Error { panic("todo") }

// SetHeaders sets MCP-Protocol-Version, Mcp-Method and Mcp-Name of a request to a modern upstream.
func SetHeaders(h http.Header, version string, req messages.Request) { panic("todo") }

// ParamHeader is one property of a tool's input schema that is mirrored into a header.
type ParamHeader struct {
	Name string   // the header's name after Mcp-Param-
	Path []string // the chain of properties that leads to it
	Type string   // string, integer or boolean
}

// ParamHeaders finds the x-mcp-header annotations of an input schema. An error
// says why the tool definition is invalid and must be dropped (2026-07-28, streamable-http: schema extension).
func ParamHeaders(inputSchema json.RawMessage) ([]ParamHeader, error) { panic("todo") }

// Values renders the headers of a call's arguments: header name (with prefix) and encoded value.
// Absent and null values are left out.
func (p ParamHeader) Value(arguments json.RawMessage) (value string, ok bool) { panic("todo") }

// Discovered is the content of a server/discover result.
type Discovered struct {
	Versions []string // supportedVersions
	Peer     messages.Peer
}

// ReadDiscover reads a server/discover result; false when it is none (no supportedVersions array).
func ReadDiscover(result json.RawMessage) (Discovered, bool) { panic("todo") }

// ReadInitialize reads an initialize result; an error when protocolVersion is missing or unknown to mcpx.
func ReadInitialize(result json.RawMessage) (messages.Peer, error) { panic("todo") }

// SupportedFromError reads data.supported of a -32022 error; modern tells
// whether the code is one that only modern servers send (-32020 to -32022).
func SupportedFromError(e *jsonrpc.Error) (supported []string, modern bool) { panic("todo") }

// Choose picks the version to speak with a server that supports the given
// versions, under the configuration's protocol key ("auto", "legacy", "modern"
// or a version; empty is auto). auto prefers the newest. An error names both sides when nothing fits.
func Choose(protocol string, supported []string) (string, error) { panic("todo") }

// ErrorOf translates a failure into the error of a transparent endpoint: code by the
// house's table (unknown resource differs by era), message, and
// data {"kind","server","sent"} plus "available" where known. KindUpstream
// keeps the upstream's own code, message and data unchanged.
func ErrorOf(f *messages.Failure, modern bool) *jsonrpc.Error { panic("todo") }
