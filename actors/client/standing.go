package client

import (
	"slices"

	"github.com/mcpx/mcpx/messages"
)

// standing is what holds in a session until further notice, each once.
type standing []messages.Request

// note adds a request, or takes back the one that it ends. Beyond bound the
// oldest is forgotten: it holds for as long as the upstream session does.
func (s standing) note(r messages.Request, bound int) standing {
	ends := r.Method == "resources/unsubscribe"
	s = slices.DeleteFunc(s, func(old messages.Request) bool {
		return old.Name == r.Name && (old.Method == r.Method || ends && old.Method == "resources/subscribe")
	})
	if ends {
		return s
	}
	if s = append(s, r); len(s) > bound {
		s = slices.Delete(s, 0, len(s)-bound)
	}
	return s
}
