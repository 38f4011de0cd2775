package relay

import (
	"context"
	"encoding/json"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Subscribe lets a stream hear of changes of resources (2026-07-28, subscriptions).
func (s *Service) Subscribe(ctx context.Context, caller mcp.Caller, by messages.Subscriber, uris []string) ([]string, error) {
	granted, failure := s.door.SubscribeResources(ctx, messages.Subscribe{
		By: by, Call: s.call(caller, messages.Request{}), URIs: uris,
	})
	if failure != nil && len(granted) == 0 {
		return nil, failure
	}
	return granted, nil
}

const (
	methodSubscribe   = "resources/subscribe"
	methodUnsubscribe = "resources/unsubscribe"
)

// counts tells whether a request is about a subscription on a session that the
// caller shares with others: there the first subscribes and the last unsubscribes
// for all, and each hears what it asked for (2025-11-25, resources: subscriptions).
func (s *Service) counts(req mcp.Request) bool {
	if m := req.Request.Method; m != methodSubscribe && m != methodUnsubscribe || req.Caller.Client == "" {
		return false
	}
	_, names := jsonrpc.GetString(req.Request.Params, "uri") // what names nothing is the server's to refuse
	spec, ok := s.door.Spec(s.server)
	return names && ok && spec.Exclusive
}

func (s *Service) count(ctx context.Context, req mcp.Request) (json.RawMessage, error) {
	uri, _ := jsonrpc.GetString(req.Request.Params, "uri")
	by, uris := messages.Subscriber{Client: req.Caller.Client}, []string{uri}
	if req.Request.Method == methodSubscribe {
		if _, err := s.Subscribe(ctx, req.Caller, by, uris); err != nil {
			return nil, err
		}
	} else {
		s.door.UnsubscribeResources(messages.Unsubscribe{By: by, Server: s.server, URIs: uris})
	}
	return json.RawMessage("{}"), nil
}
