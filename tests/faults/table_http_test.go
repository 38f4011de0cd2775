package faults_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

const ofHTTP = "A server over HTTP"

// over is a way in which a server over HTTP may be spoken to, and its sessions shared.
type over struct {
	name      string
	options   puppethttp.Options
	isolation messages.Isolation
}

var (
	fresh  = over{"legacy", puppethttp.Options{Versions: []string{puppethttp.Legacy}}, messages.IsolationRequest}
	shared = over{"legacy and shared", puppethttp.Options{Versions: []string{puppethttp.Legacy}}, messages.IsolationShared}
	modern = over{"modern", puppethttp.Options{Versions: []string{puppethttp.Modern}}, messages.IsolationRequest}
	older  = over{"HTTP+SSE", puppethttp.Options{Older: true}, messages.IsolationShared}
)

// remote is a server over HTTP, with times that suit a test.
func (s *stage) remote(o over) (messages.ServerSpec, *puppethttp.Puppet) {
	p := puppethttp.Start(s.t, o.options)
	spec := s.HTTP(o.name, p)
	spec.Policy.Isolation = o.isolation
	spec.Policy.RetryDelay, spec.Policy.RetryDelayMax = 20*time.Millisecond, 200*time.Millisecond
	spec.Policy.PoolIdleTTL = idleTTL
	spec.Policy.SSEReadTimeout = 2 * time.Second
	if o.options.Older {
		spec.Transport = messages.TransportSSE
	}
	return spec, p
}

// remotes lets servers come up that are spoken to in several ways, each with
// three callers at a time.
func (s *stage) remotes(change func(messages.ServerSpec) messages.ServerSpec, ways ...over) (puppets []*puppethttp.Puppet) {
	var specs []messages.ServerSpec
	for _, o := range ways {
		spec, p := s.remote(o)
		specs, puppets = append(specs, change(spec)), append(puppets, p)
	}
	s.begin(true, specs...)
	return puppets
}

func patient(spec messages.ServerSpec) messages.ServerSpec { return spec }

// played says by whom.
func played(ways ...over) string {
	var names []string
	for _, o := range ways {
		names = append(names, o.name)
	}
	return "puppethttp: " + strings.Join(names, ", ")
}

// answering is a fault of an answer: the server behaves so for three calls at once.
func answering(name, gets, again string, b puppethttp.Behaviour, ways ...over) fault {
	return fault{ofHTTP, name, played(ways...), gets, again, func(s *stage) {
		for _, p := range s.remotes(impatient, ways...) {
			for range 3 {
				p.Once("tools/call:strange", b)
			}
		}
		s.answers(s.call("strange", 3))
	}}
}

var httpFaults = []fault{
	{
		ofHTTP, "its sessions expire (404)", played(fresh, shared), "the result", "at once, in a new session",
		func(s *stage) {
			for _, p := range s.remotes(patient, fresh, shared) {
				p.ExpireSessions()
			}
			s.answers(s.call("echo", 3))
		},
	},
	answering("401", "unavailable, sent no", "at once",
		puppethttp.Status(http.StatusUnauthorized, "who are you?"), fresh, shared, modern),
	answering("429 with Retry-After", "overloaded, sent no, retry after 7s", "at once",
		puppethttp.Status(http.StatusTooManyRequests, "", "Retry-After: 7"), fresh, shared, modern),
	answering("500", "unavailable, sent unknown", "at once",
		puppethttp.Status(http.StatusInternalServerError, "oops"), fresh, shared, modern),
	answering("503 with Retry-After", "unavailable, sent unknown, retry after 7s", "at once",
		puppethttp.Status(http.StatusServiceUnavailable, "", "Retry-After: 7"), fresh, shared, modern),
	answering("a reset instead of an answer", "unavailable, sent unknown", "at once, on a new socket",
		puppethttp.Reset(""), fresh, shared, modern),
	answering("a reset within the answer", "unavailable, sent unknown", "at once, on a new socket",
		puppethttp.Reset(`{"jsonrpc":"2.0",`), fresh, shared, modern),
	answering("a half-open socket", "timeout, sent unknown", "at once, on a new socket",
		puppethttp.Hang, fresh, shared, modern),
	answering("headers that do not end", "unavailable, sent unknown", "at once, on a new socket",
		puppethttp.EndlessHeaders, fresh, shared, modern),
	answering("an event stream that ends within an event", "unavailable, sent unknown", "at once",
		puppethttp.Events("event: message\ndata: {\"jsonrpc\":"), fresh, shared, modern),
	{
		ofHTTP, "an event stream that falls silent within an event", played(fresh, shared, modern, older),
		"unavailable, sent unknown", "at once; the silence lasts sse_read_timeout",
		func(s *stage) {
			for _, p := range s.remotes(patient, fresh, shared, modern, older) {
				for range 3 {
					p.Once("tools/call:strange", puppethttp.HangAfter("event: message\ndata: {\"jsonrpc\":"))
				}
			}
			s.answers(s.call("strange", 3))
		},
	},
	{
		ofHTTP, "the event stream of all answers is reset", played(older),
		"unavailable, sent unknown", "with a new event stream",
		func(s *stage) {
			p := s.remotes(patient, older)[0]
			calls := s.call("sleep", 3)
			actortest.Eventually(s.t, "calls are with the server", func() bool { return p.Count("tools/call:sleep") == 3 })
			p.ResetStreams()
			s.answers(calls)
		},
	},
	{
		ofHTTP, "accepts connections and never says a word", played(fresh, modern),
		"unavailable, sent no", "with the next attempt, when it has found its voice",
		func(s *stage) {
			var specs []messages.ServerSpec
			var puppets []*puppethttp.Puppet
			for _, o := range []over{fresh, modern} {
				spec, p := s.remote(o)
				spec.Policy.ConnectionTimeout, spec.Policy.RetryAttempts = 2*time.Second, 1
				p.Always("server/discover", puppethttp.Hang)
				p.Always("initialize", puppethttp.Hang)
				specs, puppets = append(specs, spec), append(puppets, p)
			}
			s.begin(false, specs...)
			s.answers(s.call("echo", 3))
			for _, p := range puppets {
				p.Always("server/discover", nil)
				p.Always("initialize", nil)
			}
			s.afterwards(func() { s.warm = s.Holds() })
		},
	},
}
