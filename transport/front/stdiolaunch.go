package front

import (
	"context"
	"encoding/json"
	"runtime/debug"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// launch serves a request of a relay without a goroutine of its own, where its
// service can do that; false where it cannot, and nothing has begun.
func (c *stdio) launch(ctx context.Context, req request, end func()) bool {
	if c.starter == nil || req.params.Twice != nil || frontsOwn(req.msg.Method) {
		return false
	}
	if c.launched == nil {
		c.launched = &messages.Batch{Answers: c.out}
	}
	meta := &req.params.Meta
	to := &sink{ctx: ctx, modern: req.modern, level: severity(meta.LogLevel), deliver: c.notifier(req.caller.Client)}
	return c.starter.Start(ctx, mcp.Request{
		Caller: req.caller,
		Request: messages.Request{
			Method: req.msg.Method, Name: req.params.Name, Params: req.msg.Params,
			ProgressToken: meta.ProgressToken, LogLevel: meta.LogLevel, Batch: c.launched,
		},
	}, to, func(result json.RawMessage, err error) {
		answer := c.landed(ctx, req, result, err, end)
		if c.out.post(answer) {
			c.release()
			return
		}
		kit.Go(func() { // the client does not read: its slot is taken until it does
			defer c.release()
			c.out.send(answer.message())
		})
	})
}

// landed is the response to a request that was launched. A panic is a bug that
// costs this request only.
func (c *stdio) landed(ctx context.Context, req request, result json.RawMessage, err error, end func()) (answer response) {
	defer end()
	defer func() {
		if v := recover(); v != nil {
			c.opts.Logger.Error("a request panicked", "method", req.msg.Method, "panic", v, "stack", string(debug.Stack()))
			answer = response{ready: jsonrpc.AppendError(nil, req.msg.ID, errorOf(internal("this is a bug in mcpx, see its log"), req.modern))}
		}
	}()
	var problem *jsonrpc.Error
	if err != nil {
		problem = errorOf(err, req.modern)
	} else {
		c.remember(req)
		if req.modern {
			result = c.completed(ctx, req, result)
		}
	}
	return concluded(ctx, req, result, problem, end)
}
