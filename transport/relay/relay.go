// Package relay is the service behind a transparent endpoint: one upstream, with
// which a client speaks as if it were connected to it. Nothing is renamed, added
// or left out; requests and results pass as the bytes they are.
package relay

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Door is what a relay needs of the runtime.
type Door interface {
	Call(ctx context.Context, call messages.Call, sink messages.Sink) messages.Outcome
	Open(ctx context.Context, call messages.Call) (messages.Peer, *messages.Failure)
	Directory() *messages.Directory
	Spec(server string) (messages.ServerSpec, bool)
	SubscribeResources(ctx context.Context, m messages.Subscribe) ([]string, *messages.Failure)
	UnsubscribeResources(m messages.Unsubscribe)
}

// Service stands for one upstream. It implements front.Relay.
type Service struct {
	door   Door
	server string
	sealer *Sealer
}

// New returns the service of a server. That the server exists is found out when
// it is asked.
func New(door Door, server string, sealer *Sealer) *Service {
	return &Service{door: door, server: server, sealer: sealer}
}

// Describe says what is known of the upstream, from memory.
func (s *Service) Describe(context.Context, mcp.Caller) mcp.Description {
	c, ok := s.door.Directory().Catalog(s.server)
	if !ok {
		return mcp.Description{}
	}
	return mcp.Description{Info: c.Peer.Info, Capabilities: c.Peer.Capabilities, Instructions: c.Peer.Instructions}
}

// Open opens the caller's session of the upstream. A modern caller needs none of
// a legacy upstream to be told what that is: it will come back in that era.
func (s *Service) Open(ctx context.Context, caller mcp.Caller) (messages.Peer, error) {
	if c, ok := s.door.Directory().Catalog(s.server); ok && !c.Stale && !c.Peer.Modern && len(c.Peer.Raw) > 0 && mcp.IsModern(caller.Protocol) {
		return c.Peer, nil
	}
	peer, failure := s.door.Open(ctx, s.call(caller, messages.Request{}))
	if failure != nil {
		return messages.Peer{}, failure
	}
	return peer, nil
}

// Serve hands on a request and returns the result as it came.
func (s *Service) Serve(ctx context.Context, req mcp.Request, sink messages.Sink) (json.RawMessage, error) {
	if s.counts(req) {
		return s.count(ctx, req)
	}
	sealed := mcp.IsModern(req.Caller.Protocol) // whose clients carry the state of a question
	asked := req.Request
	if sealed {
		params, err := s.sealer.unseal(s.server, req.Caller.Principal, asked)
		if err != nil {
			return nil, err
		}
		req.Request.Params = params
	}
	out := s.door.Call(ctx, s.call(req.Caller, req.Request), sink)
	if sealed {
		out.Result = s.sealer.seal(s.server, req.Caller.Principal, asked, out.Result)
	}
	if to, ok := sink.(messages.Streamer); ok && out.Streamed {
		to.Stream()
	}
	return out.Result, out.Err()
}

// Starter is a Door that can make calls for which no goroutine waits: see
// actors.Runtime.Start.
type Starter interface {
	Start(ctx context.Context, call messages.Call, sink messages.Sink, done func(messages.Outcome)) bool
}

// Start is Serve without a goroutine that waits; false where that is not the way.
func (s *Service) Start(ctx context.Context, req mcp.Request, sink messages.Sink, done func(json.RawMessage, error)) bool {
	door, ok := s.door.(Starter)
	if !ok || s.counts(req) {
		return false
	}
	asked, sealed := req.Request, mcp.IsModern(req.Caller.Protocol)
	if sealed {
		params, err := s.sealer.unseal(s.server, req.Caller.Principal, asked)
		if err != nil {
			return false // Serve says so
		}
		req.Request.Params = params
	}
	return door.Start(ctx, s.call(req.Caller, req.Request), sink, func(out messages.Outcome) {
		if sealed {
			out = s.sealed(req.Caller.Principal, asked, out)
		}
		if to, ok := sink.(messages.Streamer); ok && out.Streamed {
			to.Stream()
		}
		done(out.Result, out.Err())
	})
}

// sealed is the outcome with its state sealed. The goroutine is another's: a bug
// costs this request.
func (s *Service) sealed(principal messages.Principal, asked messages.Request, out messages.Outcome) (sealed messages.Outcome) {
	defer func() {
		if r := recover(); r != nil {
			sealed = messages.Outcome{Failure: messages.Failf(messages.KindInternal, s.server, "server %q: internal error with the answer to %s: %v", s.server, asked.Method, r)}
		}
	}()
	out.Result = s.sealer.seal(s.server, principal, asked, out.Result)
	return out
}

// Mirrored returns the headers that repeat arguments of a tool.
func (s *Service) Mirrored(tool string) []mcp.ParamHeader {
	c, ok := s.door.Directory().Catalog(s.server)
	if !ok {
		return nil
	}
	t, ok := c.Tool(tool)
	if !ok {
		return nil
	}
	params, _ := mcp.ParamHeaders(t.InputSchema) // a tool whose annotations are invalid has none
	return params
}

// Notify hands on a notification.
func (s *Service) Notify(ctx context.Context, caller mcp.Caller, n messages.Notification) error {
	return s.door.Call(ctx, s.call(caller, messages.Request{
		Kind: messages.RequestNotify, Method: n.Method, Params: n.Params,
	}), messages.Discard).Err()
}

func (s *Service) call(caller mcp.Caller, req messages.Request) messages.Call {
	modern := mcp.IsModern(caller.Protocol)
	c := messages.Caller{
		Mirror: true, Modern: modern, Capabilities: caller.Capabilities, Info: caller.Info,
		Protocol: caller.Asked, Hello: caller.Hello, Client: caller.Client,
	}
	if modern {
		c.Protocol = caller.Protocol
	}
	return messages.Call{Server: s.server, Principal: caller.Principal, Client: caller.Client, Caller: c, Request: req}
}
