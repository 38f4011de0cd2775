package mcp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// nameKey returns the member of params that Mcp-Name mirrors; empty for the
// methods without that header (2026-07-28, streamable-http: standard request headers).
func nameKey(method string) string {
	switch method {
	case "tools/call", "prompts/get":
		return "name"
	case "resources/read":
		return "uri"
	}
	return ""
}

// NameOf returns the routing name of a request: params.name or params.uri for
// the methods whose Mcp-Name header is required (tools/call, prompts/get: name; resources/read: uri), else "".
func NameOf(method string, params json.RawMessage) string {
	key := nameKey(method)
	if key == "" {
		return ""
	}
	name, _ := jsonrpc.GetString(params, key)
	return name
}

// NameIn is NameOf of a request, which mostly has it beside its params, too.
func NameIn(req messages.Request) string {
	key := nameKey(req.Method)
	if key == "" {
		return ""
	}
	raw, _ := jsonrpc.Get(req.Params, key)
	if len(raw) > 0 && raw[0] == '"' && jsonrpc.StringIs(raw, req.Name) {
		return req.Name
	}
	name, _ := jsonrpc.GetString(raw)
	return name
}

// The sentinel around a Base64 value.
const (
	sentinelStart = "=?base64?"
	sentinelEnd   = "?="
)

// EncodeHeader makes a value safe for Mcp-Name and Mcp-Param-* (2026-07-28, streamable-http: value encoding).
// A tab inside a value is allowed in a header, but intermediaries fold it into a space: it is encoded, too.
func EncodeHeader(value string) string {
	if invalidAt(value) < 0 && strings.Trim(value, " ") == value && !strings.Contains(value, "\t") &&
		!(strings.HasPrefix(value, sentinelStart) && strings.HasSuffix(value, sentinelEnd)) {
		return value
	}
	return sentinelStart + base64.StdEncoding.EncodeToString([]byte(value)) + sentinelEnd
}

// DecodeHeader undoes EncodeHeader; an error for characters that a header must not hold or for broken Base64.
func DecodeHeader(value string) (string, error) {
	if i := invalidAt(value); i >= 0 {
		return "", fmt.Errorf("character 0x%02x at position %d must be Base64-encoded", value[i], i)
	}
	rest, ok := strings.CutPrefix(value, sentinelStart)
	if !ok {
		return value, nil
	}
	if rest, ok = strings.CutSuffix(rest, sentinelEnd); !ok {
		return value, nil
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(rest)
	if err != nil {
		return "", fmt.Errorf("broken Base64: %w", err)
	}
	if !utf8.Valid(plain) {
		return "", errors.New("the Base64-encoded value is not UTF-8")
	}
	return string(plain), nil
}

// invalidAt returns the index of the first character that a header value must
// not hold (2026-07-28, streamable-http: visible ASCII, space, tab), -1 if there is none.
func invalidAt(value string) int {
	for i := range len(value) {
		if c := value[i]; (c < 0x20 || c > 0x7E) && c != '\t' {
			return i
		}
	}
	return -1
}

// CheckHeaders compares the standard headers of a modern request with its body:
// MCP-Protocol-Version, Mcp-Method, Mcp-Name. nil or an error of code -32020.
//
// A notification needs none of them, but those that it has must be right. A
// body without protocol version is not compared: it is malformed for another
// reason (2026-07-28, basic: _meta, -32602), which is the caller's to find.
func CheckHeaders(h http.Header, m jsonrpc.Message, params Params) *jsonrpc.Error {
	meta := params.Meta
	required := m.Kind == jsonrpc.Request
	version, err := oneHeader(h[versionKey], HeaderProtocolVersion, required)
	if err != nil {
		return err
	}
	if version != nil && meta.ProtocolVersion != "" && *version != meta.ProtocolVersion {
		return mismatch(HeaderProtocolVersion, *version, meta.ProtocolVersion)
	}
	method, err := oneHeader(h[HeaderMethod], HeaderMethod, required)
	if err != nil {
		return err
	}
	if method != nil && *method != m.Method {
		return mismatch(HeaderMethod, *method, m.Method)
	}
	if nameKey(m.Method) == "" {
		return nil
	}
	name, err := oneHeader(h[HeaderName], HeaderName, required)
	if err != nil || name == nil {
		return err
	}
	decoded, bad := DecodeHeader(*name)
	if bad != nil {
		return headerError("%s header: %s", HeaderName, bad)
	}
	if decoded != params.Name {
		return mismatch(HeaderName, decoded, params.Name)
	}
	return nil
}

// versionKey is HeaderProtocolVersion as a key of http.Header. The other names
// are their own.
const versionKey = "Mcp-Protocol-Version"

// VersionHeader returns the first value of MCP-Protocol-Version, empty when it is
// not there.
func VersionHeader(h http.Header) string {
	if values := h[versionKey]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// oneHeader returns the one value of a header, nil when it is not there.
func oneHeader(values []string, name string, required bool) (*string, *jsonrpc.Error) {
	switch {
	case len(values) == 0 && required:
		return nil, headerError("required header %s is missing", name)
	case len(values) == 0:
		return nil, nil
	case len(values) > 1:
		return nil, headerError("header %s is given %d times", name, len(values))
	}
	if i := invalidAt(values[0]); i >= 0 {
		return nil, headerError("%s header holds the invalid character 0x%02x", name, values[0][i])
	}
	return &values[0], nil
}

func mismatch(header, got, want string) *jsonrpc.Error {
	return headerError("%s header value '%.100s' does not match body value '%.100s'", header, got, want)
}

func headerError(format string, args ...any) *jsonrpc.Error {
	return &jsonrpc.Error{Code: CodeHeaderMismatch, Message: "Header mismatch: " + fmt.Sprintf(format, args...)}
}

// SetHeaders sets MCP-Protocol-Version, Mcp-Method and Mcp-Name of a request to a modern upstream.
func SetHeaders(h http.Header, version string, req messages.Request) {
	values := [...]string{version, req.Method, ""}
	h[versionKey], h[HeaderMethod] = values[0:1:1], values[1:2:2]
	if nameKey(req.Method) != "" {
		// From the bytes that are sent, since it is these it is compared with.
		values[2] = EncodeHeader(NameIn(req))
		h[HeaderName] = values[2:3:3]
	}
}
