package main

import (
	"slices"
	"strings"

	"github.com/mcpx/mcpx/messages"
)

// splitMethod finds the server and the tool that "server.tool" means. Where
// there is one server only, its name may be left out.
func splitMethod(servers []string, method string) (server, tool string, ok bool) {
	server, tool, ok = messages.SplitMethod(servers, method)
	if !ok && len(servers) == 1 && method != "" && method != servers[0] {
		return servers[0], method, true
	}
	return server, tool, ok
}

// quoted lists names for a message: "a", "b".
func quoted(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	sorted := slices.Sorted(slices.Values(names))
	return `"` + strings.Join(sorted, `", "`) + `"`
}
