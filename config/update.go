package config

import (
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// Update is what a running program makes of a configuration that was loaded anew.
type Update struct {
	// Servers are the wanted ones. A server that has errors now and ran before
	// stays as it was.
	Servers []messages.ServerSpec
	// Kept are the names of those.
	Kept []string
	// Fixed are the keys that say something else than when the program started,
	// and cannot take effect before it starts again.
	Fixed []string
}

// Update decides what to do with what Load returned, when c was in force at the
// start and these servers are now. ok is false when nothing may change: the
// file is wrong as a whole, or a server in it that cannot be told from others.
func (c *Config) Update(running []messages.ServerSpec, next *Config, problems Problems) (u Update, ok bool) {
	if next == nil {
		return Update{}, false
	}
	u.Servers = slices.Clone(next.Servers)
	named := func(servers []messages.ServerSpec, name string) int {
		return slices.IndexFunc(servers, func(s messages.ServerSpec) bool { return s.Name == name })
	}
	for _, p := range problems {
		if p.Severity != SeverityError {
			continue
		}
		if p.Server == "" {
			return Update{}, false
		}
		if i := named(running, p.Server); i >= 0 && named(u.Servers, p.Server) < 0 {
			u.Servers = append(u.Servers, running[i])
			u.Kept = append(u.Kept, p.Server)
		}
	}
	was, is := c.target(), next.target()
	was.splitKeys()
	is.splitKeys()
	for _, k := range keys {
		// What may stand in a server as well comes into force with the servers.
		if k.scope == inTop && k.set != nil && !same(k.get(was), k.get(is)) {
			u.Fixed = append(u.Fixed, k.name)
		}
	}
	return u, true
}
