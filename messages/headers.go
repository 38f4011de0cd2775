package messages

import (
	"net/textproto"
	"slices"
	"strings"
)

// HeaderForwarding says which headers of an HTTP request go on to an upstream:
// what is allowed and not denied. A name may end in "*" and then stands for all
// that begin with what is before it; case does not matter.
type HeaderForwarding struct {
	Enabled bool
	Allow   []string // empty: whatever is not denied
	Deny    []string // wins
}

// neverForwarded belong to one connection (RFC 9110, 7.6.1), to one message and
// its body, to MCP's transports, or are meant for mcpx itself. An Origin that
// is not the upstream's would be refused there, and rightly.
var neverForwarded = []string{
	"connection", "keep-alive", "proxy-*", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
	"host", "accept", "accept-*", "content-*", "expect", "range", "if-*", "origin", "referer", "sec-*", "access-control-*",
	"mcp-*", "last-event-id", "idempotency-key", "x-idempotency-key", "x-request-timeout",
}

// byNameOnly are credentials: no "*" hands them to somebody else. Browsers send
// a host's cookies to each of its ports.
var byNameOnly = []string{"authorization", "cookie"}

// Select returns the headers to forward, by their canonical names; nil for
// none. Several values of a header become one, separated by commas (RFC 9110, 5.3).
//
// Whether Authorization is what authenticated the caller here, and must not
// leave for that reason, only the caller of Select knows.
func (f HeaderForwarding) Select(headers map[string][]string) map[string]string {
	if !f.Enabled {
		return nil
	}
	own := connectionOptions(headers)
	var selected map[string]string
	for name, values := range headers {
		lower := strings.ToLower(name)
		if len(values) == 0 || !f.allows(lower) || slices.Contains(own, lower) {
			continue
		}
		if selected == nil {
			selected = map[string]string{}
		}
		separator := ", "
		if lower == "cookie" { // RFC 9113, 8.2.3
			separator = "; "
		}
		selected[textproto.CanonicalMIMEHeaderKey(name)] = strings.Join(values, separator)
	}
	return selected
}

// NeverForwarded reports whether a header of this name belongs to whoever sends
// the request, whatever an operator allows.
func NeverForwarded(name string) bool { return matches(neverForwarded, strings.ToLower(name)) }

// Allows reports whether a header of this name would be forwarded.
func (f HeaderForwarding) Allows(name string) bool {
	return f.Enabled && f.allows(strings.ToLower(name))
}

func (f HeaderForwarding) allows(lower string) bool {
	switch {
	case matches(neverForwarded, lower), matches(f.Deny, lower):
		return false
	case slices.Contains(byNameOnly, lower):
		return slices.ContainsFunc(f.Allow, func(pattern string) bool { return strings.EqualFold(pattern, lower) })
	}
	return len(f.Allow) == 0 || matches(f.Allow, lower)
}

// matches reports whether a name in lower case fits one of the patterns.
func matches(patterns []string, lower string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern = strings.ToLower(pattern)
		if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(lower, prefix)
		}
		return lower == pattern
	})
}

// connectionOptions are the headers that the request itself names as belonging
// to its connection.
func connectionOptions(headers map[string][]string) []string {
	var names []string
	for name, values := range headers {
		if !strings.EqualFold(name, "Connection") {
			continue
		}
		for _, value := range values {
			for option := range strings.SplitSeq(value, ",") {
				names = append(names, strings.ToLower(strings.TrimSpace(option)))
			}
		}
	}
	return names
}
