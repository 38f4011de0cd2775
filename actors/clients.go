package actors

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/client"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
)

// The methods of this file are the fronts' side of client sessions: see
// transport/front.Clients for their contract.

func (r *Runtime) client(id messages.ClientID) *actor.PID {
	return actor.NewPID(r.root.Address, r.paths.of(id))
}

// paths keeps some of the paths of clients: a path is a function of the client's
// id, and costs a digest. It does not say that the client lives.
type paths [256]atomic.Pointer[path]

type path struct {
	id   messages.ClientID
	path string
}

var seed = maphash.MakeSeed()

func (p *paths) of(id messages.ClientID) string {
	at := &p[maphash.String(seed, string(id))%uint64(len(p))]
	if known := at.Load(); known != nil && known.id == id {
		return known.path
	}
	made := &path{id, kit.GatewayName + "/" + kit.ClientName(id)}
	at.Store(made)
	return made.path
}

// unknown turns the failure of an actor that is gone into that of a session
// that is gone.
func unknown(err error) error {
	var f *messages.Failure
	if errors.As(err, &f) && f.Stale {
		return client.Unknown()
	}
	return err
}

// OpenClient starts a client actor and returns its id.
func (r *Runtime) OpenClient(ctx context.Context, spec messages.ClientSpec) (messages.ClientID, error) {
	reply, err := ask[messages.ClientOpened](ctx, r, r.root, messages.OpenClient{Spec: spec})
	if err != nil {
		return "", err
	}
	if reply.Failure != nil {
		return "", reply.Failure
	}
	return reply.ID, nil
}

// CheckClient returns what the session was opened with and marks it as used.
func (r *Runtime) CheckClient(id messages.ClientID, p messages.Principal) (messages.ClientSpec, error) {
	reply, err := ask[messages.ClientChecked](context.Background(), r, r.client(id), messages.CheckClient{Principal: p})
	if err != nil {
		return messages.ClientSpec{}, unknown(err)
	}
	if reply.Failure != nil {
		return messages.ClientSpec{}, reply.Failure
	}
	return reply.Spec, nil
}

// BeginRequest notes a request in flight, so that CancelRequest finds it, and
// returns what its session was opened with. End forgets it.
func (r *Runtime) BeginRequest(id messages.ClientID, p messages.Principal, requestID string, cancel context.CancelCauseFunc) (messages.InFlight, error) {
	q := &request{
		runtime: r, cancel: cancel,
		begin: messages.BeginRequest{Principal: p, RequestID: requestID}, end: messages.EndRequest{RequestID: requestID},
	}
	path, there := r.paths.of(id), false
	if q.client, there = r.system.ProcessRegistry.GetLocal(path); !there {
		return messages.InFlight{}, client.Unknown()
	}
	a := r.newAsker(&q.pid)
	q.asker = a
	q.envelope = actor.MessageEnvelope{Message: &q.begin, Sender: &q.pid}
	a.request.Store(q)
	q.client.SendUserMessage(nil, &q.envelope)
	m, answered := a.said()
	var err error
	if !answered {
		m, err = r.next(context.Background(), a, actor.NewPID(r.root.Address, path))
	}
	checked, ok := m.(messages.ClientChecked)
	switch {
	case err != nil:
	case !ok:
		err = client.Unknown()
	case checked.Failure != nil:
		err = checked.Failure
	}
	if err != nil {
		a.request.Store(nil)
		a.release()
		return messages.InFlight{}, err
	}
	return messages.InFlight{Spec: checked.Spec, End: q.over}, nil
}

// request is one that is in flight in a client session: an asker that stands for
// it hears when it is to be given up.
type request struct {
	runtime  *Runtime
	asker    *asker
	client   actor.Process // drops what comes when it is gone
	pid      actor.PID     // of the asker, for this conversation
	begin    messages.BeginRequest
	end      messages.EndRequest
	envelope actor.MessageEnvelope // with begin
	cancel   context.CancelCauseFunc
}

// over ends it. When it has been called before, the asker is another's.
func (q *request) over() {
	if q.asker.request.CompareAndSwap(q, nil) {
		q.client.SendUserMessage(nil, &q.end)
		q.runtime.spare(q.asker)
	}
}

// CancelRequest cancels the request of that id, if it is in flight.
func (r *Runtime) CancelRequest(id messages.ClientID, p messages.Principal, requestID, reason string, said json.RawMessage) {
	r.tell(id, messages.CancelRequest{Principal: p, RequestID: requestID, Reason: reason, Said: said})
}

// OpenStream registers a stream that wants the given topics.
func (r *Runtime) OpenStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamID, error) {
	reply, err := ask[messages.StreamOpened](context.Background(), r, r.client(id), messages.OpenStream{Principal: p, Spec: spec})
	if err != nil {
		return 0, unknown(err)
	}
	if reply.Failure != nil {
		return 0, reply.Failure
	}
	return reply.Stream, nil
}

// KeepStream opens a stream whose events are kept, or takes one up.
func (r *Runtime) KeepStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamOpened, error) {
	spec.Keep = true
	reply, err := ask[messages.StreamOpened](context.Background(), r, r.client(id), messages.OpenStream{Principal: p, Spec: spec})
	if err != nil {
		return messages.StreamOpened{}, unknown(err)
	}
	if reply.Failure != nil {
		return messages.StreamOpened{}, reply.Failure
	}
	return reply, nil
}

// KeepEvent keeps an event that is about to be sent on a stream.
func (r *Runtime) KeepEvent(id messages.ClientID, stream messages.StreamID, message []byte) messages.EventKept {
	// A session that is gone keeps nothing.
	kept, _ := ask[messages.EventKept](context.Background(), r, r.client(id), messages.KeepEvent{Stream: stream, Message: message})
	return kept
}

// NextEvents waits for notifications of the stream.
func (r *Runtime) NextEvents(ctx context.Context, id messages.ClientID, stream messages.StreamID) ([]messages.Notification, error) {
	events, err := r.NextKept(ctx, id, stream, 0)
	return events.Notifications, err
}

// NextKept waits for what follows an event of the stream.
func (r *Runtime) NextKept(ctx context.Context, id messages.ClientID, stream messages.StreamID, after uint64) (messages.Events, error) {
	reply, err := ask[messages.Events](ctx, r, r.client(id), messages.PullEvents{Stream: stream, After: after})
	if r.closing.Load() && ctx.Err() == nil {
		return messages.Events{}, io.EOF // the actor may have gone between two pulls
	}
	if err != nil {
		return messages.Events{}, unknown(err)
	}
	if reply.Ended {
		return messages.Events{}, io.EOF
	}
	return reply, nil
}

// CloseStream forgets the stream.
func (r *Runtime) CloseStream(id messages.ClientID, stream messages.StreamID) {
	r.tell(id, messages.CloseStream{Stream: stream})
}

// CloseClient ends the session: streams end with io.EOF, requests in flight are
// cancelled.
func (r *Runtime) CloseClient(ctx context.Context, id messages.ClientID, p messages.Principal) error {
	reply, err := ask[messages.ClientChecked](ctx, r, r.client(id), messages.CloseClient{Principal: p})
	if err != nil {
		return unknown(err)
	}
	if reply.Failure != nil {
		return reply.Failure
	}
	return nil
}

// AskClient notes a question that is about to be put to the client: its answer
// will come through AnswerClient.
func (r *Runtime) AskClient(id messages.ClientID, question messages.Notification) {
	if pid := r.client(id); r.alive(pid) {
		r.system.Root.Send(pid, messages.AskClient{Question: question})
		return
	}
	question.Reply(messages.Answer{})
}

// AnswerClient hands on the client's answer to the question of that id; to one
// that nobody asked it is nothing.
func (r *Runtime) AnswerClient(id messages.ClientID, p messages.Principal, questionID string, answer messages.Answer) {
	r.tell(id, messages.AnswerQuestion{Principal: p, ID: questionID, Answer: answer})
}

// DropQuestion forgets a question that its server does not ask any more.
func (r *Runtime) DropQuestion(id messages.ClientID, questionID string) {
	r.tell(id, messages.DropQuestion{ID: questionID})
}

// LeaveQuestion says that the connection has ended on which a question was put.
func (r *Runtime) LeaveQuestion(id messages.ClientID, questionID string) {
	r.tell(id, messages.LeaveQuestion{ID: questionID})
}

// Remember notes a request that holds in the session until further notice.
func (r *Runtime) Remember(id messages.ClientID, p messages.Principal, request messages.Request) {
	r.tell(id, messages.Remember{Principal: p, Request: request})
}

func (r *Runtime) tell(id messages.ClientID, m any) { r.tellTo(r.client(id), m) }

// tellTo sends to an actor that may be gone, without making a dead letter of it.
func (r *Runtime) tellTo(pid *actor.PID, m any) {
	if p, ok := r.system.ProcessRegistry.Get(pid); ok {
		p.SendUserMessage(pid, m)
	}
}
