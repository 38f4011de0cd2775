package main

import (
	"net/http"
	"net/url"
	"slices"
	"sync"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/relay"
)

// transparent serves one upstream per path, as if the client were connected to
// it. Which there are is a matter of the moment: servers come and go.
func (a *app) transparent(opts front.Options) http.Handler {
	return a.perServer(func(server string) http.Handler {
		opts := opts
		opts.Endpoint = server
		return front.NewHTTP(relay.New(a.runtime, server, a.sealer), a.runtime, opts)
	})
}

// transparentSSE does so over HTTP+SSE.
func (a *app) transparentSSE(opts front.Options) http.Handler {
	return a.perServer(func(server string) http.Handler {
		opts := opts
		opts.Endpoint = server
		return front.NewSSE(relay.New(a.runtime, server, a.sealer), a.runtime, "/messages/"+url.PathEscape(server), opts)
	})
}

// perServer hands a request to the handler of the server that its path names.
// There is one for each that was ever asked for: over HTTP+SSE it knows the
// streams that are open.
func (a *app) perServer(handler func(server string) http.Handler) http.Handler {
	var handlers sync.Map // by the name of the server
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server := r.PathValue("server")
		if _, ok := a.runtime.Spec(server); !ok {
			f := messages.Failf(messages.KindUnknownUpstream, server, "there is no server %q; there are: %s", server, quoted(a.runtime.Directory().Servers))
			front.Refuse(w, http.StatusNotFound, f)
			return
		}
		h, ok := handlers.Load(server)
		if !ok {
			h, _ = handlers.LoadOrStore(server, handler(server))
		}
		h.(http.Handler).ServeHTTP(w, r)
	})
}

// narrow keeps one server of the configuration, now and whenever that is loaded again.
func (l *loaded) narrow(server string) error {
	if !slices.ContainsFunc(l.Servers, func(s messages.ServerSpec) bool { return s.Name == server }) {
		return unknownServer(server, l.Servers)
	}
	l.source.server = server
	l.Servers = l.source.kept(l.Servers)
	return nil
}

// kept are the servers that a command line is about.
func (s source) kept(servers []messages.ServerSpec) []messages.ServerSpec {
	if s.server == "" {
		return servers
	}
	return slices.DeleteFunc(servers, func(spec messages.ServerSpec) bool { return spec.Name != s.server })
}
