package dial

import "github.com/mcpx/mcpx/messages"

// Preflight says what in a server's specification cannot work, as far as that
// is known without starting anything: the command, its directory, its
// environment. nil when nothing is wrong, and for servers that are no processes
// of ours. The error is a *messages.Failure for people.
func Preflight(spec messages.ServerSpec) error {
	if spec.Transport != messages.TransportStdio {
		return nil
	}
	if _, failure := commandOf(spec); failure != nil {
		return failure
	}
	return nil
}
