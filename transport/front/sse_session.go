package front

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// sseParallel bounds the requests in flight of one session; what comes beyond
// it is refused as overloaded. Each waits with at most one message to be
// written, so it bounds what waits for a client that reads slowly, too; one
// that does not read ends its session with the write timeout.
const sseParallel = stdioParallel

// sseSession is the session of one stream.
type sseSession struct {
	*endpoint
	out   *reply
	base  context.Context // of requests: ends with the stream
	slots chan struct{}   // requests in flight
	ready atomic.Bool     // the client has said that it is initialized

	mu       sync.Mutex
	caller   mcp.Caller
	greeted  bool // initialize was answered
	ended    bool
	requests sync.WaitGroup
}

// start serves one request beside the POST that brought it. It returns the
// refusal of one that was not taken, and its status.
func (s *sseSession) start(rep *reply, msg jsonrpc.Message) (refusal []byte, status int) {
	if msg.Method == methodInitialize {
		return s.initialize(msg)
	}
	s.mu.Lock()
	req := request{msg: msg, params: mcp.ReadParams(msg.Method, msg.Params), caller: s.caller}
	greeted := s.greeted
	s.mu.Unlock()
	// A client of both eras asks for a discovery first, and takes "no such
	// method" for what it is.
	if !greeted && msg.Method != methodPing && msg.Method != methodDiscover {
		return jsonrpc.AppendError(nil, msg.ID, invalidRequest("send initialize first")), http.StatusBadRequest
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return s.notBegun(rep, msg.ID, messages.Failf(messages.KindOverloaded, "",
			"%d requests of this session are in flight; wait for answers", sseParallel))
	}
	id := msg.ID.String()
	ctx, cancel := context.WithCancelCause(s.base)
	begun, err := s.clients.BeginRequest(req.caller.Client, req.caller.Principal, id, cancel)
	if err != nil {
		cancel(nil)
		<-s.slots
		return s.notBegun(rep, msg.ID, err)
	}
	end := func() {
		begun.End()
		cancel(nil)
	}
	started := s.work(func() {
		defer func() { <-s.slots }()
		s.send(s.conclude(ctx, req, s.notify, end).message())
	})
	if !started {
		end()
		<-s.slots
		return s.notBegun(rep, msg.ID, noSession())
	}
	return nil, 0
}

// initialize settles what is spoken in this session (2024-11-05, lifecycle).
func (s *sseSession) initialize(msg jsonrpc.Message) (refusal []byte, status int) {
	hello, problem := readInitialize(msg.Params)
	if problem != nil {
		s.send(jsonrpc.AppendError(nil, msg.ID, problem))
		return nil, 0
	}
	s.mu.Lock()
	if s.greeted {
		s.mu.Unlock()
		return jsonrpc.AppendError(nil, msg.ID, invalidRequest("this session is initialized already")), http.StatusBadRequest
	}
	s.greeted, s.caller = true, hello.caller(s.caller.Principal, s.caller.Client)
	caller := s.caller
	s.mu.Unlock()
	greeting, problem := s.greeting(s.base, caller)
	if problem != nil {
		s.mu.Lock()
		s.greeted = false
		s.mu.Unlock()
		s.send(jsonrpc.AppendError(nil, msg.ID, problem))
		return nil, 0
	}
	s.send(jsonrpc.AppendResult(nil, msg.ID, greeting))
	return nil, 0
}

// batch takes a batch, each element by itself; the answers come one by one.
func (s *sseSession) batch(rep *reply, body []byte, version string) {
	s.mu.Lock()
	protocol := s.caller.Protocol
	s.mu.Unlock()
	elements, problem := s.splitBatch(body, protocol)
	if problem == nil && !spoken(version) {
		problem = unsupportedVersion(version)
	}
	if problem != nil {
		rep.refuse(http.StatusBadRequest, jsonrpc.ID{}, problem)
		return
	}
	for _, raw := range elements {
		req, isRequest, answer := s.element(raw, s.take)
		if isRequest {
			answer, _ = s.start(rep, req.msg)
		}
		s.send(answer)
	}
	rep.accepted()
}

// take takes a notification or a response.
func (s *sseSession) take(msg jsonrpc.Message) {
	if msg.Kind == jsonrpc.Notification && msg.Method == noteInitialized {
		s.ready.Store(true)
		return
	}
	s.mu.Lock()
	spec := s.specOf(s.caller)
	spec.ID = s.caller.Client
	s.mu.Unlock()
	s.endpoint.take(s.base, spec, msg)
}

// send sends a message on the stream, nil for none.
func (s *sseSession) send(message []byte) {
	if message != nil {
		_ = s.out.named("message", message) // a broken stream ends the session
	}
}

func (s *sseSession) notify(n messages.Notification) error {
	s.mu.Lock()
	client := s.caller.Client
	s.mu.Unlock()
	return s.put(client, n, func(message []byte) error { return s.out.named("message", message) })
}

// announce sends what belongs to no request. Before the client is ready it has
// seen nothing that could have changed.
func (s *sseSession) announce(n messages.Notification) error {
	if !s.ready.Load() && n.Reply == nil {
		return nil
	}
	return s.notify(n)
}

// work runs f unless the session has ended.
func (s *sseSession) work(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.requests.Go(f)
	return true
}

// end waits for the requests, which have been given up, and lets none follow.
func (s *sseSession) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.requests.Wait()
}
