package dial

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// sseStatuses to both ways of beginning are the mark of a server that speaks
// only HTTP+SSE (2025-11-25, transports: backwards compatibility).
var sseStatuses = []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed}

// negotiation finds out which era and version to speak:
//
//	eras.initialize ──▶ initialize ──answered──▶ done
//	else ──▶ server/discover ──supportedVersions, or the error of a modern server──▶ choose
//	               │ anything else                                       │ legacy only
//	               └───────────────▶ initialize ◀────────────────────────┘
//
// Credentials that are refused, an overloaded server and one that cannot be
// reached end it at once.
type negotiation struct {
	c   *httpConn
	ctx context.Context
	eras

	tried      []string // with server/discover
	discovered reply    // how server/discover was answered; zero when not asked

	initialized reply // how initialize was answered; zero when not asked
}

// negotiate fills in peer and session. older tells of a failure that the
// server may be one of the HTTP+SSE transport.
func (c *httpConn) negotiate(ctx context.Context, req link.DialRequest) (failure *messages.Failure, older bool) {
	e, failure := erasOf(req)
	if failure != nil {
		return failure, false
	}
	n := &negotiation{c: c, ctx: ctx, eras: e}
	if failure = n.run(); failure == nil {
		return nil, false
	}
	return failure, n.older()
}

func (n *negotiation) run() *messages.Failure {
	if n.initialize {
		r, f := n.greet(n.legacy[0])
		if f == nil || final(r) || len(n.modern) == 0 {
			return f
		}
		// It offers none of these (any more).
		if found, g := n.discover(n.modern[0]); found {
			return g
		}
		return f
	}
	found, f := n.discover(n.modern[0])
	if found || final(n.discovered) {
		return f
	}
	if len(n.legacy) == 0 {
		return messages.Failf(messages.KindUnavailable, n.c.name, "server %q does not speak %s, which its configuration demands: %s",
			n.c.name, strings.Join(n.modern, ", "), f.Message)
	}
	_, f = n.greet(n.legacy[0])
	return f
}

// final tells whether asking in another way is pointless.
func final(r reply) bool {
	return r.failure != nil && (r.status == 0 && r.failure.Sent == messages.SentNo ||
		r.failure.Kind == messages.KindTimeout || r.failure.Kind == messages.KindCancelled ||
		r.status == http.StatusUnauthorized || r.status == http.StatusForbidden || r.status == http.StatusTooManyRequests)
}

func (n *negotiation) ask(method string, header http.Header, params []byte) reply {
	x := n.c.exchange(n.ctx, messages.Request{Method: method}, new(link.SentFlag), messages.Discard)
	defer x.end()
	return x.ask(header, params)
}

// failure of a request of ours that got no result.
func (n *negotiation) failure(method string, r reply) *messages.Failure {
	switch {
	case ranOut(r.failure):
		return unanswered(n.ctx, &n.c.spec, method)
	case r.failure != nil:
		return r.failure
	case r.err != nil:
		return n.c.failf(messages.KindUnavailable, "it refused %s: %s (%d)", method, n.c.sanitise(r.err.Message), r.err.Code)
	}
	return n.c.failf(messages.KindUnavailable, "its answer to %s is not of this protocol", method)
}

// discover asks what the server supports. found tells that it spoke as a
// modern server does; then the failure is the outcome of the negotiation.
func (n *negotiation) discover(version string) (found bool, f *messages.Failure) {
	const method = "server/discover"
	header := n.c.header()
	mcp.SetHeaders(header, version, messages.Request{Method: method})
	n.tried = append(n.tried, version)
	params, noted := n.c.as.discovers(version)
	r := n.ask(method, header, params)
	n.discovered = r
	if d, ok := mcp.ReadDiscover(r.result); ok {
		d.Peer.Asked = noted
		return true, n.settle(d.Versions, &d.Peer)
	}
	if supported, modern := mcp.SupportedFromError(r.err); modern {
		if len(supported) == 0 {
			return true, n.failure(method, r)
		}
		return true, n.settle(supported, nil)
	}
	return false, n.failure(method, r)
}

// settle settles on one of the server's versions. peer is what it said of
// itself; nil when it only refused the version that was tried.
func (n *negotiation) settle(supported []string, peer *messages.Peer) *messages.Failure {
	version, err := n.choose(supported)
	switch {
	case err != nil:
		return messages.Failf(messages.KindUnavailable, n.c.name, "server %q: %v", n.c.name, err)
	case !mcp.IsModern(version):
		_, f := n.greet(version)
		n.c.peer.Offers = supported
		return f
	case peer != nil:
		n.c.peer = *peer
		n.c.peer.Protocol, n.c.peer.Modern, n.c.peer.Offers = version, true, supported
		return nil
	case slices.Contains(n.tried, version):
		return messages.Failf(messages.KindUnavailable, n.c.name,
			"server %q refuses protocol version %s and at the same time lists it as supported", n.c.name, version)
	}
	_, f := n.discover(version)
	return f
}

// greet opens a legacy session by initialize.
func (n *negotiation) greet(version string) (reply, *messages.Failure) {
	c := n.c
	r := n.ask("initialize", c.header(), c.as.initialize(version))
	n.initialized = r
	if r.result == nil {
		return r, n.failure("initialize", r)
	}
	c.session = r.header.Get(mcp.HeaderSessionID)
	peer, err := initialized(r.result, n.protocol)
	if err != nil {
		return r, messages.Failf(messages.KindUnavailable, c.name, "server %q: %v", c.name, err)
	}
	c.peer = peer
	return r, c.initialized(n.ctx, c.legacyHeader())
}

// older tells whether a negotiation that failed met what a server of HTTP+SSE
// says to both ways of beginning. Where the configuration rules discovery out,
// initialize alone decides.
func (n *negotiation) older() bool {
	mark := func(r reply) bool { return slices.Contains(sseStatuses, r.status) }
	return mark(n.initialized) && (len(n.tried) == 0 || mark(n.discovered))
}
