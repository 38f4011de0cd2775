// Package front is the client-facing side: it speaks MCP in every era over
// Streamable HTTP and stdio, and the legacy one over HTTP+SSE; it owns each
// request's stream, and hands era-neutral requests to the service behind an
// endpoint.
package front

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Service is what stands behind an endpoint: the compact tools, or one upstream (see Relay).
type Service interface {
	// Describe answers initialize and server/discover. It must not wait for an upstream.
	Describe(ctx context.Context, caller mcp.Caller) mcp.Description

	// Serve answers one request that the front does not answer itself
	// (initialize, ping, server/discover, subscriptions/listen, and
	// logging/setLevel are the front's). The result is era-neutral: the front
	// adds what the caller's era demands. The error is a *jsonrpc.Error, which
	// is passed on as it is, or a *messages.Failure, which is translated by
	// mcp.ErrorOf. When ctx ends the caller has given up, and nobody reads the answer.
	Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error)
}

// Starter is a Service that needs no goroutine to wait for an answer.
type Starter interface {
	// Start is Serve, without waiting: done gets the answer, once, on any
	// goroutine, this one before Start returns included; it must not block, nor
	// panic. false: nothing was begun, and Serve is the way.
	Start(ctx context.Context, req mcp.Request, sink messages.Sink, done func(json.RawMessage, error)) bool
}

// Clients are the client actors behind the runtime's door (actors.Runtime).
// Failures are *messages.Failure: KindUnknownUpstream does not occur;
// KindUnavailable means that there is no such session (or it belongs to
// another principal, which must look the same), KindOverloaded that a limit is reached.
type Clients interface {
	// OpenClient starts a client actor and returns its id.
	OpenClient(ctx context.Context, spec messages.ClientSpec) (messages.ClientID, error)

	// CheckClient returns what the session was opened with and marks it as used.
	CheckClient(id messages.ClientID, p messages.Principal) (messages.ClientSpec, error)

	// BeginRequest notes a request in flight, so that CancelRequest finds it,
	// marks the session as used, and returns what it was opened with. End
	// forgets the request, and must be called.
	// cancel is called at most once, with a *messages.Failure of KindCancelled
	// as cause, also when the session is closed or its actor dies.
	// KindInvalidArgs: a request with this id is already in flight.
	BeginRequest(id messages.ClientID, p messages.Principal, requestID string, cancel context.CancelCauseFunc) (messages.InFlight, error)

	// CancelRequest cancels the request of that id, if it is in flight. said is
	// the params by which its client asked for that.
	CancelRequest(id messages.ClientID, p messages.Principal, requestID, reason string, said json.RawMessage)

	// OpenStream registers a stream that wants the given topics. Each
	// notification goes to one GET stream of a session, and to every listen stream that asked for it.
	OpenStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamID, error)

	// NextEvents waits for notifications of the stream, in order, at most
	// limits.client_notifications of them. It ends with io.EOF when the
	// session or the runtime closes in good order, with ctx's error when ctx
	// ends, with a failure when the actor is gone.
	NextEvents(ctx context.Context, id messages.ClientID, stream messages.StreamID) ([]messages.Notification, error)

	// KeepStream is OpenStream for a stream whose events are kept for a client
	// that comes back. Of a request (StreamSpec.Request) where nothing is kept,
	// nothing is opened. KindUnavailable also means that what followed
	// StreamSpec.After is not kept (any more).
	KeepStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamOpened, error)

	// KeepEvent keeps a message, the callee's from here on, before it is sent
	// on the stream, and gives it its id. The zero value: nothing is kept.
	KeepEvent(id messages.ClientID, stream messages.StreamID, message []byte) messages.EventKept

	// NextKept is NextEvents for a stream whose events are kept, of which the
	// one of that number was sent last. io.EOF also means that the stream has
	// come to its end, or is taken up elsewhere.
	NextKept(ctx context.Context, id messages.ClientID, stream messages.StreamID, after uint64) (messages.Events, error)

	// Remember notes a request that the upstream has granted and that holds in
	// the session until further notice, for upstream sessions to come.
	Remember(id messages.ClientID, p messages.Principal, request messages.Request)

	// CloseStream forgets the stream.
	CloseStream(id messages.ClientID, stream messages.StreamID)

	// AskClient notes a question that is about to be put to the client; its
	// answer comes through AnswerClient.
	AskClient(id messages.ClientID, question messages.Notification)

	// DropQuestion forgets a question that its server does not ask any more: a
	// late answer is nobody's.
	DropQuestion(id messages.ClientID, questionID string)

	// LeaveQuestion says that the connection has ended on which a question was
	// put: its server is answered, unless the client comes back soon.
	LeaveQuestion(id messages.ClientID, questionID string)

	// AnswerClient hands on the client's answer to a question.
	AnswerClient(id messages.ClientID, p messages.Principal, questionID string, answer messages.Answer)

	// CloseClient ends the session: streams end with io.EOF, requests in flight are cancelled.
	CloseClient(ctx context.Context, id messages.ClientID, p messages.Principal) error
}
