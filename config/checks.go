package config

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/mcpx/mcpx/messages"
)

// The checks behind the kinds of single keys. Each gets the value that its
// kind read and returns the one to use.

func checkEnv(c *checker, key string, at int, v any) (any, bool) {
	valid := true
	for _, name := range sortedKeys(v.(map[string]string)) {
		if name == "" || strings.ContainsAny(name, "=\x00") {
			c.errorf(at, key, "a variable's name must not be empty nor hold '='")
			valid = false
		}
	}
	return v, valid
}

func checkURL(c *checker, key string, at int, v any) (any, bool) {
	s := v.(string)
	if s == "" { // as if it were not there
		return v, true
	}
	u, err := url.Parse(s)
	// The error of Parse quotes the URL, which may hold a password.
	switch {
	case err != nil:
		c.errorf(at, key, "is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		c.errorf(at, key, "must begin with http:// or https://")
	case u.Hostname() == "":
		c.errorf(at, key, "names no host")
	default:
		return v, true
	}
	return nil, false
}

// ssePath is the rule by which an undeclared URL is HTTP+SSE.
var ssePath = pattern(`/sse(/|$)`)

func isSSE(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && ssePath().MatchString(u.Path)
}

// ownHeaders are those that the protocol and the connection set.
var ownHeaders = []string{
	"accept", "connection", "content-length", "content-type", "last-event-id", "mcp-method", "mcp-name",
	"mcp-protocol-version", "mcp-session-id", "te", "trailer", "transfer-encoding", "upgrade",
}

func checkHeaders(c *checker, key string, at int, v any) (any, bool) {
	valid := true
	out, seen := map[string]string{}, map[string]string{}
	for _, name := range sortedKeys(v.(map[string]string)) {
		value, lower := v.(map[string]string)[name], strings.ToLower(name)
		switch where := key + "." + token(name); {
		case !isToken(name):
			c.errorf(at, where, "this is not the name of a header")
			valid = false
		case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }):
			c.errorf(at, where, "holds a line break or another control character, which no header can carry")
			valid = false
		case seen[lower] != "":
			c.errorf(at, where, "is the same header as %q", seen[lower])
			valid = false
		case slices.Contains(ownHeaders, lower):
			c.warnf(at, where, "is set by mcpx itself, ignored")
		default:
			out[name] = value
		}
		seen[lower] = name
	}
	return out, valid
}

// checkForwarded checks the patterns of headers that are forwarded, or not.
func checkForwarded(c *checker, key string, at int, v any) (any, bool) {
	valid := true
	for i, pattern := range v.([]string) {
		prefix, beginning := strings.CutSuffix(pattern, "*")
		only := messages.HeaderForwarding{Enabled: true, Allow: []string{pattern}}
		switch {
		case strings.Contains(prefix, "*"), !isToken(prefix) && (prefix != "" || !beginning):
			c.errorf(at, item(key, i), "expected the name of a header, or its beginning with a * behind it")
			valid = false
		case !beginning && !only.Allows(pattern) && strings.HasSuffix(key, "whitelist"):
			c.warnf(at, item(key, i), "%s is never forwarded: it belongs to the connection or to the protocol", label(pattern))
		}
	}
	return v, valid
}

// isToken: RFC 9110, 5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

var version = pattern(`^\d{4}-\d{2}-\d{2}$`)

func checkProtocol(c *checker, key string, at int, v any) (any, bool) {
	switch s := v.(string); {
	case s == "auto", s == "legacy", s == "modern", version().MatchString(s):
		return v, true
	default:
		c.errorf(at, key, "expected auto, legacy, modern or a version such as 2025-11-25")
		return nil, false
	}
}

func checkHost(c *checker, key string, at int, v any) (any, bool) {
	host := v.(string)
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	ip, _, _ := strings.Cut(host, "%") // an IPv6 zone
	switch {
	case net.ParseIP(ip) != nil, isHostname(host):
		return host, true
	case strings.Contains(host, ":") || strings.Contains(host, "/"):
		c.errorf(at, key, "expected an address or a name alone; the port is a key of its own")
	default:
		c.errorf(at, key, "expected an address or a name such as 127.0.0.1 or localhost")
	}
	return nil, false
}

func isHostname(s string) bool {
	return s != "" && len(s) <= 253 && !strings.ContainsFunc(s, func(r rune) bool {
		return r != '-' && r != '.' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

func checkAPIKey(c *checker, key string, at int, v any) (any, bool) {
	s := v.(string)
	switch {
	case s == "":
		c.errorf(at, key, "is empty: leave it out to serve without a key")
	case s != strings.TrimSpace(s), strings.ContainsFunc(s, unicode.IsControl):
		c.errorf(at, key, "begins or ends with white space or holds a line break, which no header can carry")
	default:
		return v, true
	}
	return nil, false
}

func checkAPIKeys(c *checker, key string, at int, v any) (any, bool) {
	valid := true
	keys := v.(map[string]string)
	holder := map[string]string{}
	for _, name := range sortedKeys(keys) {
		if name == "" || strings.ContainsFunc(name, unicode.IsControl) {
			c.errorf(at, key, "a holder's name must not be empty nor hold control characters")
			valid = false
			continue
		}
		where := key + "." + label(name)
		_, ok := checkAPIKey(c, where, at, keys[name])
		valid = valid && ok
		if other := holder[keys[name]]; ok && other != "" {
			c.errorf(at, where, "is the same key as that of %q: whose calls are they?", other)
			valid = false
		}
		holder[keys[name]] = name
	}
	return v, valid
}

// stateKeyBytes is the length of state_key behind its Base64.
const stateKeyBytes = 32

func checkStateKey(c *checker, key string, at int, v any) (any, bool) {
	if raw, err := decodeStateKey(v.(string)); err != nil || len(raw) != stateKeyBytes {
		c.errorf(at, key, "expected %d bytes as Base64, such as `openssl rand -base64 %[1]d` prints", stateKeyBytes)
		return nil, false
	}
	return v, true
}

func decodeStateKey(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }

// StateKeyBytes is state_key itself; nil for none.
func (c *Config) StateKeyBytes() []byte {
	raw, err := decodeStateKey(c.StateKey)
	if err != nil || len(raw) == 0 {
		return nil
	}
	return raw
}

// Paths hold what needs no escapes, so that they are the same wherever they are compared.
var plainPath = pattern(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

func checkPath(c *checker, key string, at int, v any) (string, bool) {
	path := "/" + strings.Trim(v.(string), "/")
	if path != "/" && !plainPath().MatchString(path) {
		c.errorf(at, key, "expected a path such as /tools/ of letters, digits, '-', '.', '_' and '~'")
		return "", false
	}
	return path, true
}

func checkPathPrefix(c *checker, key string, at int, v any) (any, bool) {
	path, ok := checkPath(c, key, at, v)
	if path != "/" {
		path += "/"
	}
	return path, ok
}

func checkRootPath(c *checker, key string, at int, v any) (any, bool) {
	path, ok := checkPath(c, key, at, v)
	return strings.TrimSuffix(path, "/"), ok
}

func item(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func checkOrigins(c *checker, key string, at int, v any) (any, bool) {
	var out []string
	valid := true
	for i, s := range v.([]string) {
		if s == "*" {
			out = append(out, s)
			continue
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			c.errorf(at, item(key, i), "expected an origin such as https://app.example.com, without a path")
			valid = false
			continue
		}
		// Browsers send scheme and host in lower case.
		out = append(out, strings.ToLower(u.Scheme+"://"+u.Host))
	}
	return out, valid
}

func checkHosts(c *checker, key string, at int, v any) (any, bool) {
	var out []string
	valid := true
	for i, s := range v.([]string) {
		host := s
		if name, _, err := net.SplitHostPort(s); err == nil {
			host = name
		}
		host = strings.Trim(host, "[]")
		if net.ParseIP(host) == nil && !isHostname(host) {
			c.errorf(at, item(key, i), "expected a name such as mcp.example.com, with or without a port")
			valid = false
			continue
		}
		out = append(out, strings.ToLower(s))
	}
	return out, valid
}

// logLevels by the words that people use for them.
var logLevels = map[string]string{
	"trace": "trace", "debug": "debug", "info": "info", "warn": "warn", "warning": "warn",
	"error": "error", "critical": "error", "fatal": "error",
}

func checkLogLevel(c *checker, key string, at int, v any) (any, bool) {
	if level := logLevels[strings.ToLower(strings.TrimSpace(v.(string)))]; level != "" {
		return level, true
	}
	c.warnf(at, key, "unknown level, using info; expected trace, debug, info, warn or error")
	return "info", true
}
