package front

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

// registry is an in-memory Clients that keeps the contract of door.go.
type registry struct {
	mu          sync.Mutex
	sessions    map[messages.ClientID]*session
	opened      int
	maxSessions int
	maxStreams  int
	remembered  []string
	closing     bool              // the runtime closed in good order
	failing     *messages.Failure // answers every BeginRequest, CloseClient and OpenStream, if set
}

type session struct {
	spec     messages.ClientSpec
	requests map[string]context.CancelCauseFunc
	streams  map[messages.StreamID]*stream
	asked    map[string]func(messages.Answer)
	last     messages.StreamID
	done     chan struct{} // closed in good order
	gone     bool          // or the actor died
}

type stream struct {
	spec   messages.StreamSpec
	queue  []messages.Notification
	signal chan struct{}
}

func newRegistry() *registry {
	return &registry{sessions: map[messages.ClientID]*session{}, maxSessions: 100, maxStreams: 3}
}

func (r *registry) OpenClient(_ context.Context, spec messages.ClientSpec) (messages.ClientID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) >= r.maxSessions {
		return "", messages.Failf(messages.KindOverloaded, "", "%d sessions are open", len(r.sessions))
	}
	r.opened++
	spec.ID = messages.ClientID(fmt.Sprintf("session-%d", r.opened))
	r.sessions[spec.ID] = &session{
		spec: spec, requests: map[string]context.CancelCauseFunc{},
		streams: map[messages.StreamID]*stream{}, done: make(chan struct{}),
	}
	return spec.ID, nil
}

// find returns a session of p; the caller holds the lock.
func (r *registry) find(id messages.ClientID, p messages.Principal) (*session, error) {
	s := r.sessions[id]
	if s == nil || s.spec.Principal != p {
		return nil, messages.Failf(messages.KindUnavailable, "", "no such session")
	}
	return s, nil
}

func (r *registry) CheckClient(id messages.ClientID, p messages.Principal) (messages.ClientSpec, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(id, p)
	if err != nil {
		return messages.ClientSpec{}, err
	}
	return s.spec, nil
}

func (r *registry) BeginRequest(id messages.ClientID, p messages.Principal, requestID string, cancel context.CancelCauseFunc) (messages.InFlight, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(id, p)
	if err != nil {
		return messages.InFlight{}, err
	}
	if r.failing != nil {
		return messages.InFlight{}, r.failing
	}
	if s.requests[requestID] != nil {
		return messages.InFlight{}, messages.Failf(messages.KindInvalidArgs, "", "duplicate")
	}
	s.requests[requestID] = cancel
	return messages.InFlight{Spec: s.spec, End: func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(s.requests, requestID)
	}}, nil
}

func (r *registry) CancelRequest(id messages.ClientID, p messages.Principal, requestID, reason string, _ json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, err := r.find(id, p); err == nil && s.requests[requestID] != nil {
		s.requests[requestID](messages.Failf(messages.KindCancelled, "", "cancelled: %s", reason))
	}
}

func (r *registry) OpenStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(id, p)
	if err != nil {
		return 0, err
	}
	if r.failing != nil {
		return 0, r.failing
	}
	if len(s.streams) >= r.maxStreams {
		return 0, messages.Failf(messages.KindOverloaded, "", "%d streams are open", len(s.streams))
	}
	s.last++
	s.streams[s.last] = &stream{spec: spec, signal: make(chan struct{}, 1)}
	return s.last, nil
}

func (r *registry) NextEvents(ctx context.Context, id messages.ClientID, streamID messages.StreamID) ([]messages.Notification, error) {
	for {
		r.mu.Lock()
		s := r.sessions[id]
		if s == nil || s.streams[streamID] == nil {
			closing := r.closing
			r.mu.Unlock()
			if closing {
				return nil, io.EOF
			}
			return nil, messages.Failf(messages.KindUnavailable, "", "no such session")
		}
		st := s.streams[streamID]
		events := st.queue
		st.queue = nil
		r.mu.Unlock()
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-st.signal:
		case <-s.done:
			if s.gone {
				return nil, messages.Failf(messages.KindUnavailable, "", "the session's actor died")
			}
			return nil, io.EOF
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// KeepStream opens streams of which nothing is kept; TestResume_ has real clients.
func (r *registry) KeepStream(id messages.ClientID, p messages.Principal, spec messages.StreamSpec) (messages.StreamOpened, error) {
	if spec.Request {
		return messages.StreamOpened{}, nil
	}
	stream, err := r.OpenStream(id, p, spec)
	return messages.StreamOpened{Stream: stream}, err
}

func (r *registry) Remember(_ messages.ClientID, _ messages.Principal, request messages.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remembered = append(r.remembered, request.Method+" "+request.Name)
}

func (r *registry) KeepEvent(messages.ClientID, messages.StreamID, []byte) messages.EventKept {
	return messages.EventKept{}
}

func (r *registry) NextKept(ctx context.Context, id messages.ClientID, stream messages.StreamID, _ uint64) (messages.Events, error) {
	events, err := r.NextEvents(ctx, id, stream)
	return messages.Events{Notifications: events}, err
}

func (r *registry) CloseStream(id messages.ClientID, streamID messages.StreamID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[id]; s != nil {
		delete(s.streams, streamID)
	}
}

func (r *registry) AskClient(id messages.ClientID, q messages.Notification) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.sessions[id]
	if s == nil {
		q.Reply(messages.Answer{})
		return
	}
	if s.asked == nil {
		s.asked = map[string]func(messages.Answer){}
	}
	s.asked[string(q.ID)] = q.Reply
}

func (r *registry) DropQuestion(id messages.ClientID, questionID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[id]; s != nil {
		delete(s.asked, questionID)
	}
}

func (r *registry) LeaveQuestion(id messages.ClientID, questionID string) {
	r.AnswerClient(id, r.principalOf(id), questionID, messages.Answer{})
}

func (r *registry) principalOf(id messages.ClientID) messages.Principal {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.sessions[id]; s != nil {
		return s.spec.Principal
	}
	return messages.Anonymous
}

func (r *registry) AnswerClient(id messages.ClientID, p messages.Principal, questionID string, answer messages.Answer) {
	r.mu.Lock()
	s, err := r.find(id, p)
	var reply func(messages.Answer)
	if err == nil {
		reply = s.asked[questionID]
		delete(s.asked, questionID)
	}
	r.mu.Unlock()
	if reply != nil {
		reply(answer)
	}
}

func (r *registry) CloseClient(_ context.Context, id messages.ClientID, p messages.Principal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.find(id, p)
	if err != nil {
		return err
	}
	if r.failing != nil {
		return r.failing
	}
	r.end(s, false)
	return nil
}

// end ends a session; the caller holds the lock.
func (r *registry) end(s *session, gone bool) {
	delete(r.sessions, s.spec.ID)
	s.gone = gone
	close(s.done)
	for _, cancel := range s.requests {
		cancel(messages.Failf(messages.KindCancelled, "", "the session was closed"))
	}
}

// closeAll ends every session, as a closing runtime does, or as a dying one.
func (r *registry) closeAll(gone bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closing = !gone
	for _, s := range r.sessions {
		r.end(s, gone)
	}
}

// announce queues list_changed on every stream that wants it.
func (r *registry) announce(topic messages.Topic, method string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		for _, st := range s.streams {
			if st.spec.Topics&topic == 0 {
				continue
			}
			st.queue = append(st.queue, messages.Notification{Method: method})
			select {
			case st.signal <- struct{}{}:
			default:
			}
		}
	}
}

// state counts what is open.
func (r *registry) state() (sessions, streams, requests int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.sessions {
		streams += len(s.streams)
		requests += len(s.requests)
	}
	return len(r.sessions), streams, requests
}

// awaitStreams waits until n streams are open.
func (r *registry) awaitStreams(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d streams are open", n), func() bool {
		_, streams, _ := r.state()
		return streams == n
	})
}
