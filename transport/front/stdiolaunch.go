package front

import (
	"encoding/json"
	"runtime/debug"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// flight is one request over stdio, from when its session knows of it: its
// context, which ends when it is given up, and what there is to know of it.
type flight struct {
	link.Scope
	conn   *stdio
	req    request
	forget func()     // by its session; nil for a ping before initialize, which has none
	watch  link.Watch // over the requests of the connection
	sink   sink       // of one that is launched
}

// begin notes a request in its session. A session that ended before its
// connection did, because it was idle or its actor died, is opened anew: the
// client cannot know of it.
func (c *stdio) begin(req request) (*flight, error) {
	f := &flight{conn: c, req: req}
	f.Values = c.base
	f.watch.Begin(c.base, f)
	if req.caller.Client == "" {
		return f, nil
	}
	id := req.msg.ID.String()
	begun, err := c.clients.BeginRequest(f.req.caller.Client, c.principal, id, f.Cancel)
	if err != nil && failureOf(err).Kind == messages.KindUnavailable && c.open(&f.req) == nil {
		begun, err = c.clients.BeginRequest(f.req.caller.Client, c.principal, id, f.Cancel)
	}
	if err != nil {
		f.watch.End()
		return nil, err
	}
	f.forget = begun.End
	return f, nil
}

// Ended implements link.Ender: those in flight are given up.
func (f *flight) Ended() { f.Cancel(f.conn.base.Err()) }

// end lets its session forget it: its id may be used again.
func (f *flight) end() {
	if f.forget != nil {
		f.forget()
	}
	f.watch.End()
	f.Cancel(nil)
}

// launch serves a request of a relay without a goroutine of its own, where its
// service can do that; false where it cannot, and nothing has begun.
func (f *flight) launch() bool {
	c, req := f.conn, &f.req
	if c.starter == nil || req.params.Twice != nil || frontsOwn(req.msg.Method) {
		return false
	}
	if c.launched == nil {
		c.launched = &messages.Batch{Answers: c.out}
	}
	meta := &req.params.Meta
	f.sink = sink{ctx: f, modern: req.modern, level: severity(meta.LogLevel), deliver: c.notifier(req.caller.Client)}
	return c.starter.Start(f, mcp.Request{
		Caller: req.caller,
		Request: messages.Request{
			Method: req.msg.Method, Name: req.params.Name, Params: req.msg.Params,
			ProgressToken: meta.ProgressToken, LogLevel: meta.LogLevel, Batch: c.launched,
		},
	}, &f.sink, f.answered)
}

// answered takes the answer to a request that was launched.
func (f *flight) answered(result json.RawMessage, err error) {
	c := f.conn
	answer := f.landed(result, err)
	if c.out.post(answer) {
		c.release()
		return
	}
	kit.Go(func() { // the client does not read: its slot is taken until it does
		defer c.release()
		c.out.send(answer.message())
	})
}

// landed is the response to a request that was launched. A panic is a bug that
// costs this request only.
func (f *flight) landed(result json.RawMessage, err error) (answer response) {
	c, end := f.conn, f.end
	defer end()
	defer func() {
		if v := recover(); v != nil {
			c.opts.Logger.Error("a request panicked", "method", f.req.msg.Method, "panic", v, "stack", string(debug.Stack()))
			answer = response{ready: jsonrpc.AppendError(nil, f.req.msg.ID, errorOf(internal("this is a bug in mcpx, see its log"), f.req.modern))}
		}
	}()
	var problem *jsonrpc.Error
	if err != nil {
		problem = errorOf(err, f.req.modern)
	} else {
		c.remember(f.req)
		if f.req.modern {
			result = c.completed(f, f.req, result)
		}
	}
	return concluded(f, f.req, result, problem, end)
}
