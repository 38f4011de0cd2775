package front

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// lists are the notifications a client can subscribe to, in the order in
// which an acknowledgment names them.
var lists = []struct {
	topic      messages.Topic
	filter     string // the member of a filter (2026-07-28, subscriptions: notification filter)
	capability string // whose listChanged promises it
}{
	{messages.TopicTools, "toolsListChanged", "tools"},
	{messages.TopicPrompts, "promptsListChanged", "prompts"},
	{messages.TopicResources, "resourcesListChanged", "resources"},
}

// offered returns the lists of which capabilities promise to tell changes.
func offered(capabilities json.RawMessage) messages.Topic {
	var topics messages.Topic
	for _, l := range lists {
		if v, ok := jsonrpc.Get(capabilities, l.capability, "listChanged"); ok && string(v) == "true" {
			topics |= l.topic
		}
	}
	return topics
}

// filter is what a subscriptions/listen asks for, or gets.
type filter struct {
	topics messages.Topic
	uris   []string // of single resources
}

// readFilter reads what a subscriptions/listen asks for (2026-07-28,
// subscriptions: notification filter).
func readFilter(params json.RawMessage) (asked filter, problem *jsonrpc.Error) {
	filter, ok := jsonrpc.Get(params, "notifications")
	if !ok || len(filter) == 0 || filter[0] != '{' {
		return asked, invalidParams("%s needs params.notifications, an object that says what to listen to", methodListen)
	}
	for _, l := range lists {
		switch v, ok := jsonrpc.Get(filter, l.filter); {
		case !ok, string(v) == "false":
		case string(v) == "true":
			asked.topics |= l.topic
		default:
			return asked, invalidParams("notifications.%s must be true or false", l.filter)
		}
	}
	if v, ok := jsonrpc.Get(filter, filterResources); ok {
		if v[0] != '[' || json.Unmarshal(v, &asked.uris) != nil {
			return asked, invalidParams("notifications.%s must be an array of URIs", filterResources)
		}
	}
	return asked, nil
}

const filterResources = "resourceSubscriptions"

// subscription is one open subscriptions/listen.
type subscription struct {
	id      jsonrpc.ID
	by      messages.Subscriber // its stream
	caller  mcp.Caller
	asked   filter
	granted filter
	info    json.RawMessage
}

// errEnded says that a stream ended in good order.
var errEnded = errors.New("the stream ended")

// subscribe registers the stream of a subscriptions/listen, so that nothing is
// missed from here on.
func (e *endpoint) subscribe(client messages.ClientID, req request, asked filter) (*subscription, error) {
	spec := messages.StreamSpec{Topics: asked.topics, Listen: true}
	if e.relay != nil {
		spec.Resources = asked.uris
	}
	stream, err := e.clients.OpenStream(client, req.caller.Principal, spec)
	return &subscription{id: req.msg.ID, by: messages.Subscriber{Client: client, Stream: stream}, caller: req.caller, asked: asked}, err
}

// agree finds out what is granted of what was asked for. It may wait for an upstream.
func (s *subscription) agree(ctx context.Context, e *endpoint) error {
	if e.relay == nil {
		d := e.service.Describe(ctx, s.caller)
		s.granted.topics, s.info = s.asked.topics&offered(d.Capabilities), d.Info
		return nil
	}
	peer, err := e.relay.Open(ctx, s.caller)
	if err != nil {
		return err
	}
	s.granted.topics, s.info = s.asked.topics&offered(peer.Capabilities), peer.Info
	able, _ := jsonrpc.Get(peer.Capabilities, "resources", "subscribe")
	if len(s.asked.uris) == 0 || string(able) != "true" {
		return nil
	}
	s.granted.uris, err = e.relay.Subscribe(ctx, s.caller, s.by, s.asked.uris)
	if err != nil && failureOf(err).Kind == messages.KindUpstream {
		return nil // it grants none of them, which the acknowledgment says
	}
	return err
}

// run acknowledges the subscription and then delivers, each notification
// tagged with the subscription's id, until ctx ends, nobody reads, or the
// stream ends in good order (errEnded).
func (s *subscription) run(ctx context.Context, e *endpoint, deliver func(messages.Notification) error) error {
	honoured := []any{}
	for _, l := range lists {
		if s.granted.topics&l.topic != 0 {
			honoured = append(honoured, l.filter, json.RawMessage("true"))
		}
	}
	if len(s.granted.uris) > 0 {
		honoured = append(honoured, filterResources, marshal(s.granted.uris))
	}
	err := deliver(messages.Notification{Method: noteAcknowledged, Params: s.tag(object("notifications", object(honoured...)))})
	if err != nil {
		return err
	}
	return e.feed(ctx, s.by.Client, s.by.Stream, func(n messages.Notification) error {
		if topic := messages.TopicOf(n.Method); topic != 0 && s.granted.topics&topic == 0 {
			return nil // of what was asked for it was not granted
		}
		n.Params = s.tag(n.Params)
		return deliver(n)
	})
}

func (s *subscription) tag(obj json.RawMessage) json.RawMessage {
	return jsonrpc.Set(obj, json.RawMessage(s.id.String()), "_meta", mcp.MetaSubscriptionID)
}

// result is the answer that ends a subscription in good order (2026-07-28,
// subscriptions: graceful closure).
func (s *subscription) result() []byte {
	return jsonrpc.AppendResult(nil, s.id, s.tag(mcp.CompleteResult(methodListen, json.RawMessage("{}"), s.info)))
}

// feed delivers the notifications of a stream. It returns errEnded when the
// stream ended in good order.
func (e *endpoint) feed(ctx context.Context, client messages.ClientID, stream messages.StreamID, deliver func(messages.Notification) error) error {
	for {
		events, err := e.clients.NextEvents(ctx, client, stream)
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		for _, n := range events {
			if err := deliver(n); err != nil {
				return err
			}
		}
	}
}

// closeClient ends a session that its owner leaves, also when ctx has ended.
func (e *endpoint) closeClient(ctx context.Context, client messages.ClientID, p messages.Principal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.opts.Limits.CloseTimeout)
	defer cancel()
	// A session that is gone already is what was wanted.
	_ = e.clients.CloseClient(ctx, client, p)
}
