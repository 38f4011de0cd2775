package httpd

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// guard refuses requests that a web page could have been tricked into sending:
// a foreign Host means DNS rebinding, a foreign Origin another site's script
// (2026-07-28, streamable-http: security and endpoint).
type guard struct {
	hosts   hostList
	origins originList
	next    http.Handler
}

// What pages of allowed origins may send and read.
const (
	corsMethods = "GET, POST, DELETE, OPTIONS"
	corsExposed = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, Retry-After, Mcpx-Failure, Mcpx-Sent, Idempotent-Replayed"
	corsMaxAge  = "600" // seconds
)

// corsHeaders are the request headers beside Mcp-*, which cannot be listed:
// Mcp-Param-* are named by the tools.
var corsHeaders = []string{"Content-Type", "Accept", "Authorization", "Last-Event-ID", "MCP-Protocol-Version",
	"Mcp-Session-Id", "Mcp-Method", "Mcp-Name", "Idempotency-Key", "X-Request-Timeout"}

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !g.hosts.allows(r) {
		fail(w, http.StatusForbidden, "the host %q is not served here; add it to allowed_hosts to permit it", r.Host)
		return
	}
	origins := r.Header.Values("Origin")
	if len(origins) > 0 {
		origin := origins[0]
		if len(origins) > 1 || !g.origins.allows(origin) && !sameHost(origin, r.Host) {
			fail(w, http.StatusForbidden, "pages of the origin %q may not use this server; add it to allowed_origins to permit it",
				strings.Join(origins, ", "))
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
		h.Set("Access-Control-Expose-Headers", corsExposed)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", allowedHeaders(r.Header.Get("Access-Control-Request-Headers")))
			h.Set("Access-Control-Max-Age", corsMaxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	g.next.ServeHTTP(w, r)
}

// allowedHeaders lists the headers a page may send: the known ones, and those
// it asked for that begin with Mcp-.
func allowedHeaders(asked string) string {
	list := slices.Clone(corsHeaders)
	for name := range strings.SplitSeq(asked, ",") {
		name = strings.TrimSpace(name)
		known := slices.ContainsFunc(list, func(k string) bool { return strings.EqualFold(k, name) })
		if !known && isToken(name) && len(name) > len("mcp-") && strings.EqualFold(name[:len("mcp-")], "mcp-") {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// isToken tells whether a name can stand in a header (RFC 9110, 5.6.2).
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
			return false
		}
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", c)
	})
}

// sameHost tells whether a page came from this server itself. Only the host is
// compared: behind a proxy that ends TLS the scheme differs.
func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, host)
}

// originList are the allowed origins, in lower case.
type originList struct {
	any  bool
	list []string
}

func parseOrigins(origins []string) (originList, error) {
	var l originList
	for _, origin := range origins {
		if origin == "*" {
			l.any = true
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
			return l, fmt.Errorf(`allowed_origins: %q is no origin; write scheme and host, like "https://app.example.com"`, origin)
		}
		l.list = append(l.list, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return l, nil
}

func (l originList) allows(origin string) bool {
	return l.any || slices.Contains(l.list, strings.ToLower(origin))
}

// hostList are the names by which the server may be addressed.
type hostList struct {
	any   bool
	names []string // in lower case, with or without a port
}

func parseHosts(allowed []string, bound *net.TCPAddr) hostList {
	l := hostList{names: []string{"localhost"}}
	if bound.IP != nil && !bound.IP.IsUnspecified() {
		l.names = append(l.names, bound.IP.String())
	}
	for _, name := range allowed {
		if name == "*" {
			l.any = true
			continue
		}
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if addr, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			name = addr.String()
		}
		l.names = append(l.names, name)
	}
	return l
}

// allows checks the Host header. A literal address is no name that could be
// rebound, so the address on which the connection came in is allowed too: it
// is the bound address where the listener is bound to all of them.
func (l hostList) allows(r *http.Request) bool {
	if l.any {
		return true
	}
	full := strings.ToLower(r.Host)
	name, _, err := net.SplitHostPort(full)
	if err != nil {
		name = full
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if slices.Contains(l.names, name) || slices.Contains(l.names, full) {
		return true
	}
	addr, err := netip.ParseAddr(name)
	if err != nil {
		return false
	}
	if addr.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.Unmap() == local.AddrPort().Addr().Unmap()
}
