package main

import (
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/relay"
)

// transparent serves one upstream per path, as if the client were connected to
// it. Which there are is a matter of the moment: servers come and go.
func (a *app) transparent(opts front.Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server := r.PathValue("server")
		if _, ok := a.runtime.Status(server); !ok {
			f := messages.Failf(messages.KindUnknownUpstream, server, "there is no server %q; there are: %s", server, quoted(a.runtime.Directory().Servers))
			front.Refuse(w, http.StatusNotFound, f)
			return
		}
		opts := opts
		opts.Endpoint = server
		front.NewHTTP(relay.New(a.runtime, server), a.runtime, opts).ServeHTTP(w, r)
	})
}
