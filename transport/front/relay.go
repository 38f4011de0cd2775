package front

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Relay is a Service that stands for one upstream, with which the client is
// meant to speak as if it were connected to it. The front answers nothing on
// its behalf but ping.
type Relay interface {
	Service

	// Open opens the caller's session of the upstream, unless it is open, and
	// returns what the upstream said of itself there. It may wait for it.
	Open(ctx context.Context, caller mcp.Caller) (messages.Peer, error)

	// Mirrored returns the headers in which a modern client repeats arguments
	// of a tool (2026-07-28, streamable-http: custom headers from tool
	// parameters); nil for none, and where the tool is not known.
	Mirrored(tool string) []mcp.ParamHeader

	// Subscribe lets a stream of the caller's hear of changes of resources, and
	// returns which of them the upstream grants. They end with the stream. A
	// failure of KindUpstream is the upstream's own refusal.
	Subscribe(ctx context.Context, caller mcp.Caller, by messages.Subscriber, uris []string) ([]string, error)

	// Notify hands on a notification of the client.
	Notify(ctx context.Context, caller mcp.Caller, n messages.Notification) error
}

// render writes what goes to a client beside the answers to its requests: a
// notification, or a question of the server, whose answer its session then
// expects. nil where a question cannot be put.
func (e *endpoint) render(client messages.ClientID, n messages.Notification) []byte {
	if n.Reply == nil {
		if n.Method == noteCancelled && client != "" { // a server can only mean a question of its own
			id, _, _ := cancelledID(n.Params) // one that is none is no question's
			e.clients.DropQuestion(client, id.String())
		}
		return jsonrpc.AppendNotification(nil, n.Method, n.Params)
	}
	id, err := jsonrpc.ParseID(n.ID)
	if err != nil || client == "" {
		n.Reply(messages.Answer{})
		return nil
	}
	e.clients.AskClient(client, n)
	return jsonrpc.AppendRequest(nil, id, n.Method, n.Params)
}

// put renders n and hands it to write. A question that nobody reads is answered
// at once.
func (e *endpoint) put(client messages.ClientID, n messages.Notification, write func([]byte) error) error {
	message := e.render(client, n)
	if message == nil {
		return nil
	}
	err := write(message)
	if err != nil && n.Reply != nil {
		n.Reply(messages.Answer{})
	}
	return err
}

// putOn is put for one of several connections of a session.
func (e *endpoint) putOn(rep *reply, client messages.ClientID, n messages.Notification) error {
	err := e.put(client, n, rep.event)
	if err == nil && n.Reply != nil && e.relay != nil {
		context.AfterFunc(rep.life, func() { e.clients.LeaveQuestion(client, string(n.ID)) })
	}
	return err
}

// pass hands on what a client of a relay sends beside its requests: answers to
// questions, and notifications.
func (e *endpoint) pass(ctx context.Context, caller mcp.Caller, msg jsonrpc.Message) {
	if e.relay == nil {
		return // no question was asked, and nobody listens
	}
	switch msg.Kind {
	case jsonrpc.Response:
		e.clients.AnswerClient(caller.Client, caller.Principal, msg.ID.String(), messages.Answer{Result: msg.Result})
	case jsonrpc.ErrorResponse:
		e.clients.AnswerClient(caller.Client, caller.Principal, msg.ID.String(), messages.Answer{Error: msg.Err})
	case jsonrpc.Notification:
		if msg.Method == noteInitialized {
			return // the upstream has heard it from us
		}
		if err := e.relay.Notify(ctx, caller, messages.Notification{Method: msg.Method, Params: msg.Params}); err != nil {
			e.opts.Logger.Warn("a notification was not handed on", "method", msg.Method, "error", err)
		}
	case jsonrpc.Request:
	}
}

// remember notes what the upstream has just granted for the rest of its session:
// there may be another one before the client's is over.
func (e *endpoint) remember(req request) {
	if e.relay == nil || req.modern {
		return
	}
	switch method := req.msg.Method; method {
	case methodSetLevel, methodSubscribe, methodUnsubscribe:
		uri, _ := jsonrpc.GetString(req.msg.Params, "uri")
		e.clients.Remember(req.caller.Client, req.caller.Principal, messages.Request{Method: method, Name: uri, Params: req.msg.Params})
	}
}

// callerOf is who speaks in a session.
func callerOf(spec messages.ClientSpec, principal messages.Principal) mcp.Caller {
	return mcp.Caller{
		Principal: principal, Client: spec.ID, Protocol: spec.Protocol,
		Capabilities: spec.Capabilities, Info: spec.Info, Asked: spec.Asked, Hello: spec.Hello,
	}
}

// specOf is the session that a client opens.
func (e *endpoint) specOf(caller mcp.Caller) messages.ClientSpec {
	return messages.ClientSpec{
		Endpoint: e.opts.Endpoint, Principal: caller.Principal, Protocol: caller.Protocol,
		Capabilities: caller.Capabilities, Info: caller.Info, Asked: caller.Asked, Hello: caller.Hello,
	}
}

// greeting is the answer to initialize (2025-11-25, lifecycle): that of the
// upstream where there is one that speaks the era, else ours.
func (e *endpoint) greeting(ctx context.Context, caller mcp.Caller) (json.RawMessage, *jsonrpc.Error) {
	if e.relay == nil {
		return e.initializeResult(caller, e.service.Describe(ctx, caller)), nil
	}
	peer, err := e.relay.Open(ctx, caller)
	if err != nil {
		return nil, errorOf(err, false)
	}
	if !peer.Modern && len(peer.Raw) > 0 {
		return peer.Raw, nil
	}
	return e.initializeResult(caller, descriptionOf(peer)), nil
}

// discovery is the answer to server/discover (2026-07-28, server/discover). Of
// ours, what is offered may depend on the principal, so it is private. A server
// of the legacy era does not become a modern one by standing behind us: it could
// ask nothing there. A client of both eras then comes with initialize, as it
// would to the server itself. What it said when the session was opened was said
// to whoever that was; whoever else speaks over the same connection asks himself.
func (e *endpoint) discovery(ctx context.Context, req request, deliver func(messages.Notification) error) (json.RawMessage, *jsonrpc.Error) {
	if e.relay == nil {
		return e.discover(e.service.Describe(ctx, req.caller), mcp.Versions()), nil
	}
	peer, err := e.relay.Open(ctx, req.caller)
	if err != nil {
		return nil, errorOf(err, true)
	}
	if peer.Modern && len(peer.Raw) > 0 {
		if peer.Asked == nil || sameClient(mcp.ReadMeta(peer.Asked), req.params.Meta) {
			return peer.Raw, nil
		}
		result, err := e.serve(ctx, req, deliver)
		if err != nil {
			return nil, errorOf(err, true)
		}
		return result, nil
	}
	return e.discover(descriptionOf(peer), slices.DeleteFunc(mcp.Versions(), mcp.IsModern)), nil
}

// sameClient tells whether two requests say the same of who sends them.
func sameClient(a, b mcp.Meta) bool {
	return a.ProtocolVersion == b.ProtocolVersion && bytes.Equal(a.ClientInfo, b.ClientInfo) && bytes.Equal(a.ClientCapabilities, b.ClientCapabilities)
}

// completed is a result as a modern client is to get it. What an upstream of
// that era has said stays as it is, whatever is missing in it.
func (e *endpoint) completed(ctx context.Context, req request, result json.RawMessage) json.RawMessage {
	if e.relay != nil {
		if _, theirs := jsonrpc.Get(result, "resultType"); theirs {
			return result
		}
	}
	return mcp.CompleteResult(req.msg.Method, result, e.service.Describe(ctx, req.caller).Info)
}

// descriptionOf is what a server says of itself, for clients of the other era.
func descriptionOf(p messages.Peer) mcp.Description {
	return mcp.Description{Info: p.Info, Capabilities: mcp.WithoutTasks(p.Capabilities), Instructions: p.Instructions}
}

// Refuse answers a request that no endpoint serves.
func Refuse(w http.ResponseWriter, status int, f *messages.Failure) {
	body := jsonrpc.AppendError(nil, jsonrpc.ID{}, mcp.ErrorOf(f, true))
	w.Header().Set("Content-Type", typeJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever is gone has no use for it
}
