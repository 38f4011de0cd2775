package messages

import (
	"encoding/json"
	"maps"
	"slices"
)

// Isolation says who shares a session of an upstream.
type Isolation string

// The isolation policies.
const (
	// IsolationRequest: a fresh upstream session per request, from a warm
	// pool, used once and closed.
	IsolationRequest Isolation = "request"
	// IsolationClient: one upstream session per calling client session; for
	// callers without one, per principal, credential, era and capabilities.
	IsolationClient Isolation = "client"
	// IsolationShared: requests of all callers over a pool of sessions.
	IsolationShared Isolation = "shared"
)

// Caller is what of a caller decides with whom it may share an upstream
// session, and what of it reaches the upstream. The zero value is a caller of
// the legacy era who declared and brought nothing.
type Caller struct {
	Modern       bool              // speaks the modern era
	Capabilities json.RawMessage   // client capabilities as declared; nil when none were
	Headers      map[string]string // HTTP headers that go upstream with every request of it; nil for none

	// Mirror opens upstream sessions in the caller's name: with these
	// capabilities, this Protocol and Info, in this era where the upstream
	// offers it. Transparent endpoints do, which can bring the server's
	// questions back to the caller. Such a session is nobody else's: the
	// isolation is client at least.
	Mirror   bool
	Protocol string          // Mirror: the version that the caller asked for
	Info     json.RawMessage // Mirror: clientInfo as the caller gave it
	Hello    json.RawMessage // Mirror: the params of its initialize; nil for a caller of the modern era
	Client   ClientID        // Mirror: the session that gets what belongs to no request; empty when there is none
}

// EffectiveIsolation returns the policy in force: what is configured, else
// request for HTTP upstreams and client for processes, which are neither cheap
// to start nor free of state. An exclusive server has one session, which all share.
func (s *ServerSpec) EffectiveIsolation() Isolation {
	switch {
	case s.Exclusive:
		return IsolationShared
	case s.Policy.Isolation != "":
		return s.Policy.Isolation
	case s.Transport == TransportStdio:
		return IsolationClient
	}
	return IsolationRequest
}

// EffectivePoolMax returns the greatest number of upstream sessions at a time:
// what is configured, else 8 processes or 64 HTTP sessions; 1 for an exclusive server.
func (s *ServerSpec) EffectivePoolMax() int {
	switch {
	case s.Exclusive:
		return 1
	case s.Policy.PoolMax > 0:
		return s.Policy.PoolMax
	case s.Transport == TransportStdio:
		return 8
	}
	return 64
}

// SessionKey names those who may share upstream sessions under the policy
// client: a client session, or, for calls without one, equal principal,
// credential, era and capabilities. Who shares one has it opened in the same
// way.
func (c *Call) SessionKey() string { return string(c.AppendSessionKey(nil)) }

// AppendSessionKey appends the SessionKey to b.
func (c *Call) AppendSessionKey(b []byte) []byte {
	if c.Client != "" {
		b = appendAll(b, "client\x00", string(c.Client), "\x00")
		return c.Caller.AppendDialKey(b)
	}
	b = appendAll(b, "principal\x00", c.Principal.Name, "\x00", era(c.Caller.Modern), "\x00")
	return c.Caller.AppendDialKey(append(append(b, c.Caller.Capabilities...), 0))
}

// DialKey names those for whom an upstream session is opened in the same way:
// empty where nothing of the caller matters to it.
func (c *Caller) DialKey() string { return string(c.AppendDialKey(nil)) }

// AppendDialKey appends the DialKey to b.
func (c *Caller) AppendDialKey(b []byte) []byte {
	b = c.appendHeaders(b)
	switch {
	case !c.Mirror:
		return b
	case c.Client != "": // whose session says all the rest
		return appendAll(b, "\x00", era(c.Modern), "\x00", string(c.Client))
	}
	b = append(appendAll(b, "\x00", era(c.Modern), "\x00\x00"), c.Capabilities...)
	return append(appendAll(b, "\x00", c.Protocol, "\x00"), c.Info...)
}

func (c *Caller) appendHeaders(b []byte) []byte {
	if len(c.Headers) == 0 {
		return b
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		b = appendAll(b, name, "\x01", c.Headers[name], "\x02")
	}
	return b
}

func era(modern bool) string {
	if modern {
		return "modern"
	}
	return "legacy"
}

func appendAll(b []byte, parts ...string) []byte {
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}
