package relay_test

import (
	"slices"
	"testing"

	"github.com/mcpx/mcpx/tests/testkit"
)

// configOf is a configuration with an upstream of the name "up".
func configOf(up *upstream, settings ...map[string]any) string {
	return testkit.Config(map[string]any{"up": up.server}, settings...)
}

// scene is a client, a server and mcpx between them.
type scene struct {
	stage
	client client
	up     *upstream
	theirs *session                                     // the client's, at the server
	dial   func(t testing.TB, initialize string) client // one more client of the server
	close  func() error                                 // asks mcpx to end
}

// stage is one way between a client and a server of one era.
type stage struct {
	modern   bool
	from, to string // transports
}

func (st stage) String() string { return era(st.modern) + ", " + st.from + " to " + st.to }

func era(modern bool) string {
	if modern {
		return v20260728
	}
	return v20251125
}

// stages are all of them.
func stages() (all []stage) {
	for _, modern := range []bool{false, true} {
		for _, from := range []string{"http", "sse", "stdio"} {
			if modern && from == "sse" {
				continue // that era does not know it
			}
			for _, to := range []string{"http", "stdio"} {
				all = append(all, stage{modern, from, to})
			}
		}
	}
	return all
}

// fewer are the stages that fit, in the short form: what costs many messages.
func fewer(fits func(stage) bool) []stage {
	return slices.DeleteFunc(stages(), func(st stage) bool { return !testkit.Long() && !fits(st) })
}

// set sets the scene.
func (st stage) set(t testing.TB) scene {
	t.Helper()
	return st.setWith(t, func(*upstream) {})
}

func (st stage) setWith(t testing.TB, change func(*upstream), settings ...map[string]any) scene {
	t.Helper()
	s := scene{stage: st, up: upstreamOver(t, st.to, st.modern)}
	change(s.up)
	if st.from != "stdio" {
		g := testkit.ServeConfig(t, configOf(s.up, settings...))
		s.dial = func(t testing.TB, params string) client {
			if st.from == "sse" {
				return dialSSE(t, g, params)
			}
			return dialHTTP(t, g, st.modern, params)
		}
		s.close = g.Close
	} else {
		s.dial = func(t testing.TB, params string) client {
			return dialStdio(t, configOf(s.up, settings...), st.modern, params)
		}
	}
	s.client = s.dial(t, initialize())
	if c, ok := s.client.(*stdioClient); ok {
		s.close = c.close
	}
	s.theirs = s.session(t, s.client)
	return s
}

// session is the one that a client has of the server.
func (s scene) session(t testing.TB, c client) *session {
	t.Helper()
	is := make(chan *session, 1)
	s.up.on("tools/call:whose", func(r *request) {
		is <- r.on
		r.result(s.up.text("yours"))
	})
	tool(c, "whose", "{}", "").result(t)
	return <-is
}

func upstreamOver(t testing.TB, transport string, modern bool) *upstream {
	if transport == "http" {
		return httpUpstream(t, modern)
	}
	return stdioUpstream(t, modern)
}
