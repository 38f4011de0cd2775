package testkit

import (
	"context"
	"net/http"
	"sync/atomic"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/front"
	"github.com/mcpx/mcpx/transport/gatewaytools"
	"github.com/mcpx/mcpx/transport/httpd"
)

// Front is the listener of a house: the compact tools over HTTP.
type Front struct {
	URL    string // of the endpoint
	marked atomic.Int64
	served atomic.Int64
}

// Mark is a header by which requests are counted while they are at work.
const Mark = "X-Testkit"

// Listen serves the compact tools of the house until the test ends. Change,
// which may be nil, changes the options.
func (h *House) Listen(change func(*httpd.Options, *front.Options)) *Front {
	h.T.Helper()
	ho := httpd.Options{Addr: "127.0.0.1:0"}
	fo := front.Options{Limits: messages.DefaultLimits()}
	if change != nil {
		change(&ho, &fo)
	}
	listener, err := httpd.New(ho)
	if err != nil {
		h.T.Fatal(err)
	}
	f := &Front{URL: listener.URL() + "/mcp"}
	service := front.NewHTTP(gatewaytools.New(h.Runtime, gatewaytools.Options{}), h.Runtime, fo)
	listener.Handle("/mcp", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(Mark) != "" {
			f.marked.Add(1)
			defer func() {
				f.marked.Add(-1)
				f.served.Add(1)
			}()
		}
		service.ServeHTTP(w, r)
	}))
	failed := make(chan error, 1)
	go func() { failed <- listener.Serve() }()
	h.T.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		if err := listener.Shutdown(ctx); err != nil {
			h.T.Errorf("stopping to listen: %v", err)
		}
		if err := <-failed; err != nil {
			h.T.Error(err)
		}
	})
	return f
}

// Served tells how many requests with the header Mark have been served.
func (f *Front) Served() int { return int(f.served.Load()) }

// AtWork tells how many requests with the header Mark are being served.
func (f *Front) AtWork() int { return int(f.marked.Load()) }
