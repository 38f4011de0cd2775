package messages

import "strings"

// SplitMethod finds the server and the tool that "server.tool" means. The names
// of both may hold dots: the longest name of a server that fits wins. It is not
// ok when no server fits, or nothing stands behind its name.
func SplitMethod(servers []string, method string) (server, tool string, ok bool) {
	for _, name := range servers {
		rest, found := strings.CutPrefix(method, name)
		if found && len(rest) > 1 && rest[0] == '.' && (!ok || len(name) > len(server)) {
			server, tool, ok = name, rest[1:], true
		}
	}
	return server, tool, ok
}
