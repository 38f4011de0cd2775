package front

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
)

// announce starts to tell a legacy client that lists have changed.
func (c *stdio) announce() {
	caller := c.legacy
	topics := offered(c.service.Describe(c.lasting, caller).Capabilities)
	stream, err := c.clients.OpenStream(caller.Client, c.principal, messages.StreamSpec{Topics: topics})
	if err != nil {
		return // the session is closing; its requests will hear of it
	}
	c.streams.Go(func() {
		defer c.clients.CloseStream(caller.Client, stream)
		_ = c.feed(c.lasting, caller.Client, stream, c.notifier(caller.Client))
	})
}

// listen serves subscriptions/listen. The stream ends by notifications/cancelled
// of the client, or in good order with a result and a notifications/cancelled
// of ours that names it (2026-07-28, cancellation; subscriptions).
func (c *stdio) listen(req request) *jsonrpc.Error {
	id := req.msg.ID
	filter, problem := readFilter(req.msg.Params)
	if problem != nil {
		return problem
	}
	if c.isListening(id) {
		return duplicate(id)
	}
	sub, err := c.subscribe(req.caller.Client, req, filter)
	if err != nil && failureOf(err).Kind == messages.KindUnavailable && c.open(&req) == nil {
		sub, err = c.subscribe(req.caller.Client, req, filter) // see begin
	}
	if err != nil {
		return errorOf(err, true)
	}
	ctx, cancel := context.WithCancel(c.lasting)
	open := &openListen{cancel: cancel, ended: make(chan struct{})}
	c.listens[id] = open
	c.streams.Go(func() {
		defer cancel()
		refused := c.agree(ctx, sub)
		err := refused
		if refused == nil {
			err = sub.run(ctx, c.endpoint, func(n messages.Notification) error {
				if ctx.Err() != nil { // nothing more for a cancelled request
					return ctx.Err()
				}
				return c.out.notify(n)
			})
		}
		close(open.ended) // before the answer goes out: its reader may use the id again at once
		c.clients.CloseStream(req.caller.Client, sub.by.Stream)
		select {
		case <-ctx.Done():
			return
		case <-c.closing: // the session may go between two looks at its stream
			err = errEnded
		default:
		}
		if errors.Is(err, errEnded) {
			c.out.send(sub.result())
		} else {
			c.out.send(jsonrpc.AppendError(nil, id, errorOf(err, true)))
		}
		if refused == nil {
			_ = c.out.notify(messages.Notification{Method: noteCancelled, Params: object("requestId", json.RawMessage(id.String()))})
		}
	})
	return nil
}

// agree waits for what is granted to a subscription, until the sessions are closed.
func (c *stdio) agree(ctx context.Context, sub *subscription) error {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	defer func() {
		cancel()
		<-done
	}()
	go func() {
		defer close(done)
		select {
		case <-c.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	return sub.agree(ctx, c.endpoint)
}

// isListening tells whether id is that of an open subscription.
func (c *stdio) isListening(id jsonrpc.ID) bool {
	open := c.listens[id]
	if open == nil {
		return false
	}
	select {
	case <-open.ended:
		delete(c.listens, id)
		return false
	default:
		return true
	}
}
