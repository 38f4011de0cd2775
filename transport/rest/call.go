package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/schema"
)

// callTool calls the tool that the path names with the body as its arguments.
func (h *Handler) callTool(rep *reply, r *request) {
	// The body first: until it is read, nobody notices that the caller has left.
	arguments, problem := h.arguments(rep, r)
	if problem != nil {
		rep.answer(*problem)
		return
	}
	catalog, problem := h.catalog(r, r.tool)
	if problem != nil {
		rep.answer(*problem)
		return
	}
	tool, ok := catalog.Tool(r.tool)
	switch {
	case !ok && r.page != noPage:
		rep.answer(h.wrongMethod(r)) // it is a page and no tool
		return
	case !ok:
		rep.answer(h.failed(h.unknownTool(r, catalog)))
		return
	}
	if problem := h.check(r.server, tool, arguments); problem != nil {
		rep.answer(*problem)
		return
	}
	h.call(rep, r, messages.Request{Method: "tools/call", Name: tool.Name, Params: named(tool.Name, arguments)}, toolAnswer)
}

// named are the params of a request by name.
func named(name string, arguments json.RawMessage) json.RawMessage {
	b := make([]byte, 0, len(name)+len(arguments)+32)
	b = jsonrpc.AppendQuote(append(b, `{"name":`...), name)
	b = append(append(b, `,"arguments":`...), arguments...)
	return append(b, '}')
}

// catalog returns what the server of the path offers, once that is known, to
// those who may use it, and the tool if one is named.
func (h *Handler) catalog(r *request, tool string) (*messages.Catalog, *answer) {
	f := h.door.Allowed(r.principal, r.server, tool)
	if f == nil {
		if catalog, known := h.door.Directory().Catalog(r.server); known {
			return catalog, nil
		}
		var catalog messages.Catalog
		if catalog, f = h.await(r); f == nil {
			return &catalog, nil
		}
	}
	if f.Kind == messages.KindUnknownUpstream { // removed a moment ago
		f = h.unknownServer(r.server)
	}
	a := h.failed(f)
	return nil, &a
}

// await waits for a server that has never been connected, as long as a call
// would wait for its connection, and no longer than the caller wants.
func (h *Handler) await(r *request) (messages.Catalog, *messages.Failure) {
	spec, _ := h.door.Spec(r.server)
	patience := spec.Policy.ConnectionTimeout
	if wanted, _ := r.timeout(spec.Policy); wanted > 0 && (patience <= 0 || wanted < patience) {
		patience = wanted
	}
	ctx, cancel := r.Context(), context.CancelFunc(func() {})
	if patience > 0 {
		ctx, cancel = context.WithTimeout(ctx, patience)
	}
	defer cancel()
	catalog, err := h.door.Catalog(ctx, r.server)
	var f *messages.Failure
	switch {
	case err == nil:
		return catalog, nil
	case errors.As(err, &f):
		return catalog, f
	case r.Context().Err() != nil:
		return catalog, messages.Failf(messages.KindCancelled, r.server, "the caller gave up while server %q connected", r.server)
	case errors.Is(err, context.DeadlineExceeded):
		f = messages.Failf(messages.KindUnavailable, r.server, "server %q is not connected yet", r.server)
		f.After = patience
		return catalog, f
	}
	return catalog, messages.Failf(messages.KindInternal, r.server, "server %q: %v", r.server, err)
}

func (h *Handler) unknownTool(r *request, c *messages.Catalog) *messages.Failure {
	var names []string
	for _, name := range c.ToolNames() {
		if h.door.Allowed(r.principal, r.server, name) == nil {
			names = append(names, name)
		}
	}
	return unknown(messages.KindUnknownTool, r.server, fmt.Sprintf("server %q has no tool", r.server), r.tool, names)
}

// check validates the arguments against the tool's whole input schema.
func (h *Handler) check(server string, tool *messages.Tool, arguments json.RawMessage) *answer {
	s, err := h.schemas.Compile(tool.InputSchema)
	if err != nil {
		// The upstream's fault, and nothing was sent: to call the tool unchecked
		// would be permissive where the protocol asks to refuse.
		return refuse(http.StatusInternalServerError,
			"tool %q of server %q cannot be called: the input schema that the server declares for it %v. The server has to correct it",
			tool.Name, server, err)
	}
	found := s.Validate(arguments)
	if found == nil {
		return nil
	}
	flaws := make([]flaw, len(found))
	for i, p := range found {
		loc := append([]any{"body"}, p.Loc...)
		if p.Kind == schema.Missing || p.Kind == schema.Unknown {
			loc = append(loc, p.Property)
		}
		flaws[i] = flaw{Loc: loc, Msg: p.Path + " " + p.Message}
	}
	a := invalid(flaws)
	return &a
}

// call makes the request that the path and the body mean, and answers.
func (h *Handler) call(rep *reply, r *request, req messages.Request, present func(json.RawMessage) answer) {
	call, flaws := h.calling(rep, r, req)
	if flaws != nil {
		rep.answer(invalid(flaws))
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	rep.expect(cancel)
	var out messages.Outcome
	if key := r.Header.Get(headerKey); key != "" {
		out = h.door.CallOnce(ctx, key, call, rep)
	} else {
		out = h.door.Call(ctx, call, rep)
	}
	if f := out.Failure; f != nil {
		a := h.failed(f)
		if f.Kind == messages.KindInvalidArgs { // the door found it in what is beside the body
			a.body = invalid([]flaw{{Loc: []any{"header", headerKey}, Msg: f.Message}}).body
		}
		rep.result(r.replayed(a, out))
		return
	}
	rep.result(r.replayed(present(out.Result), out))
}

// replayed marks the answer to a keyed request that was made for another.
func (r *request) replayed(a answer, out messages.Outcome) answer {
	if out.Cached && r.Header.Get(headerKey) != "" {
		return a.with(headerReplayed, "true")
	}
	return a
}

const (
	headerKey     = "Idempotency-Key"
	headerTimeout = "X-Request-Timeout"

	keyBytes = 255
)

// calling is the call, with what headers add to it.
func (h *Handler) calling(rep *reply, r *request, req messages.Request) (messages.Call, []flaw) {
	spec, _ := h.door.Spec(r.server)
	if rep.wants {
		req.ProgressToken, req.LogLevel = json.RawMessage(`"rest"`), "info"
	}
	call := messages.Call{Server: r.server, Principal: r.principal, Request: req}
	call.Caller.Headers = h.forwarded(r, spec)
	var flaws []flaw
	if key := r.Header.Get(headerKey); len(key) > keyBytes {
		flaws = append(flaws, flaw{Loc: []any{"header", headerKey}, Msg: fmt.Sprintf("must have at most %d characters", keyBytes)})
	}
	timeout, wrong := r.timeout(spec.Policy)
	if wrong != nil {
		flaws = append(flaws, *wrong)
	}
	call.Timeout = timeout
	return call, flaws
}

// timeout is how long the caller wants to wait at most, bounded by the server's
// policy; 0 where it does not say.
func (r *request) timeout(p messages.Policy) (time.Duration, *flaw) {
	text := r.Header.Get(headerTimeout)
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0) || math.IsInf(seconds, 0) {
		return 0, &flaw{Loc: []any{"header", headerTimeout}, Msg: "must be a number of seconds above 0, such as 30 or 0.5"}
	}
	limit := p.RequestTimeoutMax
	if limit <= 0 {
		limit = messages.DefaultPolicy().RequestTimeoutMax
	}
	return max(time.Millisecond, time.Duration(min(seconds, limit.Seconds())*float64(time.Second))), nil
}

// forwarded are the headers that go along. What authenticated the caller here
// is nobody else's business.
func (h *Handler) forwarded(r *request, spec messages.ServerSpec) map[string]string {
	headers := spec.Forwarding.Select(r.Header)
	if h.keyed {
		delete(headers, "Authorization")
	}
	return headers
}
