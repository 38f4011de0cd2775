package front

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// reconnect tells clients when to come back after a disconnect, in
// milliseconds (2025-11-25, transports: the retry field).
const reconnect = "retry: 1000\n"

// record is the stream of a session whose events its client actor keeps, which
// is who gives them their ids (2025-11-25, transports: resumability and
// redelivery). The fields are guarded by the lock of the reply that it belongs to.
type record struct {
	clients   Clients
	client    messages.ClientID
	principal messages.Principal
	primes    bool             // its client knows the event that says nothing
	resumed   bool             // there were connections before this one
	request   bool             // it is a request's, opened when there is something to send
	opened    bool             // or was not to be had
	first     messages.EventID // zero when nothing is kept
	stream    messages.StreamID
	last      uint64 // the number of the last event sent
}

// record is what is kept of a reply within a session.
func (h *httpFront) record(spec messages.ClientSpec, principal messages.Principal) *record {
	return &record{
		clients: h.clients, client: spec.ID, principal: principal,
		primes: spec.Protocol >= mcp.V20251125, // versions are dates
	}
}

// requestRecord is that of a request's response.
func (h *httpFront) requestRecord(spec messages.ClientSpec, principal messages.Principal) *record {
	k := h.record(spec, principal)
	k.request = true
	return k
}

// open opens the stream of a request. It tells whether its events are kept.
func (k *record) open() bool {
	if k.request && !k.opened {
		k.opened = true
		// What cannot be kept is sent all the same.
		o, _ := k.clients.KeepStream(k.client, k.principal, messages.StreamSpec{Request: true})
		k.stream, k.first = o.Stream, o.First
	}
	return !k.first.IsZero()
}

// keep keeps a message that is about to be sent. The id is empty for one that
// is not kept, ours false for one that is sent elsewhere.
func (k *record) keep(message []byte) (id string, ours bool) {
	if k.first.IsZero() {
		return "", true
	}
	kept := k.clients.KeepEvent(k.client, k.stream, message)
	if kept.ID.IsZero() {
		return "", true
	}
	k.last = kept.ID.Number
	return kept.ID.String(), kept.Current
}

// appendPriming appends the event that lets a client come back before it has
// got anything.
func (k *record) appendPriming(b []byte) []byte {
	if !k.primes || k.resumed || k.first.IsZero() {
		return b
	}
	return jsonrpc.AppendEvent(append(b, reconnect...), k.first.String(), nil)
}

// close says that nothing follows on the stream of a request.
func (k *record) close() {
	if k.request && k.stream != 0 {
		k.clients.CloseStream(k.client, k.stream)
		k.stream, k.first = 0, messages.EventID{}
	}
}

// get opens the stream of a session for what belongs to no request
// (2025-11-25, transports: listening for messages from the server), or takes
// up one that was cut off, whatever it was for.
func (h *httpFront) get(rep *reply, r *http.Request) {
	if !rep.accept.sse {
		rep.refuse(http.StatusNotAcceptable, jsonrpc.ID{}, invalidRequest("the Accept header must list %s", typeSSE))
		return
	}
	if version := r.Header.Get(mcp.HeaderProtocolVersion); version != "" && !mcp.Known(version) {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, unsupportedVersion(version))
		return
	}
	spec, ok := h.session(rep, r, jsonrpc.ID{})
	if !ok {
		return
	}
	principal := messages.PrincipalFrom(r.Context())
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	rep.broken = cancel
	caller := callerOf(spec, principal)
	wanted := messages.StreamSpec{Topics: offered(h.service.Describe(ctx, caller).Capabilities)}
	k := h.record(spec, principal)
	if last := r.Header.Get(mcp.HeaderLastEventID); last != "" {
		wanted.After, k.resumed = messages.ParseEventID(last)
		if !k.resumed {
			rep.refuse(http.StatusNotFound, jsonrpc.ID{}, invalidRequest("there was no event %q in this session: initialize again", last))
			return
		}
	}
	opened, err := h.clients.KeepStream(spec.ID, principal, wanted)
	switch {
	case err != nil:
		rep.refuseFailure(jsonrpc.ID{}, err, false, http.StatusTooManyRequests)
		return
	case opened.Over:
		rep.bare(http.StatusNoContent) // which tells whoever reconnects to leave it at that
		return
	}
	defer h.clients.CloseStream(spec.ID, opened.Stream)
	k.stream, k.first, k.last = opened.Stream, opened.First, wanted.After.Number
	if k.resumed {
		k.first = wanted.After
	}
	rep.setRecord(k)
	if rep.stream() == nil {
		_ = h.feedKept(ctx, rep, spec.ID, opened.Stream)
	}
}

// feedKept is feed for a stream whose events are kept.
func (h *httpFront) feedKept(ctx context.Context, rep *reply, client messages.ClientID, stream messages.StreamID) error {
	deliver := h.notifier(rep, client)
	for {
		events, err := h.clients.NextKept(ctx, client, stream, rep.lastKept())
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		for _, e := range events.Kept {
			if err := rep.again(e); err != nil {
				return err
			}
		}
		for _, n := range events.Notifications {
			if err := deliver(n); err != nil {
				return err
			}
		}
	}
}
