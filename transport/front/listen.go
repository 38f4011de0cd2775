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

// readFilter reads which lists a subscriptions/listen asks for. Subscriptions
// of single resources are checked but not honoured: nothing behind the front
// offers them.
func readFilter(params json.RawMessage) (messages.Topic, *jsonrpc.Error) {
	filter, ok := jsonrpc.Get(params, "notifications")
	if !ok || len(filter) == 0 || filter[0] != '{' {
		return 0, invalidParams("%s needs params.notifications, an object that says what to listen to", methodListen)
	}
	var topics messages.Topic
	for _, l := range lists {
		switch v, ok := jsonrpc.Get(filter, l.filter); {
		case !ok, string(v) == "false":
		case string(v) == "true":
			topics |= l.topic
		default:
			return 0, invalidParams("notifications.%s must be true or false", l.filter)
		}
	}
	if v, ok := jsonrpc.Get(filter, "resourceSubscriptions"); ok {
		var uris []string
		if v[0] != '[' || json.Unmarshal(v, &uris) != nil {
			return 0, invalidParams("notifications.resourceSubscriptions must be an array of URIs")
		}
	}
	return topics, nil
}

// subscription is one open subscriptions/listen.
type subscription struct {
	id     jsonrpc.ID
	client messages.ClientID
	stream messages.StreamID
	topics messages.Topic // honoured
	info   json.RawMessage
}

// errEnded says that a stream ended in good order.
var errEnded = errors.New("the stream ended")

// subscribe registers the stream of a subscriptions/listen, so that nothing is
// missed from here on. It honours what the service offers of what was asked.
func (e *endpoint) subscribe(ctx context.Context, client messages.ClientID, req request, asked messages.Topic) (subscription, error) {
	d := e.service.Describe(ctx, req.caller)
	sub := subscription{id: req.msg.ID, client: client, topics: asked & offered(d.Capabilities), info: d.Info}
	var err error
	sub.stream, err = e.clients.OpenStream(client, req.caller.Principal, messages.StreamSpec{Topics: sub.topics, Listen: true})
	return sub, err
}

// run acknowledges the subscription and then delivers, each notification
// tagged with the subscription's id, until ctx ends, nobody reads, or the
// stream ends in good order (errEnded).
func (s subscription) run(ctx context.Context, e *endpoint, deliver func(messages.Notification) error) error {
	honoured := []any{}
	for _, l := range lists {
		if s.topics&l.topic != 0 {
			honoured = append(honoured, l.filter, json.RawMessage("true"))
		}
	}
	err := deliver(messages.Notification{Method: noteAcknowledged, Params: s.tag(object("notifications", object(honoured...)))})
	if err != nil {
		return err
	}
	return e.feed(ctx, s.client, s.stream, func(n messages.Notification) error {
		n.Params = s.tag(n.Params)
		return deliver(n)
	})
}

func (s subscription) tag(obj json.RawMessage) json.RawMessage {
	return jsonrpc.Set(obj, json.RawMessage(s.id.String()), "_meta", mcp.MetaSubscriptionID)
}

// result is the answer that ends a subscription in good order (2026-07-28,
// subscriptions: graceful closure).
func (s subscription) result() []byte {
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
