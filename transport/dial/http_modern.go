package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// What only the modern era has (2026-07-28, streamable-http): every request
// speaks for itself, in its _meta and again in its headers; closing the stream
// cancels; changes are announced on a subscription.

func (c *httpConn) doModern(ctx context.Context, req messages.Request, sent *link.SentFlag, sink messages.Sink) messages.Outcome {
	if f := c.gone(); f != nil {
		return messages.Outcome{Failure: f}
	}
	mirrored := c.params.headers(req)
	r := c.askModern(ctx, req, mirrored, sent, sink)
	if r.err != nil && r.err.Code == mcp.CodeHeaderMismatch && req.Method == "tools/call" {
		// The server looked at no more than the headers. Its tool may have
		// changed (streamable-http: client behavior).
		if c.relearn(ctx, mcp.NameOf(req.Method, req.Params)); ctx.Err() == nil {
			if again := c.params.headers(req); !maps.Equal(again, mirrored) {
				r = c.askModern(ctx, req, again, sent, sink)
			}
		}
	}
	if r.failure != nil || r.err != nil {
		c.noLongerModern(r)
		return c.outcome(r)
	}
	if !c.mirror {
		if answer, f, ok := answerInputRequired(c.name, req.Method, r.result); ok {
			return messages.Outcome{Result: answer, Failure: f}
		}
	}
	if req.Method == "tools/list" {
		return messages.Outcome{Result: c.learn(r.result), Streamed: r.streamed}
	}
	return c.outcome(r)
}

func (c *httpConn) askModern(ctx context.Context, req messages.Request, mirrored map[string]string, sent *link.SentFlag, sink messages.Sink) reply {
	x := c.exchange(ctx, req, sent, sink)
	defer x.end()
	header := c.modernHeader(req)
	if len(mirrored) > 0 {
		header = maps.Clone(header)
	}
	for name, value := range mirrored {
		header.Set(name, value)
	}
	return x.ask(header, c.as.modern(x.params(req), c.peer.Protocol, req.LogLevel))
}

// noLongerModern ends the connection when the answer shows that the server
// does not speak the agreed version any more: it is to be asked anew.
func (c *httpConn) noLongerModern(r reply) {
	foreign := r.failure != nil && r.failure.Kind == messages.KindUnavailable && slices.Contains(sseStatuses, r.status)
	if foreign || r.err != nil && r.err.Code == mcp.CodeUnsupportedVersion {
		c.lose(c.failf(messages.KindUnavailable, "it does not speak %s any more (HTTP %d)", c.peer.Protocol, r.status))
	}
}

// relearn reads the server's tools again, as far as the one that is asked for.
func (c *httpConn) relearn(ctx context.Context, tool string) {
	req := messages.Request{Method: "tools/list"}
	for range c.limits.CatalogPages {
		out := c.doModern(ctx, req, new(link.SentFlag), messages.Discard)
		if out.Failure != nil || lists(out.Result, tool) {
			return
		}
		cursor, ok := jsonrpc.Get(out.Result, "nextCursor")
		if !ok {
			return
		}
		req.Params = jsonrpc.Set(nil, cursor, "cursor")
	}
}

// subscribe keeps a subscription open to the changes that the server announces
// (2026-07-28, subscriptions).
func (c *httpConn) subscribe() {
	filter := json.RawMessage("{}")
	for _, list := range listChanged {
		if c.announces(list.capability) {
			filter = jsonrpc.Set(filter, json.RawMessage("true"), list.filter)
		}
	}
	if string(filter) == "{}" {
		return
	}
	req := messages.Request{Method: methodListen, Params: jsonrpc.Set(nil, filter, "notifications")}
	opened := false
	c.standing(func() visit { return c.visitSubscription(req, &opened) })
}

func (c *httpConn) visitSubscription(req messages.Request, opened *bool) visit {
	header := c.modernHeader(req)
	id := jsonrpc.IntID(c.ids.Add(1))
	body := jsonrpc.AppendRequest(nil, id, req.Method, c.as.modern(req.Params, c.peer.Protocol, ""))
	reached := new(link.SentFlag)
	resp, err := c.send(c.life, reached, http.MethodPost, header, body)
	switch {
	case err != nil:
		if c.life.Err() == nil && reached.Sent() == messages.SentNo {
			_ = c.unreachable(err) // no request has to be told
		}
		return visit{again: true}
	case resp.StatusCode != http.StatusOK || mediaType(resp.Header) != typeEvents:
		defer c.release(resp)
		return c.noSubscription(resp, *opened)
	}
	var eventID string // nothing is resumed in this era
	refused := false
	v := c.readStanding(resp, &eventID, func(m jsonrpc.Message) bool {
		switch {
		case m.Kind == jsonrpc.ErrorResponse:
			refused = true
			return false
		case m.Kind == jsonrpc.Response:
			return false // a graceful end: the server may be shutting down
		case m.Method == "notifications/subscriptions/acknowledged":
			if *opened {
				c.changedMeanwhile()
			}
			*opened = true
		case m.Kind == jsonrpc.Notification:
			c.unsolicited(messages.Notification{
				Method: m.Method, Params: jsonrpc.Delete(m.Params, "_meta", mcp.MetaSubscriptionID),
			})
		}
		return true
	})
	if refused {
		return visit{}
	}
	return v
}

// noSubscription decides what a server means that does not open the stream.
func (c *httpConn) noSubscription(resp *http.Response, opened bool) visit {
	switch status := resp.StatusCode; {
	case status >= 500 || status == http.StatusTooManyRequests:
		return visit{again: true}
	case opened && slices.Contains(sseStatuses, status):
		// It did open it before.
		c.lose(c.failf(messages.KindUnavailable, "it does not speak %s any more (HTTP %d)", c.peer.Protocol, status))
	default:
		c.warn(fmt.Sprintf("it announces changes of its lists and refuses the subscription to them (HTTP %d)%s",
			status, c.said(resp, c.headOf(resp))))
	}
	return visit{}
}
